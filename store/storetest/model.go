package storetest

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/pixivoc/pixivoc"
)

// testModel does random things to a store and to a model of one task that is
// too simple to be wrong, and compares them now and then.
func testModel(f *fixture) {
	rapid.Check(f.t, func(r *rapid.T) {
		inner := &fixture{tester: r, t: f.t, suite: f.suite, store: f.store}
		m := &model{f: inner, tid: inner.task()}
		for _, entry := range inner.archive(0) {
			m.archive = append(m.archive, entry.Key) // of the runs before
		}
		r.Repeat(map[string]func(*rapid.T){
			"compare": m.compare,
			"add":     m.add,
			"claim":   m.claim,
			"commit":  m.commit,
			"release": m.release,
			"renew":   m.renew,
			"forget":  m.forget,
			"retry":   m.retry,
			"delete":  m.delete,
		})
		m.compare(r)
	})
}

// model is what the store should hold.
type model struct {
	f   *fixture
	tid int64

	items   []*modelItem // in rising order of ID
	records []string     // kind/key, in order
	archive []string     // in order; deleting the task leaves it
	bytes   int64
	held    []modelClaim // claims that are good
	stale   []pixivoc.Claim
}

type modelItem struct {
	pixivoc.ItemStatus
	held bool
}

type modelClaim struct {
	pixivoc.Claim
	item *modelItem
}

func (m *model) reset() {
	m.items, m.records, m.bytes = nil, nil, 0
	for _, claim := range m.held {
		m.stale = append(m.stale, claim.Claim)
	}
	m.held = nil
}

var stageNames = [...]string{"one", "two"}

func drawStage(r *rapid.T) string { return stageNames[rapid.IntRange(0, 1).Draw(r, "stage")] }

// drawItems draws items with few different keys, so that many are known.
func drawItems(r *rapid.T) []pixivoc.Item {
	var list []pixivoc.Item
	for range rapid.IntRange(0, 6).Draw(r, "items") {
		key := fmt.Sprint(rapid.IntRange(0, 20).Draw(r, "key"))
		list = append(list, pixivoc.Item{Stage: drawStage(r), Key: key, Round: rapid.IntRange(0, 1).Draw(r, "round")})
	}
	return list
}

func (m *model) queue(list []pixivoc.Item) (added int) {
	for _, queued := range list {
		if !slices.ContainsFunc(m.items, func(i *modelItem) bool { return i.Stage == queued.Stage && i.Key == queued.Key }) {
			m.items = append(m.items, &modelItem{ItemStatus: pixivoc.ItemStatus{Item: queued, State: pixivoc.ItemPending}})
			added++
		}
	}
	return added
}

func (m *model) add(r *rapid.T) {
	list := drawItems(r)
	added, err := m.f.store.AddItems(m.f.Context(), m.tid, list)
	m.f.ok(err)
	m.f.same("added", added, m.queue(list))
	m.learn()
}

// learn takes over the IDs of new items.
func (m *model) learn() {
	if !slices.ContainsFunc(m.items, func(i *modelItem) bool { return i.ID == 0 }) {
		return
	}
	listed := m.f.list(pixivoc.ItemQuery{Task: m.tid})
	m.f.same("items", len(listed), len(m.items))
	for i, item := range listed {
		if m.items[i].ID == 0 {
			m.items[i].ID = item.ID
		}
	}
}

func (m *model) claim(r *rapid.T) {
	request := pixivoc.ClaimRequest{
		Task: m.tid, Stage: drawStage(r), Lease: long,
		Round: rapid.IntRange(0, 2).Draw(r, "round"), Limit: rapid.IntRange(1, 5).Draw(r, "limit"),
	}
	claimed, err := m.f.store.Claim(m.f.Context(), request)
	m.f.ok(err)
	var want []pixivoc.Item
	for _, item := range m.items {
		free := item.Stage == request.Stage && item.State == pixivoc.ItemPending && item.Round <= request.Round && !item.held
		if free && len(want) < request.Limit {
			want = append(want, item.Item)
			item.held = true
			m.held = append(m.held, modelClaim{item: item})
		}
	}
	var got []pixivoc.Item
	for i, item := range claimed {
		got = append(got, item.Item)
		if at := len(m.held) - len(claimed) + i; at >= 0 {
			m.held[at].Claim = item.Claim
		}
	}
	m.f.same("claimed", got, want)
}

// take draws a good claim and removes it, or skips the step.
func (m *model) take(r *rapid.T) modelClaim {
	if len(m.held) == 0 {
		r.Skip("nothing is claimed")
	}
	at := rapid.IntRange(0, len(m.held)-1).Draw(r, "claim")
	claim := m.held[at]
	m.held = slices.Delete(m.held, at, at+1)
	m.stale = append(m.stale, claim.Claim)
	return claim
}

func (m *model) commit(r *rapid.T) {
	if len(m.stale) > 0 {
		stale := rapid.SampledFrom(m.stale).Draw(r, "stale")
		stale.Task = m.tid
		m.f.is(m.f.refused(pixivoc.Commit{Claim: stale, Outcome: pixivoc.OutcomeDone, Bytes: 1000}), pixivoc.ErrStaleClaim)
	}
	claim := m.take(r)
	outcomes := []pixivoc.Outcome{pixivoc.OutcomeDone, pixivoc.OutcomeFailed, pixivoc.OutcomeAgain}
	commit := pixivoc.Commit{
		Claim: claim.Claim, Outcome: rapid.SampledFrom(outcomes).Draw(r, "outcome"), Reason: "reason",
		Items: drawItems(r), Bytes: int64(rapid.IntRange(0, 9).Draw(r, "bytes")),
	}
	for range rapid.IntRange(0, 3).Draw(r, "records") {
		key := fmt.Sprint(rapid.IntRange(0, 9).Draw(r, "record"))
		commit.Records = append(commit.Records, pixivoc.Record{Kind: drawStage(r), Key: key})
		if word := commit.Records[len(commit.Records)-1].Kind + "/" + key; !slices.Contains(m.records, word) {
			m.records = append(m.records, word)
		}
	}
	for range rapid.IntRange(0, 2).Draw(r, "archive") {
		key := fmt.Sprint(rapid.IntRange(0, 30).Draw(r, "archived"))
		commit.Archive = append(commit.Archive, key)
		if !slices.Contains(m.archive, key) {
			m.archive = append(m.archive, key)
		}
	}
	m.f.commit(commit)
	claim.item.held = false
	switch commit.Outcome {
	case pixivoc.OutcomeDone:
		claim.item.State = pixivoc.ItemDone
	case pixivoc.OutcomeFailed:
		claim.item.State, claim.item.Reason = pixivoc.ItemFailed, "reason"
	case pixivoc.OutcomeAgain:
		claim.item.Round, claim.item.Reason = 1, "reason"
		claim.item.Attempts++
	}
	m.bytes += commit.Bytes
	m.queue(commit.Items)
	m.learn()
}

func (m *model) release(r *rapid.T) {
	claim := m.take(r)
	claim.item.held = false
	m.f.ok(m.f.store.Release(m.f.Context(), []pixivoc.Claim{claim.Claim}))
}

func (m *model) renew(*rapid.T) {
	var claims []pixivoc.Claim
	for _, claim := range m.held {
		claims = append(claims, claim.Claim)
	}
	m.f.ok(m.f.store.Renew(m.f.Context(), claims, long))
}

func (m *model) forget(r *rapid.T) {
	stage := drawStage(r)
	m.f.ok(m.f.store.ForgetItems(m.f.Context(), m.tid, []string{stage}))
	m.items = slices.DeleteFunc(m.items, func(i *modelItem) bool { return i.Stage == stage })
	m.held = slices.DeleteFunc(m.held, func(c modelClaim) bool {
		if c.item.Stage == stage {
			m.stale = append(m.stale, c.Claim)
		}
		return c.item.Stage == stage
	})
}

func (m *model) retry(*rapid.T) {
	want := 0
	for _, item := range m.items {
		if item.State == pixivoc.ItemFailed {
			item.State, item.Round, item.Attempts = pixivoc.ItemPending, 0, 0
			want++
		}
	}
	retried, err := m.f.store.RetryItems(m.f.Context(), m.tid)
	m.f.ok(err)
	m.f.same("retried", retried, want)
}

func (m *model) delete(*rapid.T) {
	m.f.ok(m.f.store.DeleteTask(m.f.Context(), m.tid))
	m.reset()
	m.tid = m.f.task()
}

func (m *model) compare(*rapid.T) {
	want := map[string]pixivoc.ItemCount{}
	var wantItems []pixivoc.ItemStatus
	for _, item := range m.items {
		count := want[item.Stage]
		count.Total++
		switch item.State {
		case pixivoc.ItemPending:
			count.Pending++
		case pixivoc.ItemDone:
			count.Done++
		case pixivoc.ItemFailed:
			count.Failed++
		}
		want[item.Stage] = count
		wantItems = append(wantItems, item.ItemStatus)
	}
	m.f.same("counts", m.f.counts(m.tid), want)
	m.f.same("items", m.f.list(pixivoc.ItemQuery{Task: m.tid}), wantItems)
	m.f.same("bytes", m.f.load(m.tid).Bytes, m.bytes)
	var records []string
	for _, record := range m.f.records(pixivoc.RecordQuery{Task: m.tid}) {
		records = append(records, record.Kind+"/"+record.Key)
	}
	m.f.same("records", records, m.records)
	for _, word := range m.records {
		kind, key, _ := strings.Cut(word, "/")
		found, err := m.f.store.Recorded(m.f.Context(), m.tid, kind, []string{key, "none"})
		m.f.ok(err)
		m.f.same("recorded", found, map[string]bool{key: true})
	}
	slices.Sort(m.archive)
	var archive []string
	for _, entry := range m.f.archive(3) {
		archive = append(archive, entry.Key)
	}
	m.f.same("archive", archive, m.archive)
}

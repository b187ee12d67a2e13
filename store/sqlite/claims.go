package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/internal/check"
)

const (
	// fenceBits leaves room for 2^40 claims before the fences of one opening
	// of the store run into those of the next.
	fenceBits = 40
	// maxQueues bounds the memory for stages that nobody claims from any more.
	maxQueues = 1024
)

// claim is the exclusive hold on an item.
type claim struct {
	task, stage, item, fence int64

	until time.Time
	ended bool // by the transaction that is open
}

// queue remembers how far the pending items of a stage have been looked
// through, so that claiming need not pass over all claimed ones each time. It
// may be forgotten at any time: next is then 0 and the look starts anew.
type queue struct {
	// round is the ClaimRequest.Round that next is about.
	round int
	// next is the smallest ID that may be claimed.
	next int64
	// expiry is no later than the end of any lease on an item before next.
	expiry time.Time
}

// claims are all claims on the items of a store.
type claims struct {
	fence  int64
	held   map[int64]*claim // by item
	queues map[int64]*queue // by stage row
}

func newClaims(opens int64) claims {
	return claims{
		fence:  opens << fenceBits,
		held:   map[int64]*claim{},
		queues: map[int64]*queue{},
	}
}

// find returns the claim that c stands for, or nil when it is stale.
func (c *claims) find(claim pixivoc.Claim) *claim {
	held := c.held[claim.Item]
	if held == nil || held.ended || held.fence != claim.Fence || held.task != claim.Task {
		return nil
	}
	return held
}

// hold makes a claim on an item. An older one becomes stale.
func (c *claims) hold(task, stage, item int64, until time.Time) pixivoc.Claim {
	c.fence++
	c.held[item] = &claim{task: task, stage: stage, item: item, fence: c.fence, until: until}
	return pixivoc.Claim{Task: task, Item: item, Fence: c.fence}
}

// drop ends a claim, unless the item was claimed anew.
func (c *claims) drop(claim *claim) {
	if c.held[claim.item] == claim {
		delete(c.held, claim.item)
	}
}

// offer makes an item claimable that may lie behind what was looked through.
func (c *claims) offer(stage, item int64, round int) {
	if queue := c.queues[stage]; queue != nil && round <= queue.round {
		queue.next = min(queue.next, item)
	}
}

// ofStages returns the claims on items of these stage rows.
func (c *claims) ofStages(stages map[int64]bool) []*claim {
	var found []*claim
	for _, claim := range c.held {
		if stages[claim.stage] && !claim.ended {
			found = append(found, claim)
		}
	}
	return found
}

func (c *claims) trim() {
	if len(c.queues) > maxQueues {
		clear(c.queues)
	}
}

// queue returns the queue of a stage, wound back to what can be claimed now.
func (c *claims) queue(stage int64, round int, now time.Time) *queue {
	q := c.queues[stage]
	if q == nil {
		q = &queue{round: round}
		c.queues[stage] = q
	}
	if q.round != round {
		q.round, q.next, q.expiry = round, 0, time.Time{}
	}
	if q.expiry.IsZero() || now.Before(q.expiry) {
		return q
	}
	q.expiry = time.Time{}
	for _, claim := range c.held {
		if claim.stage != stage {
			continue
		}
		if now.Before(claim.until) {
			q.expire(claim.until)
		} else {
			q.next = min(q.next, claim.item)
		}
	}
	return q
}

// expire notes the end of a lease.
func (q *queue) expire(until time.Time) {
	if q.expiry.IsZero() || until.Before(q.expiry) {
		q.expiry = until
	}
}

// Claim implements pixivoc.ItemStore. Claims live in memory; Owner is not kept.
func (s *Store) Claim(ctx context.Context, request pixivoc.ClaimRequest) ([]pixivoc.ClaimedItem, error) {
	if err := check.Claim(request); err != nil {
		return nil, err
	}
	var claimed []pixivoc.ClaimedItem
	err := s.inspect(ctx, func(w *writer) (err error) {
		claimed, err = w.claim(request)
		return err
	}, func(w *writer) {
		for _, item := range claimed {
			w.release(item.Claim)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("claim items of task %d: %w", request.Task, err)
	}
	return claimed, nil
}

const claimable = `SELECT id, round, attempts, key, payload FROM items INDEXED BY items_pending
	WHERE stage=? AND state=0 AND id>=? AND round<=? ORDER BY id`

func (w *writer) claim(request pixivoc.ClaimRequest) ([]pixivoc.ClaimedItem, error) {
	rows, err := w.task(request.Task)
	if err != nil {
		return nil, err
	}
	stage, err := w.stage(rows, request.Task, request.Stage)
	if stage == 0 || err != nil {
		return nil, err
	}
	now := w.clock()
	until := now.Add(request.Lease)
	q := w.claims.queue(stage, request.Round, now)
	var items []pixivoc.ClaimedItem
	err = w.conn.query(claimable, func(row *row) bool {
		id := row.int64(0)
		q.next = id + 1
		if held := w.claims.held[id]; held != nil && now.Before(held.until) {
			q.expire(held.until)
			return true
		}
		items = append(items, pixivoc.ClaimedItem{Item: pixivoc.Item{
			ID:       id,
			Stage:    request.Stage,
			Key:      row.text(3),
			Payload:  row.bytes(4),
			Round:    row.int(1),
			Attempts: row.int(2),
		}})
		return len(items) < request.Limit
	}, stage, q.next, int64(request.Round))
	if err != nil {
		delete(w.claims.queues, stage)
		w.suspect(err)
		return nil, err
	}
	for i := range items {
		items[i].Claim = w.claims.hold(request.Task, stage, items[i].ID, until)
		q.expire(until)
	}
	return items, nil
}

// Renew implements pixivoc.ItemStore.
func (s *Store) Renew(ctx context.Context, claims []pixivoc.Claim, lease time.Duration) error {
	if err := check.Lease(lease); err != nil {
		return err
	}
	claims = append([]pixivoc.Claim(nil), claims...)
	err := s.inspect(ctx, func(w *writer) error { return w.renew(claims, lease) }, nil)
	if err != nil {
		return fmt.Errorf("renew claims: %w", err)
	}
	return nil
}

func (w *writer) renew(claims []pixivoc.Claim, lease time.Duration) error {
	until := w.clock().Add(lease)
	var stale error
	for _, claim := range claims {
		held := w.claims.find(claim)
		if held == nil {
			stale = pixivoc.ErrStaleClaim
			continue
		}
		held.until = until
		if q := w.claims.queues[held.stage]; q != nil {
			q.expire(until)
		}
	}
	return stale
}

// Release implements pixivoc.ItemStore.
func (s *Store) Release(ctx context.Context, claims []pixivoc.Claim) error {
	claims = append([]pixivoc.Claim(nil), claims...)
	err := s.inspect(ctx, func(w *writer) error {
		for _, claim := range claims {
			w.release(claim)
		}
		return nil
	}, nil)
	if err != nil {
		return fmt.Errorf("release claims: %w", err)
	}
	return nil
}

func (w *writer) release(claim pixivoc.Claim) {
	held := w.claims.find(claim)
	if held == nil {
		return
	}
	w.claims.drop(held)
	if q := w.claims.queues[held.stage]; q != nil {
		q.next = min(q.next, held.item)
	}
}

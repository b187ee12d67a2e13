package pixivoc

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// maxGroup bounds the items that are finished together. A file that waits
	// for its sync is fetched again after kill -9 when it is a small one, so
	// few should wait.
	maxGroup  = 16
	maxCommit = 256 // items that are committed together
	// commitLinger is how long a commit waits for company while other items are
	// under way: a transaction costs about as much for one item as for ten.
	commitLinger = 20 * time.Millisecond
)

// finishFiles gives the files of finished items their names, as many items at
// a time as have gathered. It ends when finished is closed.
func (r *round) finishFiles() {
	for first := range r.finished {
		group := gather([]*itemRun{first}, r.finished, maxGroup)
		r.finishGroup(group)
		r.named <- group
	}
}

// gather adds to a group what can be received without waiting.
func gather(group []*itemRun, more <-chan *itemRun, limit int) []*itemRun {
	for len(group) < limit {
		select {
		case next, open := <-more:
			if !open {
				return group
			}
			group = append(group, next)
		default:
			return group
		}
	}
	return group
}

// commitItems writes outcomes until named is closed. What was too soon to tell
// after one group is told when it is time, also when no other group comes.
func (r *round) commitItems(ctx context.Context) {
	var late <-chan time.Time
	for {
		select {
		case group, open := <-r.named:
			if !open {
				return
			}
			late = nil
			if wait := r.commitGroup(ctx, r.linger(group)); wait > 0 {
				late = time.After(wait)
			}
		case <-late:
			late = nil
			if wait := r.run.job.live.due(time.Now()); wait > 0 {
				late = time.After(wait)
				continue
			}
			r.tellProgress()
		}
	}
}

// linger adds to a group what else comes before commitLinger has passed, as
// long as anything can come.
func (r *round) linger(group []*itemRun) []*itemRun {
	timer := time.NewTimer(commitLinger)
	defer timer.Stop()
	for len(group) < min(maxCommit, r.heldCount()) {
		select {
		case more, open := <-r.named:
			if !open {
				return group
			}
			group = append(group, more...)
		case <-timer.C:
			return group
		}
	}
	return group
}

// commitGroup ends the claims of a group. A round that was told to end still
// commits what is done: the files are there, and doing it again would cost the
// site a second request. It returns after what time the progress should be told,
// 0 when it was.
func (r *round) commitGroup(ctx context.Context, group []*itemRun) (wait time.Duration) {
	var commits []Commit
	var items []*itemRun
	var released []Claim
	for _, done := range group {
		commit := r.settle(done)
		if done.release {
			released = append(released, done.item.Claim)
			continue
		}
		commits = append(commits, commit)
		items = append(items, done)
	}
	if len(released) > 0 {
		if err := r.run.client.config.Store.Release(context.WithoutCancel(ctx), released); err != nil {
			r.halt(fmt.Errorf("release items: %w", err))
		} else {
			r.drop(released)
		}
	}
	var errs []error
	if len(commits) > 0 {
		errs = r.commit(ctx, commits)
	}
	for i, done := range items {
		if commits[i].Outcome == OutcomeDone && (errs == nil || errs[i] == nil) {
			r.setTimes(done)
			r.freeNames(done)
		}
	}
	r.count(commits, items, errs)
	r.drop(ended(commits, errs))
	wait = r.publish(commits, items, errs)
	r.freed.raise()
	return wait
}

// commit writes to the store and, while the round goes on, waits for room when
// the store's disk is full.
func (r *round) commit(ctx context.Context, commits []Commit) []error {
	store := r.run.client.config.Store
	errs := store.Commit(context.WithoutCancel(ctx), commits)
	for waited := false; ; waited = true {
		var left []Commit
		var places []int
		for i, err := range errs {
			if errors.Is(err, ErrDiskFull) {
				left, places = append(left, commits[i]), append(places, i)
			}
		}
		if len(left) == 0 {
			if waited {
				r.run.show(StateDownloading, "")
			}
			return errs
		}
		r.run.show(StateDiskFull, errs[places[0]].Error())
		if pause(ctx, diskPause) != nil {
			return errs
		}
		again := store.Commit(context.WithoutCancel(ctx), left)
		for i, place := range places {
			if errs[place] = nil; again != nil {
				errs[place] = again[i]
			}
		}
	}
}

// count adds a group to the result of the round. A commit that was refused as
// stale counts nothing: somebody else has the item. Any other refusal ends the
// round, because the store cannot be trusted with the next one either.
func (r *round) count(commits []Commit, items []*itemRun, errs []error) {
	var bytes int64
	r.mu.Lock()
	for i, commit := range commits {
		if errs != nil && errs[i] != nil {
			continue
		}
		bytes += commit.Bytes
		if commit.Outcome != OutcomeAgain {
			r.result.ended++
			continue
		}
		r.result.again++
		if r.result.cause == nil {
			r.result.cause = items[i].err
		}
	}
	r.mu.Unlock()
	r.run.job.live.change(func(l *liveTask) { l.task.Bytes += bytes })
	for i, err := range errs {
		switch {
		case err == nil:
		case errors.Is(err, ErrStaleClaim):
			r.run.log.Warn("item was claimed by somebody else", "stage", r.stage, "key", items[i].item.Key)
		default:
			r.halt(fmt.Errorf("commit item %q: %w", items[i].item.Key, notFound(err)))
		}
	}
}

// ended returns the claims that a commit has ended, also by finding them stale.
// Others, which the store could not commit, are given back with the rest.
func ended(commits []Commit, errs []error) []Claim {
	var claims []Claim
	for i, commit := range commits {
		if errs == nil || errs[i] == nil || errors.Is(errs[i], ErrStaleClaim) {
			claims = append(claims, commit.Claim)
		}
	}
	return claims
}

// drop forgets claims that have ended, unless their items were claimed anew.
func (r *round) drop(claims []Claim) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, claim := range claims {
		if r.held[claim.Item] == claim {
			delete(r.held, claim.Item)
		}
	}
}

// tellProgress counts anew and tells how far the task is.
func (r *round) tellProgress() {
	c, live := r.run.client, r.run.job.live
	if counts, err := c.config.Store.CountItems(context.Background(), r.run.task.TID); err == nil {
		live.change(func(l *liveTask) { l.counts = counts })
	}
	c.publishTask(context.Background(), EventTaskChanged, r.run.task.TID)
}

// publish tells what became of a group. The progress of the task is told a few
// times a second at most; when it is too soon, wait says after what time.
func (r *round) publish(commits []Commit, items []*itemRun, errs []error) (wait time.Duration) {
	c, live := r.run.client, r.run.job.live
	if wait = live.due(time.Now()); wait == 0 {
		r.tellProgress()
	}
	for i, commit := range commits {
		if errs != nil && errs[i] != nil || commit.Outcome == OutcomeAgain {
			continue
		}
		item := items[i].item.Item
		item.Stage = r.stage
		event := Event{Kind: EventItemDone, Item: &ItemStatus{Item: item, State: ItemDone}}
		if commit.Outcome == OutcomeFailed {
			event.Kind = EventItemFailed
			event.Item.State, event.Item.Reason, event.Item.Detail = ItemFailed, commit.Reason, commit.Detail
		}
		event.Task, _ = live.info()
		c.events.publish(event)
	}
	return wait
}

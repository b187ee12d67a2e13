package pixivoc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc/internal/fetch"
)

const (
	claimPage  = 64  // items claimed at a time
	maxHeld    = 512 // items claimed by a round, waiting ones included
	claimLease = 2 * time.Minute
)

// round passes once over the pending items of a stage. Items flow through
// three steps that overlap: workers run the stage, the finisher gives files
// their names (and, unless Config.NoSync, makes them durable), the committer
// writes outcomes to the store. Each step takes whatever has gathered in front
// of it at once, so syncs and transactions are shared by many items.
type round struct {
	run    *taskRun
	spec   *StageSpec
	stage  string
	number int
	halt   context.CancelCauseFunc // ends the round early

	workers  sync.WaitGroup
	finished chan *itemRun   // from the workers to the finisher
	named    chan []*itemRun // from the finisher to the committer
	freed    signal          // raised when claims have ended

	mu     sync.Mutex
	held   map[int64]Claim
	result roundResult
}

// roundResult is what a round came to.
type roundResult struct {
	ended int   // items done or failed
	again int   // items left for the next round
	cause error // the first passing failure
	halt  error // what ended the round early
}

// itemRun is an item on its way through a round.
type itemRun struct {
	item     ClaimedItem
	output   Output
	files    []*fetch.Staged
	times    map[*fetch.Staged]time.Time // that files are to have once the item is committed
	err      error
	release  bool // the claim is given back, nothing is counted
	slotLost bool // the item's place among the running ones is free already
}

func (t *taskRun) runRound(ctx context.Context, spec *StageSpec) roundResult {
	work, halt := context.WithCancelCause(ctx)
	defer halt(nil)
	r := &round{
		run: t, spec: spec, stage: spec.Stage.Name(), number: t.task.Round + t.reach, halt: halt,
		finished: make(chan *itemRun, maxGroup/4), // see maxGroup
		named:    make(chan []*itemRun, 1),
		held:     map[int64]Claim{},
	}
	var steps sync.WaitGroup
	steps.Go(func() { r.finishFiles(); close(r.named) })
	steps.Go(func() { r.commitItems(work) })
	lease, endLease := context.WithCancel(context.WithoutCancel(ctx))
	var keeper sync.WaitGroup
	keeper.Go(func() { r.keepClaims(lease) })

	r.dispatch(work)
	r.workers.Wait()
	close(r.finished)
	steps.Wait()
	endLease()
	keeper.Wait()
	r.releaseAll()
	if cause := context.Cause(work); ctx.Err() == nil && cause != nil {
		r.result.halt = cause
	}
	return r.result
}

// dispatch claims items and hands them to workers until none is left.
func (r *round) dispatch(ctx context.Context) {
	for ctx.Err() == nil {
		freed := r.freed.next()
		var items []ClaimedItem
		var err error
		if r.heldCount() < maxHeld {
			items, err = r.claim(ctx)
		}
		if err != nil {
			r.halt(fmt.Errorf("claim items of stage %s: %w", r.stage, notFound(err)))
			return
		}
		if len(items) > 0 {
			r.handOut(ctx, items)
			continue
		}
		if r.heldCount() == 0 {
			return
		}
		select { // an item under way may queue others for this very stage
		case <-freed:
		case <-ctx.Done():
		}
	}
}

func (r *round) claim(ctx context.Context) ([]ClaimedItem, error) {
	items, err := r.run.client.config.Store.Claim(ctx, ClaimRequest{
		Task: r.run.task.TID, Stage: r.stage, Round: r.number,
		Owner: r.run.client.owner, Limit: claimPage, Lease: claimLease,
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, item := range items {
		r.held[item.ID] = item.Claim
	}
	return items, err
}

func (r *round) heldCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.held)
}

// handOut gives items to workers as places become free. What is left over when
// the round ends early is released with all other claims.
func (r *round) handOut(ctx context.Context, items []ClaimedItem) {
	for _, item := range items {
		if r.spec.Paced {
			if ctx.Err() != nil {
				return
			}
			r.finished <- r.work(ctx, item)
			continue
		}
		slots := &r.run.client.slots
		if slots.Acquire(ctx) != nil {
			return
		}
		r.workers.Go(func() {
			done := r.work(ctx, item)
			r.finished <- done
			if !done.slotLost {
				slots.Release()
			}
		})
	}
}

// keepClaims renews the claims of items that take long, and ends the round when
// there is trouble with the account.
func (r *round) keepClaims(ctx context.Context) {
	ticker := time.NewTicker(claimLease / 3)
	defer ticker.Stop()
	for {
		troubled := r.run.client.troubled.next()
		if err := r.run.client.accountTrouble(); err != nil {
			r.halt(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-troubled:
			continue
		case <-ticker.C:
		}
		// A claim may end between the two calls; one that was lost to somebody
		// else shows when it is committed, and only then matters.
		err := r.run.client.config.Store.Renew(ctx, r.claims(), claimLease)
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrStaleClaim) {
			r.run.log.Warn("renew claims", "stage", r.stage, "error", err)
		}
	}
}

func (r *round) claims() []Claim {
	r.mu.Lock()
	defer r.mu.Unlock()
	claims := make([]Claim, 0, len(r.held))
	for _, claim := range r.held {
		claims = append(claims, claim)
	}
	return claims
}

// releaseAll gives back what the round did not come to.
func (r *round) releaseAll() {
	claims := r.claims()
	if len(claims) == 0 {
		return
	}
	if err := r.run.client.config.Store.Release(context.Background(), claims); err != nil {
		r.run.log.Warn("release claims", "stage", r.stage, "error", err)
	}
}

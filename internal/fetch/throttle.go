package fetch

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// portion returns how many bytes may be read at once: where limits are in
// force no more than each grants in one piece, so that transfers take turns.
func (f *flow) portion(most int) int {
	for _, limiter := range f.request.Limiters {
		if limiter.Limit() != rate.Inf {
			most = min(most, max(limiter.Burst(), 1))
		}
	}
	return most
}

// pay waits until the limits have let n bytes through.
func (f *flow) pay(n int) error {
	for _, limiter := range f.request.Limiters {
		for left := n; left > 0 && limiter.Limit() != rate.Inf; {
			piece := min(left, max(limiter.Burst(), 1))
			turn := limiter.ReserveN(time.Now(), piece)
			if !turn.OK() {
				break // the burst was made smaller just now: what came, came
			}
			left -= piece
			if err := f.rest(turn.Delay()); err != nil {
				turn.Cancel()
				return err
			}
		}
	}
	return nil
}

// rest waits while the other side is not waited for.
func (f *flow) rest(wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	f.watch.Sleep()
	defer f.watch.Wake()
	f.floor.since = f.floor.since.Add(wait)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-f.watch.Done():
		return context.Canceled
	}
}

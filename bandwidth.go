package pixivoc

import (
	"context"
	"fmt"

	"golang.org/x/time/rate"
)

// MinBandwidthLimit is the least limit of bandwidth in bytes a second.
const MinBandwidthLimit = 1 << 10

func checkBandwidth(limit int64) error {
	if limit != 0 && limit < MinBandwidthLimit {
		return &FieldError{"BandwidthLimit", fmt.Sprintf("%d is neither 0, for no limit, nor at least %d bytes a second", limit, MinBandwidthLimit)}
	}
	return nil
}

func newBandwidth(limit int64) *rate.Limiter {
	bandwidth := rate.NewLimiter(rate.Inf, 1)
	setBandwidth(bandwidth, limit)
	return bandwidth
}

// setBandwidth changes a limit in bytes a second; 0 is none. Transfers pay for
// small pieces, so that a change is felt soon even by those in the queue.
func setBandwidth(bandwidth *rate.Limiter, limit int64) {
	if limit <= 0 {
		bandwidth.SetLimit(rate.Inf)
		return
	}
	bandwidth.SetBurst(int(min(max(limit/16, 1<<10), 1<<20)))
	bandwidth.SetLimit(rate.Limit(limit))
}

func (t task) SetBandwidthLimit(ctx context.Context, limit int64) error {
	return t.client.changeTask(ctx, t.tid, "set bandwidth limit", func(StoredTask) (TaskChange, error) {
		return TaskChange{BandwidthLimit: &limit}, checkBandwidth(limit)
	})
}

package pixivoc

import (
	"context"
	"errors"
	"sync"
)

// flights are the requests under way, so that a logout can end them. The zero
// value is ready.
type flights struct {
	mu      sync.Mutex
	cancels map[*underway]struct{}
}

type underway struct{ cancel context.CancelCauseFunc }

// begin adds a request; end takes it out.
func (f *flights) begin(ctx context.Context) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	entry := &underway{cancel}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cancels == nil {
		f.cancels = map[*underway]struct{}{}
	}
	f.cancels[entry] = struct{}{}
	return ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.cancels, entry)
		cancel(nil)
	}
}

// end ends every request that is under way, for that cause.
func (f *flights) end(cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for entry := range f.cancels {
		entry.cancel(cause)
	}
}

// cause returns why end ended a request, or else err.
func (*flights) cause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrNoToken) {
		return cause
	}
	return err
}

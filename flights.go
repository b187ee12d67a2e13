package pixivoc

import (
	"context"
	"errors"
	"sync"
)

// flights are the requests of Client.Do that are under way, so that a logout
// or a shutdown can end them. The zero value is ready.
type flights struct {
	wg sync.WaitGroup

	mu     sync.Mutex
	under  map[*flightEntry]struct{}
	closed error
}

type flightEntry struct{ cancel context.CancelCauseFunc }

// begin adds a request; the function it returns takes it out.
func (f *flights) begin(ctx context.Context) (_ context.Context, land func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed != nil {
		return nil, nil, f.closed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	entry := &flightEntry{cancel}
	if f.under == nil {
		f.under = map[*flightEntry]struct{}{}
	}
	f.under[entry] = struct{}{}
	f.wg.Add(1)
	return ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.under, entry)
		cancel(nil)
		f.wg.Done()
	}, nil
}

// end ends every request that is under way, for that cause.
func (f *flights) end(cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for entry := range f.under {
		entry.cancel(cause)
	}
}

// close ends every request and lets none begin.
func (f *flights) close(cause error) {
	f.mu.Lock()
	f.closed = cause
	f.mu.Unlock()
	f.end(cause)
}

// wait returns when none is under way. close must have been called.
func (f *flights) wait() { f.wg.Wait() }

// cause returns why end or close ended a request, or else err.
func (*flights) cause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, ErrNoToken) || errors.Is(cause, ErrClosed) {
		return cause
	}
	return err
}

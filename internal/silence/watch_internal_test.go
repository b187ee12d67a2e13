package silence

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

var errQuiet = errors.New("quiet")

func TestR4_LateTimerIsNotSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, watch := New(t.Context(), time.Second, errQuiet)
		defer watch.Stop()
		// The process was stopped: its timer fires ten seconds late.
		watch.mu.Lock()
		watch.due = time.Now().Add(-10 * time.Second)
		watch.mu.Unlock()
		watch.expire()
		if ctx.Err() != nil {
			t.Fatal("what arrived meanwhile must be read first")
		}
		<-time.After(999 * time.Millisecond)
		if ctx.Err() != nil {
			t.Fatal("it is too early")
		}
		<-time.After(2 * time.Millisecond)
		if cause := context.Cause(ctx); !errors.Is(cause, errQuiet) {
			t.Errorf("cause is %v", cause)
		}
	})
}

func TestWatchSleeps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, watch := New(t.Context(), time.Second, errQuiet)
		watch.Sleep()
		<-time.After(time.Hour)
		watch.Poke() // a hook that comes late does not wake it
		<-time.After(time.Hour)
		if ctx.Err() != nil {
			t.Fatal("it slept")
		}
		watch.Wake()
		<-watch.Done()
		if cause := context.Cause(ctx); !errors.Is(cause, errQuiet) {
			t.Errorf("cause is %v", cause)
		}
		watch.Stop()
		watch.Poke()
		watch.Sleep()
		watch.Wake()
	})
}

func TestStopEndsTheContext(t *testing.T) {
	t.Parallel()
	for _, limit := range []time.Duration{0, time.Second} {
		ctx, watch := New(t.Context(), limit, errQuiet)
		watch.Stop()
		if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
			t.Errorf("cause is %v", cause)
		}
	}
}

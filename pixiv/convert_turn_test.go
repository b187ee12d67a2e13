package pixiv

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/pixivoc/pixivoc"
)

// One work is converted at a time, over all tasks of a client; who waits ends
// with its context.
func TestConversion_WaitsForItsTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSaver()
		s.converter().turn <- struct{}{} // another task converts
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			// Without a runtime it would panic if it began.
			_, err := s.conversions().Run(ctx, nil, pixivoc.NewItem("1_convert", conversion{Work: 1}))
			ended <- err
		}()
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("ended with %v while another one converts", err)
		default:
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

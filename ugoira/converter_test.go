package ugoira_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/synctest"

	"github.com/pixivoc/pixivoc/ugoira"
	"github.com/stretchr/testify/require"
)

// gate is a writer that waits.
type gate struct {
	begun, open chan struct{}
}

func (g gate) Write(b []byte) (int, error) {
	g.begun <- struct{}{}
	<-g.open
	return len(b), nil
}

func TestConverter_RunsOneAtATime(t *testing.T) {
	t.Parallel()
	w := jpegs(t, 16, 16, 100, 100)
	synctest.Test(t, func(t *testing.T) {
		a := w.open(t)
		converter := ugoira.NewConverter(0, nil)
		first, second := gate{make(chan struct{}), make(chan struct{})}, gate{make(chan struct{}), make(chan struct{})}
		errs := make(chan error, 2)
		go func() {
			_, err := converter.Encode(t.Context(), a, first, ugoira.CBZ, ugoira.Options{})
			errs <- err
		}()
		<-first.begun
		go func() {
			_, err := converter.Encode(t.Context(), a, second, ugoira.CBZ, ugoira.Options{})
			errs <- err
		}()
		synctest.Wait()
		select {
		case <-second.begun:
			t.Fatal("the second conversion did not wait")
		default:
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := converter.Encode(ctx, a, io.Discard, ugoira.CBZ, ugoira.Options{})
		require.ErrorIs(t, err, context.Canceled)

		close(first.open)
		<-second.begun
		close(second.open)
		require.NoError(t, <-errs)
		require.NoError(t, <-errs)
	})
}

func TestEncode_Ends(t *testing.T) {
	t.Parallel()
	a := jpegs(t, 64, 64, 100, 100).open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, format := range ugoira.NewConverter(1, nil).Formats() {
		_, err := a.Encode(ctx, &memory{}, format, ugoira.Options{})
		require.ErrorIs(t, err, context.Canceled, "%s", format)
	}
	require.ErrorIs(t, a.Verify(ctx), context.Canceled)
}

// TestEncode_FaultsOfTheWriter holds that no fault of the writer is lost,
// wherever it comes.
func TestEncode_FaultsOfTheWriter(t *testing.T) {
	t.Parallel()
	a := jpegs(t, 160, 160, 100, 100).open(t)
	for _, format := range []ugoira.Format{ugoira.GIF, ugoira.APNG, ugoira.MKV, ugoira.CBZ} {
		whole := &bytes.Buffer{}
		_, err := a.Encode(t.Context(), whole, format, ugoira.Options{})
		require.NoError(t, err)
		for left := range 8 {
			_, err := a.Encode(t.Context(), &failAfter{left * (whole.Len() - 1) / 7}, format, ugoira.Options{})
			require.ErrorIs(t, err, io.ErrShortWrite, "%s after %d of 7 parts", format, left)
		}
	}
}

func TestEncode_Refuses(t *testing.T) {
	t.Parallel()
	a := jpegs(t, 16, 16, 100).open(t)
	for _, plays := range []int{-1, 65536} {
		_, err := a.Encode(t.Context(), io.Discard, ugoira.GIF, ugoira.Options{Plays: plays})
		require.ErrorContains(t, err, "options.plays")
	}
	for _, format := range []ugoira.Format{"", "exe", ugoira.MP4, ugoira.WebM} {
		_, err := a.Encode(t.Context(), io.Discard, format, ugoira.Options{})
		require.ErrorContains(t, err, "unsupported")
	}
	require.Equal(t, ".webp", ugoira.WebP.Extension())
	require.Equal(t, "image/gif", ugoira.GIF.MediaType())
}

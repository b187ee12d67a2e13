package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

// eventClient is a client that has nothing but events.
type eventClient struct {
	pixivoc.Client
	events chan pixivoc.Event
}

func (c eventClient) Types() []pixivoc.TaskType { return pixiv.Types() }

func (c eventClient) Events(ctx context.Context) iter.Seq[pixivoc.Event] {
	return func(yield func(pixivoc.Event) bool) {
		for {
			select {
			case event := <-c.events:
				if !yield(event) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

func newTestApp(out io.Writer) *app {
	return &app{stdout: io.Discard, console: newConsole(out), environ: map[string]string{}, plainPause: plainPause}
}

func changed(info pixivoc.TaskInfo) pixivoc.Event {
	return pixivoc.Event{Kind: pixivoc.EventTaskChanged, Task: info}
}

// TestPlainDisplay runs a task of a minute: a line for each change of state,
// one each five seconds for progress, none when nothing moves.
func TestPlainDisplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := new(safeBuffer)
		client := eventClient{events: make(chan pixivoc.Event)}
		info := pixivoc.TaskInfo{TID: 1, TypeName: "UserWorks", State: pixivoc.StateQueued, StageName: "DownloadPicture", Total: 100}
		w := newTestApp(out).startWatch(t.Context(), client, "user 11", []pixivoc.TaskInfo{info}, false, nil)
		info.State = pixivoc.StateDownloading
		for range 20 {
			info.Now++
			client.events <- changed(info)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute) // nothing moves
		client.events <- pixivoc.Event{Kind: pixivoc.EventLimited, Until: time.Now().Add(5 * time.Second)}
		time.Sleep(2 * time.Second)
		w.stop()
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		assert.Contains(t, lines[0], "user 11: downloading, 1/100")
		limited := lines[len(lines)-1]
		assert.Contains(t, limited, "the site asks for a pause")
		assert.InDelta(t, 6, len(lines), 1, out.String())
	})
}

// TestPauseIsTold: each pause has a line, whatever the state of the task and
// however soon the pause is over; what prolongs it has none.
func TestPauseIsTold(t *testing.T) {
	t.Parallel()
	for _, state := range []pixivoc.State{pixivoc.StateWaitStart, pixivoc.StateQueued, pixivoc.StateDownloading} {
		synctest.Test(t, func(t *testing.T) {
			out := new(safeBuffer)
			client := eventClient{events: make(chan pixivoc.Event)}
			info := pixivoc.TaskInfo{TID: 1, TypeName: "UserWorks", State: state}
			w := newTestApp(out).startWatch(t.Context(), client, "user 11", []pixivoc.TaskInfo{info}, false, nil)
			pause := func(length time.Duration) {
				client.events <- pixivoc.Event{Kind: pixivoc.EventLimited, Until: time.Now().Add(length)}
				synctest.Wait()
			}
			count := func() int { return strings.Count(out.String(), "user 11: the site asks for a pause: goes on at ") }
			pause(0)
			assert.Equal(t, 1, count(), state)
			time.Sleep(time.Millisecond)
			pause(100 * time.Millisecond)
			pause(200 * time.Millisecond)
			assert.Equal(t, 2, count(), state)
			time.Sleep(time.Second)
			pause(100 * time.Millisecond)
			assert.Equal(t, 3, count(), state)
			w.stop()
		})
	}
}

func TestFailuresAreShownAndBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := new(safeBuffer)
		client := eventClient{events: make(chan pixivoc.Event)}
		info := pixivoc.TaskInfo{TID: 1, TypeName: "UserWorks", State: pixivoc.StateDownloading}
		w := newTestApp(out).startWatch(t.Context(), client, "user 11", []pixivoc.TaskInfo{info}, false, nil)
		for i := range 100 {
			item := pixivoc.ItemStatus{Item: pixivoc.Item{Key: fmt.Sprint(i), Stage: "DownloadPicture"}, Reason: pixivoc.ReasonDeleted, Detail: "gone\x1b[2J"}
			client.events <- pixivoc.Event{Kind: pixivoc.EventItemFailed, Task: info, Item: &item}
		}
		foreign := pixivoc.ItemStatus{Item: pixivoc.Item{Key: "foreign"}}
		client.events <- pixivoc.Event{Kind: pixivoc.EventItemFailed, Task: pixivoc.TaskInfo{TID: 2}, Item: &foreign}
		synctest.Wait()
		w.stop()
		text := out.String()
		assert.Contains(t, text, "skipped  0  deleted: gone[2J\n")
		assert.Equal(t, maxFailureLines, strings.Count(text, "skipped  "))
		assert.Equal(t, 1, strings.Count(text, "more of them are counted"))
		assert.NotContains(t, text, "foreign")
	})
}

func TestQuietShowsNothingButNoticesARefusedLogin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := new(safeBuffer)
		client := eventClient{events: make(chan pixivoc.Event)}
		info := pixivoc.TaskInfo{TID: 1, State: pixivoc.StateDownloading}
		refused := 0
		w := newTestApp(out).startWatch(t.Context(), client, "user 11", []pixivoc.TaskInfo{info}, true, func() { refused++ })
		client.events <- changed(info)
		info.State = pixivoc.StateWaitToken
		client.events <- changed(info)
		client.events <- changed(info)
		time.Sleep(time.Minute)
		w.stop()
		assert.Equal(t, 1, refused)
		assert.Empty(t, out.String())
	})
}

// brokenWriter fails as a closed terminal or a full disk does.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }

// TestP10_BrokenOutputIsNoReasonToEnd: neither a closed standard error nor a
// display that is gone may reach the caller.
func TestP10_BrokenOutputIsNoReasonToEnd(t *testing.T) {
	t.Parallel()
	c := newConsole(brokenWriter{})
	n, err := io.WriteString(c, "lost\n")
	require.NoError(t, err)
	assert.Equal(t, 5, n)
	c.route(brokenWriter{})
	_, err = io.WriteString(c, "lost too\n")
	require.NoError(t, err)
}

func TestConsoleFallsBackWhenTheBarsAreGone(t *testing.T) {
	t.Parallel()
	out := new(safeBuffer)
	c := newConsole(out)
	c.route(brokenWriter{})
	c.printf("a line")
	above := new(safeBuffer)
	c.route(above)
	c.printf("above")
	c.unroute(func() {})
	c.printf("after")
	assert.Equal(t, "a line\nafter\n", out.String())
	assert.Equal(t, "above\n", above.String())
}

package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/assert"

	"github.com/pixivoc/pixivoc"
)

func TestDetailSaysTheStatusOnce(t *testing.T) {
	t.Parallel()
	for detail, want := range map[string]string{
		"GET https://h/p: status 404: 404 Not Found: 404": "GET https://h/p: status 404: Not Found",
		"GET https://h/p: status 404: Page not found":     "GET https://h/p: status 404: Page not found",
		"GET https://h/p: status 404":                     "GET https://h/p: status 404",
		"no status here":                                  "no status here",
		"GET https://h/p: status 500: 500: 500":           "GET https://h/p: status 500",
	} {
		assert.Equal(t, want, detailText(detail), detail)
	}
}

func TestHangKeepsColumnsAndWords(t *testing.T) {
	t.Parallel()
	line := "  deleted       1000023_p0  " + strings.Repeat("a cause ", 20) + "初音ミク"
	for width := 20; width < 200; width++ {
		got := hang(line, width, 16)
		assert.Equal(t, strings.Fields(line), strings.Fields(got), width)
		if width < 27 {
			continue
		}
		for i, part := range strings.Split(got, "\n") {
			assert.LessOrEqual(t, runewidth.StringWidth(part), width, part)
			assert.Equal(t, i > 0, strings.HasPrefix(part, strings.Repeat(" ", 16)), part)
		}
	}
}

func TestTaskLinesFit(t *testing.T) {
	t.Parallel()
	var infos []pixivoc.TaskInfo
	for i := range 10 {
		infos = append(infos, pixivoc.TaskInfo{
			TID: int64(i + 1), TaskName: "a rather long name of a task 初音", Running: true, StageName: "DownloadPicture", Now: 1000 * i, Total: 10_000,
		})
	}
	v := newView(infos)
	for width := 10; width < 120; width++ {
		lines := v.taskLines(screen{unicode: true}, width)
		assert.Len(t, lines, taskRows+1)
		for _, line := range lines {
			assert.LessOrEqual(t, runewidth.StringWidth(line), width, line)
		}
	}
	assert.Empty(t, newView(infos[:1]).taskLines(screen{}, 80))
}

func TestResumedRunsUseTheRateOfTheKernel(t *testing.T) {
	t.Parallel()
	v := newView([]pixivoc.TaskInfo{{TID: 1, State: pixivoc.StateStopped, Bytes: 1000, Now: 1, Total: 2}})
	assert.True(t, v.resumed)
	r := sampleReport()
	r.resumed = true
	assert.NotContains(t, r.savedText(), "/s")
	assert.False(t, newView([]pixivoc.TaskInfo{{TID: 1, State: pixivoc.StateWaitStart}}).resumed)
}

func TestTasksWithLinesAreNotToldTwice(t *testing.T) {
	t.Parallel()
	running := pixivoc.TaskInfo{TID: 1, TaskName: "11", Running: true, State: pixivoc.StateDownloading, StageName: "DownloadPicture", Now: 1, Total: 9}
	other := running
	other.TID, other.Failed = 2, 3
	v := newView([]pixivoc.TaskInfo{running, other})
	assert.Equal(t, "  3 not saved", v.statusLine(screen{}, 80, time.Now()))
	v.limited, v.why = time.Now().Add(time.Hour), pixivoc.LimitQuietHours
	assert.Contains(t, v.statusLine(screen{}, 80, time.Now()), "quiet hours: goes on at ")
}

func TestLinesAreAboutOwnTasks(t *testing.T) {
	t.Parallel()
	w := &watch{model: newView([]pixivoc.TaskInfo{{TID: 1}})}
	own, foreign := pixivoc.TaskInfo{TID: 1}, pixivoc.TaskInfo{TID: 2}
	for _, kind := range []pixivoc.EventKind{pixivoc.EventTaskChanged, pixivoc.EventTaskOver, pixivoc.EventItemDone, pixivoc.EventItemFailed} {
		assert.Len(t, w.lines(pixivoc.Event{Kind: kind, Task: own}), 1, kind)
		assert.Empty(t, w.lines(pixivoc.Event{Kind: kind, Task: foreign}), kind)
	}
	snapshot := w.lines(pixivoc.Event{Kind: pixivoc.EventSnapshot, Tasks: []pixivoc.TaskInfo{foreign, own, foreign}})
	assert.Len(t, snapshot, 1)
	assert.Equal(t, int64(1), snapshot[0].Task.TID)
	limited := w.lines(pixivoc.Event{Kind: pixivoc.EventLimited, Why: pixivoc.LimitOutage})
	assert.Equal(t, pixivoc.LimitOutage, limited[0].Why)
}

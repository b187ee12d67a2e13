package cli

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/assert"

	"github.com/pixivoc/pixivoc"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// halfway is a task that has done 45 of 90 files in ten seconds.
func halfway() *view {
	info := pixivoc.TaskInfo{
		TID: 7, TaskName: "11", TypeName: "UserWorks", StageName: "DownloadPicture", State: pixivoc.StateDownloading,
		Total: 90, Bytes: 12_400_000, Speed: 3_100_000, SavePath: "/tmp/pictures",
	}
	v := newView([]pixivoc.TaskInfo{info})
	for second := range 11 {
		info.Now = second * 45 / 10
		v.update(info, noon.Add(time.Duration(second-10)*time.Second))
	}
	return v
}

func plainScreen(width int) screen { return screen{terminal: true, width: width} }

func TestBarLineFitsTheTerminal(t *testing.T) {
	t.Parallel()
	cases := []struct {
		width int
		want  string
	}{
		{120, "user 11  [####################--------------------]   50%  45/90  12.4 MB  3.10 MB/s  ETA 10s"},
		{80, "user 11  [############-------------]   50%  45/90  12.4 MB  3.10 MB/s  ETA 10s"},
		{60, "user 11  [########--------]   50%  45/90  12.4 MB  ETA 10s"},
		{40, "user 11  [########--------]   50%  45/90"},
		{30, "[#######--------]   50%  45/90"},
		{14, " 50%  45/90"},
		{5, "45/90"},
		{3, "..."},
	}
	for _, c := range cases {
		got := halfway().barLine("user 11", plainScreen(c.width), c.width, noon)
		assert.LessOrEqual(t, runewidth.StringWidth(got), c.width)
		assert.Equal(t, c.want, strings.TrimRight(got, " "), "width %d", c.width)
	}
}

func TestBarLineNeverWiderThanAsked(t *testing.T) {
	t.Parallel()
	for width := range 200 {
		for _, s := range []screen{{}, {unicode: true}} {
			line := halfway().barLine("仕事 of a name that is far too long for a line", s, width, noon)
			assert.LessOrEqual(t, runewidth.StringWidth(line), width)
			status := halfway().statusLine(s, width, noon)
			assert.LessOrEqual(t, runewidth.StringWidth(status), width)
		}
	}
}

var escape = regexp.MustCompile("\x1b\\[[0-9]*m")

func TestColorOnlyWhenWanted(t *testing.T) {
	t.Parallel()
	colored := screen{terminal: true, width: 80, color: true}
	plain := screen{terminal: true, width: 80}
	for _, render := range []func(screen) string{
		func(s screen) string { return halfway().barLine("user 11", s, 80, noon) },
		func(s screen) string { return halfway().statusLine(s, 80, noon) },
		func(s screen) string { return sampleReport().table(s) },
	} {
		assert.NotContains(t, render(plain), "\x1b")
		assert.Contains(t, render(colored), "\x1b[")
		assert.Equal(t, render(plain), escape.ReplaceAllString(render(colored), ""), "same text with colours")
	}
}

func TestUnicodeBarMovesByEighths(t *testing.T) {
	t.Parallel()
	s := screen{unicode: true}
	assert.Equal(t, "[          ]", bar(0, 10, s))
	assert.Equal(t, "[▏         ]", bar(1.0/80, 10, s))
	assert.Equal(t, "[█████     ]", bar(0.5, 10, s))
	assert.Equal(t, "[██████████]", bar(1, 10, s))
	assert.Equal(t, "[██████████]", bar(7, 10, s), "more than all")
	assert.Equal(t, "[          ]", bar(-1, 10, s), "less than nothing")
}

func TestStatusNamesWhatIsWaitedFor(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		change func(*pixivoc.TaskInfo)
		limit  time.Duration
		want   string
	}{
		{"downloading", func(*pixivoc.TaskInfo) {}, 0, "downloading"},
		{"listing", func(i *pixivoc.TaskInfo) { i.StageName = "GetWorksNumber" }, 0, "reading the list of works"},
		{"foreign stage", func(i *pixivoc.TaskInfo) { i.StageName = "Mine\x1b[2J" }, 0, "mine[2 j"},
		{"rate limit", func(*pixivoc.TaskInfo) {}, 5 * time.Minute, "the site asks for a pause: goes on at 12:05:00"},
		{"rate limit, start not told yet", func(i *pixivoc.TaskInfo) { i.State = pixivoc.StateQueued }, time.Minute, "the site asks for a pause: goes on at 12:01:00"},
		{"daily cap", func(i *pixivoc.TaskInfo) { i.LimitedUntil, i.LimitedWhy = noon, pixivoc.LimitDailyCap }, time.Minute, "enough requests for today: goes on at 12:01:00"},
		{"quiet hours", func(i *pixivoc.TaskInfo) { i.LimitedUntil, i.LimitedWhy = noon, pixivoc.LimitQuietHours }, time.Minute, "quiet hours: goes on at 12:01:00"},
		{"outage", func(i *pixivoc.TaskInfo) { i.LimitedUntil, i.LimitedWhy = noon, pixivoc.LimitOutage }, time.Minute, "the site cannot be reached: next try at 12:01:00"},
		{"scheduled", func(i *pixivoc.TaskInfo) { i.State, i.NextRun = pixivoc.StateScheduled, noon.Add(6*time.Hour) }, 0, "done until 18:00:00"},
		{"stopped", func(i *pixivoc.TaskInfo) { i.State = pixivoc.StateStopped }, time.Minute, "stopped"},
		{"rate limit over", func(*pixivoc.TaskInfo) {}, -time.Second, "downloading"},
		{"disk full", func(i *pixivoc.TaskInfo) { i.State = pixivoc.StateDiskFull }, 0, "disk full: goes on when there is room in /tmp/pictures"},
		{"login", func(i *pixivoc.TaskInfo) { i.State = pixivoc.StateWaitToken }, 0, "waiting for a login"},
		{"network", func(i *pixivoc.TaskInfo) { i.Error = "dial tcp: refused" }, 0, "downloading; waiting: dial tcp: refused"},
		{"gave up", func(i *pixivoc.TaskInfo) { i.State, i.Error = pixivoc.StateError, "no progress" }, 0, "given up: no progress"},
		{"failures", func(i *pixivoc.TaskInfo) { i.Failed = 2 }, 0, "downloading  2 not saved"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := halfway()
			info := v.tasks[0]
			c.change(&info)
			v.update(info, noon)
			v.limited = noon.Add(c.limit)
			assert.Equal(t, c.want, v.statusLine(plainScreen(100), 100, noon))
		})
	}
}

func TestSeveralTasksShareOneBar(t *testing.T) {
	t.Parallel()
	v := newView([]pixivoc.TaskInfo{
		{TID: 1, State: pixivoc.StateOver, Now: 3, Total: 3, Bytes: 300},
		{TID: 2, TaskName: "1002", State: pixivoc.StateDownloading, StageName: "DownloadPicture", Now: 1, Total: 2, Bytes: 100},
		{TID: 3, State: pixivoc.StateQueued},
		{TID: 4, State: pixivoc.StateWaitStart},
	})
	assert.Equal(t, 1, v.done())
	assert.Equal(t, 4, v.total())
	assert.InDelta(t, 1.5/4, v.share(), 1e-9)
	text, _ := v.status(noon)
	assert.Equal(t, "1002: downloading 1/2", text)
	assert.False(t, v.update(pixivoc.TaskInfo{TID: 99}, noon), "a task of somebody else")
}

func TestPlainLine(t *testing.T) {
	t.Parallel()
	assert.Equal(t,
		"user 11: downloading, 45/90 (50%), 12.4 MB, 3.10 MB/s, about 10s left",
		halfway().plainLine("user 11", noon))
}

func TestPaceForgetsThePast(t *testing.T) {
	t.Parallel()
	var p pace
	at := noon
	for i := range 100 { // one a second
		p.add("a", paceSample{at, i, 0})
		at = at.Add(time.Second)
	}
	for i := range 100 { // then ten a second
		p.add("a", paceSample{at, 100 + i*10, 0})
		at = at.Add(time.Second)
	}
	assert.InDelta(t, 10, p.rate(at.Add(-time.Second)), 0.5)
	assert.LessOrEqual(t, len(p.samples), 20)
	p.add("b", paceSample{at: at})
	assert.Zero(t, p.rate(at), "a new stage begins anew")
}

func TestPaceKeepsFewSamplesOfManyEvents(t *testing.T) {
	t.Parallel()
	var p pace
	for i := range 100_000 {
		p.add("a", paceSample{noon.Add(time.Duration(i) * 100 * time.Microsecond), i, 0})
	}
	assert.LessOrEqual(t, len(p.samples), int(paceSpan/paceStep)+3)
	assert.InDelta(t, 10_000, p.rate(noon.Add(10*time.Second)), 100)
}

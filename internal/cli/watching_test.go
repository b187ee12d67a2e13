package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/pixivoc/pixivoc"
)

func TestWatchesTellTheirRuns(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	info := pixivoc.TaskInfo{TypeName: "UserWorks", TaskName: "11", State: pixivoc.StateDownloading}
	assert.Equal(t, "UserWorks 11: begins", stateLine(info, now))
	info.State, info.Now, info.Total, info.Failed, info.Bytes = pixivoc.StateScheduled, 5, 6, 1, 2_000_000
	info.NextRun = now.Add(time.Hour)
	assert.Equal(t, "UserWorks 11: 5 of 6 done, 1 not saved, 2.00 MB in all; next at 13:00:00", stateLine(info, now))
	info.State, info.NextRun, info.Error = pixivoc.StateError, time.Time{}, "no\x1b[2J way"
	assert.Equal(t, "UserWorks 11: 5 of 6 done, 1 not saved, 2.00 MB in all; no[2J way", stateLine(info, now))
	assert.Empty(t, stateLine(pixivoc.TaskInfo{State: pixivoc.StateQueued}, now))

	line := watchLine(pixivoc.Event{Kind: pixivoc.EventLimited, At: now, Until: now.Add(time.Minute), Why: pixivoc.LimitDailyCap}, nil)
	assert.Equal(t, "enough requests for today: goes on at 12:01:00", line)
	assert.Empty(t, watchLine(pixivoc.Event{Kind: pixivoc.EventLimited, At: now}, nil)) // a wait that ended
}

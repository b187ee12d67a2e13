package pixiv

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Waits that overlap are each given a time of their own, and starts are never
// nearer than the delay, whoever comes late.
func TestTurns(t *testing.T) {
	t.Parallel()
	const delay = 300 * time.Millisecond
	var turns turns
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	type waiting struct {
		key string
		at  time.Time
	}
	var line []waiting
	for n := range 20 {
		line = append(line, waiting{strconv.Itoa(n), begin})
	}
	var last time.Time
	started := 0
	for steps := 0; len(line) > 0; steps++ {
		if steps > 1000 {
			t.Fatal("no end")
		}
		first := 0
		for i := range line {
			if line[i].at.Before(line[first].at) {
				first = i
			}
		}
		next := line[first]
		line = append(line[:first], line[first+1:]...)
		wait, start := turns.take(7, next.key, delay, next.at)
		if !start {
			assert.Positive(t, wait)
			late := time.Duration(started%3) * 200 * time.Millisecond // places come free late
			line = append(line, waiting{next.key, next.at.Add(max(wait, kernelWait) + late)})
			continue
		}
		at := next.at.Add(wait)
		if started > 0 {
			assert.GreaterOrEqual(t, at.Sub(last), delay)
		}
		assert.LessOrEqual(t, wait, lateness)
		last = at
		started++
	}
	assert.Equal(t, 20, started)
	assert.Less(t, last.Sub(begin), time.Minute)

	_, start := turns.take(8, "0", delay, last)
	assert.True(t, start, "tasks do not wait for each other")
	turns.take(9, "0", delay, last.Add(turnsKept+time.Hour))
	assert.Len(t, turns.tasks, 1, "tasks that are long over are forgotten")
}

package cli

import (
	"context"
	"time"
)

const (
	// plainLook is how often a plain display looks for something to tell.
	plainLook = 500 * time.Millisecond
	// plainPause is the time between two lines about progress alone.
	plainPause = 5 * time.Second
)

// saidLimited is watch.said of a line about a pause.
const saidLimited = "limited"

// showLines writes a line when the state changes, and every few seconds while
// only the counters do.
func (w *watch) showLines(ctx context.Context) {
	ticker := time.NewTicker(plainLook)
	defer ticker.Stop()
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if line := w.nextLine(now, now.Sub(last) >= w.pause); line != "" {
				w.out.printf("%s", line)
				last = now
			}
		}
	}
}

// nextLine is the line to write now, or "". due says that it is time for a
// line about progress.
func (w *watch) nextLine(now time.Time, due bool) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lead := w.model.lead()
	about := string(lead.State) + " " + lead.StageName
	if w.model.paused(now) {
		about = saidLimited
	}
	if about == w.said && (!due || !w.changed) {
		return ""
	}
	w.said, w.changed = about, false
	line := w.model.plainLine(w.label, now)
	if line == w.last {
		return ""
	}
	w.last = line
	return line
}

package cli

import (
	"context"
	"io"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// refreshRate is how often the bar is drawn again.
const refreshRate = 120 * time.Millisecond

// showBars draws the bar and the line under it until ctx is cancelled, then
// takes them off the screen.
func (w *watch) showBars(ctx context.Context) {
	progress := mpb.New(mpb.WithOutput(w.out.out), mpb.WithRefreshRate(refreshRate))
	line := func(render func(width int, now time.Time) string, end string) mpb.BarFillerFunc {
		return func(out io.Writer, statistics decor.Statistics) error {
			w.mu.Lock()
			text := render(statistics.AvailableWidth-1, time.Now())
			w.mu.Unlock()
			_, err := io.WriteString(out, text+end)
			return err
		}
	}
	drawn, err := progress.Add(0,
		line(func(width int, now time.Time) string {
			return w.model.barLine(w.label, w.screen, width, now)
		}, ""),
		mpb.BarFillerTrim(),
		mpb.BarExtender(line(func(width int, now time.Time) string {
			return w.model.statusLine(w.screen, width, now)
		}, "\n"), false))
	if err != nil { // only after Wait, which comes below
		return
	}
	w.out.route(progress)
	<-ctx.Done()
	w.out.unroute(func() {
		drawn.Abort(true)
		progress.Wait()
	})
}

package cli

import (
	"context"
	"io"
	"os"
	"strings"
	"time"

	"github.com/vbauerster/cupwriter"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// refreshRate is how often the bar is drawn again.
const refreshRate = 120 * time.Millisecond

// showBars draws the bar and the line under it until ctx is cancelled, then
// takes them off the screen.
func (w *watch) showBars(ctx context.Context) {
	progress := mpb.New(mpb.WithConsoleWriter(barWriter(w.out.out)), mpb.WithRefreshRate(refreshRate))
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
			return strings.Join(append(w.model.taskLines(w.screen, width), w.model.statusLine(w.screen, width, now)), "\n")
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

// barWriter returns the writer that draws on a terminal.
func barWriter(out io.Writer) *cupwriter.Writer {
	drawn := cupwriter.New(fromFirstColumn{out}, false)
	if file, ok := out.(*os.File); ok {
		drawn.SetTermFd(int(file.Fd()))
	}
	return drawn
}

// fromFirstColumn begins each frame in the first column: the terminal echoes
// ctrl-C as two characters, which would push the frame aside.
type fromFirstColumn struct{ out io.Writer }

func (w fromFirstColumn) Write(frame []byte) (int, error) {
	n, err := w.out.Write(append([]byte{'\r'}, frame...))
	return max(0, n-1), err
}

package cli

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
)

// watch follows the tasks of one run through the client's events and shows
// them until it is stopped.
type watch struct {
	label  string
	kinds  catalogue
	screen screen
	out    *console
	pause  time.Duration // of a plain display between lines about progress alone
	// write, when set, takes what --json writes.
	write func(eventLine)
	// refused is called when a task waits for a login that nobody will make
	// while this program runs.
	refused func()

	mu      sync.Mutex
	model   *view
	shown   int       // failures that got a line
	told    time.Time // end of the last pause that got a line
	said    string    // what the last line of a plain display was about
	last    string    // line of a plain display
	changed bool      // since then

	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// maxFailureLines is how many failures get a line while the tasks run. All of
// them are in the report at the end.
const maxFailureLines = 20

// startWatch begins to follow tasks. silent follows them without showing them.
func (a *app) startWatch(ctx context.Context, client pixivoc.Client, label string, tasks []pixivoc.TaskInfo, silent bool, refused func()) *watch {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{
		label: label, kinds: newCatalogue(client.Types()), screen: a.screenOf(a.console.out), out: a.console, pause: a.plainPause,
		refused: refused, model: newView(tasks), cancel: cancel,
	}
	if a.events {
		silent = true
		w.write = func(line eventLine) { _ = a.printJSON(line) }
	}
	w.wg.Go(func() { w.follow(ctx, client, silent) })
	switch {
	case silent:
	case w.screen.terminal:
		w.wg.Go(func() { w.showBars(ctx) })
	default:
		w.wg.Go(func() { w.showLines(ctx) })
	}
	return w
}

// stop ends the watch and returns when the screen is clean again.
func (w *watch) stop() {
	w.cancel()
	w.wg.Wait()
}

func (w *watch) follow(ctx context.Context, client pixivoc.Client, silent bool) {
	for event := range client.Events(ctx) {
		line := w.take(event)
		if w.write != nil {
			for _, each := range w.lines(event) {
				w.write(each)
			}
		}
		if line != "" && !silent {
			w.out.printf("%s", line)
		}
	}
}

// take updates the model. The result is a line to show, or "".
func (w *watch) take(event pixivoc.Event) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	switch event.Kind {
	case pixivoc.EventSnapshot:
		for _, info := range event.Tasks {
			w.update(info, now)
		}
		if w.model.limited.After(now) { // it began before the watch did
			return w.limit(now)
		}
	case pixivoc.EventLimited:
		w.model.limited, w.model.why = event.Until, event.Why
		return w.limit(now)
	case pixivoc.EventAccount:
		return "the site finds fault with the account: " + printable(event.Error)
	case pixivoc.EventItemFailed:
		if w.update(event.Task, now) && event.Item != nil {
			return w.failure(event.Task, *event.Item)
		}
	default:
		w.update(event.Task, now)
	}
	return ""
}

func (w *watch) update(info pixivoc.TaskInfo, now time.Time) bool {
	if !w.model.update(info, now) {
		return false
	}
	w.changed = true
	if info.State == pixivoc.StateWaitToken && w.refused != nil {
		w.refused()
		w.refused = nil
	}
	return true
}

// limit is the line about a time in which requests wait, or "" when there was
// one about a wait that is not over yet. A short one may be over before any
// display looks.
func (w *watch) limit(now time.Time) string {
	until := w.model.limited
	if until.IsZero() { // it ended early
		w.told = until
		return ""
	}
	if w.told.After(now) || !until.After(w.told) {
		return ""
	}
	w.told = until
	w.said, w.changed = saidLimited, false
	w.last = printable(w.label) + ": " + limitText(w.model.why, until, now)
	return w.last
}

// failure is the line about an item that can never be done.
func (w *watch) failure(info pixivoc.TaskInfo, item pixivoc.ItemStatus) string {
	w.shown++
	switch {
	case w.shown == maxFailureLines+1:
		return "... more of them are counted, and listed at the end"
	case w.shown > maxFailureLines:
		return ""
	}
	mark, st := "failed ", styleRed
	if w.kinds.notAvailable(info, item) {
		mark, st = "skipped", styleYellow
	}
	text := "  " + itemText(info.TypeName, item.Key) + "  " + printable(item.Reason)
	if detail := detailText(item.Detail); detail != "" {
		text += ": " + detail
	}
	if w.screen.terminal {
		text = strings.TrimPrefix(hang(mark+text, w.screen.width-1, len(mark)+2), mark)
	}
	return w.screen.paint(st, mark) + text
}

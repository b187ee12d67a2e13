package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
)

// eventsHelp describes --json of the commands that run tasks.
const eventsHelp = "what happens as JSON lines on standard output, a report at the end; see docs/cli.md"

// addEventsFlag defines --json for a command that runs tasks.
func (a *app) addEventsFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.events, "json", false, eventsHelp)
}

// eventLine is one thing that happened, as --json writes it. Which fields are
// set depends on Event, whose words are those of pixivoc.EventKind.
type eventLine struct {
	Event string              `json:"event"`
	At    time.Time           `json:"at"`
	Task  *pixivoc.TaskInfo   `json:"task,omitempty"`
	Item  *pixivoc.ItemStatus `json:"item,omitempty"`
	Until time.Time           `json:"until,omitzero"`
	Why   pixivoc.LimitReason `json:"why,omitempty"`
	Error string              `json:"error,omitempty"`
}

// lines are what --json writes about an event: what concerns the tasks of the
// run. A snapshot becomes a line for each of them.
func (w *watch) lines(event pixivoc.Event) []eventLine {
	line := eventLine{Event: string(event.Kind), At: event.At}
	switch event.Kind {
	case pixivoc.EventSnapshot:
		var all []eventLine
		for _, info := range event.Tasks {
			if w.model.has(info.TID) {
				all = append(all, eventLine{Event: string(pixivoc.EventTaskChanged), At: event.At, Task: &info})
			}
		}
		return all
	case pixivoc.EventLimited:
		line.Until, line.Why = event.Until, event.Why
	case pixivoc.EventAccount:
		line.Error = event.Error
	case pixivoc.EventToken:
	default:
		if !w.model.has(event.Task.TID) {
			return nil
		}
		line.Task, line.Item = &event.Task, event.Item
	}
	return []eventLine{line}
}

// reportLine is the last line of --json.
type reportLine struct {
	Event        string             `json:"event"` // "report"
	At           time.Time          `json:"at"`
	ExitCode     int                `json:"exit_code"`
	Tasks        []pixivoc.TaskInfo `json:"tasks"`
	Files        int                `json:"files"` // saved by this run
	Bytes        int64              `json:"bytes"`
	AllFiles     int                `json:"all_files"` // saved by all runs of these tasks
	AllBytes     int64              `json:"all_bytes"`
	ElapsedMS    int64              `json:"elapsed_ms"`
	Filtered     int                `json:"filtered"`
	NotAvailable int                `json:"not_available"`
	Failed       int                `json:"failed"`
	Previews     int                `json:"previews"`
	Missing      int                `json:"missing"`
	Pending      int                `json:"pending"`
	Folders      []string           `json:"folders,omitempty"`
}

func (r report) line(now time.Time) reportLine {
	return reportLine{
		Event: "report", At: now.UTC(), ExitCode: exitCode(r.verdict()), Tasks: r.infos,
		Files: r.files, Bytes: r.bytes, AllFiles: r.allFiles, AllBytes: r.allBytes, ElapsedMS: r.elapsed.Milliseconds(),
		Filtered: r.filtered, NotAvailable: r.skipped.count, Failed: r.failed.count, Previews: r.previews.count,
		Missing: r.missing.count, Pending: r.pending, Folders: r.folders(),
	}
}

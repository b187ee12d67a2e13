package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

func (a *app) tasksLogsCommand() *cobra.Command {
	var last int
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs TID [flags]",
		Short: "Show what a task did last, and what failed",
		Long: `Show the works that a task found and the files that it saved last, with their
times, and what failed for good. With --follow, what happens from then on, until
the task has come to an end; that is for tasks of a daemon (--remote).`,
		Example: `  pixivoc tasks logs 1767225600
  pixivoc --remote 127.0.0.1:13575 tasks logs 1767225600 --follow`,
		Args: usage(func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("name the TID of one task")
			}
			return nil
		}),
		ValidArgsFunction: a.completeTasks(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilInterrupt(cmd.Context())
			defer stop()
			return a.with(ctx, true, func(s *session) error {
				tasks, err := a.chosen(ctx, s, args, false, nil)
				if err != nil {
					return err
				}
				return a.showLogs(ctx, s, tasks[0], max(last, 0), follow)
			})
		},
	}
	cmd.Flags().IntVarP(&last, "lines", "n", 20, "`number` of the last things to show")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what happens")
	return cmd
}

func (a *app) showLogs(ctx context.Context, s *session, task pixivoc.Task, last int, follow bool) error {
	info, err := task.Info(ctx)
	if err != nil {
		return err
	}
	recent, err := lastRecords(ctx, task, last)
	if err != nil {
		return err
	}
	for _, record := range recent {
		if err := a.print(recordText(record) + "\n"); err != nil {
			return err
		}
	}
	for item, err := range task.Items(ctx, pixivoc.ItemQuery{State: pixivoc.ItemFailed}) {
		if err != nil {
			return err
		}
		if err := a.print(failureText(info, item, s.kinds) + "\n"); err != nil {
			return err
		}
	}
	if !follow {
		return a.print(fmt.Sprintf("%s: %s\n", info.State, stageTitle(info.StageName)))
	}
	return a.followLogs(ctx, s, task.ID())
}

// lastRecords returns the newest records of a task.
func lastRecords(ctx context.Context, task pixivoc.Task, count int) ([]pixivoc.Record, error) {
	var recent []pixivoc.Record
	for record, err := range task.Records(ctx, pixivoc.RecordQuery{}) {
		if err != nil {
			return nil, err
		}
		recent = append(recent, record)
		if len(recent) > 2*count+100 {
			recent = append(recent[:0], recent[len(recent)-count:]...)
		}
	}
	return recent[max(0, len(recent)-count):], nil
}

// recordText is a record in one line.
func recordText(record pixivoc.Record) string {
	at := record.At.Local().Format(time.DateTime) + "  "
	switch record.Kind {
	case pixivoc.RecordFile:
		if file, err := decodeRecord[pixivoc.File](record); err == nil {
			return at + "saved   " + printable(file.Name) + "  " + bytesText(file.Bytes)
		}
	case pixiv.RecordWork:
		if work, err := decodeRecord[pixiv.WorkRecord](record); err == nil {
			return at + "found   " + work.ID.String() + "  " + printable(work.Title)
		}
	case pixiv.RecordSkipped:
		if skipped, err := decodeRecord[pixiv.SkippedRecord](record); err == nil {
			return at + "passed  " + skipped.WorkID.String() + "  " + printable(skipped.Rule+" "+skipped.Detail)
		}
	}
	return at + printable(record.Kind) + "  " + keyText(record.Key)
}

func failureText(info pixivoc.TaskInfo, item pixivoc.ItemStatus, kinds catalogue) string {
	mark := "failed  "
	if kinds.notAvailable(info, item) {
		mark = "skipped "
	}
	return mark + itemText(info.TypeName, item.Key) + "  " + printable(item.Reason) + ": " + detailText(item.Detail)
}

// followLogs tells what happens to a task until it has come to an end.
func (a *app) followLogs(ctx context.Context, s *session, tid int64) error {
	said := ""
	for event := range s.client.Events(ctx) {
		info := event.Task
		for _, each := range event.Tasks { // of a snapshot
			if each.TID == tid {
				info = each
			}
		}
		if info.TID != tid {
			continue
		}
		text := ""
		switch event.Kind {
		case pixivoc.EventItemDone:
			if event.Item != nil {
				text = "done    " + itemText(info.TypeName, event.Item.Key)
			}
		case pixivoc.EventItemFailed:
			if event.Item != nil {
				text = failureText(info, *event.Item, s.kinds)
			}
		default:
			if state := string(info.State) + ": " + stageTitle(info.StageName); state != said {
				said, text = state, state
			}
		}
		if text != "" {
			if err := a.print(event.At.Local().Format(time.DateTime) + "  " + text + "\n"); err != nil {
				return err
			}
		}
		if !info.Running && info.State != pixivoc.StateQueued {
			return nil
		}
	}
	return nil
}

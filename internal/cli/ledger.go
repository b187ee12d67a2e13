package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

const reportLong = `Tell what became of everything that tasks found. Each work is counted once:

  saved      everything that was wanted of it is there
  filtered   not wanted, with the rule that says so
  masked     Pixiv shows a placeholder to this account
  deleted    gone at Pixiv
  forbidden  closed to this account
  failed     some of it could not be had, with the cause
  pending    still to be done
  lost       seen, and nothing tells what became of it

A task is complete when its lists were read to their end and nothing failed, is
pending or was lost. --list names each work.

The exit code is 0 when all tasks are complete, 2 when one is not.`

func (a *app) reportCommand() *cobra.Command {
	var all, list, asJSON bool
	cmd := &cobra.Command{
		Use:   "report TID ... [flags]",
		Short: "Tell what became of everything that tasks found",
		Long:  reportLong,
		Example: `  pixivoc report 1767225600
  pixivoc report --all
  pixivoc report 1767225600 --list --json | jq 'select(.fate == "failed")'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), true, func(s *session) error {
				tasks, err := a.chosen(cmd.Context(), s, args, all, anyTask)
				if err != nil {
					return err
				}
				return a.ledgers(cmd.Context(), tasks, list, asJSON)
			})
		},
		ValidArgsFunction: a.completeTasks(0),
	}
	cmd.Flags().BoolVar(&all, "all", false, "all tasks")
	cmd.Flags().BoolVar(&list, "list", false, "name each work with its fate")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object for each task; with --list one for each work, then the sum")
	cmd.Args = needArgsOr(&all, "the TID of a task, or --all")
	return cmd
}

func anyTask(pixivoc.TaskInfo) bool { return true }

func (a *app) ledgers(ctx context.Context, tasks []pixivoc.Task, list, asJSON bool) error {
	complete := true
	for i, task := range tasks {
		info, err := task.Info(ctx)
		if err != nil {
			return err
		}
		var each func(pixiv.LedgerEntry) error
		if list {
			each = func(entry pixiv.LedgerEntry) error { return a.printEntry(task.ID(), entry, asJSON) }
		}
		sum, err := pixiv.Report(ctx, task, each)
		if err != nil {
			return err
		}
		complete = complete && sum.Complete
		if asJSON {
			err = a.printJSON(struct {
				TID int64 `json:"tid"`
				pixiv.Ledger
			}{task.ID(), sum})
		} else {
			gap := ""
			if i > 0 || list {
				gap = "\n"
			}
			err = a.print(gap + ledgerText(info, sum, a.screenOf(a.stdout)))
		}
		if err != nil {
			return err
		}
	}
	if !complete {
		return &exitError{code: ExitPartial}
	}
	return nil
}

func (a *app) printEntry(tid int64, entry pixiv.LedgerEntry, asJSON bool) error {
	if asJSON {
		return a.printJSON(struct {
			TID int64 `json:"tid"`
			pixiv.LedgerEntry
		}{tid, entry})
	}
	name := entry.Work.String()
	if entry.Work == 0 {
		name = keyText(entry.Key)
	}
	line := fmt.Sprintf("%s  %s", pad(string(entry.Fate), tableLabel-4), name)
	if entry.Cause != "" {
		line += "  " + printable(entry.Cause)
	}
	if entry.Done > 0 && entry.Failed > 0 {
		line += fmt.Sprintf("  %d of %d pages", entry.Done, entry.Done+entry.Failed)
	}
	return a.print(line + "\n")
}

// ledgerText is the report on one task for a person.
func ledgerText(info pixivoc.TaskInfo, sum pixiv.Ledger, s screen) string {
	var b strings.Builder
	row := func(label, text string, st style) {
		fmt.Fprintf(&b, "%s %s\n", s.paint(styleStrong, pad(label, tableLabel-1)), s.paint(st, text))
	}
	row("Task", fmt.Sprintf("%d  %s %s", info.TID, info.TypeName, printable(info.TaskName)), stylePlain)
	row("Found", strconv.Itoa(sum.Seen), stylePlain)
	for _, fate := range []pixiv.Fate{
		pixiv.FateSaved, pixiv.FateFiltered, pixiv.FateMasked, pixiv.FateDeleted, pixiv.FateForbidden,
		pixiv.FateFailed, pixiv.FatePending, pixiv.FateLost,
	} {
		if sum.Fates[fate] == 0 && fate != pixiv.FateSaved {
			continue
		}
		text := strconv.Itoa(sum.Fates[fate])
		switch fate {
		case pixiv.FateFiltered:
			text += causes(sum.Filtered)
		case pixiv.FateFailed:
			text += causes(sum.Failed)
		}
		row("  "+string(fate), text, fateStyle(fate))
	}
	row("Files", strconv.Itoa(sum.Files), stylePlain)
	for _, count := range []struct {
		label string
		n     int
	}{
		{"  without record", sum.FilesMissing}, {"Lists failed", sum.ListingsFailed},
		{"Lists to read", sum.ListingsPending}, {"Lists cut off", sum.ListingsCut},
	} {
		if count.n > 0 {
			row(count.label, strconv.Itoa(count.n), styleRed)
		}
	}
	if sum.Complete {
		row("Complete", "yes", styleGreen)
	} else {
		row("Complete", "no", styleRed)
	}
	return b.String()
}

func causes(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", printable(name), counts[name]))
	}
	if len(parts) == 0 {
		return ""
	}
	return "  (" + strings.Join(parts, ", ") + ")"
}

func fateStyle(fate pixiv.Fate) style {
	switch fate {
	case pixiv.FateSaved:
		return styleGreen
	case pixiv.FateFailed, pixiv.FatePending, pixiv.FateLost:
		return styleRed
	}
	return styleYellow
}

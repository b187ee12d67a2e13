package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

const filterLong = `A filter is an expression that a work must meet to be fetched; it is given with
--filter. It works on what is recorded too: see "pixivoc export --filter".

  bookmarks >= 500 and tagged("landscape") and ai != "yes" and ratio > 1
  type == "manga" and pages >= 4 and pages <= 40
  not (title contains "WIP") and created > date("2026-01-31T00:00:00+09:00")

Operators are and, or, not, == != < <= > >=, in, contains, startsWith, endsWith,
matches, ?:, + - * / %. Each work that is passed over is recorded with the part
that it failed; "pixivoc report" counts them.

The fields, also shown by "pixivoc filter fields":

`

func (a *app) filterCommand() *cobra.Command {
	cmd := group("filter", "Try filters: which works are fetched", filterLong+filterFields(screen{}))
	cmd.Example = `  pixivoc filter check 'bookmarks >= 500 and ai != "yes"'
  pixivoc filter fields`
	cmd.AddCommand(a.filterCheckCommand(), &cobra.Command{
		Use: "fields", Short: "List the fields of filters", Args: noArgs(),
		Example: "  pixivoc filter fields",
		RunE: func(*cobra.Command, []string) error {
			return a.print(filterFields(a.screenOf(a.stdout)))
		},
	})
	return cmd
}

func filterFields(s screen) string {
	var rows [][]string
	for _, field := range pixiv.FilterFields() {
		rows = append(rows, []string{field.Name, field.Type, field.Title})
	}
	return columns(s, []string{"FIELD", "TYPE", "WHAT IT IS"}, rows)
}

func (a *app) filterCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check EXPRESSION [TID ...]",
		Short: "Say whether a filter is well written, and what it would choose",
		Long: `Say whether a filter is well written; the exit code is 1 when it is not. With
the TIDs of tasks, count how many of the works that they found would pass. Pixiv
is not asked.`,
		Example: `  pixivoc filter check 'bookmarks >= 500'
  pixivoc filter check 'bookmarks >= 500' 1767225600`,
		Args: needArgs("an expression, in quotes"),
		RunE: func(cmd *cobra.Command, args []string) error {
			filter, err := pixiv.ParseFilter(args[0])
			if err != nil {
				return filterError(args[0], err)
			}
			if len(args) == 1 {
				return a.print("The filter is well written.\n")
			}
			return a.with(cmd.Context(), true, func(s *session) error {
				return a.tryFilter(cmd.Context(), s, filter, args[1:])
			})
		},
		ValidArgsFunction: a.completeTasks(1),
	}
}

// filterError says where an expression is wrong.
func filterError(text string, err error) error {
	return advise(fmt.Errorf("the filter %q is wrong %s", shorten(printable(text), 120, screen{}), printable(err.Error())),
		"The fields and operators: pixivoc filter --help")
}

func (a *app) tryFilter(ctx context.Context, s *session, filter *pixiv.Filter, tids []string) error {
	tasks, err := a.chosen(ctx, s, tids, false, nil)
	if err != nil {
		return err
	}
	for _, task := range tasks {
		all, err := task.CountRecords(ctx, pixivoc.RecordQuery{Kind: pixiv.RecordWork})
		if err != nil {
			return err
		}
		passed := 0
		for _, err := range pixiv.SelectWorks(ctx, task, filter) {
			if err != nil {
				return err
			}
			passed++
		}
		if err := a.print(fmt.Sprintf("Task %d: %d of %s pass.\n", task.ID(), passed, plural(all, "work", "works"))); err != nil {
			return err
		}
	}
	return nil
}

// decodeRecord reads the data of a record.
func decodeRecord[T any](record pixivoc.Record) (value T, err error) {
	if err = json.Unmarshal(record.Data, &value); err != nil {
		err = fmt.Errorf("record %d: %w", record.Seq, err)
	}
	return value, err
}

package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

func (a *app) tasksShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "show TID",
		Short:             "Show a task: what it has done, and what failed and why",
		Example:           "  pixivoc tasks show 1767225600",
		ValidArgsFunction: a.completeTasks(0),
		Args: usage(func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("name the TID of one task")
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), true, func(s *session) error {
				tasks, err := a.chosen(cmd.Context(), s, args, false, nil)
				if err != nil {
					return err
				}
				return a.showTask(cmd.Context(), s, tasks[0], asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "the attributes, then each failed item, one JSON object a line")
	return cmd
}

func (a *app) showTask(ctx context.Context, s *session, task pixivoc.Task, asJSON bool) error {
	info, err := task.Info(ctx)
	if err != nil {
		return err
	}
	failed := task.Items(ctx, pixivoc.ItemQuery{State: pixivoc.ItemFailed})
	if asJSON {
		if err := a.printJSON(info); err != nil {
			return err
		}
		for item, err := range failed {
			if err != nil {
				return err
			}
			if err := a.printJSON(item); err != nil {
				return err
			}
		}
		return nil
	}
	counts, err := s.countItems(ctx, task)
	if err != nil {
		return err
	}
	place, err := taskPlace(ctx, task, info)
	if err != nil {
		return err
	}
	out := a.screenOf(a.stdout)
	if err := a.print(attributes(info, place, s.kinds[info.TypeName].Title, out) + "\n" + s.stageTable(info, counts, out)); err != nil {
		return err
	}
	if info.Failed == 0 {
		return nil
	}
	if err := a.print("\n" + out.paint(styleStrong, "Failed for good") + "\n"); err != nil {
		return err
	}
	for item, err := range failed {
		if err != nil {
			return err
		}
		line := fmt.Sprintf("  %s  %s", pad(printable(item.Reason), 10), itemText(info.TypeName, item.Key))
		if detail := detailText(item.Detail); detail != "" {
			line += "  " + detail
		}
		if err := a.print(hang(line, out.width-1, tableLabel-2) + "\n"); err != nil {
			return err
		}
	}
	return nil
}

// attributes lists what is known of a task.
func attributes(info pixivoc.TaskInfo, place, title string, s screen) string {
	var rows [][2]string
	row := func(label, text string) { rows = append(rows, [2]string{label, text}) }
	row("TID", strconv.FormatInt(info.TID, 10))
	row("Name", info.TaskName)
	row("Type", kindText(info.TypeName, title))
	row("Keyword", info.Keyword)
	row("State", string(info.State))
	row("Stage", stageTitle(info.StageName))
	row("Done", fmt.Sprintf("%d of %d", info.Now, info.Total))
	row("Failed", strconv.Itoa(info.Failed))
	row("Saved", bytesText(info.Bytes))
	row("Files are in", place)
	row("Group", info.Group)
	row("Made", timeText(info.CreatedAt))
	row("Ended", timeText(info.FinishedAt))
	row("Schedule", info.Schedule)
	row("Next run", timeText(info.NextRun))
	if info.Runs > 1 {
		row("Runs", strconv.Itoa(info.Runs))
	}
	row("Error", info.Error)
	return labelled(rows, s)
}

// kindText is the name of a task type with what it does.
func kindText(name, title string) string {
	if title == "" {
		return name
	}
	return name + " (" + title + ")"
}

func timeText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Local().Format(time.DateTime)
}

// stageTable counts the items of each stage, in the order of the stages.
func (s *session) stageTable(info pixivoc.TaskInfo, counts map[string]pixivoc.ItemCount, out screen) string {
	var rows [][]string
	row := func(name string) {
		count, known := counts[name]
		if !known {
			return
		}
		delete(counts, name)
		rows = append(rows, []string{
			printable(name), strconv.Itoa(count.Total), strconv.Itoa(count.Done),
			strconv.Itoa(count.Pending), strconv.Itoa(count.Failed),
		})
	}
	for _, name := range s.kinds.stages(info.TypeName) {
		row(name)
	}
	for name := range counts { // of a task type that this version does not have
		row(name)
	}
	return columns(out, []string{"STAGE", "ITEMS", "DONE", "PENDING", "FAILED"}, rows)
}

// taskPlace is the folder in which the files of a task are: the one below the
// save path that is named like the task, or the save path itself where a
// template leads elsewhere.
func taskPlace(ctx context.Context, task pixivoc.Task, info pixivoc.TaskInfo) (string, error) {
	folder := taskFolder(info)
	if folder == info.SavePath {
		return folder, nil
	}
	for record, err := range task.Records(ctx, pixivoc.RecordQuery{Kind: pixivoc.RecordFile}) {
		if err != nil {
			return "", err
		}
		file, err := decodeRecord[pixivoc.File](record)
		if top, _, below := strings.Cut(file.Name, "/"); err != nil || !below || top != info.TaskName {
			return info.SavePath, err
		}
		break
	}
	return folder, nil
}

// taskFolder is the folder in which the files of a task are when no template
// says otherwise, "" for a task that saves none.
func taskFolder(info pixivoc.TaskInfo) string {
	if info.SavePath == "" || info.TypeName == pixiv.Links {
		return info.SavePath
	}
	return filepath.Join(info.SavePath, info.TaskName)
}

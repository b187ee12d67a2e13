package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
)

const tasksLong = `See and manage the tasks that the commands which fetch have made.

A task is kept until it is removed; the command that made it goes on with it.
Tasks are in the data folder, which one process at a time can use.`

func (a *app) tasksCommand() *cobra.Command {
	cmd := group("tasks", "See and manage tasks", tasksLong)
	cmd.Example = `  pixivoc tasks list
  pixivoc tasks show 1767225600
  pixivoc tasks start --all`
	cmd.AddCommand(a.tasksListCommand(), a.tasksShowCommand(), a.tasksStartCommand(),
		a.tasksStopCommand(), a.tasksRemoveCommand(), a.tasksLogsCommand())
	return cmd
}

func (a *app) tasksListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the tasks",
		Example: "  pixivoc tasks list\n  pixivoc tasks list --json | jq .tid",
		Args:    noArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), true, func(s *session) error {
				return a.listTasks(cmd.Context(), s, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return cmd
}

func (a *app) listTasks(ctx context.Context, s *session, asJSON bool) error {
	var rows [][]string
	for info, err := range s.client.Tasks(ctx) {
		if err != nil {
			return fmt.Errorf("list tasks: %w", err)
		}
		if asJSON {
			if err := a.printJSON(info); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{
			strconv.FormatInt(info.TID, 10), string(info.State), info.TypeName, printable(info.TaskName),
			fmt.Sprintf("%d/%d", info.Now, info.Total), strconv.Itoa(info.Failed),
			bytesText(info.Bytes), printable(taskFolder(info)),
		})
	}
	switch {
	case asJSON:
		return nil
	case len(rows) == 0:
		return a.print("There are no tasks. To make one: pixivoc user ID, pixivoc get ID, or pixivoc links.\n")
	}
	heading := []string{"TID", "STATE", "TYPE", "NAME", "DONE", "FAILED", "SAVED", "FOLDER"}
	return a.print(columns(a.screenOf(a.stdout), heading, rows))
}

func (a *app) tasksStartCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "start TID ... [flags]",
		Short: "Go on with tasks and wait until they are done",
		Long: `Go on with tasks that are not over, and show how they get on until they are
done. One that gave up is tried again.

` + exitCodesHelp,
		Example:           "  pixivoc tasks start 1767225600\n  pixivoc tasks start --all",
		ValidArgsFunction: a.completeTasks(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), true, func(s *session) error {
				tasks, err := a.chosen(cmd.Context(), s, args, all, func(info pixivoc.TaskInfo) bool { return !ended(info) })
				if err != nil || len(tasks) == 0 {
					return err
				}
				return a.startTasks(cmd.Context(), s, tasks)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all tasks that are not over")
	cmd.Args = needArgsOr(&all, "the TID of a task, or --all")
	a.addEventsFlag(cmd)
	a.set.addGuaranteeFlags(cmd.Flags())
	return onRoad(cmd)
}

func (a *app) startTasks(ctx context.Context, s *session, tasks []pixivoc.Task) error {
	needsLogin := false
	for _, task := range tasks {
		info, err := task.Info(ctx)
		if err != nil {
			return err
		}
		needsLogin = needsLogin || (s.kinds.needsLogin(info.TypeName) && !info.Over)
	}
	if needsLogin {
		if err := a.ensureLogin(ctx, s.client); err != nil {
			return err
		}
	}
	label := fmt.Sprintf("task %d", tasks[0].ID())
	if len(tasks) > 1 {
		label = plural(len(tasks), "task", "tasks")
	}
	return a.runJob(ctx, s, job{label: label, tasks: tasks, again: "give the same command"})
}

func (a *app) tasksStopCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stop TID ...",
		Short: "Mark tasks as stopped",
		Long: `Mark tasks as stopped, so that they are not taken for unfinished work. A task
that a running pixivoc is at work on is stopped there, with ctrl-C.`,
		Example:           "  pixivoc tasks stop 1767225600",
		ValidArgsFunction: a.completeTasks(0),
		Args:              needArgs("the TID of a task"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), true, func(s *session) error {
				tasks, err := a.chosen(cmd.Context(), s, args, false, nil)
				if err != nil {
					return err
				}
				for _, task := range tasks {
					if err := task.Stop(cmd.Context()); err != nil {
						return err
					}
					info, err := task.Info(cmd.Context())
					if err != nil {
						return err
					}
					if err := a.print(fmt.Sprintf("Task %d (%s) is %s.\n", info.TID, printable(info.TaskName), info.State)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func (a *app) tasksRemoveCommand() *cobra.Command {
	var over, files bool
	cmd := &cobra.Command{
		Use:     "rm TID ... [flags]",
		Aliases: []string{"remove"},
		Short:   "Remove tasks; the files stay unless --files is given",
		Long: `Remove tasks with what is known of them. The files they saved stay, unless
--files is given; then begun files go too, and files that were there before
stay. A work that is fetched again later is not downloaded again where its
files are whole.`,
		ValidArgsFunction: a.completeTasks(0),
		Example:           "  pixivoc tasks rm 1767225600\n  pixivoc tasks rm --over\n  pixivoc tasks rm 1767225600 --files",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), true, func(s *session) error {
				tasks, err := a.chosen(cmd.Context(), s, args, over, func(info pixivoc.TaskInfo) bool { return info.Over })
				if err != nil {
					return err
				}
				for _, task := range tasks {
					if err := task.Delete(cmd.Context(), pixivoc.DeleteOptions{Files: files}); err != nil {
						return err
					}
					if err := a.print(fmt.Sprintf("Removed task %d.\n", task.ID())); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&over, "over", false, "all tasks that are over")
	cmd.Flags().BoolVar(&files, "files", false, "remove the files that they saved and began too")
	cmd.Args = needArgsOr(&over, "the TID of a task, or --over")
	return cmd
}

// needArgsOr asks for arguments or for a flag that stands for many.
func needArgsOr(many *bool, what string) cobra.PositionalArgs {
	return usage(func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 && !*many:
			return errors.New("name " + what)
		case len(args) > 0 && *many:
			return errors.New("name either " + what + ", not both")
		}
		return nil
	})
}

// chosen returns the tasks that the arguments name, or all that fit. No task
// is returned when one of the arguments is wrong.
func (a *app) chosen(ctx context.Context, s *session, args []string, all bool, fits func(pixivoc.TaskInfo) bool) ([]pixivoc.Task, error) {
	var tasks []pixivoc.Task
	if all {
		for info, err := range s.client.Tasks(ctx) {
			if err != nil {
				return nil, fmt.Errorf("list tasks: %w", err)
			}
			if !fits(info) {
				continue
			}
			task, err := s.client.Task(ctx, info.TID)
			if err != nil {
				return nil, err
			}
			tasks = append(tasks, task)
		}
		if len(tasks) == 0 {
			return nil, a.print("There is no such task.\n")
		}
		return tasks, nil
	}
	for _, arg := range args {
		tid, err := strconv.ParseInt(arg, 10, 64)
		if err != nil {
			return nil, advise(fmt.Errorf("%q is not a TID", printable(arg)), "The TIDs are shown by: pixivoc tasks list")
		}
		task, err := s.client.Task(ctx, tid)
		if errors.Is(err, pixivoc.ErrTaskNotFound) || errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("task %d: %w", tid, pixivoc.ErrTaskNotFound)
		}
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, task)
	}
	return tasks, nil
}

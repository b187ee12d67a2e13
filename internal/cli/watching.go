package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
)

const watchLong = `Tasks that look for what is new again and again: a user, bookmarks, a search, the
feed, a ranking. A schedule is

  every 6h                   so long after the end of each run: 1m to 1y; 2d, 1w
  30 4 * * mon-fri           a cron line: minute, hour, day, month, day of week
  TZ=Asia/Tokyo 0 12 * * *   by another clock than that of the machine

Schedules are obeyed while "pixivoc watch run" or a daemon runs. Without either,
"pixivoc watch now --due" does what is due and ends; cron and the like can call
it. A run that was missed is made up for once.`

func (a *app) watchCommand() *cobra.Command {
	cmd := group("watch", "Look for what is new again and again", watchLong)
	cmd.Example = `  pixivoc watch add https://www.pixiv.net/users/11 --schedule "every 6h"
  pixivoc watch list
  pixivoc watch run`
	cmd.AddCommand(a.watchAddCommand(), a.watchListCommand(), a.watchSetCommand(), a.watchNowCommand(), a.watchRunCommand())
	return cmd
}

func (a *app) watchAddCommand() *cobra.Command {
	var schedule string
	cmd := &cobra.Command{
		Use:   "add LINK|ID ... [flags]",
		Short: "Give what links lead to a schedule",
		Long: `Make tasks of what links lead to, as "pixivoc get" does, with a schedule. They
run for the first time with "pixivoc watch run", "watch now" or, at a daemon, at
once. A task that is there already gets the schedule.`,
		Example: `  pixivoc watch add https://www.pixiv.net/users/11 --schedule "every 6h"
  pixivoc watch add https://www.pixiv.net/tags/sky --filter "bookmarks > 500"
  pixivoc watch add https://www.pixiv.net/ranking.php --schedule "0 13 * * *"`,
		Args: needArgs("at least one link"),
	}
	o := a.newOrder(cmd)
	cmd.Flags().StringVar(&schedule, "schedule", "every 1d", "`when` to look; see: pixivoc watch --help")
	complete(cmd, "schedule", "every 6h", "every 1d", "every 1w", "30 4 * * *")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		specs, err := resolveAll(args)
		if err == nil {
			specs, err = o.complete(specs)
		}
		if err != nil {
			return err
		}
		return a.with(cmd.Context(), true, func(s *session) error {
			return a.addWatches(cmd.Context(), s, specs, schedule)
		})
	}
	return cmd
}

func (a *app) addWatches(ctx context.Context, s *session, specs []pixivoc.TaskSpec, schedule string) error {
	for _, spec := range specs {
		spec.Schedule = schedule
		task, err := s.client.Create(ctx, spec)
		if err != nil {
			return err
		}
		if err := task.SetSchedule(ctx, schedule); err != nil {
			return err
		}
		if s.remote != "" {
			if err := task.Start(ctx); err != nil {
				return err
			}
		}
		info, err := task.Info(ctx)
		if err != nil {
			return err
		}
		if a.events {
			err = a.printJSON(info)
		} else {
			err = a.print(fmt.Sprintf("Task %d (%s %s): %s.\n", info.TID, info.TypeName, printable(info.TaskName), info.Schedule))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *app) watchListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the tasks with a schedule", Args: noArgs(),
		Example: "  pixivoc watch list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), true, func(s *session) error {
				var rows [][]string
				for info, err := range s.client.Tasks(cmd.Context()) {
					switch {
					case err != nil:
						return err
					case info.Schedule == "":
					case asJSON:
						if err := a.printJSON(info); err != nil {
							return err
						}
					default:
						rows = append(rows, []string{
							strconv.FormatInt(info.TID, 10), string(info.State), nextText(info, time.Now()), strconv.Itoa(info.Runs),
							info.Schedule, info.TypeName, printable(info.TaskName),
						})
					}
				}
				switch {
				case asJSON:
					return nil
				case len(rows) == 0:
					return a.print("No task has a schedule. To give one: pixivoc watch add LINK --schedule \"every 6h\"\n")
				}
				return a.print(columns(a.screenOf(a.stdout), []string{"TID", "STATE", "NEXT", "RUNS", "SCHEDULE", "TYPE", "NAME"}, rows))
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return cmd
}

// nextText says when a task runs next.
func nextText(info pixivoc.TaskInfo, now time.Time) string {
	switch {
	case info.Running:
		return "runs"
	case info.State == pixivoc.StateStopped:
		return "rests"
	case info.NextRun.IsZero(), !info.NextRun.After(now):
		return "due"
	}
	return clockText(info.NextRun, now)
}

func (a *app) watchSetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "set TID SCHEDULE",
		Short: "Change the schedule of a task, or take it away",
		Long:  `Change the schedule of a task. "none" takes it away; the task stays.`,
		Example: `  pixivoc watch set 1767225600 "every 12h"
  pixivoc watch set 1767225600 none`,
		Args: usage(func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New(`name a TID and a schedule in quotes, as "every 6h", or none`)
			}
			return nil
		}),
		ValidArgsFunction: a.completeTasks(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			schedule := args[1]
			if schedule == "none" {
				schedule = ""
			}
			return a.with(cmd.Context(), true, func(s *session) error {
				tasks, err := a.chosen(cmd.Context(), s, args[:1], false, nil)
				if err != nil {
					return err
				}
				if err := tasks[0].SetSchedule(cmd.Context(), schedule); err != nil {
					return err
				}
				info, err := tasks[0].Info(cmd.Context())
				if err != nil {
					return err
				}
				text := info.Schedule
				if text == "" {
					text = "no schedule"
				}
				return a.print(fmt.Sprintf("Task %d: %s.\n", info.TID, text))
			})
		},
	}
}

func (a *app) watchNowCommand() *cobra.Command {
	var due, all bool
	cmd := &cobra.Command{
		Use:   "now TID ... [flags]",
		Short: "Run scheduled tasks now, and wait until they are done",
		Long: `Run tasks with a schedule now, and show how they get on. --due takes those whose
time has come, and no others.

` + exitCodesHelp,
		Example:           "  pixivoc watch now --due --quiet\n  pixivoc watch now 1767225600",
		ValidArgsFunction: a.completeTasks(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), true, func(s *session) error {
				tasks, err := a.chosen(cmd.Context(), s, args, due || all, func(info pixivoc.TaskInfo) bool {
					return info.Schedule != "" && info.State != pixivoc.StateStopped && (all || nextText(info, time.Now()) == "due")
				})
				if err != nil || len(tasks) == 0 {
					return err
				}
				return a.startTasks(cmd.Context(), s, tasks)
			})
		},
	}
	cmd.Flags().BoolVar(&due, "due", false, "all tasks whose time has come")
	cmd.Flags().BoolVar(&all, "all", false, "all tasks with a schedule")
	cmd.MarkFlagsMutuallyExclusive("due", "all")
	cmd.Args = usage(func(_ *cobra.Command, args []string) error {
		if (len(args) > 0) == (due || all) {
			return errors.New("name either the TID of a task, or --due, or --all")
		}
		return nil
	})
	a.addEventsFlag(cmd)
	a.set.addGuaranteeFlags(cmd.Flags())
	return onRoad(cmd)
}

func (a *app) watchRunCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Obey the schedules until ctrl-C",
		Long: `Stay and run each task with a schedule when its time has come, until ctrl-C or
SIGTERM. What was running when the last process ended goes on as well.`,
		Example: "  pixivoc watch run",
		Args:    noArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.remote() != "" {
				return errors.New("the daemon obeys the schedules by itself; watch run is for this machine, without --remote")
			}
			ctx, stop := untilInterrupt(cmd.Context())
			defer stop()
			return a.watchRun(ctx)
		},
	}
	a.set.addGuaranteeFlags(cmd.Flags())
	return onRoad(cmd)
}

func (a *app) watchRun(ctx context.Context) (err error) {
	folder, err := a.dataFolder()
	if err != nil {
		return err
	}
	config := pixivoc.Config{AutoStart: true}
	if config.Env, err = a.set.override(); err != nil {
		return err
	}
	s, err := a.openFolder(ctx, folder, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	if err := a.ensureLogin(ctx, s.client); err != nil {
		return err
	}
	if err := startNew(ctx, s.client); err != nil {
		return err
	}
	told := map[int64]pixivoc.State{}
	for event := range s.client.Events(ctx) {
		line := watchLine(event, s.kinds)
		if state := event.Task.State; state != "" && state != told[event.Task.TID] {
			told[event.Task.TID] = state
			line = stateLine(event.Task, event.At)
		}
		if line != "" {
			a.console.printf("%s  %s", event.At.Local().Format(time.DateTime), line)
		}
	}
	a.console.printf("Stopping ...")
	return nil
}

// stateLine is what is told when the state of a task changes.
func stateLine(info pixivoc.TaskInfo, now time.Time) string {
	name := printable(info.TypeName + " " + info.TaskName)
	switch info.State {
	case pixivoc.StateDownloading:
		return name + ": begins"
	case pixivoc.StateWaitToken:
		return name + ": waits for a login"
	case pixivoc.StateDiskFull:
		return name + ": waits for room on the disk"
	case pixivoc.StateScheduled, pixivoc.StateOver, pixivoc.StateError:
		line := fmt.Sprintf("%s: %d of %d done, %d not saved, %s in all", name, info.Now, info.Total, info.Failed, bytesText(info.Bytes))
		if info.Error != "" {
			line += "; " + printable(info.Error)
		}
		if !info.NextRun.IsZero() {
			line += "; next at " + clockText(info.NextRun, now)
		}
		return line
	}
	return ""
}

// startNew starts the tasks with a schedule that never ran: their first run
// begins with Start.
func startNew(ctx context.Context, client pixivoc.Client) error {
	for info, err := range client.Tasks(ctx) {
		if err != nil {
			return err
		}
		if info.Schedule == "" || info.State != pixivoc.StateWaitStart {
			continue
		}
		task, err := client.Task(ctx, info.TID)
		if err == nil {
			err = task.Start(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// watchLine is what is told of an event while schedules are obeyed.
func watchLine(event pixivoc.Event, kinds catalogue) string {
	name := printable(event.Task.TypeName + " " + event.Task.TaskName)
	switch event.Kind {
	case pixivoc.EventItemFailed:
		if event.Item == nil || kinds.notAvailable(event.Task, *event.Item) {
			return ""
		}
		return strings.TrimSpace(fmt.Sprintf("%s: %s failed: %s", name, itemText(event.Task.TypeName, event.Item.Key), printable(event.Item.Reason)))
	case pixivoc.EventLimited:
		if event.Until.After(event.At) {
			return limitText(event.Why, event.Until, event.At)
		}
	case pixivoc.EventAccount:
		return "the site finds fault with the account, and all tasks were stopped: " + printable(event.Error)
	}
	return ""
}

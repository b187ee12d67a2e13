package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
)

// completionWait bounds how long a key press may take.
const completionWait = 2 * time.Second

// completeTasks offers the TIDs of tasks for the arguments from the first-th on.
// Nothing is offered while another process has the data folder.
func (a *app) completeTasks(first int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		const none = cobra.ShellCompDirectiveNoFileComp
		if len(args) < first || a.set.fill(cmd, a.environ) != nil {
			return nil, none
		}
		given := map[string]bool{}
		for _, arg := range args {
			given[arg] = true
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionWait)
		defer cancel()
		var offers []string
		_ = a.with(ctx, false, func(s *session) error {
			for info, err := range s.client.Tasks(ctx) {
				if err != nil {
					return err
				}
				if tid := fmt.Sprint(info.TID); !given[tid] {
					offers = append(offers, tid+"\t"+describeTask(info))
				}
			}
			return nil
		})
		return offers, none | cobra.ShellCompDirectiveKeepOrder
	}
}

func describeTask(info pixivoc.TaskInfo) string {
	return printable(fmt.Sprintf("%s %s, %s", info.TypeName, info.TaskName, info.State))
}

// completeSettings offers the names of settings, with a mark behind them.
func completeSettings(mark string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		directive := cobra.ShellCompDirectiveNoFileComp
		if mark != "" {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		var names []string
		for _, entry := range envEntries() {
			names = append(names, entry.name+mark)
		}
		return names, directive
	}
}

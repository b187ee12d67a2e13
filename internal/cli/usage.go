package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// showUsage writes what stands under the description in the help of a command.
func showUsage(cmd *cobra.Command) error {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if cmd.Runnable() && !cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", strings.TrimRight(cmd.Example, "\n"))
	}
	usageCommands(&b, cmd)
	usageFlags(&b, cmd)
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\nHelp for a command: %s COMMAND --help\n", cmd.CommandPath())
	}
	_, err := io.WriteString(cmd.OutOrStderr(), b.String())
	return err
}

func usageCommands(b *strings.Builder, cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	list := func(title, group string) {
		fmt.Fprintf(b, "\n%s\n", title)
		for _, sub := range cmd.Commands() {
			if sub.GroupID == group && (sub.IsAvailableCommand() || sub.Name() == "help") {
				fmt.Fprintf(b, "  %-*s %s\n", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	if len(cmd.Groups()) == 0 {
		list("Commands:", "")
		return
	}
	for _, group := range cmd.Groups() {
		list(group.Title, group.ID)
	}
}

// helpWidth is how wide the help is.
const helpWidth = 80

// roadFlags is the annotation of a command that names which of the flags about
// road and pace mean something to it.
const roadFlags = "pixivoc_road"

// onRoad says that a command goes to the site and obeys these flags, or all.
func onRoad(cmd *cobra.Command, flags ...string) *cobra.Command {
	cmd.Annotations = map[string]string{roadFlags: strings.Join(flags, " ")}
	return cmd
}

// shows says whether the help of a command shows a flag.
func shows(cmd *cobra.Command, flag *pflag.Flag, group string) bool {
	if groupOf(flag) != group {
		return false
	}
	if group != groupRoad || !cmd.HasParent() {
		return true
	}
	names, obeys := cmd.Annotations[roadFlags]
	return obeys && (names == "" || slices.Contains(strings.Fields(names), flag.Name))
}

func groupOf(flag *pflag.Flag) string { return strings.Join(flag.Annotations[flagGroup], "") }

// usageFlags writes the flags of a command under headings, its own first, and
// the variables that may stand for them.
func usageFlags(b *strings.Builder, cmd *cobra.Command) {
	headings := []struct{ group, title string }{
		{"", "Flags:"},
		{groupWorks, "Which works, and where:"},
		{groupDownload, "Files:"},
		{groupRoad, "Road and pace, for this run (to save them: pixivoc env set):"},
		{groupOutput, "Everywhere:"},
	}
	var variables []string
	for _, heading := range headings {
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		set.SortFlags = false
		add := func(flag *pflag.Flag) {
			if !shows(cmd, flag, heading.group) {
				return
			}
			set.AddFlag(flag)
			if hasVariable(flag) && !flag.Hidden {
				variables = append(variables, variable(flag.Name))
			}
		}
		cmd.LocalFlags().VisitAll(add)
		cmd.InheritedFlags().VisitAll(add)
		if set.HasAvailableFlags() {
			fmt.Fprintf(b, "\n%s\n%s", heading.title, set.FlagUsagesWrapped(helpWidth))
		}
	}
	if len(variables) > 0 {
		fmt.Fprintf(b, "\nVariables that may stand for flags, which win over them:\n  %s\n",
			wrap(strings.Join(variables, " "), helpWidth-2, "  "))
	}
}

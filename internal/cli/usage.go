package cli

import (
	"fmt"
	"io"
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

// usageFlags writes the flags of a command under headings: its own first.
func usageFlags(b *strings.Builder, cmd *cobra.Command) {
	headings := []struct{ group, title string }{
		{"", "Flags:"},
		{groupDownload, "Files:"},
		{groupRoad, "Road and pace, for this run (to save them: pixivoc env set):"},
		{groupOutput, "Everywhere:"},
	}
	common := false
	for _, heading := range headings {
		if heading.group == groupRoad && cmd.HasParent() && cmd.HasAvailableSubCommands() {
			continue // its commands show them
		}
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		set.SortFlags = false
		add := func(flag *pflag.Flag) {
			if strings.Join(flag.Annotations[flagGroup], "") == heading.group {
				set.AddFlag(flag)
			}
		}
		cmd.LocalFlags().VisitAll(add)
		cmd.InheritedFlags().VisitAll(add)
		if set.HasAvailableFlags() {
			fmt.Fprintf(b, "\n%s\n%s", heading.title, set.FlagUsagesWrapped(helpWidth))
			common = common || heading.group != ""
		}
	}
	if common {
		b.WriteString("\nA flag under the headings after the first can also be set by a variable:\n" +
			"PIXIVOC_DATA for --data. A flag wins over its variable.\n")
	}
}

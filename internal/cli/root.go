package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootLong = `pixivoc fetches works from Pixiv in original quality. What was begun is never
lost: after ctrl-C, a crash or a power cut the same command goes on.

A first look, without network or account:
  pixivoc demo

With an account:
  pixivoc login
  pixivoc get https://www.pixiv.net/artworks/59580629
  pixivoc user 11 -o ~/Pictures/pixiv`

// The groups of commands, for the help.
const (
	groupFetch  = "fetch"
	groupLogin  = "login"
	groupManage = "manage"
)

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "pixivoc",
		Short:         "Fetch works from Pixiv; what was begun is never lost",
		Long:          rootLong,
		Version:       versionText(),
		Args:          cobra.ArbitraryArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.set.fill(cmd, a.environ)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	a.set.addFlags(root.PersistentFlags())
	root.AddGroup(
		&cobra.Group{ID: groupFetch, Title: "Fetch:"},
		&cobra.Group{ID: groupLogin, Title: "Log in:"},
		&cobra.Group{ID: groupManage, Title: "Manage:"})
	a.addTo(root, groupFetch, a.demoCommand(), a.getCommand(), a.userCommand(), a.bookmarksCommand(), a.feedCommand(),
		a.rankingCommand(), a.searchCommand(), a.seriesCommand(), a.novelCommand(), a.relatedCommand(), a.recommendedCommand(),
		a.followingCommand(), a.detailsCommand(), a.linksCommand())
	a.addTo(root, groupLogin, a.loginCommand(), a.logoutCommand(), a.whoamiCommand())
	a.addTo(root, groupManage, a.tasksCommand(), a.watchCommand(), a.reportCommand(), a.verifyCommand(), a.exportCommand(), a.importCommand(), a.ugoiraCommand(),
		a.pathCommand(), a.filterCommand(), a.envCommand(), a.doctorCommand(), a.manCommand(), a.versionCommand())
	root.AddCommand(a.fakeCommand())
	root.SetHelpCommand(helpCommand())
	root.SetHelpCommandGroupID(groupManage)
	root.SetCompletionCommandGroupID(groupManage)
	root.SetUsageFunc(showUsage)
	root.SetVersionTemplate("{{.Version}}\n")
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
			err = valueError("--"+wrong.GetFlag().Name, wrong.GetFlag(), wrong.GetValue(), wrong.Unwrap())
		}
		return &usageError{cmd.CommandPath(), err}
	})
	return root
}

// helpCommand refuses a command that is not there as the root command does.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Help about any command",
		Long:    "Show the help of a command, as COMMAND --help does.",
		Example: "  pixivoc help user\n  pixivoc help tasks show",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 && found.HasAvailableSubCommands() {
				return unknownCommand(found, rest[0])
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if found, rest, err := cmd.Root().Find(args); err == nil && len(rest) == 0 {
				for _, sub := range found.Commands() {
					if sub.IsAvailableCommand() {
						names = append(names, sub.Name()+"\t"+sub.Short)
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

func (a *app) addTo(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, command := range commands {
		command.GroupID = group
		root.AddCommand(command)
	}
}

// unknownCommand names the commands that may have been meant.
func unknownCommand(cmd *cobra.Command, name string) error {
	text := fmt.Sprintf("there is no command %q", name)
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		text += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return &usageError{cmd.CommandPath(), errors.New(text)}
}

// usage wraps a check of arguments, so that its error points to the help.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &usageError{cmd.CommandPath(), err}
		}
		return nil
	}
}

// needArgs asks for at least one argument and says which.
func needArgs(what string) cobra.PositionalArgs {
	return usage(func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return errors.New("name " + what)
		}
		return nil
	})
}

// noArgs refuses arguments.
func noArgs() cobra.PositionalArgs {
	return usage(func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("%s takes no arguments, not even %q", cmd.CommandPath(), args[0])
		}
		return nil
	})
}

// group returns a command that only holds others.
func group(use, short, long string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.ArbitraryArgs, SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
}

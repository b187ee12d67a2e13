package cli

import "github.com/spf13/cobra"

func (a *app) fakeCommand() *cobra.Command {
	return &cobra.Command{Use: "fake", Hidden: true, Run: func(*cobra.Command, []string) {}}
}

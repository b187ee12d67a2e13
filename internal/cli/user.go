package cli

import (
	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc/pixiv"
)

const userLong = `Fetch all works of a user, every page in original quality.

A user is named by the id or by the address of the profile. The files go to
FOLDER/ID, or to FOLDER/NAME with --name. The same command goes on after
ctrl-C or a crash; given again later it fetches what is new.

` + exitCodesHelp + `

Works that are deleted, masked or closed to the account are listed as not
available. They are no failure: nobody could fetch them. Where Pixiv cannot give
out an original, its largest preview is saved and listed under Previews.`

func (a *app) userCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "user LINK|ID ... [flags]",
		Short: "Fetch all works of a user",
		Long:  userLong,
		Example: `  pixivoc user https://www.pixiv.net/users/11
  pixivoc user 11 -o ~/Pictures --name "pixiv staff"
  pixivoc user 11 --interval 5s -j 2`,
		Args: needArgs("at least one user: the address of the profile or the id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			specs, err := a.specs(pixiv.UserWorks, args, name, pixiv.ParseUser)
			if err != nil {
				return err
			}
			label := "user " + specs[0].Keyword
			if len(specs) > 1 {
				label = plural(len(specs), "user", "users")
			}
			return a.fetch(cmd.Context(), label, specs)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "`folder` for the works, below the folder to save in")
	a.set.addDownloadFlags(cmd.Flags())
	return onRoad(cmd)
}

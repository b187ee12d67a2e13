package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

const getLong = `Fetch single works: every page of each, in original quality.

A work is named by its id or by its address, in any form that Pixiv uses. The
files go to FOLDER/ID; with --name all of them to FOLDER/NAME. What was begun
is kept in the data folder, so the same command goes on after ctrl-C or a
crash, and fetches nothing twice.

` + exitCodesHelp + `

A work that is deleted, masked or closed to the account counts as missing
here: it was asked for by name. Where Pixiv cannot give out an original, its
largest preview is saved; it is listed under Previews, and counts as partial.`

func (a *app) getCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "get LINK|ID ... [flags]",
		Short: "Fetch single works",
		Long:  getLong,
		Example: `  pixivoc get https://www.pixiv.net/artworks/59580629
  pixivoc get 59580629 44298467 -o ~/Pictures
  pixivoc get 59580629 44298467 --name favourites`,
		Args: needArgs("at least one work: its address or its id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			specs, err := a.specs(pixiv.SingleWork, args, name, pixiv.ParseWork)
			if err != nil {
				return err
			}
			label := "work " + specs[0].Keyword
			if len(specs) > 1 {
				label = plural(len(specs), "work", "works")
			}
			return a.fetch(cmd.Context(), label, specs)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "`folder` for all the works, below the folder to save in")
	a.set.addDownloadFlags(cmd.Flags())
	return onRoad(cmd)
}

// specs makes a task of that type for each id, each id once.
func (a *app) specs(kind string, args []string, name string, parse func(string) (pixiv.ID, error)) ([]pixivoc.TaskSpec, error) {
	folder, err := a.saveFolder()
	if err != nil {
		return nil, err
	}
	var specs []pixivoc.TaskSpec
	seen := map[pixiv.ID]bool{}
	for _, arg := range args {
		id, err := parse(arg)
		if err != nil {
			return nil, argumentError(arg, err)
		}
		if !seen[id] {
			seen[id] = true
			specs = append(specs, spec(kind, id, name, folder))
		}
	}
	return specs, nil
}

// spec describes a task for a work or a user. Its key makes the same command
// find the same task again.
func spec(kind string, id pixiv.ID, name, folder string) pixivoc.TaskSpec {
	if name == "" {
		name = id.String()
	}
	return pixivoc.TaskSpec{
		Type: kind, Name: name, Keyword: id.String(), SavePath: folder,
		Key: taskKey(kind, id.String(), filepath.Join(folder, name)),
	}
}

// taskKey joins what makes a command the same command.
func taskKey(parts ...string) string { return strings.Join(parts, "\n") }

// argumentError names the argument that was refused.
func argumentError(arg string, err error) error {
	return fmt.Errorf("%q %s", shorten(printable(arg), 80, screen{}), reasonText(err))
}

// reasonText is why a value was refused, without the name of its field.
func reasonText(err error) string {
	if field, ok := errors.AsType[*pixivoc.FieldError](err); ok {
		return printable(field.Reason)
	}
	return printable(err.Error())
}

// fetch creates tasks for which somebody must be logged in, and runs them.
func (a *app) fetch(ctx context.Context, label string, specs []pixivoc.TaskSpec) error {
	return a.with(ctx, true, func(s *session) error {
		if err := a.ensureLogin(ctx, s.client); err != nil {
			return err
		}
		j := job{label: label, again: "give the same command"}
		for _, spec := range specs {
			task, err := s.client.Create(ctx, spec)
			if err != nil {
				return err
			}
			j.tasks = append(j.tasks, task)
		}
		return a.runJob(ctx, s, j)
	})
}

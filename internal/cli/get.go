package cli

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

const getLong = `Fetch what links lead to: a work, a novel, a user, a series, bookmarks, a
ranking, a search, the feed. Every page comes in original quality.

A bare id is that of a work. The files of a work go to FOLDER/ID, those of other
things to a folder named like them; with --name all of them to FOLDER/NAME. What
was begun is kept in the data folder, so the same command goes on after ctrl-C
or a crash, and fetches nothing twice.

With -f a list of works and novels is read, ids and links apart by blanks, commas
or line feeds; lines that begin with # are passed over. They go to one folder.

` + exitCodesHelp + `

A work that is deleted, masked or closed to the account counts as missing
where it was asked for by name. Where Pixiv cannot give out an original, its
largest preview is saved; it is listed under Previews, and counts as partial.`

func (a *app) getCommand() *cobra.Command {
	var list string
	cmd := &cobra.Command{
		Use:   "get LINK|ID ... | -f FILE [flags]",
		Short: "Fetch what links lead to, or a list of works",
		Long:  getLong,
		Example: `  pixivoc get https://www.pixiv.net/artworks/59580629
  pixivoc get 59580629 44298467 -o ~/Pictures
  pixivoc get https://www.pixiv.net/users/11/bookmarks/artworks
  pixivoc get -f works.txt --name favourites
  pixivoc get 59580629 --pages "first 3" --path "{user.name}/{id}_p{page}"`,
		Args: needListOr(&list, "at least one link, or the id of a work, or a list with -f FILE"),
	}
	o := a.newOrder(cmd)
	cmd.Flags().StringVarP(&list, "file", "f", "", "`file` with a list of works and novels; - is standard input")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if list != "" {
			return a.getList(cmd.Context(), o, list)
		}
		return o.fetch(cmd.Context(), args, resolveAll)
	}
	return cmd
}

// needListOr asks for arguments or for a list of them.
func needListOr(list *string, what string) cobra.PositionalArgs {
	return usage(func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 && *list == "":
			return errors.New("name " + what)
		case len(args) > 0 && *list != "":
			return errors.New("name either " + what + ", not both")
		}
		return nil
	})
}

// resolveAll makes a task for each link.
func resolveAll(args []string) ([]pixivoc.TaskSpec, error) {
	var specs []pixivoc.TaskSpec
	for _, arg := range args {
		spec, err := pixiv.Resolve(arg)
		if err != nil && !strings.ContainsAny(arg, "./") {
			err = errors.New("is neither a link nor the id of a work")
		}
		if err != nil {
			return nil, argumentError(arg, err)
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

// getList fetches the works of a list.
func (a *app) getList(ctx context.Context, o *order, list string) error {
	input, name, err := a.openList(list)
	if err != nil {
		return err
	}
	defer func() { _ = input.Close() }()
	specs, err := o.complete([]pixivoc.TaskSpec{{Type: pixiv.WorkList, Name: pixivoc.CleanName(stem(name))}})
	if err != nil {
		return err
	}
	spec := specs[0]
	spec.Key = taskKey(spec.Key, name)
	spec.Input = input
	return a.with(ctx, true, func(s *session) error {
		if err := a.ensureLogin(ctx, s.client); err != nil {
			return err
		}
		return a.runList(ctx, s, spec, name, "A list names works and novels by ids and links. For addresses of pictures, use: pixivoc links;",
			"for everything else: pixivoc get LINK")
	})
}

// runList makes a task of a list and runs it.
func (a *app) runList(ctx context.Context, s *session, spec pixivoc.TaskSpec, name string, next ...string) error {
	task, err := s.client.Create(ctx, spec)
	if err != nil {
		return listError(name, err, next...)
	}
	return a.runJob(ctx, s, job{label: filepath.Base(name), tasks: []pixivoc.Task{task}, again: "give the same command"})
}

// stem is the name of a file without folder and extension.
func stem(name string) string {
	base := filepath.Base(name)
	if short := strings.TrimSuffix(base, filepath.Ext(base)); short != "" {
		return short
	}
	return base
}

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

const linksLong = `Fetch a plain list of picture addresses, one http or https address a line.

Nobody needs to be logged in, and any host is allowed. The files go straight
into the folder, under the names in their addresses; where another file has the
name already, both stay and the new one gets a hash of its address. The same
command goes on after ctrl-C or a crash; a line that was added to the list
meanwhile is fetched too.

` + exitCodesHelp

func (a *app) linksCommand() *cobra.Command {
	var list, referer string
	cmd := &cobra.Command{
		Use:   "links [-f FILE] [flags]",
		Short: "Fetch a list of picture addresses",
		Long:  linksLong,
		Example: `  pixivoc links -f urls.txt -o pictures -j 16
  some-program | pixivoc links -o pictures
  pixivoc links -f urls.txt -o pictures --no-sync --quiet`,
		Args: noArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.links(cmd.Context(), list, referer)
		},
	}
	cmd.Flags().StringVarP(&list, "file", "f", "-", "`file` with the addresses; - is standard input")
	cmd.Flags().StringVar(&referer, "referer", pixiv.DefaultReferer, "`address` to send as Referer; empty sends none")
	a.set.addDownloadFlags(cmd.Flags())
	markGroup(cmd.Flags(), groupDownload, "referer")
	a.addEventsFlag(cmd)
	return onRoad(cmd)
}

func (a *app) links(ctx context.Context, list, referer string) error {
	folder, err := a.saveFolder()
	if err != nil {
		return err
	}
	input, name, err := a.openList(list)
	if err != nil {
		return err
	}
	defer func() { _ = input.Close() }()
	options, err := json.Marshal(pixiv.LinksOptions{Referer: &referer})
	if err != nil {
		return fmt.Errorf("options of the task: %w", err)
	}
	return a.with(ctx, true, func(s *session) error {
		return a.runList(ctx, s, pixivoc.TaskSpec{
			Type:     pixiv.Links,
			Name:     pixivoc.CleanName(filepath.Base(name)),
			SavePath: folder,
			Options:  options,
			Input:    input,
			Key:      taskKey(pixiv.Links, name, folder, referer),
		}, name, "A list has an address of a picture in each line. For the pages of works, use: pixivoc get;",
			"for those of users: pixivoc user")
	})
}

// listError says what is wrong with a list.
func listError(name string, err error, next ...string) error {
	field, refused := errors.AsType[*pixivoc.FieldError](err)
	if !refused || field.Field != "Input" {
		return fmt.Errorf("list %s: %w", name, err)
	}
	return advise(fmt.Errorf("list %s: %s", name, reasonText(err)), next...)
}

// openList opens the list of addresses and names it for the key of the task.
func (a *app) openList(list string) (io.ReadCloser, string, error) {
	if list == "-" {
		if file, ok := a.stdin.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
			a.console.printf("Type one address a line; ctrl-D ends the list.")
		}
		return io.NopCloser(a.stdin), "stdin", nil
	}
	name, err := filepath.Abs(list)
	if err != nil {
		return nil, "", fmt.Errorf("list %s: %w", list, err)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, "", advise(fmt.Errorf("list: %w", err), "Name the list with -f FILE, or give it on standard input.")
	}
	if stat, err := file.Stat(); err == nil && stat.IsDir() {
		return nil, "", errors.Join(fmt.Errorf("list %s: is a folder", name), file.Close())
	}
	return file, name, nil
}

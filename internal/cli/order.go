package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

// order is what a command that fetches is asked for: the tasks to make or to
// find again, and the flags that they have in common.
type order struct {
	app   *app
	works workFlags
	name  string
}

// newOrder defines the flags that commands have which make tasks of works.
func (a *app) newOrder(cmd *cobra.Command) *order {
	o := &order{app: a}
	cmd.Flags().StringVar(&o.name, "name", "", "`folder` for the files, below the folder to save in")
	o.works.addWorkFlags(cmd)
	a.set.addDownloadFlags(cmd.Flags())
	a.addEventsFlag(cmd)
	onRoad(cmd)
	return o
}

// fetchCommand completes a command that makes tasks. specs turns its arguments
// into tasks with type, keyword, name and, where they are not those of all
// types, options.
func (a *app) fetchCommand(cmd *cobra.Command, specs func(args []string) ([]pixivoc.TaskSpec, error)) *cobra.Command {
	o := a.newOrder(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.fetch(cmd.Context(), args, specs) }
	return cmd
}

// plainCommand is fetchCommand for tasks that have no options.
func (a *app) plainCommand(cmd *cobra.Command, specs func(args []string) ([]pixivoc.TaskSpec, error)) *cobra.Command {
	o := &order{app: a}
	cmd.Flags().StringVar(&o.name, "name", "", "`folder` for the files, below the folder to save in")
	a.set.addDownloadFlags(cmd.Flags())
	a.addEventsFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.fetch(cmd.Context(), args, specs) }
	return onRoad(cmd)
}

func (o *order) fetch(ctx context.Context, args []string, specs func(args []string) ([]pixivoc.TaskSpec, error)) error {
	found, err := specs(args)
	if err != nil {
		return err
	}
	if found, err = o.complete(found); err != nil {
		return err
	}
	return o.app.fetch(ctx, found)
}

// complete fills in folder, name, options and key. Each task stays once.
func (o *order) complete(found []pixivoc.TaskSpec) ([]pixivoc.TaskSpec, error) {
	folder, err := o.app.saveFolder()
	if err != nil {
		return nil, err
	}
	var specs []pixivoc.TaskSpec
	seen := map[string]bool{}
	for _, spec := range found {
		var own any
		if len(spec.Options) > 0 {
			own = spec.Options
		}
		if spec.Options, err = o.works.options(own); err != nil {
			return nil, err
		}
		if o.name != "" {
			spec.Name = o.name
		}
		spec.SavePath = folder
		spec.Key = specKey(spec)
		if !seen[spec.Key] {
			seen[spec.Key] = true
			specs = append(specs, spec)
		}
	}
	return specs, nil
}

// specKey makes the same command find the same task again: what it is asked
// for, where it saves, and every option.
func specKey(spec pixivoc.TaskSpec) string {
	parts := []string{spec.Type, spec.Keyword, filepath.Join(spec.SavePath, spec.Name)}
	if len(spec.Options) > 0 {
		parts = append(parts, string(spec.Options))
	}
	return taskKey(parts...)
}

// taskKey joins what makes a command the same command.
func taskKey(parts ...string) string { return strings.Join(parts, "\n") }

// typeNoun is what a task of a type is about, in one word and in words for many.
func typeNoun(kind string) (one, many string) {
	switch kind {
	case pixiv.SingleWork, pixiv.WorkDetails:
		return "work", "works"
	case pixiv.UserWorks, pixiv.UserDetails, pixiv.UserPictures, pixiv.UserWorksLink:
		return "user", "users"
	case pixiv.SingleNovel:
		return "novel", "novels"
	case pixiv.MangaSeries, pixiv.NovelSeries:
		return "series", "series"
	case pixiv.UserBookmarks:
		return "bookmarks", "lists of bookmarks"
	case pixiv.FollowingFeed:
		return "feed", "feeds"
	case pixiv.RelatedWorks:
		return "works like", "lists"
	case pixiv.RecommendedWorks:
		return "recommended", "lists"
	case pixiv.WorkList:
		return "list", "lists"
	}
	return strings.ToLower(kind), "tasks"
}

// labelOf names tasks for the display, as "user 11" or "3 works".
func labelOf(specs []pixivoc.TaskSpec) string {
	one, many := typeNoun(specs[0].Type)
	if len(specs) == 1 {
		keyword := strings.TrimSpace(specs[0].Keyword)
		if specs[0].Type == pixiv.RelatedWorks {
			keyword, _, _ = strings.Cut(keyword, " ")
		}
		if keyword == "" {
			return one
		}
		return one + " " + keyword
	}
	for _, spec := range specs {
		if spec.Type != specs[0].Type {
			many = "tasks"
		}
	}
	return fmt.Sprintf("%d %s", len(specs), many)
}

// numbered makes a task of that type for each argument, which names a work, a
// user or the like. rest follows in the keyword.
func numbered(kind string, args []string, rest string, parse func(string) (string, error)) ([]pixivoc.TaskSpec, error) {
	var specs []pixivoc.TaskSpec
	for _, arg := range args {
		id, err := parse(arg)
		if err != nil {
			return nil, argumentError(arg, err)
		}
		specs = append(specs, pixivoc.TaskSpec{Type: kind, Keyword: strings.TrimSpace(id + " " + rest), Name: pixivoc.CleanName(id)})
	}
	return specs, nil
}

func parseWork(text string) (string, error) {
	id, err := pixiv.ParseWork(text)
	return id.String(), err
}

func parseUser(text string) (string, error) {
	id, err := pixiv.ParseUser(text)
	return id.String(), err
}

// parseLink reads what Resolve takes as one of these types, or an id.
func parseLink(what string, kinds ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		digits := strings.TrimSpace(text)
		if strings.Trim(digits, "0123456789") == "" && digits != "" {
			if strings.Trim(digits, "0") == "" {
				return "", errors.New("is no id; ids begin with 1")
			}
			return strings.TrimLeft(digits, "0"), nil
		}
		spec, err := pixiv.Resolve(text)
		if err != nil {
			return "", err
		}
		for _, kind := range kinds {
			if spec.Type == kind {
				return spec.Keyword, nil
			}
		}
		return "", fmt.Errorf("leads to something else; want the id of a %s or a link to it", what)
	}
}

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
func (a *app) fetch(ctx context.Context, specs []pixivoc.TaskSpec) error {
	return a.with(ctx, true, func(s *session) error {
		if err := a.ensureLogin(ctx, s.client); err != nil {
			return err
		}
		specs, err := ownSpecs(s.client, specs)
		if err != nil {
			return err
		}
		j := job{label: labelOf(specs), again: "give the same command"}
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

// selfMark stands for the account that is logged in until it is known.
const selfMark = "\x00self"

// ownSpecs puts the account that is logged in where selfMark stands for it.
func ownSpecs(client pixivoc.Client, specs []pixivoc.TaskSpec) ([]pixivoc.TaskSpec, error) {
	specs = slices.Clone(specs)
	for i, spec := range specs {
		if !strings.Contains(spec.Keyword, selfMark) {
			continue
		}
		account, err := client.Account()
		if err != nil {
			return nil, err
		}
		spec.Keyword = strings.Replace(spec.Keyword, selfMark, account.ID, 1)
		spec.Name = pixivoc.CleanName(strings.Replace(spec.Name, selfMark, account.ID, 1))
		spec.Key = specKey(spec)
		specs[i] = spec
	}
	return specs, nil
}

// rawOptions writes the options of one type.
func rawOptions(value any) (json.RawMessage, error) { return joinOptions(value) }

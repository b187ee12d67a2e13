package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

const detailsLong = `Show what Pixiv tells of works and users. A link says which of them it is; a
bare id is that of a work, with --user that of a user. Nothing is saved, and
nothing is kept.

` + exitCodesHelp

func (a *app) detailsCommand() *cobra.Command {
	var user, asJSON bool
	cmd := &cobra.Command{
		Use:   "details LINK|ID ... [flags]",
		Short: "Show what Pixiv tells of works and users",
		Long:  detailsLong,
		Example: `  pixivoc details https://www.pixiv.net/artworks/59580629
  pixivoc details --user 11
  pixivoc details 59580629 --json | jq .illust.total_bookmarks`,
		Args: needArgs("at least one work or user: a link or an id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			specs, err := detailSpecs(args, user)
			if err != nil {
				return err
			}
			return a.describe(cmd.Context(), specs, func(ctx context.Context, task pixivoc.Task) error {
				return a.printDetails(ctx, task, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&user, "user", false, "bare ids are those of users")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object for each, with all that Pixiv tells")
	return onRoad(cmd)
}

func detailSpecs(args []string, user bool) ([]pixivoc.TaskSpec, error) {
	var specs []pixivoc.TaskSpec
	for _, arg := range args {
		found, err := pixiv.Resolve(arg)
		bare := strings.Trim(arg, "0123456789") == ""
		switch {
		case err != nil:
			return nil, argumentError(arg, err)
		case found.Type == pixiv.UserWorks, bare && user:
			id, _, _ := strings.Cut(found.Keyword, " ")
			specs = append(specs, pixivoc.TaskSpec{Type: pixiv.UserDetails, Keyword: id, Name: id})
		case found.Type == pixiv.SingleWork:
			specs = append(specs, pixivoc.TaskSpec{Type: pixiv.WorkDetails, Keyword: found.Keyword, Name: found.Keyword})
		default:
			return nil, argumentError(arg, errors.New("leads to neither a work nor a user"))
		}
	}
	return specs, nil
}

// describe runs tasks that only record something, shows it, and forgets them.
func (a *app) describe(ctx context.Context, specs []pixivoc.TaskSpec, show func(context.Context, pixivoc.Task) error) error {
	return a.with(ctx, true, func(s *session) (err error) {
		if err := a.ensureLogin(ctx, s.client); err != nil {
			return err
		}
		if specs, err = ownSpecs(s.client, specs); err != nil {
			return err
		}
		j := job{label: labelOf(specs), again: "give the same command", show: show}
		defer func() {
			for _, task := range j.tasks {
				err = errors.Join(err, task.Delete(context.WithoutCancel(ctx), pixivoc.DeleteOptions{}))
			}
		}()
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

// printDetails shows the records of a task about works and users.
func (a *app) printDetails(ctx context.Context, task pixivoc.Task, asJSON bool) error {
	for record, err := range task.Records(ctx, pixivoc.RecordQuery{}) {
		if err != nil {
			return err
		}
		if asJSON {
			if err := a.printJSON(record.Data); err != nil {
				return err
			}
			continue
		}
		var rows [][2]string
		switch record.Kind {
		case pixiv.RecordWork:
			rows, err = workRows(record)
		case pixiv.RecordUser:
			rows, err = userRows(record)
		}
		if err == nil && len(rows) > 0 {
			err = a.print(labelled(rows, a.screenOf(a.stdout)) + "\n")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func workRows(record pixivoc.Record) ([][2]string, error) {
	found, err := decodeRecord[pixiv.WorkRecord](record)
	if err != nil {
		return nil, err
	}
	work, err := found.Work()
	if err != nil {
		return nil, err
	}
	restricted := map[int]string{0: "all ages", 1: "R-18", 2: "R-18G"}[work.XRestrict]
	ai := map[int]string{1: "no", 2: "yes"}[work.AIType]
	return [][2]string{
		{"Work", work.ID.String()}, {"Title", work.Title},
		{"Artist", fmt.Sprintf("%s (%s), id %s", work.User.Name, work.User.Account, work.User.ID)},
		{"Type", work.Type}, {"Pages", strconv.Itoa(work.PageCount)},
		{"Size", fmt.Sprintf("%d x %d", work.Width, work.Height)},
		{"Tags", strings.Join(found.Tags, " ")}, {"Published", work.CreateDate},
		{"Bookmarks", strconv.Itoa(work.TotalBookmarks)}, {"Views", strconv.Itoa(work.TotalView)},
		{"For", restricted}, {"By AI", ai},
		{"Link", pixiv.DefaultReferer + "artworks/" + work.ID.String()},
	}, nil
}

func userRows(record pixivoc.Record) ([][2]string, error) {
	user, err := decodeRecord[pixiv.UserRecord](record)
	if err != nil {
		return nil, err
	}
	rows := [][2]string{
		{"User", user.ID.String()}, {"Name", user.Name}, {"Account", user.Account}, {"About", user.Comment},
		{"Link", pixiv.DefaultReferer + "users/" + user.ID.String()},
	}
	if user.Profile != nil {
		rows = append(rows, [][2]string{
			{"Illustrations", strconv.Itoa(user.Profile.TotalIllusts)}, {"Manga", strconv.Itoa(user.Profile.TotalManga)},
			{"Novels", strconv.Itoa(user.Profile.TotalNovels)},
			{"Bookmarks", strconv.Itoa(user.Profile.TotalIllustBookmarksPublic)},
			{"Follows", strconv.Itoa(user.Profile.TotalFollowUsers)}, {"Web page", user.Profile.Webpage},
		}...)
	}
	return rows, nil
}

// labelled lays out rows of a word and a text; empty ones are left out.
func labelled(rows [][2]string, s screen) string {
	var b strings.Builder
	for _, row := range rows {
		if row[1] != "" {
			line := hang(pad(row[0], tableLabel)+printable(row[1]), s.width-1, tableLabel)
			fmt.Fprintf(&b, "%s%s\n", s.paint(styleStrong, line[:tableLabel]), line[tableLabel:])
		}
	}
	return b.String()
}

const followingLong = `List the users whom a user follows: the account that is logged in, or a user who
is named by id or link. Pixiv shows whom somebody follows privately to that user
alone. Each line has the id, the login name and the name.

To fetch all their works:

  pixivoc following | cut -f 1 | xargs pixivoc user

` + exitCodesHelp

func (a *app) followingCommand() *cobra.Command {
	var private, asJSON bool
	cmd := &cobra.Command{
		Use:     "following [LINK|ID] [flags]",
		Short:   "List the users whom a user follows",
		Long:    followingLong,
		Example: "  pixivoc following\n  pixivoc following 11\n  pixivoc following --private --json",
		Args:    atMostOne("user"),
		RunE: func(cmd *cobra.Command, args []string) error {
			specs, err := onAccount(pixiv.Following, "following", args, keywordWords(private, false, false), "")
			if err != nil {
				return err
			}
			return a.describe(cmd.Context(), specs, func(ctx context.Context, task pixivoc.Task) error {
				return a.printUsers(ctx, task, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&private, "private", false, "those who are followed privately")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return onRoad(cmd)
}

func (a *app) printUsers(ctx context.Context, task pixivoc.Task, asJSON bool) error {
	for record, err := range task.Records(ctx, pixivoc.RecordQuery{Kind: pixiv.RecordUser}) {
		if err != nil {
			return err
		}
		if asJSON {
			if err := a.printJSON(record.Data); err != nil {
				return err
			}
			continue
		}
		user, err := decodeRecord[pixiv.UserRecord](record)
		if err != nil {
			return err
		}
		if err := a.print(fmt.Sprintf("%s\t%s\t%s\n", user.ID, printable(user.Account), printable(user.Name))); err != nil {
			return err
		}
	}
	return nil
}

package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

// goesOn is in the help of the commands that take what a list has.
const goesOn = `The same command goes on after ctrl-C or a crash; given again later it fetches
what is new.

` + exitCodesHelp + `

Works that are deleted, masked or closed to the account are listed as not
available. They are no failure: nobody could fetch them. Where Pixiv cannot give
out an original, its largest preview is saved and listed under Previews.`

const userLong = `Fetch all works of a user, every page in original quality.

A user is named by the id or by the address of the profile. The files go to
FOLDER/ID, or to FOLDER/NAME with --name. With --type only works of these types
are fetched; novels are among them only when named. With --pictures it is the
avatar and the background that are fetched, and no works.

` + goesOn

func (a *app) userCommand() *cobra.Command {
	var types []string
	var pictures bool
	cmd := &cobra.Command{
		Use:   "user LINK|ID ... [flags]",
		Short: "Fetch all works of a user",
		Long:  userLong,
		Example: `  pixivoc user https://www.pixiv.net/users/11
  pixivoc user 11 -o ~/Pictures --name "pixiv staff"
  pixivoc user 11 --type manga,novel
  pixivoc user 11 --filter "bookmarks >= 500" --block-tag sketch
  pixivoc user 11 --interval 5s -j 2`,
		Args: needArgs("at least one user: the address of the profile or the id"),
	}
	a.fetchCommand(cmd, func(args []string) ([]pixivoc.TaskSpec, error) {
		if !pictures {
			return numbered(pixiv.UserWorks, args, strings.Join(types, ","), parseUser)
		}
		specs, err := numbered(pixiv.UserPictures, args, "", parseUser)
		if err == nil && givenFlags(cmd.Flags(), workFlagNames()...) {
			err = errors.New("the flags about works mean nothing to --pictures")
		}
		return specs, err
	})
	cmd.Flags().StringSliceVar(&types, "type", nil, "`types` of works: illust, manga, ugoira, novel, with commas (all but novel)")
	cmd.Flags().BoolVar(&pictures, "pictures", false, "the avatar and the background in place of the works")
	cmd.MarkFlagsMutuallyExclusive("type", "pictures")
	complete(cmd, "type", pixiv.TypeIllust, pixiv.TypeManga, pixiv.TypeUgoira, pixiv.TypeNovel)
	return cmd
}

const bookmarksLong = `Fetch what a user has bookmarked: the account that is logged in, or a user who
is named by id or link. Pixiv shows private bookmarks to their owner alone.

The files go to FOLDER/bookmarks ID, or to FOLDER/NAME with --name.

` + goesOn

func (a *app) bookmarksCommand() *cobra.Command {
	var private, novels, both bool
	var tag string
	cmd := &cobra.Command{
		Use:   "bookmarks [LINK|ID] [flags]",
		Short: "Fetch the bookmarks of a user",
		Long:  bookmarksLong,
		Example: `  pixivoc bookmarks
  pixivoc bookmarks --private --tag sky
  pixivoc bookmarks 11 --novels`,
		Args: atMostOne("user"),
	}
	a.fetchCommand(cmd, func(args []string) ([]pixivoc.TaskSpec, error) {
		return onAccount(pixiv.UserBookmarks, "bookmarks", args, keywordWords(private, novels || both, both), tag)
	})
	cmd.Flags().BoolVar(&private, "private", false, "the private ones")
	cmd.Flags().BoolVar(&novels, "novels", false, "novels in place of pictures")
	cmd.Flags().BoolVar(&both, "all", false, "pictures and novels")
	cmd.Flags().StringVar(&tag, "tag", "", "only those under that `tag` of the user")
	cmd.MarkFlagsMutuallyExclusive("novels", "all")
	return cmd
}

// keywordWords are the words of a keyword about bookmarks.
func keywordWords(private, novels, illusts bool) string {
	var words []string
	if private {
		words = append(words, "private")
	}
	if novels && illusts {
		words = append(words, pixiv.TypeIllust)
	}
	if novels {
		words = append(words, pixiv.TypeNovel)
	}
	return strings.Join(words, " ")
}

// onAccount makes the task for a user, or for the account that is logged in.
func onAccount(kind, words string, args []string, rest, tag string) ([]pixivoc.TaskSpec, error) {
	user := selfMark
	if len(args) > 0 {
		id, err := parseUser(args[0])
		if err != nil {
			return nil, argumentError(args[0], err)
		}
		user = id
	}
	keyword := strings.TrimSpace(user + " " + rest)
	name := words + " " + keyword
	if tag != "" {
		keyword += " #" + tag
		name += " " + tag
	}
	if user != selfMark { // otherwise later, when the account is known
		name = pixivoc.CleanName(name)
	}
	return []pixivoc.TaskSpec{{Type: kind, Keyword: keyword, Name: name}}, nil
}

// atMostOne takes no argument or one.
func atMostOne(what string) cobra.PositionalArgs {
	return usage(func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return fmt.Errorf("name one %s, or none", what)
		}
		return nil
	})
}

const feedLong = `Fetch the newest works of the users whom the account follows.

The files go to FOLDER/feed, or to FOLDER/NAME with --name.

` + goesOn

func (a *app) feedCommand() *cobra.Command {
	var public, private bool
	cmd := &cobra.Command{
		Use:   "feed [flags]",
		Short: "Fetch the newest works of the users whom you follow",
		Long:  feedLong,
		Example: `  pixivoc feed
  pixivoc feed --private --filter 'ai != "yes"'`,
		Args: noArgs(),
	}
	a.fetchCommand(cmd, func([]string) ([]pixivoc.TaskSpec, error) {
		keyword := "all"
		switch {
		case public:
			keyword = "public"
		case private:
			keyword = "private"
		}
		return []pixivoc.TaskSpec{{Type: pixiv.FollowingFeed, Keyword: keyword, Name: "feed"}}, nil
	})
	cmd.Flags().BoolVar(&public, "public", false, "only of those who are followed publicly")
	cmd.Flags().BoolVar(&private, "private", false, "only of those who are followed privately")
	cmd.MarkFlagsMutuallyExclusive("public", "private")
	return cmd
}

const rankingLong = `Fetch a ranking: the newest one, that of a day, or those of a range of days.

The modes are those of Pixiv: day, week, month, day_male, day_female,
week_original, week_rookie, day_manga, day_ai, and with _r18 behind them those
for adults. Days are days in Japan.

The files go to FOLDER/ranking MODE, with the days behind it when they are
named, or to FOLDER/NAME with --name.

` + goesOn

func (a *app) rankingCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ranking [MODE [DAY | DAY..DAY]] [flags]",
		Short: "Fetch a ranking",
		Long:  rankingLong,
		Example: `  pixivoc ranking
  pixivoc ranking week
  pixivoc ranking day_manga 2026-01-31
  pixivoc ranking day 2026-01-01..2026-01-31 --pages "first 1"`,
		Args: usage(func(_ *cobra.Command, args []string) error {
			if len(args) > 2 {
				return errors.New("name a mode and a day or a range of days, as 2026-01-01..2026-01-31")
			}
			return nil
		}),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return rankingModes(), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
		},
	}
	return a.fetchCommand(cmd, func(args []string) ([]pixivoc.TaskSpec, error) {
		keyword := strings.Join(args, " ")
		if keyword == "" {
			keyword = "day"
		}
		return []pixivoc.TaskSpec{{Type: pixiv.Ranking, Keyword: keyword, Name: pixivoc.CleanName("ranking " + keyword)}}, nil
	})
}

// rankingModes are offered when somebody types.
func rankingModes() []string {
	return []string{
		"day", "week", "month", "day_male", "day_female", "week_original", "week_rookie", "day_manga", "week_manga",
		"month_manga", "week_rookie_manga", "day_ai", "day_r18", "day_male_r18", "day_female_r18", "week_r18", "week_r18g", "day_r18_ai",
	}
}

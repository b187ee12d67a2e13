package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

const seriesLong = `Fetch all works of a series. A link says whether it is one of pictures or of
novels; a bare id is that of a series of pictures, with --novels of novels.

The files go to FOLDER/series ID, or to FOLDER/NAME with --name.

` + goesOn

func (a *app) seriesCommand() *cobra.Command {
	var novels bool
	cmd := &cobra.Command{
		Use:   "series LINK|ID ... [flags]",
		Short: "Fetch a series of works or novels",
		Long:  seriesLong,
		Example: `  pixivoc series https://www.pixiv.net/user/11/series/77
  pixivoc series 77
  pixivoc series 78 --novels`,
		Args: needArgs("at least one series: a link to it or its id"),
	}
	a.fetchCommand(cmd, func(args []string) ([]pixivoc.TaskSpec, error) {
		var specs []pixivoc.TaskSpec
		for _, arg := range args {
			spec, err := seriesSpec(arg, novels)
			if err != nil {
				return nil, argumentError(arg, err)
			}
			specs = append(specs, spec)
		}
		return specs, nil
	})
	cmd.Flags().BoolVar(&novels, "novels", false, "bare ids are those of series of novels")
	return cmd
}

func seriesSpec(arg string, novels bool) (pixivoc.TaskSpec, error) {
	id, err := parseLink("series", pixiv.MangaSeries, pixiv.NovelSeries)(arg)
	if err != nil {
		return pixivoc.TaskSpec{}, err
	}
	kind, words := pixiv.MangaSeries, "series "
	found, err := pixiv.Resolve(arg)
	if found.Type == pixiv.NovelSeries || novels && found.Type != pixiv.MangaSeries {
		kind, words = pixiv.NovelSeries, "novel series "
	}
	return pixivoc.TaskSpec{Type: kind, Keyword: id, Name: words + id}, err
}

const novelLong = `Fetch novels: the text, its pictures, and an EPUB of both.

A novel is named by its id or its address. The files go to FOLDER/novel ID, or to
FOLDER/NAME with --name.

` + exitCodesHelp

func (a *app) novelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "novel LINK|ID ... [flags]",
		Short: "Fetch novels",
		Long:  novelLong,
		Example: `  pixivoc novel https://www.pixiv.net/novel/show.php?id=9001
  pixivoc novel 9001 9002 --name reading`,
		Args: needArgs("at least one novel: its address or its id"),
	}
	return a.plainCommand(cmd, func(args []string) ([]pixivoc.TaskSpec, error) {
		specs, err := numbered(pixiv.SingleNovel, args, "", parseLink("novel", pixiv.SingleNovel))
		for i := range specs {
			specs[i].Name = "novel " + specs[i].Keyword
		}
		return specs, err
	})
}

const relatedLong = `Fetch works that Pixiv finds like another one. There is no end to such lists, so
--count says how many are wanted.

The files go to FOLDER/related ID, or to FOLDER/NAME with --name.

` + goesOn

func (a *app) relatedCommand() *cobra.Command {
	var count int
	cmd := &cobra.Command{
		Use:   "related LINK|ID ... [flags]",
		Short: "Fetch works like another one",
		Long:  relatedLong,
		Example: `  pixivoc related 59580629
  pixivoc related 59580629 --count 300 --filter "bookmarks >= 1000"`,
		Args: needArgs("at least one work: its address or its id"),
	}
	a.fetchCommand(cmd, func(args []string) ([]pixivoc.TaskSpec, error) {
		specs, err := numbered(pixiv.RelatedWorks, args, fmt.Sprint(count), parseWork)
		for i := range specs {
			id, _, _ := strings.Cut(specs[i].Keyword, " ")
			specs[i].Name = "related " + id
		}
		return specs, err
	})
	addCountFlag(cmd, &count)
	return cmd
}

func addCountFlag(cmd *cobra.Command, count *int) {
	cmd.Flags().IntVar(count, "count", 100, "`number` of works, 1 to 5000")
	markNumber(cmd.Flags(), "count", 1, 5000)
}

const recommendedLong = `Fetch what Pixiv recommends to the account: illustrations, or manga. There is no
end to it, so --count says how many are wanted.

The files go to FOLDER/recommended TYPE, or to FOLDER/NAME with --name.

` + goesOn

func (a *app) recommendedCommand() *cobra.Command {
	var count int
	cmd := &cobra.Command{
		Use:   "recommended [illust|manga] [flags]",
		Short: "Fetch what Pixiv recommends to you",
		Long:  recommendedLong,
		Example: `  pixivoc recommended
  pixivoc recommended manga --count 50`,
		Args:      atMostOne("type, illust or manga"),
		ValidArgs: []string{pixiv.TypeIllust, pixiv.TypeManga},
	}
	a.fetchCommand(cmd, func(args []string) ([]pixivoc.TaskSpec, error) {
		kind := pixiv.TypeIllust
		if len(args) > 0 {
			kind = args[0]
		}
		return []pixivoc.TaskSpec{{
			Type: pixiv.RecommendedWorks, Keyword: fmt.Sprintf("%s %d", kind, count), Name: pixivoc.CleanName("recommended " + kind),
		}}, nil
	})
	addCountFlag(cmd, &count)
	return cmd
}

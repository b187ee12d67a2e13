package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

const searchLong = `Fetch what a search finds. Words are looked for in tags; several words must all
be there, "A OR B" finds either, "-A" leaves out what has it.

Pixiv lists at most 5000 works of a search. In the orders newest and oldest the
search is split by dates where it has more, so that all of it is found.

The files go to FOLDER/search WORDS, or to FOLDER/NAME with --name.

` + goesOn

// searchFlags are the flags of a search: pixiv.SearchOptions.
type searchFlags struct {
	options    pixiv.SearchOptions
	aiType     int
	translated bool
	plainWords bool
}

func (a *app) searchCommand() *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use:   "search WORD ... [flags]",
		Short: "Fetch what a search finds",
		Long:  searchLong,
		Example: `  pixivoc search landscape
  pixivoc search landscape sky --target exact --start 2026-01-01
  pixivoc search "cat OR dog" --type illust --ratio landscape --width-min 1920
  pixivoc search sky --filter "bookmarks >= 1000" --name "best of sky"`,
		Args: needArgs("the words to search for"),
	}
	a.fetchCommand(cmd, func(args []string) ([]pixivoc.TaskSpec, error) {
		words := strings.Join(strings.Fields(strings.Join(args, " ")), " ")
		raw, err := rawOptions(f.chosen(cmd))
		return []pixivoc.TaskSpec{{
			Type: pixiv.Search, Keyword: words, Name: pixivoc.CleanName("search " + words), Options: raw,
		}}, err
	})
	f.add(cmd)
	return cmd
}

// wordValues are words of ours for values of Pixiv's; these are taken too.
type wordValues []struct{ word, value string }

func searchTargets() wordValues {
	return wordValues{
		{"tags", pixiv.TargetTags}, {"exact", pixiv.TargetExactTags}, {"title", pixiv.TargetTitle}, {"keyword", pixiv.TargetKeyword},
	}
}

func searchOrders() wordValues {
	return wordValues{
		{"newest", pixiv.SortDateDesc}, {"oldest", pixiv.SortDateAsc}, {"popular", pixiv.SortPopular},
		{"popular-male", pixiv.SortPopularMale}, {"popular-female", pixiv.SortPopularFemale},
	}
}

func searchDurations() wordValues {
	return wordValues{{"day", "within_last_day"}, {"week", "within_last_week"}, {"month", "within_last_month"}}
}

func (w wordValues) value(word string) string {
	for _, entry := range w {
		if entry.word == word {
			return entry.value
		}
	}
	return word
}

func (w wordValues) words() []string {
	var words []string
	for _, entry := range w {
		words = append(words, entry.word)
	}
	return words
}

func (f *searchFlags) add(cmd *cobra.Command) {
	flags, o := cmd.Flags(), &f.options
	flags.StringVar(&o.Target, "target", "", "`where` to look: tags, exact (whole tags), title (and caption), keyword (tags)")
	flags.StringVar(&o.Sort, "sort", "", "`order`: newest, oldest, popular, popular-male, popular-female (newest)")
	flags.StringVar(&o.Duration, "duration", "", "only of the last `span`: day, week, month")
	flags.StringVar(&o.StartDate, "start", "", "only from that `day` in Japan on, as 2026-01-31")
	flags.StringVar(&o.EndDate, "end", "", "only up to that `day`")
	flags.StringVar(&o.ContentType, "type", "", "`type`: illust, manga, ugoira, illust_and_ugoira, illust_and_manga_and_ugoira")
	flags.StringVar(&o.RatioPattern, "ratio", "", "`shape`: landscape, portrait, square")
	flags.IntVar(&o.WidthMin, "width-min", 0, "least width in `pixels`")
	flags.IntVar(&o.WidthMax, "width-max", 0, "greatest width in `pixels`")
	flags.IntVar(&o.HeightMin, "height-min", 0, "least height in `pixels`")
	flags.IntVar(&o.HeightMax, "height-max", 0, "greatest height in `pixels`")
	flags.IntVar(&o.BookmarkNumMin, "bookmarks-min", 0, "least `number` of bookmarks; works for premium accounts, --filter for all")
	flags.IntVar(&o.BookmarkNumMax, "bookmarks-max", 0, "greatest `number` of bookmarks; the same")
	flags.StringVar(&o.Tool, "tool", "", "`name` of a drawing tool as Pixiv has it")
	flags.IntVar(&f.aiType, "ai-type", 0, "Pixiv's search_ai_type, `0 or 1`; a filter on ai is sure")
	flags.BoolVar(&f.translated, "translated-tags", false, "find tags by their translation too (=false: do not)")
	flags.BoolVar(&f.plainWords, "plain-words", false, "find words that are no tag too (=false: do not)")
	complete(cmd, "target", searchTargets().words()...)
	complete(cmd, "sort", searchOrders().words()...)
	complete(cmd, "duration", searchDurations().words()...)
	complete(cmd, "type", "illust", "manga", "ugoira", "illust_and_ugoira", "illust_and_manga_and_ugoira")
	complete(cmd, "ratio", "landscape", "portrait", "square")
	complete(cmd, "ai-type", "0", "1")
}

// chosen are the options as Pixiv has them.
func (f *searchFlags) chosen(cmd *cobra.Command) pixiv.SearchOptions {
	options := f.options
	options.Target = searchTargets().value(options.Target)
	options.Sort = searchOrders().value(options.Sort)
	options.Duration = searchDurations().value(options.Duration)
	if givenFlags(cmd.Flags(), "ai-type") {
		options.AIType = &f.aiType
	}
	if givenFlags(cmd.Flags(), "translated-tags") {
		options.IncludeTranslatedTagResults = &f.translated
	}
	if givenFlags(cmd.Flags(), "plain-words") {
		options.MergePlainKeywordResults = &f.plainWords
	}
	return options
}

package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pixivoc/pixivoc/pixiv"
)

// groupWorks is the group of the flags about which works are saved and where.
const groupWorks = "works"

// workFlags are the flags of the commands that save works: pixiv.Options.
type workFlags struct {
	path       string
	multiPath  string
	pages      string
	filter     string
	blockUsers []string
	blockTags  []string
	delay      seconds
	revision   string
	fileTime   string
	metadata   []string
	archived   bool
	ugoira     []string
	fullAudit  int
}

// addWorkFlags defines the flags that whatever saves works has in common.
func (w *workFlags) addWorkFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&w.path, "path", "", "`template` of the path below the folder to save in; see: pixivoc path --help")
	flags.StringVar(&w.multiPath, "multi-path", "", "`template` for works with several pages (default as --path)")
	flags.StringVar(&w.pages, "pages", "", "`pages` of each work: 1, 2-5, 4-, \"first 3\", \"last 2\", or several with commas")
	flags.StringVar(&w.filter, "filter", "", "`expression` that a work must meet; see: pixivoc filter --help")
	flags.StringArrayVar(&w.blockUsers, "block-user", nil, "`user`, by id or link, whose works are not wanted; repeatable")
	flags.StringArrayVar(&w.blockTags, "block-tag", nil, "`tag` whose works are not wanted; repeatable")
	flags.Var(&w.delay, "delay", "least `time` between the starts of two files, as 500ms: 0 to 1h")
	flags.StringVar(&w.revision, "revision", "", "`what` to do with a picture that its artist replaced: keep both, or replace (neither)")
	flags.StringVar(&w.fileTime, "file-time", "", "`time` of the files: upload, when the work was published, or saved (saved)")
	flags.StringSliceVar(&w.metadata, "metadata", nil, "`files` beside the pictures of a work: json, xmp, text, with commas")
	flags.BoolVar(&w.archived, "skip-archived", false, "leave out what was ever saved, by any task or what was imported")
	flags.StringSliceVar(&w.ugoira, "ugoira", nil, "`formats` to convert animations to as well: gif, apng, webp, mkv, cbz, mp4, webm, with commas")
	flags.IntVar(&w.fullAudit, "full-audit-every", 0, "of a watch: read whole lists each `number` of runs, else what is new (10)")
	for _, name := range workFlagNames() {
		_ = flags.SetAnnotation(name, flagGroup, []string{groupWorks})
	}
	complete(cmd, "metadata", "json", "xmp", "text")
	complete(cmd, "ugoira", "gif", "apng", "webp", "mkv", "cbz", "mp4", "webm")
	complete(cmd, "revision", "keep", "replace")
	complete(cmd, "file-time", "upload", "saved")
	complete(cmd, "pages", "1", "first 3", "last 1", "2-")
	complete(cmd, "path", pathExamples()...)
	complete(cmd, "multi-path", pathExamples()...)
	complete(cmd, "filter", "bookmarks >= 500", `ai != "yes"`, `type == "illust"`, "ratio > 1")
}

func workFlagNames() []string {
	return []string{"path", "multi-path", "pages", "filter", "block-user", "block-tag", "delay", "revision", "file-time", "metadata", "skip-archived", "ugoira", "full-audit-every"}
}

// options makes the options of a task. With nothing given it returns nil, so
// that the task is the one that older versions made.
func (w *workFlags) options(own any) (json.RawMessage, error) {
	options := pixiv.Options{
		Path: w.path, MultiPath: w.multiPath, Pages: w.pages, Filter: w.filter,
		BlockedTags: w.blockTags, DelayMS: time.Duration(w.delay).Milliseconds(),
		Revision: w.revision, FileTime: w.fileTime, Metadata: w.metadata, Archive: w.archived,
		Ugoira: w.ugoira, FullAuditEvery: w.fullAudit,
	}
	for _, user := range w.blockUsers {
		id, err := pixiv.ParseUser(user)
		if err != nil {
			return nil, fmt.Errorf("--block-user: %w", argumentError(user, err))
		}
		options.BlockedUsers = append(options.BlockedUsers, id)
	}
	return joinOptions(options, own)
}

// joinOptions writes the fields of several values as one JSON object, nil when
// all are empty. Keys are sorted: the same options always give the same text.
func joinOptions(values ...any) (json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	for _, value := range values {
		if value == nil {
			continue
		}
		raw, err := json.Marshal(value)
		if err == nil {
			err = json.Unmarshal(raw, &all)
		}
		if err != nil {
			return nil, fmt.Errorf("options of the task: %w", err)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return json.Marshal(all)
}

// optionFlag is the flag that sets an option of a task, as it is called in
// errors: "Options.blocked_tags" is --block-tag.
func optionFlag(field string) (flag string, known bool) {
	name, isOption := strings.CutPrefix(field, "Options.")
	if !isOption {
		return "", false
	}
	switch name {
	case "blocked_users":
		return "--block-user", true
	case "blocked_tags":
		return "--block-tag", true
	case "archive":
		return "--skip-archived", true
	case "delay_ms":
		return "--delay", true
	case "search_target":
		return "--target", true
	case "search_ai_type":
		return "--ai-type", true
	case "ratio_pattern":
		return "--ratio", true
	case "content_type":
		return "--type", true
	case "include_translated_tag_results":
		return "--translated-tags", true
	case "merge_plain_keyword_results":
		return "--plain-words", true
	}
	name = strings.Replace(name, "bookmark_num_", "bookmarks_", 1)
	name = strings.TrimSuffix(name, "_date")
	return "--" + strings.ReplaceAll(name, "_", "-"), true
}

// complete offers values for a flag. They may have a description behind a tab.
func complete(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	})
}

// given says whether any of the flags is on the command line.
func givenFlags(flags *pflag.FlagSet, names ...string) bool {
	for _, name := range names {
		if flag := flags.Lookup(name); flag != nil && flag.Changed {
			return true
		}
	}
	return false
}

package pixiv_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func filtered() *pixiv.Work {
	return &pixiv.Work{
		ID: 5, Title: "A view of the sky", Type: pixiv.TypeManga, CreateDate: "2026-01-31T00:30:00+09:00", PageCount: 4,
		Width: 1600, Height: 900, TotalBookmarks: 500, TotalView: 9000, XRestrict: 1,
		User: pixiv.User{ID: 11, Name: "somebody", Account: "some", IsFollowed: true},
		Tags: []pixiv.Tag{{Name: "空", TranslatedName: "Sky"}, {Name: "R-18"}},
	}
}

// at is ten days after filtered was published.
var at = time.Date(2026, 2, 9, 15, 30, 0, 0, time.UTC)

func TestFilter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`true`: true,
		`bookmarks >= 500 and views > 8999 && pages == 4`: true,
		`bookmarks > 500`: false,
		`bookmarks_per_day == 50 and age_days == 10`:                              true,
		`tagged("sky") and tagged("空") and tagged("r-18") and not tagged("sk")`:   true,
		`"空" in tags and "Sky" in tags and len(tags) == 3`:                        true,
		`any(tags, # startsWith "R-")`:                                            true,
		`none(tags, hasPrefix(lower(#), "sk"))`:                                   false,
		`x_restrict == 1 and ai == "unknown"`:                                     true,
		`ai != "yes" && ratio > 1.7 and ratio < 1.8 && width * height > 1000000`:  true,
		`type in ["manga", "illust"] and user_id in [1, 11]`:                      true,
		`user_id not in [11, 12]`:                                                 false,
		`id == 5 and series_id == 0 and series_title == ""`:                       true,
		`title contains "view" and title matches "^A .*sky$"`:                     true,
		`any(tags, # matches "(?i)^(sketch|wip|rkgk|doodle|sky)$")`:               true,
		`title matches "(?i)^a V"`:                                                true,
		`lower(user_name) == "somebody" and user_account == "some" and followed`:  true,
		`created > date("2026-01-30T00:00:00Z") and created < date("2026-02-01")`: true,
		`day >= "2026-01-31" and day < "2026-02-01"`:                              true,
		`bookmarked ? false : comments == 0`:                                      true,
		`let few = bookmarks < 1000; few and pages > 1`:                           true,
	} {
		filter, err := pixiv.ParseFilter(text)
		require.NoError(t, err, text)
		got, _, err := filter.Match(filtered(), at)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
		// The same of what was recorded of the work.
		raw, err := json.Marshal(filtered())
		require.NoError(t, err)
		record := pixiv.WorkRecord{ID: 5, Illust: raw}
		stored, err := record.Work()
		require.NoError(t, err)
		again, _, err := filter.Match(stored, at)
		require.NoError(t, err)
		assert.Equal(t, want, again, "of the record: %s", text)
	}
}

func TestFilter_NamesTheRule(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`bookmarks > 1 and (views > 1 and pages > 100) and ai == "yes"`: `pages > 100`,
		`bookmarks > 1 && not tagged("sky")`:                            `not tagged("sky")`,
		`  bookmarks < 5  `:                                             `bookmarks < 5`,
		`bookmarks < 5 or pages == 1`:                                   `bookmarks < 5 or pages == 1`,
	} {
		filter, err := pixiv.ParseFilter(text)
		require.NoError(t, err, text)
		wanted, rule, err := filter.Match(filtered(), at)
		require.NoError(t, err)
		assert.False(t, wanted)
		assert.Equal(t, want, rule)
	}
}

func TestFilter_Refused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                                "is blank",
		`bookmarks`:                       "expected bool",
		`bookmarks > "a"`:                 "at character 11",
		`bookmark > 1`:                    "at character 1: unknown name bookmark",
		`空 and true`:                      "at character 1",
		`true and`:                        "at character",
		`true and nothing(1)`:             "at character 10",
		`title matches "("`:               "error parsing regexp",
		`len(1..1000000000) > 0`:          "there are no ranges",
		`all(tags, any(tags, # == ""))`:   "a loop within a loop",
		`title matches title`:             "at character 15: a pattern is a text in quotes",
		`title matches "(a{30}){30}"`:     "at character 15: the pattern is too large",
		`title matches "a{1000}b{1000}"`:  "the pattern is too large",
		`now() > created`:                 "at character 1",
		`len(repeat(title, 1000000)) > 0`: "at character 5",
		`created > date("never")`:         "at character 11: invalid date",
		`any(tags, # matches "(a?){70}x")` + strings.Repeat(` or any(tags, # matches "(a?){70}x")`, 59):          "the patterns together are too large",
		`caption matches "(a?){70}x"` + strings.Repeat(` or any(tags, # == "" or title matches "(a?){70}x")`, 2): "at character 42: the patterns together are too large",
		`title matches "(a?){70}x"` + strings.Repeat(` or caption matches "(a?){70}x"`, 100):                     "the patterns together are too large",
		`title = "x"`:                                  "at character",
		`tags[0] != "sky"`:                             "cannot be told of a work without tags: ",
		`len(tags) == 0 or 9 % width == 0`:             "cannot be told of a novel: ",
		strings.Repeat("x", 4001):                      "longer than 4000 bytes",
		strings.Repeat("id == 1 or ", 200) + "id == 2": "nodes",
		strings.Repeat("(", 1000) + "true" + strings.Repeat(")", 1000) + " and bookmarks": "at character 2006",
	} {
		_, err := pixiv.ParseFilter(text)
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want, "%.50s", text)
		assert.Less(t, len(err.Error()), 400)
	}
}

// Each field that is documented is there, with the type that is documented.
func TestFilter_Fields(t *testing.T) {
	t.Parallel()
	for _, field := range pixiv.FilterFields() {
		text, ok := map[string]string{
			"int": "%s == 1", "float": "%s == 1.5", "string": `%s == "a"`, "bool": "%s", "time": `%s > date("2026-01-01")`,
			"list of strings": `"a" in %s`, "function": `%s("a")`,
		}[field.Type]
		require.True(t, ok, field.Type)
		_, err := pixiv.ParseFilter(fmt.Sprintf(text, field.Name))
		require.NoError(t, err, field.Name)
		assert.NotEmpty(t, field.Title)
	}
}

func FuzzFilter(f *testing.F) {
	for _, text := range []string{`bookmarks >= 500`, `any(tags, # == "a")`, `title matches "(a|b)*"`, `let x = 1; x == 1`, `len(tags) ?: 1`, `1..2`, "\x00"} {
		f.Add(text, "title")
	}
	f.Fuzz(func(t *testing.T, text, title string) {
		filter, err := pixiv.ParseFilter(text)
		if err != nil {
			if len(err.Error()) > 1000 {
				t.Errorf("error of %d bytes", len(err.Error()))
			}
			return
		}
		work := filtered()
		work.Title = title
		_, _, _ = filter.Match(work, at)
	})
}

func BenchmarkFilter(b *testing.B) {
	filter, err := pixiv.ParseFilter(`bookmarks >= 500 and tagged("sky") and ai != "yes" and not (title matches "(?i)sketch|wip") and ratio > 1`)
	if err != nil {
		b.Fatal(err)
	}
	work := filtered()
	b.ReportAllocs()
	for b.Loop() {
		if wanted, _, err := filter.Match(work, at); err != nil || !wanted {
			b.Fatal(wanted, err)
		}
	}
}

func BenchmarkPreviewPath(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pixiv.PreviewPath(pixiv.Options{Path: "{user.id} {user.name}/{date:2006-01}/{id}_p{page:02} {title}.{ext}"}, pixiv.PathSample{}); err != nil {
			b.Fatal(err)
		}
	}
}

func skippedBy(t testing.TB, o outcome) map[pixiv.ID]string {
	t.Helper()
	rules := map[pixiv.ID]string{}
	for _, skipped := range recordsOf[pixiv.SkippedRecord](t, o, pixiv.RecordSkipped) {
		rules[skipped.WorkID] = skipped.Rule + ": " + skipped.Detail
	}
	return rules
}

// What is not wanted is not downloaded, and the rule is recorded.
func TestOptions_Filter(t *testing.T) {
	t.Parallel()
	replies := userReplies(t)
	replies[nextPath(60)] = []reply{{body: `{"illusts":[` + strings.Replace(workJSON(6, 1), `{"id"`, `{"user":{"id":77},"id"`, 1) + `,` +
		strings.Replace(workJSON(7, 1), `{"id"`, `{"tags":[{"name":"空","translated_name":"Sky"}],"id"`, 1) + `],"next_url":null}`}}
	rt := newRuntime(newRoad(replies))
	result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.UserWorks, Keyword: "9", Options: options(t, pixiv.Options{
		Filter: `type != "manga" and id < 1000`, BlockedUsers: []pixiv.ID{77, 3}, BlockedTags: []string{"sKy"},
	})})
	assert.Equal(t, []string{"name of the task/1_p0.png"}, slices.Sorted(maps.Keys(rt.files)))
	assert.Equal(t, map[pixiv.ID]string{2: `filter: type != "manga"`, 6: "blocked_users: 77", 7: "blocked_tags: sKy"}, skippedBy(t, result))
	assert.Len(t, recordsOf[pixiv.WorkRecord](t, result, pixiv.RecordWork), 4, "what was skipped can be looked at later")
}

func TestOptions_PagesOfNone(t *testing.T) {
	t.Parallel()
	rt := newRuntime(newRoad(userReplies(t)))
	result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.UserWorks, Keyword: "9", Options: json.RawMessage(`{"pages":"2-"}`)})
	assert.Equal(t, []string{"name of the task/2_p1.png"}, slices.Sorted(maps.Keys(rt.files)))
	assert.Equal(t, map[pixiv.ID]string{1: "pages: ", 4: "pages: "}, skippedBy(t, result))
}

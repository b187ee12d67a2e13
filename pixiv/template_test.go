package pixiv

import (
	"errors"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPreviewPath(t *testing.T) {
	t.Parallel()
	one := sampleWork()
	one.PageCount = 1
	plain := &Work{ID: 5, Title: "a/b: \u202ec", User: User{ID: 2}, PageCount: 1}
	for _, test := range []struct {
		path, multi string
		work        *Work
		page        int
		want        string
	}{
		{"", "", nil, 2, "my task/123456789_p2.jpg"},
		{"{id}", "", one, 0, "123456789.jpg"},
		{"{id}.{ext}", "", one, 0, "123456789.jpg"},
		{"{id}.{ext}", "", nil, 2, "123456789_p2.jpg"},
		{"{user.id} {user.name}/{date:2006-01}/{id}_p{page:02}.{ext}", "", nil, 2, "11 An artist/2026-01/123456789_p02.jpg"},
		{"{user.account}/{date}/{id} {number:03} of {pages}", "", nil, 2, "artist11/2026-01-31/123456789 003 of 3.jpg"},
		{"{user.name}/{id} {title}", "{user.name}/{id} {title}/{number}", nil, 1, "An artist/123456789 Sky over the town/2.jpg"},
		{"{user.name}/{id} {title}", "{user.name}/{id} {title}/{number}", one, 0, "An artist/123456789 Sky over the town.jpg"},
		{"{title}_{id}", "", one, 0, "Sky over the town_123456789.jpg"},
		{"{title}_{id}", "", nil, 1, "Sky over the town_123456789_p1.jpg"},
		{"{rating}{ai}/{series.title}/{id}_{tags}", "", one, 0, "R-18AI/Towns/123456789_sky, town.jpg"},
		{"{?series.title}{series.title} ({series.id}){/}/{!rating}all ages{/}/{id}{?title} {title}{/}", "", one, 0, "Towns (77)/123456789 Sky over the town.jpg"},
		{"{?series.title}{series.title} ({series.id}){/}/{!rating}all ages{/}/{id}{?title} {title}{/}", "", plain, 0, "all ages/5 a_b_ _c.jpg"},
		{"{{{id}}}", "", one, 0, "{123456789}.jpg"},
		{"{width:05}x{height:05}/{type}/{task}/{id}", "", one, 0, "01200x01600/illust/my task/123456789.jpg"},
		{"{user.name}/{id}", "", plain, 0, "user 2/5.jpg"},
		// What does not tell pictures apart is given what does.
		{"{title}", "", one, 0, "Sky over the town_123456789.jpg"},
		{"{title}", "", nil, 1, "Sky over the town_123456789_p1.jpg"},
		{"all", "", one, 0, "all_123456789.jpg"},
		{"{id}{page}", "", nil, 1, "1234567891_123456789_p1.jpg"},
		{"{title}{id}", "", one, 0, "Sky over the town123456789_123456789.jpg"},
		{"{title} {id} {user.name}", "", one, 0, "Sky over the town 123456789 An artist_123456789.jpg"},
		{"{?title}{id}{/}", "", one, 0, "123456789_123456789.jpg"},
		{"{user.id}_{id}", "{id}_{page}", one, 0, "11_123456789_123456789_p0.jpg"},
		{"", "{id}/{page}", one, 0, "my task/123456789_p0_123456789_p0.jpg"},
	} {
		got, err := PreviewPath(Options{Path: test.path, MultiPath: test.multi}, PathSample{Work: test.work, Page: test.page})
		require.NoError(t, err, test.path)
		assert.Equal(t, test.want, got, test.path)
	}
}

func TestTemplate_Refused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		" ":                                 "blank",
		"/{id}":                             "at character 1: a folder or file without a name",
		"{id}/":                             "at character 6: a folder or file without a name",
		"a//{id}":                           "at character 3",
		"../{id}":                           "at character 1",
		"a/ b/{id}":                         "at character 3",
		"con/{id}":                          "at character 1",
		`a\{id}`:                            "at character 2",
		"é:{id}":                            "at character 2",
		"{id}{":                             "at character 5",
		"{id}}":                             "at character 5",
		"{id":                               "at character 1",
		"{}":                                "at character 2",
		"{ID}":                              `there is no field "ID"`,
		"{id}_{nonsense}":                   "at character 7: there is no field",
		"{ext}/{id}":                        "at character 1: {ext} can only stand at the end",
		"{id}{ext}":                         "at character 5",
		"{title:02}":                        "takes no format",
		"{page:2}":                          "is no format of {page}",
		"{page:00}":                         "is no format of {page}",
		"{date:2006/01}":                    "is no format of {date}",
		"{date:today}":                      "is no format of {date}",
		"{?title}{title}":                   "without its end",
		"{?title}{title}/{/}":               `ends at "/"`,
		"{id}{/}":                           "ends nothing",
		"{?date:2006}{date}{/}":             "takes no format",
		"a\u202e{id}":                       "at character 2",
		strings.Repeat("a", 1001):           "longer than 1000 bytes",
		strings.Repeat("a/", 30) + "{id}":   "more than 16 folders",
		strings.Repeat("{?id}", 10) + "{/}": "within each other",
	} {
		_, err := PreviewPath(Options{Path: text}, PathSample{})
		wrong, ok := errors.AsType[*pixivoc.FieldError](err)
		require.True(t, ok, "%q: %v", text, err)
		assert.Equal(t, "Options.path", wrong.Field)
		assert.Contains(t, wrong.Reason, want, text)
	}
	_, err := PreviewPath(Options{MultiPath: "{id}}"}, PathSample{})
	wrong, _ := errors.AsType[*pixivoc.FieldError](err)
	require.NotNil(t, wrong)
	assert.Equal(t, "Options.multi_path", wrong.Field)
}

// F4, F8: names that Pixiv chose are cleaned after the template was filled, and
// a name that is too long keeps what tells pictures apart.
func TestF4_F8_LongAndHostileValues(t *testing.T) {
	t.Parallel()
	work := sampleWork()
	for _, title := range []string{
		strings.Repeat("あ", 300), strings.Repeat("x", 70_000), "../../etc/passwd", `..\..\windows`, "CON", "a\x00b\u2028c",
		strings.Repeat("e\u0301", 300), "\xff\xed\xa0\x80", "...", " ", "", strings.Repeat("👨‍👩‍👧", 60),
	} {
		work.Title, work.User.Name = title, title
		for _, text := range []string{"{user.name}/{title}_{id}_p{page}", "{title}", "{id} {title}", "{title}/{id}/{number}", "{user.name}/{title} ({id}) {page}"} {
			got, err := PreviewPath(Options{Path: text}, PathSample{Work: work, Page: 1, Extension: largeArchive})
			require.NoError(t, err)
			for segment := range strings.SplitSeq(got, "/") {
				require.NoError(t, pixivoc.CheckName(segment), "%q of %.40q", text, title)
			}
			assert.Contains(t, got, "123456789", "%q of %.40q", text, title)
			assert.LessOrEqual(t, strings.Count(got, "/"), 2)
		}
	}
}

// anyTemplate draws templates of pieces that are likely to be mistaken for each
// other.
func anyTemplate() *rapid.Generator[string] {
	rare := rapid.SampledFrom([]string{
		"{number}", "{page:03}", "{id:04}", "{user.name}", "{pages}", "{date:2006}", "{date:01-02}", "{date:Jan}",
		"{?title}{title}{/}", "{?title}_{id}{/}", "{!title}p{page}{/}", "-", " ", ".", "5", "com", "_1_p",
	})
	piece := rapid.OneOf(rapid.SampledFrom([]string{"{id}", "{page}", "{title}", "{user.id}", "_", "_p", "p"}), rare)
	return rapid.Custom(func(t *rapid.T) string {
		text := strings.Join(rapid.SliceOfN(piece, 1, 5).Draw(t, "file"), "")
		if rapid.IntRange(0, 2).Draw(t, "folder") == 0 {
			text = strings.Join(rapid.SliceOfN(piece, 1, 3).Draw(t, "pieces"), "") + "/" + text
		}
		return text
	})
}

// everyWork yields works that are likely to be mistaken for each other. Several
// have one ID: only one of them can be true at a time.
func everyWork(yield func(*Work) bool) {
	titles := []string{
		"", "1", "_", "_p", "-", "/", "1_p0", "x_1_p", "12_p1", "P", "x 1_", ".", "COM", "x-", "\u0301",
		strings.Repeat("あ", 60) + "1", strings.Repeat("x_1_p1", 30), strings.Repeat("x_1_p1", 30) + "_2_p",
	}
	for _, id := range []ID{1, 2, 11, 12} {
		for _, user := range []ID{1, 2, 12} {
			for i, title := range titles {
				for _, pages := range []int{1, 3} {
					work := &Work{ID: id, Title: title, PageCount: pages, User: User{ID: user, Name: titles[(i+int(user))%len(titles)]}}
					if work.CreateDate = "2011-11-11T21:05:00+09:00"; i%3 == 0 {
						work.CreateDate = "2026-01-31T21:05:00+09:00"
					}
					if !yield(work) {
						return
					}
				}
			}
		}
	}
}

// tellApart fails when two pictures get one path, but for case.
func tellApart(t require.TestingT, options Options) {
	type who struct {
		id          ID
		page, pages int
	}
	paths, err := newPathTemplates(options.Path, options.MultiPath)
	if err != nil {
		return // refused, as it should be
	}
	taken := map[string]who{}
	for work := range everyWork {
		for page := range work.PageCount {
			values := newPathValues("task", work)
			values.page = page
			got := strings.ToLower(paths.of(work).render(&values))
			require.LessOrEqual(t, len(got)-strings.LastIndexByte(got, '/')-1, maxStem)
			me := who{work.ID, page, work.PageCount}
			other, ok := taken[got]
			if ok && (other.id != me.id || other.page != me.page && other.pages == me.pages) {
				require.Failf(t, "one path", "%q is of %v and of %v", got, other, me)
			}
			taken[got] = me
		}
	}
}

// Two pictures never get one path, whatever the template and whatever their
// titles.
func TestTemplate_PathsTellPicturesApart(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"{user.id}_{id}", "{id}_{page}"},
		{"{title}_{id}", "{title}_p{id}/{page}"},
		{"{title}p{id}", "{title}_{id}_p{page}"},
		{"{title}_p{id}", "{title}_{id}_p{page}"},
		{"{title}{?title}p{/}{id}", ""},
		{"{user.id}/{id}", "{id}/{page}"},
		{"{user.id}/{?title}{title}{/}/{id}", "{id}/{page}"},
		{"{?title}{title}{/}/{id}", "{id}/{page}"},
		{"{id}", "{page}.{id}"},
		{"{id}.{user.id}", "{page}.{id}"},
		{"com{id}", "_com{page}-{id}"},
		{".{page}-{id}", " {id}-{page}"},
		{"{date:2006}{id}", "{id}{page}"},
		{"{id}{title}", "{id}_{page}{title}"},
		{"{user.id}_P{id}", "{id}_p{page}"},
		{"", "{title}_{id}"}, {"", "{id}"}, {"{page}", ""}, {"{id}{page}", ""}, {"{page}{id}", ""}, {"{number}_{id}", ""},
	} {
		tellApart(t, Options{Path: pair[0], MultiPath: pair[1]})
	}
	rapid.Check(t, func(t *rapid.T) {
		options := Options{Path: anyTemplate().Draw(t, "path")}
		if rapid.Bool().Draw(t, "two templates") {
			options.MultiPath = anyTemplate().Draw(t, "multi path")
		}
		tellApart(t, options)
	})
}

func BenchmarkTemplate(b *testing.B) {
	paths, err := newPathTemplates("{user.id} {user.name}/{date:2006-01}/{id}_p{page:02} {title}.{ext}", "")
	require.NoError(b, err)
	values := newPathValues("task", sampleWork())
	b.ReportAllocs()
	for b.Loop() {
		paths.many.render(&values)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"{id}", "{user.name}/{date:2006-01}/{id}_p{page:02}.{ext}", "{?title}{title}{/}", "{{}}", "{", "a//b", "{date:Jan}"} {
		f.Add(text, "title")
	}
	f.Fuzz(func(t *testing.T, text, title string) {
		work := sampleWork()
		work.Title, work.User.Name = title, title
		got, err := PreviewPath(Options{Path: text}, PathSample{Work: work})
		if err != nil {
			return
		}
		for segment := range strings.SplitSeq(got, "/") {
			if err := pixivoc.CheckName(segment); err != nil {
				t.Errorf("%q of %q: %v", got, text, err)
			}
		}
	})
}

// The longest name has room for all that is put behind it.
func TestLongestNameHasRoomForSuffixes(t *testing.T) {
	t.Parallel()
	for _, suffix := range []string{previewSuffix, "_ugoira1920x1080.zip"} {
		require.NoError(t, pixivoc.CheckName(strings.Repeat("a", maxStem)+"_r20260131235959"+suffix))
	}
}

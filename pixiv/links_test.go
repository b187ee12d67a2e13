package pixiv_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type link struct {
	URL  string `json:"url"`
	Name string `json:"name"`
}

// linksOf reads a list.
func linksOf(ctx context.Context, t testing.TB, spec pixivoc.TaskSpec) (links []link, keys []string, err error) {
	t.Helper()
	for item, err := range typeNamed(t, pixiv.Links).First(ctx, spec) {
		if err != nil {
			return links, keys, err
		}
		var l link
		require.NoError(t, json.Unmarshal(item.Payload, &l))
		links, keys = append(links, l), append(keys, item.Key)
	}
	return links, keys, nil
}

func namesOf(links []link) []string {
	names := make([]string, len(links))
	for i, l := range links {
		names[i] = l.Name
	}
	return names
}

func TestLinks_List(t *testing.T) {
	t.Parallel()
	const list = "\ufeff# a list\r\n\r\n  https://host.example/a/123_p0.jpg  \r\nHTTP://host.example/b.bin?token=canary#part\n#https://no.example/\n\thttps://host.example/c.png\n" +
		"https://i.pximg.net/img-original/img/2020/01/01/00/00/00/7_p0.png\nhttps://host.example/artworks/59580629"
	want := []link{
		{"https://host.example/a/123_p0.jpg", "123_p0.jpg"},
		{"http://host.example/b.bin?token=canary", "b.bin"},
		{"https://host.example/c.png", "c.png"},
		{"https://i.pximg.net/img-original/img/2020/01/01/00/00/00/7_p0.png", "7_p0.png"},
		{"https://host.example/artworks/59580629", "59580629"},
	}
	for _, spec := range []pixivoc.TaskSpec{
		{Keyword: list},
		{Input: strings.NewReader(list)},
		{Input: iotest.OneByteReader(strings.NewReader(list)), Keyword: "is not read"},
	} {
		links, keys, err := linksOf(t.Context(), t, spec)
		require.NoError(t, err)
		assert.Equal(t, want, links)
		for _, key := range keys {
			assert.NotContains(t, key, "canary", "a key is shown in errors")
		}
		assert.Regexp(t, `^123_p0\.jpg [0-9a-f]{32}$`, keys[0])
	}
}

func TestLinks_Refused(t *testing.T) {
	t.Parallel()
	const good = "https://host.example/a.jpg\n"
	for list, reason := range map[string]string{
		"":                      "no address",
		"# nothing\n\n":         "no address",
		good + "\n/a/b.jpg\n":   "line 3 is no address that begins",
		good + "ftp://h/a.jpg":  "line 2 is no address that begins",
		good + "file:///etc/x":  "line 2 is no address that begins",
		"javascript:alert(1)":   "line 1 is no address that begins",
		good + "https:///a.jpg": "line 2 names no host",
		good + "https://":       "line 2 names no host",
		"https://me:canary@h/a": "line 1 has a user name or password",
		"https://h/canary\x01":  "line 1 is no address",
		"https://h/canary%zz":   "line 1 is no address",
		"https://[::1/canary":   "line 1 is no address",
		good + "\nhttps://www.pixiv.net/en/artworks/59580629":               "line 3 is the page of a work, not of a picture",
		"http://pixiv.net/member_illust.php?mode=medium&illust_id=59580629": "line 1 is the page of a work, not of a picture",
		"https://www.pixiv.net/users/11/artworks":                           "line 1 is the page of a user, not of a picture",
		good + "https://h/" + strings.Repeat("a", 9000):                     "line 2 is longer than 8192 bytes",
	} {
		for field, spec := range map[string]pixivoc.TaskSpec{"Keyword": {Keyword: list}, "Input": {Input: strings.NewReader(list)}} {
			_, _, err := linksOf(t.Context(), t, spec)
			refused, ok := errors.AsType[*pixivoc.FieldError](err)
			require.True(t, ok, "%.40q gave %v", list, err)
			assert.Equal(t, field, refused.Field)
			assert.Contains(t, refused.Reason, reason, "%.40q", list)
			assert.NotContains(t, refused.Reason, "canary")
		}
	}
}

func TestLinks_BrokenInput(t *testing.T) {
	t.Parallel()
	input := io.MultiReader(strings.NewReader("https://h.example/a.jpg\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	links, _, err := linksOf(t.Context(), t, pixivoc.TaskSpec{Input: input})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.ErrorContains(t, err, "after line 1")
	assert.Len(t, links, 1)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = linksOf(ctx, t, pixivoc.TaskSpec{Keyword: "https://h.example/a.jpg"})
	assert.ErrorIs(t, err, context.Canceled)
}

func TestLinks_Options(t *testing.T) {
	t.Parallel()
	for _, options := range []string{`{"refferer":"x"}`, `{"referer":7}`, `[]`, `{`, `{"referer":"ftp://x/"}`, `{"referer":"https://a\r\nX: y"}`} {
		_, _, err := linksOf(t.Context(), t, pixivoc.TaskSpec{Keyword: "https://h.example/a.jpg", Options: json.RawMessage(options)})
		refused, ok := errors.AsType[*pixivoc.FieldError](err)
		require.True(t, ok, "%s gave %v", options, err)
		assert.Equal(t, "Options", refused.Field)
	}
	for options, want := range map[string]string{
		``: "https://www.pixiv.net/", `null`: "https://www.pixiv.net/", `{}`: "https://www.pixiv.net/",
		`{"referer":null}`: "https://www.pixiv.net/", `{"referer":""}`: "", `{"referer":"https://other.example/x"}`: "https://other.example/x",
	} {
		rt := newRuntime(newRoad(map[string][]reply{"h.example/a.jpg": {{body: "a"}}}))
		drive(t, rt, pixivoc.TaskSpec{Type: pixiv.Links, Keyword: "https://h.example/a.jpg", Options: json.RawMessage(options)})
		require.Len(t, rt.downloads, 1)
		assert.Equal(t, want, rt.downloads[0].Request.Header.Get("Referer"), options)
	}
	written, err := json.Marshal(pixiv.LinksOptions{Referer: new("https://other.example/")})
	require.NoError(t, err)
	assert.JSONEq(t, `{"referer":"https://other.example/"}`, string(written))
}

// Two addresses never share a file, and the names are the same each time the
// list is read.
func TestLinks_Names(t *testing.T) {
	t.Parallel()
	list := strings.Join([]string{
		"https://a.example/1.jpg",
		"https://b.example/1.jpg",
		"https://b.example/x/1.jpg",
		"https://a.example/1.jpg", // again: dropped by its key
		"https://a.example/1.JPG", // the same file on many systems
		"https://a.example/1.png", // may turn out to be a JPEG
		"https://a.example/1.txt", "https://a.example/READ.me", "https://a.example/read.ME",
		"https://a.example/", "https://b.example",
		"https://a.example/a%2Fb%5C..%00c.gif",
		"https://a.example/CON.jpg",
		"https://a.example/..",
		"https://a.example/x.jpg.part", "https://a.example/x.jpg.PART.json",
		"https://a.example/" + strings.Repeat("%E3%81%82", 300) + ".jpg",
		"https://b.example/" + strings.Repeat("%E3%81%82", 300) + ".jpg",
	}, "\n")
	links, keys, err := linksOf(t.Context(), t, pixivoc.TaskSpec{Keyword: list})
	require.NoError(t, err)
	assert.Equal(t, keys[0], keys[3])
	names := namesOf(links)
	assert.Equal(t, "1.jpg", names[0])
	for _, i := range []int{1, 2, 4, 5} {
		assert.Regexp(t, `^1-[0-9a-f]{16}\.(?i:jpg|png)$`, names[i])
	}
	assert.Equal(t, "1.txt", names[6])
	assert.Equal(t, "READ.me", names[7])
	assert.Equal(t, "index", names[9])
	assert.Regexp(t, `^index-[0-9a-f]{16}$`, names[10])
	seen := map[string]string{}
	for i, l := range links {
		require.NoError(t, pixivoc.CheckName(l.Name), l.URL)
		assert.False(t, strings.HasSuffix(strings.ToLower(l.Name), ".part"), l.Name)
		assert.False(t, strings.HasSuffix(strings.ToLower(l.Name), ".part.json"), l.Name)
		if i != 3 {
			assert.Empty(t, seen[strings.ToLower(l.Name)], l.Name)
		}
		seen[strings.ToLower(l.Name)] = l.URL
	}
	again, sameKeys, err := linksOf(t.Context(), t, pixivoc.TaskSpec{Keyword: list})
	require.NoError(t, err)
	assert.Equal(t, links, again)
	assert.Equal(t, keys, sameKeys)
}

func TestLinks_Download(t *testing.T) {
	t.Parallel()
	rt := newRuntime(newRoad(map[string][]reply{
		"a.example/1.jpg": {{status: 503}, {body: "one"}},
		"b.example/1.jpg": {{body: "other"}},
		"a.example/x.bin": {{body: "bytes"}},
	}))
	list := "https://a.example/1.jpg\nhttps://b.example/1.jpg\nhttps://a.example/1.jpg\nhttps://a.example/x.bin\n" +
		"https://a.example/gone.png\nhttps://s.pximg.net/common/images/limit_mypixiv_360.png\n"
	result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.Links, Input: strings.NewReader(list)})
	assert.Len(t, rt.files, 3)
	assert.Equal(t, "one", rt.files["1.jpg"], "below the save path itself")
	assert.Equal(t, "bytes", rt.files["x.bin"])
	var reasons []string
	for _, reason := range result.failed {
		reasons = append(reasons, reason)
	}
	slices.Sort(reasons)
	assert.Equal(t, []string{pixivoc.ReasonDeleted, pixivoc.ReasonMasked}, reasons)
	for _, download := range rt.downloads {
		assert.Equal(t, download.Name == "x.bin", download.Any, download.Name)
	}
	files := recordsOf[pixiv.FileRecord](t, result, pixiv.RecordFile)
	require.Len(t, files, 3)
	for _, file := range files {
		assert.Zero(t, file.WorkID)
		assert.Len(t, rt.files[file.Path], int(file.Bytes))
	}
	for _, address := range rt.road.addresses() {
		assert.NotContains(t, address, "s.pximg.net")
	}
}

// brokenDownloads fails each download.
type brokenDownloads struct {
	*runtime
	cause error
}

func (b brokenDownloads) Download(context.Context, pixivoc.Download) (pixivoc.File, error) {
	return pixivoc.File{}, b.cause
}

// A web page is no reason to give up at once, and none to go on for ever.
func TestLinks_PageInPlaceOfAFile(t *testing.T) {
	t.Parallel()
	stage := typeNamed(t, pixiv.Links).Stages[0].Stage
	item := pixivoc.NewItem("a", link{"https://a.example/1.jpg", "1.jpg"})
	for attempts := range 5 {
		for name, cause := range map[string]error{
			"page":  &pixivoc.BlockedError{Host: "a.example", Err: errors.New("text/html")},
			"other": io.ErrUnexpectedEOF,
		} {
			item.Attempts = attempts
			_, err := stage.Run(t.Context(), brokenDownloads{newRuntime(newRoad(nil)), cause}, item)
			require.ErrorIs(t, err, cause)
			permanent, ok := errors.AsType[*pixivoc.PermanentError](err)
			require.Equal(t, name == "page" && attempts >= 3, ok, "%s after %d: %v", name, attempts, err)
			if ok {
				assert.Equal(t, pixivoc.ReasonContent, permanent.Reason)
			}
		}
	}
}

// What UserWorksLink records can be given to Links as it is.
func TestLinks_TakesUserWorksLink(t *testing.T) {
	t.Parallel()
	rt := newRuntime(newRoad(userReplies(t)))
	found := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.UserWorksLink, Keyword: "9"})
	var list strings.Builder
	for _, record := range recordsOf[pixiv.LinkRecord](t, found, pixiv.RecordLink) {
		fmt.Fprintln(&list, record.URL)
	}
	result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.Links, Input: strings.NewReader(list.String())})
	assert.Empty(t, result.failed)
	assert.Equal(t, "2 1", rt.files["2_p1.png"])
	assert.Len(t, rt.files, 4)
}

// R1: a list of a million lines is read as it is stored, and what is remembered
// of a line are some bytes.
func TestR1_LinksStream(t *testing.T) {
	t.Parallel()
	reader, writer := io.Pipe()
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := range 1000 {
			if _, err := fmt.Fprintf(writer, "https://h.example/%d.jpg\n", i); err != nil {
				return
			}
		}
		t.Error("the list was read to its end")
	})
	count := 0
	for item, err := range typeNamed(t, pixiv.Links).First(t.Context(), pixivoc.TaskSpec{Input: reader}) {
		if count++; count == 100 {
			require.NoError(t, err)
			assert.Contains(t, item.Key, "99.jpg")
			break // the writer still holds most of the list
		}
	}
	require.NoError(t, reader.Close())
	writing.Wait()
}

func BenchmarkLinks(b *testing.B) {
	const lines = 10_000
	var list strings.Builder
	for i := range lines {
		fmt.Fprintf(&list, "https://i.pximg.net/img-original/img/2020/01/01/00/00/00/%d_p0.png\n", 100_000_000+i)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range typeNamed(b, pixiv.Links).First(b.Context(), pixivoc.TaskSpec{Input: strings.NewReader(list.String())}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*lines/b.Elapsed().Seconds(), "lines/s")
}

func FuzzLinks(f *testing.F) {
	f.Add("https://a.example/1.jpg\nhttps://b.example/1.jpg\r\n# x\n")
	f.Add("https://a.example/%2e%2e%2f\nhttps://a.example/x.part")
	f.Fuzz(func(t *testing.T, list string) {
		links, keys, err := linksOf(t.Context(), t, pixivoc.TaskSpec{Keyword: list})
		if err != nil {
			if _, ok := errors.AsType[*pixivoc.FieldError](err); !ok {
				t.Fatalf("%q gave a %T", list, err)
			}
		}
		owner := map[string]string{}
		for i, l := range links {
			if err := pixivoc.CheckName(l.Name); err != nil {
				t.Fatalf("%q: %v", l.URL, err)
			}
			name := strings.ToLower(l.Name)
			if key, taken := owner[name]; taken && key != keys[i] {
				t.Fatalf("%q has two addresses", l.Name)
			}
			owner[name] = keys[i]
		}
	})
}

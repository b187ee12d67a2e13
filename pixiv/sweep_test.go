package pixiv_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// faked is a pixivoc.Runtime over the fake Pixiv. Its files are kept in memory.
type faked struct {
	*runtime
	server *pixivtest.Server
	asked  []*url.URL
}

func newFaked(server *pixivtest.Server) *faked {
	return &faked{runtime: newRuntime(newRoad(nil)), server: server}
}

func (f *faked) Do(request *http.Request) (*http.Response, error) {
	f.asked = append(f.asked, request.URL)
	site := pixiv.Site()
	request = request.Clone(request.Context())
	site.Authorize(request, pixivoc.Token{Access: f.server.AccessToken()})
	response, err := f.server.RoundTripper().RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, site.Judge(response, body[:min(len(body), 64<<10)])
}

// listed is what the listing stage of a task found.
type listed struct {
	works   map[int64]int // how often the works were handed on, by ID
	records []pixivoc.Record
	failed  map[string]string
	pages   int
}

// list runs the listing stage of a task and nothing else.
func list(t *testing.T, rt pixivoc.Runtime, spec pixivoc.TaskSpec) listed {
	t.Helper()
	kind := typeNamed(t, spec.Type)
	stage := kind.Stages[0].Stage
	found := listed{works: map[int64]int{}, failed: map[string]string{}}
	known, handed := map[string]bool{}, map[string]bool{}
	var pending []pixivoc.Item
	for item, err := range kind.First(t.Context(), spec) {
		require.NoError(t, err)
		known[item.Key] = true
		pending = append(pending, item)
	}
	for ; len(pending) > 0; found.pages++ {
		item := pending[0]
		pending = pending[1:]
		out, err := stage.Run(t.Context(), rt, item)
		require.NoError(t, out.Err())
		if err != nil {
			found.failed[item.Key] = err.Error()
			continue
		}
		found.records = append(found.records, out.Records...)
		for _, next := range out.Items {
			switch {
			case next.Stage == pixiv.StageDownloadPicture && !handed[next.Key]:
				handed[next.Key] = true
				digits, _, _ := strings.Cut(next.Key, "_")
				id, err := strconv.ParseInt(digits, 10, 64)
				require.NoError(t, err)
				found.works[id]++
			case next.Stage == stage.Name() && !known[next.Key]:
				known[next.Key] = true
				require.LessOrEqual(t, len(next.Key), 250)
				pending = append(pending, next)
			}
		}
	}
	return found
}

func limits(found listed) (messages []string) {
	for _, record := range found.records {
		if record.Kind == pixiv.RecordLimit {
			messages = append(messages, string(record.Data))
		}
	}
	return messages
}

// The works of the 20,000: 4000 over some months, a day of 8000 in groups of 70
// that came in the same second, two years of nothing, then 8000 in four days.
const (
	before  = 4000
	crowded = 8000
	tied    = 70
	total   = 20_000
)

func created(i int) time.Time {
	began := time.Date(2021, time.March, 1, 4, 30, 0, 0, time.UTC)
	day := time.Date(2021, time.July, 9, 15, 0, 0, 0, time.UTC) // midnight in Japan
	later := time.Date(2023, time.August, 1, 1, 0, 0, 0, time.UTC)
	switch {
	case i < before:
		return began.Add(time.Duration(i) * 40 * time.Minute)
	case i < before+crowded:
		return day.Add(time.Duration((i-before)/tied) * 700 * time.Second)
	}
	return later.Add(time.Duration(i-before-crowded) * 42 * time.Second)
}

const firstID = 400_000_000

func crowdOf20000(server *pixivtest.Server) {
	server.AddCrowd(pixivtest.Crowd{
		Tag: "crowd", First: firstID, Count: total, Created: created, Arriving: 1,
		Hidden: func(i int) bool { return i%7 == 3 },
		Masked: func(i int) bool { return i%11 == 5 },
	})
}

// No work is left out and none is done twice, from either end, while new works
// come in after every page.
func TestU14_SearchBeyondTheLimit(t *testing.T) {
	t.Parallel()
	for _, order := range []string{pixiv.SortDateDesc, pixiv.SortDateAsc} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			server := pixivtest.NewUnstartedServer(pixivtest.Config{Log: pixivtest.LogLoads})
			t.Cleanup(server.Close)
			crowdOf20000(server)
			rt := newFaked(server)
			found := list(t, rt, pixivoc.TaskSpec{Type: pixiv.Search, Keyword: "crowd", Options: json.RawMessage(`{"sort":"` + order + `"}`)})
			assert.Empty(t, found.failed)
			assert.Empty(t, limits(found))
			for i := range total {
				want := 1
				if i%7 == 3 {
					want = 0 // Pixiv never showed it
				}
				require.Equal(t, want, found.works[firstID+int64(i)], "work %d", i)
			}
			// The search repeats no more than the days it was split at.
			assert.Less(t, found.pages, total/30*3/2)
			assert.Greater(t, server.Crowded("crowd"), total+found.pages/2, "the list shifted all the time")
		})
	}
}

// Works with a date that is out of order, years off on either side, end no search
// and send none astray.
func TestU14_SearchWithDatesOutOfOrder(t *testing.T) {
	t.Parallel()
	const count = 2000
	began := time.Date(2023, time.January, 1, 0, 0, 0, 0, time.UTC)
	odd := map[int]time.Time{0: time.Date(2009, time.May, 4, 0, 0, 0, 0, time.UTC), 40: time.Date(2031, time.May, 4, 0, 0, 0, 0, time.UTC)}
	for _, options := range []string{
		`{}`, `{"sort":"date_asc"}`, `{"start_date":"2023-01-01","end_date":"2023-12-30"}`, `{"start_date":"2023-01-01","end_date":"2023-12-30","sort":"date_asc"}`,
	} {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{OffsetLimit: 600})
		t.Cleanup(server.Close)
		server.AddCrowd(pixivtest.Crowd{
			Tag: "crowd", First: firstID, Count: count,
			Created: func(i int) time.Time { return began.Add(time.Duration(i) * 4 * time.Hour) },
			Dated:   func(i int) time.Time { return odd[i%83] },
		})
		found := list(t, newFaked(server), pixivoc.TaskSpec{Type: pixiv.Search, Keyword: "crowd", Options: json.RawMessage(options)})
		assert.Empty(t, found.failed)
		assert.Empty(t, limits(found))
		assert.Equal(t, count, len(found.works), options)
		assert.Less(t, found.pages, 3*count/30, options)
	}
}

// A day with more works than can be seen from both of its ends is recorded.
func TestU14_SearchOfADayTooFull(t *testing.T) {
	t.Parallel()
	server := pixivtest.NewUnstartedServer(pixivtest.Config{OffsetLimit: 90})
	t.Cleanup(server.Close)
	day := time.Date(2025, time.May, 4, 3, 0, 0, 0, time.UTC)
	server.AddCrowd(pixivtest.Crowd{Tag: "crowd", First: firstID, Count: 300, Created: func(i int) time.Time {
		return day.Add(time.Duration(i) * time.Second)
	}})
	for _, options := range []string{`{}`, `{"sort":"date_asc"}`} {
		found := list(t, newFaked(server), pixivoc.TaskSpec{Type: pixiv.Search, Keyword: "crowd", Options: json.RawMessage(options)})
		assert.Empty(t, found.failed)
		assert.Len(t, found.works, 240, "120 from each end")
		require.Len(t, limits(found), 1)
		assert.Contains(t, limits(found)[0], "search of 2025-05-04")
	}
	// The popular orders cannot be split: that is said, too.
	found := list(t, newFaked(server), pixivoc.TaskSpec{Type: pixiv.Search, Keyword: "crowd", Options: json.RawMessage(`{"sort":"popular_desc"}`)})
	assert.Len(t, found.works, 120)
	assert.Len(t, limits(found), 1)
}

// A range of days stays what was asked, also where it is split, and a duration
// becomes one.
func TestSearch_RangesHold(t *testing.T) {
	t.Parallel()
	server := pixivtest.NewUnstartedServer(pixivtest.Config{OffsetLimit: 90})
	t.Cleanup(server.Close)
	began := time.Date(2023, time.January, 1, 0, 0, 0, 0, time.UTC)
	server.AddCrowd(pixivtest.Crowd{Tag: "crowd", First: firstID, Count: 5000, Created: func(i int) time.Time {
		return began.Add(time.Duration(i) * 7 * time.Hour)
	}})
	from, to := time.Date(2023, time.December, 31, 15, 0, 0, 0, time.UTC), time.Date(2026, time.January, 31, 15, 0, 0, 0, time.UTC)
	var want []int64
	for i := range 5000 {
		if at := began.Add(time.Duration(i) * 7 * time.Hour); !at.Before(from) && at.Before(to) {
			want = append(want, firstID+int64(i))
		}
	}
	for _, sort := range []string{pixiv.SortDateDesc, pixiv.SortDateAsc} {
		rt := newFaked(server)
		found := list(t, rt, pixivoc.TaskSpec{
			Type: pixiv.Search, Keyword: "crowd",
			Options: json.RawMessage(`{"start_date":"2024-01-01","end_date":"2026-01-31","tool":"Photoshop","sort":"` + sort + `"}`),
		})
		var have []int64
		for id := range found.works {
			have = append(have, id)
		}
		slices.Sort(have)
		assert.Equal(t, want, have)
		for _, asked := range rt.asked {
			query := asked.Query()
			assert.Equal(t, "Photoshop", query.Get("tool"))
			from, err := time.Parse(time.DateOnly, query.Get("start_date"))
			require.NoError(t, err)
			to, err := time.Parse(time.DateOnly, query.Get("end_date"))
			require.NoError(t, err)
			assert.LessOrEqual(t, to.Sub(from), 365*24*time.Hour, "Pixiv names a limit of one year")
		}
	}
	rt := newFaked(server)
	found := list(t, rt, pixivoc.TaskSpec{Type: pixiv.Search, Keyword: "crowd", Options: json.RawMessage(`{"duration":"within_last_week"}`)})
	assert.Empty(t, limits(found))
	assert.Equal(t, "within_last_week", rt.asked[0].Query().Get("duration"))
	for _, asked := range rt.asked[6:] {
		assert.Empty(t, asked.Query().Get("duration"))
		assert.NotEmpty(t, asked.Query().Get("start_date"))
	}
}

func TestSearch_Options(t *testing.T) {
	t.Parallel()
	server := pixivtest.NewUnstartedServer(pixivtest.Config{})
	t.Cleanup(server.Close)
	rt := newFaked(server)
	list(t, rt, pixivoc.TaskSpec{Type: pixiv.Search, Keyword: " sky  night ", Options: json.RawMessage(`{
		"search_target":"exact_match_for_tags", "sort":"popular_male_desc", "start_date":"2026-01-01", "end_date":"2026-01-02",
		"search_ai_type":0, "include_translated_tag_results":true, "merge_plain_keyword_results":false,
		"bookmark_num_min":1, "bookmark_num_max":2, "content_type":"manga", "ratio_pattern":"square",
		"width_min":3, "width_max":4, "height_min":5, "height_max":6, "tool":"SAI"}`)})
	require.Len(t, rt.asked, 1)
	assert.Equal(t, "bookmark_num_max=2&bookmark_num_min=1&content_type=manga&end_date=2026-01-02&height_max=6&height_min=5&"+
		"include_translated_tag_results=true&merge_plain_keyword_results=false&ratio_pattern=square&search_ai_type=0&"+
		"search_target=exact_match_for_tags&sort=popular_male_desc&start_date=2026-01-01&tool=SAI&width_max=4&width_min=3&word=sky+night",
		rt.asked[0].Query().Encode())
}

func TestSearch_BadOptions(t *testing.T) {
	t.Parallel()
	for options, field := range map[string]string{
		`{"search_target":"tags"}`: "Options.search_target",
		`{"sort":"newest"}`:        "Options.sort",
		`{"duration":"week"}`:      "Options.duration",
		`{"duration":"within_last_day","end_date":"2026-01-01"}`: "Options.duration",
		`{"start_date":"1.1.2026"}`:                              "Options.start_date",
		`{"end_date":"2026-02-30"}`:                              "Options.end_date",
		`{"start_date":"2026-02-01","end_date":"2026-01-31"}`:    "Options.end_date",
		`{"search_ai_type":2}`:                                   "Options.search_ai_type",
		`{"bookmark_num_min":-1}`:                                "Options.bookmark_num_min",
		`{"width_min":5,"width_max":4}`:                          "Options.width_max",
		`{"height_max":-4}`:                                      "Options.height_max",
		`{"content_type":"video"}`:                               "Options.content_type",
		`{"ratio_pattern":"16:9"}`:                               "Options.ratio_pattern",
		`{"tool":"` + strings.Repeat("x", 200) + `"}`:            "Options.tool",
		`{"width_min":"wide"}`:                                   "Options",
		`[]`:                                                     "Options",
	} {
		for _, err := range typeNamed(t, pixiv.Search).First(t.Context(), pixivoc.TaskSpec{Keyword: "sky", Options: json.RawMessage(options)}) {
			var field2 *pixivoc.FieldError
			require.ErrorAs(t, err, &field2, options)
			assert.True(t, strings.HasPrefix(field2.Field, field), "%s gave %s", options, field2.Field)
		}
	}
	for _, keyword := range []string{"", " \n", strings.Repeat("x", 1001)} {
		for _, err := range typeNamed(t, pixiv.Search).First(t.Context(), pixivoc.TaskSpec{Keyword: keyword}) {
			assert.ErrorContains(t, err, "Keyword", fmt.Sprint(len(keyword)))
		}
	}
}

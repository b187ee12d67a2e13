package pixivtest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// works is a list of works without a user beside it.
type worksList struct {
	Illusts []illust `json:"illusts"`
	NextURL *string  `json:"next_url"`
}

// offset reads the parameter of lists that are paged by it.
func (s *Server) offset(query url.Values) (int, *answer) {
	given := query.Get("offset")
	if given == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(given)
	switch {
	case err != nil || n < 0:
		return 0, badParameter("offset", "offset contains invalid value")
	case n > s.config.OffsetLimit:
		return 0, badParameter("offset", fmt.Sprintf("offset must be no more than %d", s.config.OffsetLimit))
	}
	return n, nil
}

// cut is the page of a list at an offset, and where the next one is; nil on the last one. Pages after the first begin
// [Config.ListShift] entries early for each page before.
func (s *Server) cut(u *url.URL, ids []int64) (page []int64, next *string, refused *answer) {
	offset, refused := s.offset(u.Query())
	if refused != nil {
		return nil, nil, refused
	}
	length := s.config.PageSize
	from := max(0, offset-s.config.ListShift*(offset/length))
	if from >= len(ids) {
		return nil, nil, nil
	}
	to := min(len(ids), from+length)
	if to < len(ids) {
		address := nextURL(u, offset+length)
		next = &address
	}
	return ids[from:to], next, nil
}

// offsetList answers with a page of works.
func (s *Server) offsetList(r *http.Request, ids []int64) *answer {
	page, next, refused := s.cut(r.URL, ids)
	if refused != nil {
		return refused
	}
	return jsonAnswer(http.StatusOK, worksList{Illusts: s.illusts(page), NextURL: next})
}

// illusts are the works of a page. The cut came before: what is not shown makes the page shorter.
func (s *Server) illusts(ids []int64) []illust {
	shapes := []illust{}
	for _, id := range ids {
		if w, ok := s.catalog.show(id); ok && !w.Unlisted && (w.Access == Public || w.StillListed) {
			shapes = append(shapes, s.illust(w))
		}
	}
	return shapes
}

// all are the works that a condition holds for, newest first.
func (c *catalog) all(holds func(Work) bool) []int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var ids []int64
	for id, e := range c.works {
		if (e.Access == Public || e.StillListed) && !c.users[e.UserID].Suspended && holds(e.Work) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids
}

// choice reads a parameter that must be one of a few words; the first one is the default.
func choice(query url.Values, name, title string, words ...string) (string, *answer) {
	given := query.Get(name)
	if given == "" {
		return words[0], nil
	}
	if !slices.Contains(words, given) {
		return "", badParameter(name, title+" contains invalid value")
	}
	return given, nil
}

// ranking orders all works anew for each mode and day, from those that were there on that day.
func (s *Server) ranking(r *http.Request) *answer {
	query := r.URL.Query()
	mode, refused := choice(query, "mode", "Mode", rankingModes()...)
	if refused != nil {
		return refused
	}
	date := query.Get("date")
	if _, err := time.Parse(time.DateOnly, date); date != "" && err != nil {
		return badParameter("date", "Date contains invalid value")
	}
	return s.offsetList(r, s.ranked(mode, date))
}

func rankingModes() []string {
	return []string{
		"day", "week", "month", "day_male", "day_female", "week_original", "week_rookie", "day_manga", "week_manga",
		"month_manga", "week_rookie_manga", "day_ai", "day_r18", "day_male_r18", "day_female_r18", "week_r18", "week_r18g",
		"day_r18_ai",
	}
}

func (s *Server) ranked(mode, date string) []int64 {
	ids := s.catalog.all(func(w Work) bool {
		adult, rated := 0, strings.Contains(mode, "r18")
		if rated {
			adult = 1
		}
		if strings.HasSuffix(mode, "r18g") {
			adult = 2
		}
		return w.XRestrict == adult && (!strings.HasSuffix(mode, "_manga") || w.Type == Manga) &&
			(!strings.HasSuffix(mode, "_ai") || w.AIType == 2) && (date == "" || w.Created.In(japan).Format(time.DateOnly) <= date)
	})
	slices.SortFunc(ids, func(a, b int64) int {
		place := func(id int64) uint64 { return mix(s.config.Seed, mixText(mode), mixText(date), uint64(id)) }
		if place(a) < place(b) {
			return -1
		}
		return 1
	})
	return ids
}

// Ranking is the order in which a ranking shows the works, by ID. An empty date is the newest ranking.
func (s *Server) Ranking(mode, date string) []int64 { return s.ranked(mode, date) }

type seriesDetail struct {
	ID              int64      `json:"id"`
	Title           string     `json:"title"`
	Caption         string     `json:"caption"`
	SeriesWorkCount int        `json:"series_work_count"`
	CreateDate      string     `json:"create_date"`
	User            illustUser `json:"user"`
}

// illustSeries lists the works of a series, newest first.
func (s *Server) illustSeries(r *http.Request) *answer {
	id, refused := number(r.URL.Query(), "illust_series_id", "Illust Series Id")
	if refused != nil {
		return refused
	}
	ids := s.catalog.all(func(w Work) bool { return w.Series != nil && w.Series.ID == id })
	if len(ids) == 0 {
		return notFound()
	}
	page, next, refused := s.cut(r.URL, ids)
	if refused != nil {
		return refused
	}
	first, _ := s.catalog.work(ids[len(ids)-1])
	shape := s.illust(first)
	return jsonAnswer(http.StatusOK, struct {
		Detail seriesDetail `json:"illust_series_detail"`
		First  illust       `json:"illust_series_first_illust"`
		worksList
	}{
		seriesDetail{ID: id, Title: first.Series.Title, SeriesWorkCount: len(ids), CreateDate: shape.CreateDate, User: shape.User},
		shape, worksList{s.illusts(page), next},
	})
}

// viewed are the works that a client says it was shown.
func viewed(query url.Values) map[int64]bool {
	ids := map[int64]bool{}
	for name, values := range query {
		if !strings.HasPrefix(name, "viewed[") {
			continue
		}
		for _, value := range values {
			if id, err := strconv.ParseInt(value, 10, 64); err == nil {
				ids[id] = true
			}
		}
	}
	return ids
}

// suggest answers with works that were not viewed yet; the next page names all that were.
func (s *Server) suggest(u *url.URL, ids []int64, keep url.Values) worksList {
	seen := viewed(u.Query())
	var page []int64
	more := false
	for _, id := range ids {
		if seen[id] {
			continue
		}
		if more = len(page) == s.config.PageSize; more {
			break
		}
		page = append(page, id)
	}
	list := worksList{Illusts: s.illusts(page)}
	if !more {
		return list
	}
	place := 0
	for _, id := range append(sortedKeys(seen), page...) {
		keep.Set(fmt.Sprintf("viewed[%d]", place), strconv.FormatInt(id, 10))
		place++
	}
	next := "https://" + HostAPI + u.Path + "?" + keep.Encode()
	list.NextURL = &next
	return list
}

func sortedKeys(ids map[int64]bool) []int64 {
	keys := make([]int64, 0, len(ids))
	for id := range ids {
		keys = append(keys, id)
	}
	slices.Sort(keys)
	return keys
}

// related lists every other work once, in an order that follows from the one that was asked for.
func (s *Server) related(r *http.Request) *answer {
	query := r.URL.Query()
	id, refused := number(query, "illust_id", "Illust Id")
	if refused != nil {
		return refused
	}
	if _, ok := s.catalog.work(id); !ok {
		return notFound()
	}
	ids := s.catalog.all(func(w Work) bool { return w.ID != id })
	s.shuffle(ids, uint64(id))
	return jsonAnswer(http.StatusOK, s.suggest(r.URL, ids, url.Values{
		"illust_id": {query.Get("illust_id")}, "filter": {"for_ios"}, "seed_illust_ids[0]": {query.Get("illust_id")},
	}))
}

func (s *Server) shuffle(ids []int64, by uint64) {
	slices.SortFunc(ids, func(a, b int64) int {
		if mix(s.config.Seed, by, uint64(a)) < mix(s.config.Seed, by, uint64(b)) {
			return -1
		}
		return 1
	})
}

// recommended lists every work of a type once.
func (s *Server) recommended(r *http.Request) *answer {
	query := r.URL.Query()
	kind, refused := choice(query, "content_type", "Content Type", string(Illust), string(Manga))
	if refused != nil {
		return refused
	}
	ids := s.catalog.all(func(w Work) bool { return listedAs(w.Type, WorkType(kind)) })
	s.shuffle(ids, 0x7265636f)
	list := s.suggest(r.URL, ids, url.Values{
		"content_type": {kind}, "include_ranking_label": {"true"}, "filter": {"for_ios"},
		"min_bookmark_id_for_recent_illust": {"28694690028"}, "max_bookmark_id_for_recommend": {"23491334813"},
		"offset": {"0"}, "include_ranking_illusts": {"false"}, "include_privacy_policy": {"false"},
	})
	return jsonAnswer(http.StatusOK, struct {
		Illusts        []illust `json:"illusts"`
		RankingIllusts []illust `json:"ranking_illusts"`
		ContestExists  bool     `json:"contest_exists"`
		PrivacyPolicy  struct{} `json:"privacy_policy"`
		NextURL        *string  `json:"next_url"`
	}{list.Illusts, []illust{}, false, struct{}{}, list.NextURL})
}

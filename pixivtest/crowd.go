package pixivtest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// Crowd is a great number of works with one tag, made up anew each time one is asked for: it takes no memory. It is for
// searches that reach beyond the offset limit.
type Crowd struct {
	Tag   string
	First int64 // ID of the oldest work, far from all others
	Count int

	// Created says when work i came, counted from the oldest, in whole seconds. It must not fall while i rises.
	Created func(i int) time.Time
	// Dated says which create_date work i shows, where that is not when it came: one that is out of order. The zero time,
	// and nil for all: it is.
	Dated func(i int) time.Time
	// Hidden works take a place in a page but are not shown; Masked ones show a placeholder. Nil: none.
	Hidden, Masked func(i int) bool
	// Arriving is how many works more there are after each page that was asked for: the list shifts under its reader.
	Arriving int
}

// crowd is a Crowd with what came since.
type crowd struct {
	Crowd
	userID int64

	mu    sync.Mutex
	count int
}

// AddCrowd adds a crowd. It panics when Created is nil: that is a mistake in the test.
func (s *Server) AddCrowd(c Crowd) {
	if c.Created == nil {
		panic("pixivtest: AddCrowd: field Created is nil")
	}
	u := s.AddUser(User{})
	s.catalog.mu.Lock()
	defer s.catalog.mu.Unlock()
	s.catalog.crowds = append(s.catalog.crowds, &crowd{Crowd: c, userID: u.ID, count: c.Count})
}

// Crowded says how many works the crowd of a tag has by now.
func (s *Server) Crowded(tag string) int {
	if c := s.catalog.crowdOf(tag); c != nil {
		return c.size(0)
	}
	return 0
}

// size is how many works there are, before so many arrive.
func (c *crowd) size(arriving int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	count := c.count
	c.count += arriving
	return count
}

// work makes work i up.
func (c *crowd) work(i int) (work, bool) {
	if i < 0 || i >= c.size(0) {
		return work{}, false
	}
	came := c.Created(i)
	w := Work{ID: c.First + int64(i), UserID: c.userID, Created: came, Tags: []Tag{{Name: c.Tag}}, AIType: 1}
	if c.Dated != nil {
		if shown := c.Dated(i); !shown.IsZero() {
			w.Created = shown
		}
	}
	if c.Masked != nil && c.Masked(i) {
		w.Mask = MaskSanityLevel
	}
	w.Unlisted = c.Hidden != nil && c.Hidden(i)
	if err := w.complete(); err != nil {
		panic(fmt.Sprintf("pixivtest: work %d of crowd %q: %v", i, c.Tag, err)) // nothing in it can be wrong
	}
	return work{Work: w, uploaded: came}, true
}

func (c *catalog) crowdOf(tag string) *crowd {
	c.mu.RLock()
	defer c.mu.RUnlock()
	at := slices.IndexFunc(c.crowds, func(crowd *crowd) bool { return crowd.Tag == tag })
	if at < 0 {
		return nil
	}
	return c.crowds[at]
}

// crowded finds a work of a crowd. The caller holds the lock.
func (c *catalog) crowded(id int64) (work, bool) {
	for _, crowd := range c.crowds {
		if w, ok := crowd.work(int(id - crowd.First)); ok {
			return w, true
		}
	}
	return work{}, false
}

// days reads the range of days of a search: midnight to midnight in Japan.
func days(query url.Values) (from, to time.Time, refused *answer) {
	to = time.Date(9999, time.January, 1, 0, 0, 0, 0, japan)
	for _, name := range []string{"start_date", "end_date"} {
		given := query.Get(name)
		if given == "" {
			continue
		}
		day, err := time.ParseInLocation(time.DateOnly, given, japan)
		if err != nil {
			return from, to, badParameter(name, name+" contains invalid value")
		}
		if name == "start_date" {
			from = day
		} else {
			to = day.AddDate(0, 0, 1)
		}
	}
	return from, to, nil
}

// searched is a search as it was asked.
type searched struct {
	words    []string
	target   string
	sort     string
	from, to time.Time // to is not in it
}

func readSearch(query url.Values) (searched, *answer) {
	found := searched{words: strings.Fields(query.Get("word"))}
	if len(found.words) == 0 {
		return found, badParameter("word", "Word is required")
	}
	var refused *answer
	if found.target, refused = choice(query, "search_target", "Search Target",
		"partial_match_for_tags", "exact_match_for_tags", "title_and_caption", "keyword"); refused != nil {
		return found, refused
	}
	if found.sort, refused = choice(query, "sort", "Sort",
		"date_desc", "date_asc", "popular_desc", "popular_male_desc", "popular_female_desc"); refused != nil {
		return found, refused
	}
	found.from, found.to, refused = days(query)
	return found, refused
}

// search lists the works that fit. A word that is the tag of a [Crowd] finds the crowd; the popular orders are those of
// accounts without premium: by date.
func (s *Server) search(r *http.Request) *answer {
	asked, refused := readSearch(r.URL.Query())
	if refused != nil {
		return refused
	}
	list := struct {
		worksList
		SearchSpanLimit int  `json:"search_span_limit"`
		ShowAI          bool `json:"show_ai"`
	}{SearchSpanLimit: 31536000, ShowAI: true}
	if crowd := s.catalog.crowdOf(strings.Join(asked.words, " ")); crowd != nil {
		list.worksList, refused = s.searchCrowd(r.URL, crowd, asked)
	} else {
		ids := s.catalog.all(asked.fits)
		if asked.sort == "date_asc" {
			slices.Reverse(ids)
		}
		var page []int64
		page, list.NextURL, refused = s.cut(r.URL, ids)
		list.Illusts = s.illusts(page)
	}
	if refused != nil {
		return refused
	}
	return jsonAnswer(http.StatusOK, list)
}

// fits says whether a work has all the words and came in time.
func (f searched) fits(w Work) bool {
	if w.Created.Before(f.from) || !w.Created.Before(f.to) {
		return false
	}
	for _, word := range f.words {
		if !slices.ContainsFunc(w.Tags, func(tag Tag) bool {
			return tag.Name == word || f.target == "partial_match_for_tags" && strings.Contains(tag.Name, word)
		}) && (f.target != "title_and_caption" && f.target != "keyword" || !strings.Contains(w.Title+w.Caption, word)) {
			return false
		}
	}
	return true
}

// searchCrowd cuts a page out of a crowd without making up more than the page.
func (s *Server) searchCrowd(u *url.URL, c *crowd, asked searched) (worksList, *answer) {
	offset, refused := s.offset(u.Query())
	if refused != nil {
		return worksList{}, refused
	}
	count := c.size(c.Arriving)
	first := sort.Search(count, func(i int) bool { return !c.Created(i).Before(asked.from) })
	last := sort.Search(count, func(i int) bool { return !c.Created(i).Before(asked.to) })
	list := worksList{Illusts: []illust{}}
	for place := offset; place < min(last-first, offset+s.config.PageSize); place++ {
		i := first + place
		if asked.sort != "date_asc" {
			i = last - 1 - place
		}
		if w, ok := c.work(i); ok && !w.Unlisted {
			list.Illusts = append(list.Illusts, s.illust(w))
		}
	}
	if last-first > offset+s.config.PageSize {
		next := nextURL(u, offset+s.config.PageSize)
		list.NextURL = &next
	}
	return list, nil
}

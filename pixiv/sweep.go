package pixiv

import (
	"net/url"
	"time"

	"github.com/pixivoc/pixivoc"
)

// A search lists no more than 5000 works from each end. So a search that Pixiv
// cuts off goes on as another one, over the days that are left:
//
//   - A sweep runs over a range of days in one direction. Where it is cut off,
//     the next one begins with the day of the last work that it saw.
//   - A sweep that was cut off within its first day goes on behind that day,
//     and a sweep over that day alone comes from its other end until it meets
//     the first one. Works of the same second, which Pixiv may sort either
//     way, lie within both.
//
// So nothing is left out but the middle of a day with more than 10000 works,
// which is recorded. What two sweeps see is done once: it has one key.

// sweep is a search over a range of days, in one direction.
type sweep struct {
	// From and To are the first and the last day, both included; "" is open.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Rising sweeps go from old to new.
	Rising bool `json:"rising,omitempty"`
	// Edge is how far the sweep has come, a create_date of the last page. Of that
	// page it is the one that leaves the most to see: one date that is out of
	// order must not end the search.
	Edge time.Time `json:"edge,omitzero"`
	// Meet is the edge of the sweep that this one comes to meet.
	Meet time.Time `json:"meet,omitzero"`
}

// title names the range in errors and records.
func (s *sweep) title() string {
	from, to := s.From, s.To
	if from == "" && to == "" {
		return "search"
	}
	if from == to {
		return "search of " + from
	}
	return "search of " + from + ".." + to
}

// after is the sweep with the works of a page in it. Dates that the sweep did
// not ask for say nothing.
func (s sweep) after(page *Page) sweep {
	var edge time.Time
	for i := range page.Works {
		created, err := time.Parse(time.RFC3339, page.Works[i].CreateDate)
		if err != nil || !s.covers(created) {
			continue
		}
		if edge.IsZero() || created.Before(edge) == s.Rising {
			edge = created
		}
	}
	if !edge.IsZero() {
		s.Edge = edge
	}
	return s
}

// covers says whether the range has the day of a work, Japan's or UTC's.
func (s *sweep) covers(created time.Time) bool {
	return (s.From == "" || created.In(japan()).Format(time.DateOnly) >= s.From) &&
		(s.To == "" || created.UTC().Format(time.DateOnly) <= s.To)
}

// met says that all between the two sweeps is seen, as a page tells. One work
// alone beyond the meeting point may be out of order.
func (s *sweep) met(page *Page) bool {
	beyond := 0
	for i := range page.Works {
		created, err := time.Parse(time.RFC3339, page.Works[i].CreateDate)
		if err == nil && s.covers(created) && !created.Equal(s.Meet) && created.After(s.Meet) == s.Rising {
			beyond++
		}
	}
	return !s.Meet.IsZero() && beyond > 1
}

// edgeDay is the day to go on with. It is the day of the edge in whichever time
// zone makes the ranges overlap: Pixiv's days are Japan's by all reports, but
// none says so.
func (s *sweep) edgeDay() string {
	if s.Rising {
		return s.Edge.UTC().Format(time.DateOnly)
	}
	return s.Edge.In(japan()).Format(time.DateOnly)
}

// japan is the time zone of Pixiv's days.
func japan() *time.Location { return time.FixedZone("JST", 9*60*60) }

// rest returns the sweeps that see what this one did not, nothing when there
// are none that could.
func (s *sweep) rest() []sweep {
	if s.Edge.IsZero() || !s.Meet.IsZero() {
		return nil
	}
	day := s.edgeDay()
	if s.Rising {
		if s.From == "" || day > s.From {
			return inRange(sweep{From: day, To: s.To, Rising: true})
		}
		back := sweep{From: s.From, To: s.From, Meet: s.Edge}
		return append(inRange(sweep{From: nextDay(s.From, 1), To: s.To, Rising: true}), back)
	}
	if s.To == "" || day < s.To {
		return inRange(sweep{From: s.From, To: day})
	}
	back := sweep{From: s.To, To: s.To, Rising: true, Meet: s.Edge}
	return append(inRange(sweep{From: s.From, To: nextDay(s.To, -1)}), back)
}

// inRange leaves out a sweep over no day.
func inRange(s sweep) []sweep {
	if s.From != "" && s.To != "" && s.From > s.To || s.To != "" && s.To < firstRankingDay {
		return nil
	}
	return []sweep{s}
}

func nextDay(day string, days int) string {
	parsed, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return parsed.AddDate(0, 0, days).Format(time.DateOnly)
}

// split queues the sweeps over what is left of a search that was cut off. False
// means that something stays unseen.
func (i pageItem) split(out *pixivoc.Output) bool {
	query, err := url.ParseQuery(i.Query)
	if err != nil {
		return false
	}
	from := *i.Sweep
	if days := durationDays(query.Get("duration")); days > 0 {
		// A duration and days exclude each other.
		query.Del("duration")
		from.From = time.Now().UTC().AddDate(0, 0, -days).Format(time.DateOnly)
	}
	rest := from.rest()
	for _, next := range rest {
		item := next.item(query)
		if len(rest) == 1 { // else it cannot be told when both are at their end
			item.Listing, item.Top, item.Marked = i.Listing, i.Top, i.Marked
		}
		out.QueueTo(StageGetPageUrls, item.key(), item)
	}
	return len(rest) > 0
}

func durationDays(duration string) int {
	switch duration {
	case "within_last_day":
		return 1
	case "within_last_week":
		return 7
	case "within_last_month":
		return 31
	}
	return 0
}

// item is the first page of a sweep with the other parameters of query.
func (s sweep) item(query url.Values) pageItem {
	asked := url.Values{}
	for name, values := range query {
		asked[name] = values
	}
	for name, value := range map[string]string{"offset": "", "start_date": s.From, "end_date": s.To, "sort": s.order()} {
		if asked.Del(name); value != "" {
			asked.Set(name, value)
		}
	}
	item := firstPage(listSearch, asked)
	item.Sweep = &s
	return item
}

func (s sweep) order() string {
	if s.Rising {
		return SortDateAsc
	}
	return SortDateDesc
}

// searchItems are the first pages of a search. A long range of days is divided
// beforehand: Pixiv names a limit of one year for it (search_span_limit).
func searchItems(word string, options SearchOptions) []pageItem {
	query := options.query(word)
	switch options.Sort {
	case "", SortDateDesc, SortDateAsc:
	default:
		query.Set("sort", options.Sort)
		for name, value := range map[string]string{"start_date": options.StartDate, "end_date": options.EndDate} {
			if value != "" {
				query.Set(name, value)
			}
		}
		return []pageItem{firstPage(listSearch, query)}
	}
	const span = 364
	whole := sweep{From: options.StartDate, To: options.EndDate, Rising: options.Sort == SortDateAsc}
	var items []pageItem
	for whole.From != "" && whole.To != "" && nextDay(whole.From, span) < whole.To {
		part := whole
		if whole.Rising {
			part.To = nextDay(whole.From, span)
			whole.From = nextDay(part.To, 1)
		} else {
			part.From = nextDay(whole.To, -span)
			whole.To = nextDay(part.From, -1)
		}
		items = append(items, part.item(query))
	}
	return append(items, whole.item(query))
}

package schedule

import (
	"fmt"
	"strings"
	"time"
)

// Window is a part of every day, such as the night. The zero value is no part
// of any day. Windows are values and safe for concurrent use.
type Window struct {
	text       string
	zone       *time.Location // nil: no window
	begin, end int            // minutes after midnight; end <= begin: of the next day
}

// ParseWindow reads a window: "" for none, or "01:00-07:00", with
// "TZ=Area/City " in front when its zone is not the machine's. It may reach
// over midnight. "24:00" is the end of the day.
func ParseWindow(text string) (Window, error) {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return Window{}, nil
	}
	zone, hours, err := cutZone(text)
	if err != nil {
		return Window{}, err
	}
	first, last, ranged := strings.Cut(hours, "-")
	begin, beginOK := parseTime(first)
	end, endOK := parseTime(last)
	if !ranged || !beginOK || !endOK || begin == minutesOfDay {
		return Window{}, fmt.Errorf("%q is no part of a day; write it like 01:00-07:00", hours)
	}
	if begin == end {
		return Window{}, fmt.Errorf("%q ends where it begins", hours)
	}
	return Window{text: text, zone: zone, begin: begin, end: end}, nil
}

const minutesOfDay = 24 * 60

// parseTime reads HH:MM as minutes after midnight.
func parseTime(text string) (minutes int, ok bool) {
	if text == "24:00" {
		return minutesOfDay, true
	}
	t, err := time.Parse("15:04", text)
	return t.Hour()*60 + t.Minute(), err == nil && len(text) == len("15:04")
}

// IsZero says that there is no window.
func (w Window) IsZero() bool { return w.zone == nil }

// String returns the text that ParseWindow reads, with single blanks.
func (w Window) String() string { return w.text }

// Until returns, for a time within the window, when it ends, in UTC and by the
// wall clock. For other times it is the zero time.
func (w Window) Until(now time.Time) time.Time {
	if w.IsZero() {
		return time.Time{}
	}
	now = now.Round(0)
	wall := clock{w.zone}
	year, month, day := now.In(w.zone).Date()
	for days := -1; days <= 0; days++ { // it may have begun yesterday
		end := w.end
		if end <= w.begin {
			end += minutesOfDay
		}
		date := time.Date(year, month, day+days, 0, 0, 0, 0, time.UTC)
		from := wall.reaches(date.Add(time.Duration(w.begin)*time.Minute), time.Time{})
		to := wall.reaches(date.Add(time.Duration(end)*time.Minute), from)
		if !now.Before(from) && now.Before(to) {
			return to.UTC()
		}
	}
	return time.Time{}
}

// Midnight returns when the day of a time ends on the wall clock of its zone,
// in UTC and always after that time, and the day as text that no other day has.
// Days later in time have texts that are greater.
func Midnight(now time.Time) (end time.Time, day string) {
	now = now.Round(0)
	year, month, date := now.Date()
	next := time.Date(year, month, date+1, 0, 0, 0, 0, time.UTC)
	return clock{now.Location()}.reaches(next, now).UTC(), now.Format(time.DateOnly)
}

package schedule

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// maxYears is how far ahead a day is looked for. February 29 may be eight
// years away.
const maxYears = 9

// set is a set of small numbers, one for each bit.
type set uint64

func (s set) has(n int) bool { return s>>n&1 == 1 }

// cron is a rule of five fields.
type cron struct {
	clock
	minutes, hours, days, months, weekly set
	// anyDay and anyWeekday say that the field was "*" or began so, and does not
	// restrict the day by itself.
	anyDay, anyWeekday bool
	// hourly says that the hour is "*": the rule is about every hour that
	// passes, not about times of the day.
	hourly bool
}

// field is what one of the five may contain.
type field struct {
	name        string
	least, most int
	words       []string // names for least, least+1, …
}

func parseCron(line string, zone *time.Location) (*cron, error) {
	months := []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	weekdays := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	fields := []field{
		{"minute", 0, 59, nil}, {"hour", 0, 23, nil}, {"day of month", 1, 31, nil},
		{"month", 1, 12, months}, {"day of week", 0, 7, weekdays},
	}
	texts := strings.Fields(line)
	if len(texts) != len(fields) {
		return nil, fmt.Errorf("%q has %d fields; write \"every 6h\", or a cron line of five: minute, hour, day of month, month, day of week", line, len(texts))
	}
	var sets [5]set
	for i, f := range fields {
		var err error
		if sets[i], err = f.parse(texts[i]); err != nil {
			return nil, err
		}
	}
	c := &cron{
		clock: clock{zone}, minutes: sets[0], hours: sets[1], days: sets[2], months: sets[3], weekly: sets[4],
		hourly: texts[1] == "*", anyDay: texts[2][0] == '*', anyWeekday: texts[4][0] == '*',
	}
	if c.weekly.has(7) {
		c.weekly |= 1
	}
	return c, nil
}

// parse reads a list of numbers and ranges with steps.
func (f field) parse(text string) (set, error) {
	var all set
	for part := range strings.SplitSeq(text, ",") {
		numbers, step, stepped := strings.Cut(part, "/")
		by := 1
		if stepped {
			var err error
			if by, err = strconv.Atoi(step); err != nil || by < 1 || by > f.most {
				return 0, f.wrong(part, fmt.Sprintf("the step must be from 1 to %d", f.most))
			}
		}
		from, to, err := f.bounds(numbers, stepped)
		if err != nil {
			return 0, f.wrong(part, err.Error())
		}
		for n := from; n <= to; n += by {
			all |= 1 << n
		}
	}
	return all, nil
}

// bounds reads "*", "5" or "5-9". A single number with a step goes on to the
// end.
func (f field) bounds(text string, stepped bool) (from, to int, err error) {
	if text == "*" {
		return f.least, f.most, nil
	}
	first, last, ranged := strings.Cut(text, "-")
	if from, err = f.number(first); err != nil {
		return 0, 0, err
	}
	switch {
	case ranged:
		to, err = f.number(last)
	case stepped:
		to = f.most
	default:
		to = from
	}
	if err == nil && to < from {
		err = fmt.Errorf("%d comes before %d", to, from)
	}
	return from, to, err
}

func (f field) number(text string) (int, error) {
	for i, word := range f.words {
		if strings.EqualFold(text, word) {
			return f.least + i, nil
		}
	}
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil || int(n) < f.least || int(n) > f.most {
		return 0, fmt.Errorf("must be from %d to %d", f.least, f.most)
	}
	return int(n), nil
}

func (f field) wrong(part, reason string) error {
	return fmt.Errorf("%s %q: %s", f.name, part, reason)
}

// next returns the first time of the rule after the given one.
func (c *cron) next(after time.Time) time.Time {
	// The day before may be under way still where clocks were put back at
	// midnight.
	year, month, day := after.In(c.zone).Date()
	date := time.Date(year, month, day-1, 0, 0, 0, 0, time.UTC)
	for end := date.AddDate(maxYears, 0, 0); date.Before(end); date = date.AddDate(0, 0, 1) {
		if !c.holds(date) {
			continue
		}
		if at, found := c.within(date, after); found {
			return at
		}
	}
	return time.Time{}
}

// holds says whether the rule names a day.
func (c *cron) holds(date time.Time) bool {
	if !c.months.has(int(date.Month())) {
		return false
	}
	day, weekday := c.days.has(date.Day()), c.weekly.has(int(date.Weekday()))
	if c.anyDay || c.anyWeekday {
		return day && weekday
	}
	return day || weekday
}

// within returns the first time on a day, given as its midnight in UTC, that
// comes after another.
func (c *cron) within(date, after time.Time) (first time.Time, found bool) {
	before, behind := c.around(date)
	for hours := c.hours; hours != 0; hours &= hours - 1 {
		for minutes := c.minutes; minutes != 0; minutes &= minutes - 1 {
			minute := bits.TrailingZeros64(uint64(hours))*60 + bits.TrailingZeros64(uint64(minutes))
			wall := date.Add(time.Duration(minute) * time.Minute)
			if before == behind {
				if at := wall.Add(-before); at.After(after) {
					return at, true // and the rest of the day comes later
				}
				continue
			}
			for _, at := range c.counting(wall, before, behind) {
				if at.After(after) && (!found || at.Before(first)) {
					first, found = at, true
				}
			}
		}
	}
	return first, found
}

// counting returns the moments that count of those at which the clock shows a
// time: one, or none, or both for an hourly rule.
func (c *cron) counting(wall time.Time, before, behind time.Duration) []time.Time {
	at := c.moments(wall, before, behind)
	switch {
	case c.hourly:
		return at
	case len(at) == 0:
		return []time.Time{c.passedOver(wall, before, behind)}
	}
	return at[:1]
}

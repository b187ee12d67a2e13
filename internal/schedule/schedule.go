// Package schedule says when something that is done again and again is due: at
// fixed intervals, or by a cron line in a time zone. It also knows windows of
// the day, and an agenda that calls when something is due by the wall clock.
package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // Windows, and containers from nothing, have no zones of their own
)

// The bounds of an interval.
const (
	MinEvery = time.Minute
	MaxEvery = 366 * 24 * time.Hour
)

// Schedule is a rule for times. The zero value is no rule: it has no next time.
// Schedules are values and safe for concurrent use.
type Schedule struct {
	text  string
	every time.Duration // 0: by cron
	cron  *cron         // nil: every
}

// Parse reads a schedule: "" for none, "every 6h", or a cron line of five
// fields (minute, hour, day of month, month, day of week), with
// "TZ=Area/City " in front when its zone is not the machine's.
//
// An interval is written as time.ParseDuration takes it, or in days ("every
// 2d") or weeks ("every 1w"), from MinEvery to MaxEvery.
//
// Fields of a cron line are lists of numbers and ranges, with steps: "*",
// "*/15", "1-5", "0,30", "8-18/2". Months and days of the week may be given by
// the first three letters of their English names; Sunday is 0 and 7. When both
// the day of month and the day of week are restricted, one of them is enough.
func Parse(text string) (Schedule, error) {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return Schedule{}, nil
	}
	if rest, found := strings.CutPrefix(text, "every "); found {
		every, err := parseEvery(rest)
		return Schedule{text: text, every: every}, err
	}
	zone, line, err := cutZone(text)
	if err != nil {
		return Schedule{}, err
	}
	c, err := parseCron(line, zone)
	if err != nil {
		return Schedule{}, err
	}
	return Schedule{text: text, cron: c}, nil
}

func parseEvery(text string) (time.Duration, error) {
	every, err := time.ParseDuration(text)
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, found := strings.CutSuffix(text, unit); found {
			var n uint64
			if n, err = strconv.ParseUint(number, 10, 10); err == nil {
				every = time.Duration(n) * length
			}
		}
	}
	if err != nil {
		return 0, fmt.Errorf("%q is no length of time; write it like 30m, 6h, 2d or 1w", text)
	}
	if every < MinEvery || every > MaxEvery {
		return 0, fmt.Errorf("%s is not between %s and %s", text, MinEvery, MaxEvery)
	}
	return every, nil
}

// cutZone takes "TZ=Area/City " off the front. Without it the zone is the
// machine's.
func cutZone(text string) (*time.Location, string, error) {
	rest, found := strings.CutPrefix(text, "TZ=")
	if !found {
		return time.Local, text, nil
	}
	name, rest, _ := strings.Cut(rest, " ")
	if name == "" {
		return nil, "", errors.New("TZ= names no time zone")
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, "", fmt.Errorf("%q is no time zone; write it like TZ=Asia/Tokyo", name)
	}
	return zone, rest, nil
}

// IsZero says that there is no rule.
func (s Schedule) IsZero() bool { return s.every == 0 && s.cron == nil }

// String returns the text that Parse reads, with single blanks.
func (s Schedule) String() string { return s.text }

// Next returns the first time after the given one, in UTC and by the wall
// clock, or the zero time when there is none: for no rule, and for a day that
// never comes. An interval counts from the given time.
//
// A cron line speaks of the clock on the wall of its zone. Where that is put
// forward and a time is passed over, the rule holds at the moment of the
// change. Where it is put back and a time comes twice, the first counts; for a
// line whose hour is "*" both do.
func (s Schedule) Next(after time.Time) time.Time {
	after = after.Round(0) // a monotonic reading stands still while the machine sleeps
	switch {
	case s.every > 0:
		return after.Add(s.every).UTC()
	case s.cron != nil:
		return s.cron.next(after)
	}
	return time.Time{}
}

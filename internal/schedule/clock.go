package schedule

import "time"

// clock is the clock on the wall of a zone. What it shows is given as if it
// were a time in UTC.
type clock struct{ zone *time.Location }

// offset is how far the clock is ahead of UTC.
func (c clock) offset(at time.Time) time.Duration {
	_, seconds := at.In(c.zone).Zone()
	return time.Duration(seconds) * time.Second
}

// around returns the offsets before and behind all moments at which the clock
// may show something of a day, given as its midnight.
func (c clock) around(date time.Time) (before, behind time.Duration) {
	return c.offset(date.Add(-14 * time.Hour)), c.offset(date.Add(38 * time.Hour))
}

// moments returns when the clock shows a time, on a day on which the offset
// changes: once, or twice. Where the clock was put forward and passed the time
// over, it is none.
func (c clock) moments(wall time.Time, before, behind time.Duration) []time.Time {
	early, late := wall.Add(-before), wall.Add(-behind)
	isEarly, isLate := c.offset(early) == before, c.offset(late) == behind
	switch {
	case before == behind:
		return []time.Time{early}
	case isEarly && isLate:
		return []time.Time{early, late}
	case isEarly:
		return []time.Time{early}
	case isLate:
		return []time.Time{late}
	}
	return nil
}

// passedOver returns when the clock jumped over a time for which there are no
// moments.
func (c clock) passedOver(wall time.Time, before, behind time.Duration) time.Time {
	return c.change(wall.Add(-behind), wall.Add(-before))
}

// reaches returns when the clock first shows a time, or passes it over. When it
// does so twice and the first is not after the given moment, it is the second.
func (c clock) reaches(wall, after time.Time) time.Time {
	before, behind := c.around(wall.Truncate(24 * time.Hour))
	at := c.moments(wall, before, behind)
	switch {
	case len(at) == 0:
		return c.passedOver(wall, before, behind)
	case len(at) == 2 && !at[0].After(after):
		return at[1]
	}
	return at[0]
}

// change returns the first second after from, and not after to, at which the
// offset is that of to.
func (c clock) change(from, to time.Time) time.Time {
	target := c.offset(to)
	for to.Sub(from) > time.Second {
		middle := from.Add(to.Sub(from) / 2).Truncate(time.Second)
		if c.offset(middle) == target {
			to = middle
		} else {
			from = middle
		}
	}
	return to
}

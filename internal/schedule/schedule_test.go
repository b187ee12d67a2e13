package schedule_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/pixivoc/pixivoc/internal/schedule"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(t testing.TB, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return moment
}

func parse(t testing.TB, text string) schedule.Schedule {
	t.Helper()
	s, err := schedule.Parse(text)
	require.NoError(t, err)
	return s
}

func TestNext(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, after, want string }{
		{"every 6h", "2026-11-22T01:02:03Z", "2026-11-22T07:02:03Z"},
		{"every 1m", "2026-11-22T01:02:03Z", "2026-11-22T01:03:03Z"},
		{"every 2d", "2026-11-22T01:02:03Z", "2026-11-24T01:02:03Z"},
		{"  every   1w ", "2026-11-22T01:02:03Z", "2026-11-29T01:02:03Z"},
		{"every 1h30m", "2026-12-31T23:00:00Z", "2027-01-01T00:30:00Z"},

		{"TZ=UTC * * * * *", "2026-11-22T01:02:03Z", "2026-11-22T01:03:00Z"},
		{"TZ=UTC * * * * *", "2026-11-22T01:03:00Z", "2026-11-22T01:04:00Z"},
		{"TZ=UTC */15 * * * *", "2026-11-22T01:45:00Z", "2026-11-22T02:00:00Z"},
		{"TZ=UTC 5/20 * * * *", "2026-11-22T01:26:00Z", "2026-11-22T01:45:00Z"},
		{"TZ=UTC 30 4 * * *", "2026-11-22T04:30:00Z", "2026-11-23T04:30:00Z"},
		{"TZ=UTC 0,30 8-18/5 * * *", "2026-11-22T08:31:00Z", "2026-11-22T13:00:00Z"},
		{"TZ=UTC 0 0 1 * *", "2026-11-22T00:00:00Z", "2026-12-01T00:00:00Z"},
		{"TZ=UTC 0 0 29 2 *", "2026-11-22T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"TZ=UTC 0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
		{"TZ=UTC 0 0 31 * *", "2026-11-22T00:00:00Z", "2026-12-31T00:00:00Z"},
		{"TZ=UTC 0 9 * * MON-FRI", "2026-11-20T09:00:00Z", "2026-11-23T09:00:00Z"},
		{"TZ=UTC 0 9 * * 0", "2026-11-20T09:00:00Z", "2026-11-22T09:00:00Z"},
		{"TZ=UTC 0 9 * * 7", "2026-11-20T09:00:00Z", "2026-11-22T09:00:00Z"},
		{"TZ=UTC 0 9 * jan,Jul sun", "2026-11-20T09:00:00Z", "2027-01-03T09:00:00Z"},
		// Day of month or day of week: one is enough.
		{"TZ=UTC 0 0 13 * fri", "2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z"},
		{"TZ=UTC 0 0 13 * fri", "2026-12-11T00:00:00Z", "2026-12-13T00:00:00Z"},
		{"TZ=UTC 0 0 */2 * fri", "2026-11-13T00:00:00Z", "2026-11-27T00:00:00Z"},
		{"TZ=UTC 0 0 30 2 *", "2026-11-22T00:00:00Z", ""},

		{"TZ=Asia/Tokyo 0 4 * * *", "2026-11-22T00:00:00Z", "2026-11-22T19:00:00Z"},
		{"TZ=America/St_Johns 0 4 * * *", "2026-11-22T00:00:00Z", "2026-11-22T07:30:00Z"},

		// R5: New York, clocks forward on 2026-03-08 at 02:00, back on
		// 2026-11-01 at 02:00.
		{"TZ=America/New_York 30 2 * * *", "2026-03-07T07:30:00Z", "2026-03-08T07:00:00Z"},
		{"TZ=America/New_York 30 2 * * *", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"},
		{"TZ=America/New_York 30 * * * *", "2026-03-08T06:30:00Z", "2026-03-08T07:30:00Z"},
		{"TZ=America/New_York 30 1 * * *", "2026-10-31T06:00:00Z", "2026-11-01T05:30:00Z"},
		{"TZ=America/New_York 30 1 * * *", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"},
		{"TZ=America/New_York 30 * * * *", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"},
		{"TZ=America/New_York 0 3 * * *", "2026-03-07T12:00:00Z", "2026-03-08T07:00:00Z"},
		// Half an hour, on an island.
		{"TZ=Australia/Lord_Howe 15 2 * * *", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z"},
		// A change at midnight.
		{"TZ=Africa/Cairo 0 0 * * *", "2026-04-23T12:00:00Z", "2026-04-23T22:00:00Z"},
		// A day that was left out: Samoa went over the date line.
		{"TZ=Pacific/Apia 0 12 * * *", "2011-12-29T23:00:00Z", "2011-12-30T10:00:00Z"},
	} {
		t.Run(test.text+" after "+test.after, func(t *testing.T) {
			t.Parallel()
			got := parse(t, test.text).Next(at(t, test.after))
			if test.want == "" {
				assert.True(t, got.IsZero(), "%s", got)
				return
			}
			assert.Equal(t, test.want, got.Format(time.RFC3339))
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"6h":                     "five",
		"every":                  "five",
		"every 59s":              "not between",
		"every 367d":             "not between",
		"every -1h":              "not between",
		"every 9999w":            "length of time",
		"every 1.5d":             "length of time",
		"every day":              "length of time",
		"every NaNh":             "length of time",
		"* * * *":                "has 4 fields",
		"* * * * * *":            "has 6 fields",
		"60 * * * *":             `minute "60"`,
		"* 24 * * *":             `hour "24"`,
		"* * 0 * *":              `day of month "0"`,
		"* * * 13 *":             `month "13"`,
		"* * * * 8":              `day of week "8"`,
		"* * * * monday":         "day of week",
		"5-1 * * * *":            "comes before",
		"*/0 * * * *":            "step",
		"*/x * * * *":            "step",
		"1, * * * *":             "minute",
		"+1 * * * *":             "minute",
		"1--2 * * * *":           "minute",
		"*-5 * * * *":            "minute",
		"TZ= 0 4 * * *":          "names no time zone",
		"TZ=Tokyo 0 4 * * *":     "no time zone",
		"TZ=../etc 0 4 * * *":    "no time zone",
		"TZ=Asia/Tokyo":          "has 0 fields",
		"TZ=Asia/Tokyo every 6h": "fields",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, err := schedule.Parse(text)
			require.ErrorContains(t, err, want)
		})
	}
	none, err := schedule.Parse(" ")
	require.NoError(t, err)
	assert.True(t, none.IsZero())
	assert.True(t, none.Next(time.Now()).IsZero())
}

// shows says whether the wall clock of a zone shows a time that a simple rule
// names: that hour and minute on any day.
func shows(zone *time.Location, moment time.Time, hour, minute int) bool {
	local := moment.In(zone)
	return local.Hour() == hour && local.Minute() == minute
}

// TestR5_Years walks through years of changing clocks: a daily rule holds once
// on each day, at its time or, where that is passed over, when the clock jumps.
func TestR5_Years(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Africa/Casablanca", "Asia/Tokyo", "America/Santiago", "Pacific/Chatham"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(name)
			require.NoError(t, err)
			for _, hour := range []int{0, 1, 2, 3, 12, 23} {
				for _, minute := range []int{0, 15, 45} {
					clock := time.Date(2026, 1, 1, hour, minute, 0, 0, time.UTC).Format("4 15")
					rule := parse(t, "TZ="+name+" "+clock+" * * *")
					moment := time.Date(2026, 1, 1, 0, 0, 0, 0, zone).Add(-time.Second)
					for day := range 6 * 365 {
						moment = rule.Next(moment)
						date := time.Date(2026, 1, 1+day, 12, 0, 0, 0, zone)
						require.Equal(t, date.Format(time.DateOnly), moment.In(zone).Format(time.DateOnly), "%s", moment)
						if !shows(zone, moment, hour, minute) {
							_, before := moment.Add(-time.Second).In(zone).Zone()
							_, after := moment.In(zone).Zone()
							require.Greater(t, after, before, "%s is neither the time nor a jump over it", moment.In(zone))
						}
					}
				}
			}
		})
	}
}

// TestHourlyYears holds that a rule for every hour sees all real hours.
func TestHourlyYears(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Africa/Cairo"} {
		rule := parse(t, "TZ="+name+" 30 * * * *")
		moment := at(t, "2026-01-01T00:30:00Z")
		for range 3 * 365 * 24 {
			next := rule.Next(moment)
			require.Equal(t, time.Hour, next.Sub(moment), "%s", moment)
			moment = next
		}
	}
}

// FuzzParse holds that what is read can be read again and that the next time
// comes after the given one.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"every 6h", "*/5 0-3 1,15 jan mon", "TZ=Asia/Tokyo 0 4 * * *", "TZ=America/New_York 30 2 8 3 *", "every 2w", "0 0 30 2 *"} {
		f.Add(seed, int64(1763769600))
	}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		s, err := schedule.Parse(text)
		if err != nil {
			return
		}
		again, err := schedule.Parse(s.String())
		require.NoError(t, err)
		after := time.Unix(unix%(1<<36), 0)
		next := s.Next(after)
		assert.Equal(t, next, again.Next(after))
		if !next.IsZero() {
			assert.True(t, next.After(after), "%s after %s is %s", text, after, next)
		}
	})
}

// TestNextRises holds for random rules, zones and times what makes a schedule
// go on: times rise, none is skipped by asking from a time in between.
func TestNextRises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		zone := rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"}).Draw(r, "zone")
		line := ""
		for _, field := range [][]string{{"*", "0", "*/7", "59"}, {"*", "0", "1-3", "2", "*/6"}, {"*", "1", "29", "31"}, {"*", "3", "11", "2"}, {"*", "0", "mon"}} {
			line += " " + rapid.SampledFrom(field).Draw(r, "field")
		}
		s, err := schedule.Parse("TZ=" + zone + line)
		if err != nil {
			r.Fatal(err)
		}
		after := time.Unix(rapid.Int64Range(1767225600, 1893456000).Draw(r, "after"), 0)
		first := s.Next(after)
		if first.IsZero() {
			return
		}
		between := after.Add(time.Duration(rapid.Int64Range(0, int64(first.Sub(after))-1).Draw(r, "between")))
		if got := s.Next(between); !got.Equal(first) {
			r.Fatalf("after %s comes %s, after %s, which is later, %s", after, first, between, got)
		}
		if second := s.Next(first); !second.IsZero() && !second.After(first) {
			r.Fatalf("after %s comes %s", first, second)
		}
	})
}

func TestWindow(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, now, want string }{
		{"TZ=UTC 01:00-07:00", "2026-11-22T00:59:59Z", ""},
		{"TZ=UTC 01:00-07:00", "2026-11-22T01:00:00Z", "2026-11-22T07:00:00Z"},
		{"TZ=UTC 01:00-07:00", "2026-11-22T06:59:59Z", "2026-11-22T07:00:00Z"},
		{"TZ=UTC 01:00-07:00", "2026-11-22T07:00:00Z", ""},
		{"TZ=UTC 22:30-06:00", "2026-11-22T23:00:00Z", "2026-11-23T06:00:00Z"},
		{"TZ=UTC 22:30-06:00", "2026-11-22T05:00:00Z", "2026-11-22T06:00:00Z"},
		{"TZ=UTC 22:30-06:00", "2026-11-22T12:00:00Z", ""},
		{"TZ=UTC 18:00-24:00", "2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z"},
		{"TZ=Asia/Tokyo 01:00-07:00", "2026-11-22T17:00:00Z", "2026-11-22T22:00:00Z"},
		// The night in which the clocks are put forward is short.
		{"TZ=America/New_York 01:00-07:00", "2026-03-08T06:00:00Z", "2026-03-08T11:00:00Z"},
		{"", "2026-11-22T23:00:00Z", ""},
	} {
		w, err := schedule.ParseWindow(test.text)
		require.NoError(t, err)
		assert.Equal(t, test.text, w.String())
		end := w.Until(at(t, test.now))
		if test.want == "" {
			assert.True(t, end.IsZero(), "%s at %s: %s", test.text, test.now, end)
			continue
		}
		assert.Equal(t, test.want, end.Format(time.RFC3339), "%s at %s", test.text, test.now)
	}
	for _, text := range []string{"01:00", "1:00-7:00", "01:00-01:00", "25:00-07:00", "01:60-07:00", "24:00-07:00", "01:00-07:00-09:00", "TZ=Nowhere/X 01:00-07:00", "TZ=UTC", "-"} {
		_, err := schedule.ParseWindow(text)
		assert.Error(t, err, text)
	}
}

func FuzzParseWindow(f *testing.F) {
	f.Add("TZ=Asia/Tokyo 01:00-07:00", int64(1763769600))
	f.Add("22:00-24:00", int64(0))
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		w, err := schedule.ParseWindow(text)
		if err != nil {
			return
		}
		now := time.Unix(unix%(1<<36), 0)
		if end := w.Until(now); !end.IsZero() {
			assert.True(t, end.After(now))
			assert.Less(t, end.Sub(now), 26*time.Hour)
		}
	})
}

func TestMidnight(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 14, 5, 0, 0, time.Local)
	end, day := schedule.Midnight(now)
	assert.Equal(t, "2026-11-22", day)
	assert.True(t, end.Equal(time.Date(2026, 11, 23, 0, 0, 0, 0, time.Local)))
}

// Where summer time begins or ends at midnight, a day ends when the clock
// first shows another date, and so does the wait for it.
func TestMidnight_ClockChanges(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Africa/Cairo", "America/Asuncion", "America/Havana", "America/Nuuk", "America/Santiago", "America/St_Johns", "Asia/Beirut",
		"Atlantic/Azores", "Europe/Berlin", "Pacific/Apia",
	} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		for _, year := range []int{2011, 2025, 2026} {
			for now := time.Date(year, 1, 1, 0, 0, 30, 0, time.UTC); now.Year() == year; now = now.Add(30 * time.Minute) {
				end, day := schedule.Midnight(now.In(zone))
				_, behind := schedule.Midnight(end.In(zone))
				_, before := schedule.Midnight(end.Add(-time.Second).In(zone))
				if !end.After(now) || behind <= day || before != day {
					t.Fatalf("%s ends at %s", now.In(zone), end.In(zone))
				}
			}
		}
	}
}

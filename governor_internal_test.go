package pixivoc

import (
	"context"
	"io/fs"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// settings are a SettingStore.
type settings map[string][]byte

func (s settings) Setting(_ context.Context, name string) ([]byte, error) {
	if value, ok := s[name]; ok {
		return value, nil
	}
	return nil, fs.ErrNotExist
}

func (s settings) SetSetting(_ context.Context, name string, value []byte) error {
	s[name] = value
	return nil
}

// TestR5_GovernorModel asks, lets days pass, changes the cap, ends and kills the
// process in any order: no day has more requests than its greatest cap, and
// none is refused below the cap but for what a crash may have cost.
func TestR5_GovernorModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		kept, now := settings{}, time.Date(2026, 3, 1, 9, 0, 0, 0, time.Local)
		var g *governor
		limit, asked, greatest, lost := 0, 0, 0, 0
		day := now.Format(time.DateOnly)
		open := func() {
			g = &governor{store: kept, now: func() time.Time { return now }, tell: func(LimitReason, time.Time) {}}
			if err := g.load(t.Context()); err != nil {
				r.Fatal(err)
			}
			if err := g.configure(Env{DailyCap: limit}); err != nil {
				r.Fatal(err)
			}
		}
		change := func(*rapid.T) {
			limit = rapid.IntRange(1, 120).Draw(r, "cap")
			greatest = max(greatest, limit)
			if err := g.configure(Env{DailyCap: limit}); err != nil {
				r.Fatal(err)
			}
		}
		open()
		change(r)
		r.Repeat(map[string]func(*rapid.T){
			"cap": change,
			"ask": func(r *rapid.T) {
				for range rapid.IntRange(1, 60).Draw(r, "times") {
					if until, why := g.limit(); !until.IsZero() {
						if why != LimitDailyCap || asked+lost < limit {
							r.Fatalf("%d asked and %d lost of %d, limited for %s", asked, lost, limit, why)
						}
						return
					}
					if err := g.begin(t.Context()); err != nil {
						r.Fatal(err)
					}
					if asked++; asked > greatest {
						r.Fatalf("%d requests on %s, the cap was never above %d", asked, day, greatest)
					}
				}
			},
			"time": func(r *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(r, "hours")) * time.Hour)
				if next := now.Format(time.DateOnly); next != day {
					day, asked, lost, greatest = next, 0, 0, limit
				}
			},
			"kill": func(*rapid.T) {
				lost += 1 + max(greatest, limit)/50
				open()
			},
			"end": func(*rapid.T) {
				if err := g.close(t.Context()); err != nil {
					r.Fatal(err)
				}
				open()
			},
		})
	})
}

// A clock that goes back over midnight begins no new count, one that was far
// ahead does not hold requests back until its day has come.
func TestGovernor_ClockGoesBack(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 10, 12, 0, 0, 0, time.Local)
	for _, test := range []struct {
		days  int // of the clock, after the cap was used up
		limit bool
	}{{0, true}, {1, false}, {-1, true}, {-2, false}, {-400, false}} {
		now := noon
		g := &governor{store: settings{}, now: func() time.Time { return now }, tell: func(LimitReason, time.Time) {}}
		if err := g.configure(Env{DailyCap: 3}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := g.begin(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		now = noon.AddDate(0, 0, test.days)
		if until, why := g.limit(); (why == LimitDailyCap) != test.limit || test.limit && !until.After(now) {
			t.Errorf("after %d days: limited until %s for %q", test.days, until, why)
		}
	}
}

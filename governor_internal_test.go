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

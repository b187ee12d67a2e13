package pixivoc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc/internal/schedule"
)

// LimitReason is the stable word for why requests wait.
type LimitReason string

// The reasons for which requests wait.
const (
	// LimitRate: the site asked for a pause.
	LimitRate LimitReason = "rate_limit"
	// LimitDailyCap: as many requests were made today as Env.DailyCap allows.
	LimitDailyCap LimitReason = "daily_cap"
	// LimitQuietHours: it is the time of Env.QuietHours.
	LimitQuietHours LimitReason = "quiet_hours"
	// LimitOutage: a host cannot be reached; the time is that of the next try.
	LimitOutage LimitReason = "outage"
)

// dailySetting is where the count of the day is kept.
const dailySetting = "daily_requests"

// governor holds requests back at quiet hours, and for the rest of a day on
// which there were enough. All times are those of the wall clock.
type governor struct {
	store SettingStore
	now   func() time.Time
	// tell says that requests wait; a zero time, that they go on earlier.
	tell func(why LimitReason, until time.Time)

	mu      sync.Mutex
	quiet   schedule.Window
	most    int // a day; 0: any number
	day     string
	count   int                       // requests on that day
	saved   int                       // at least count while there is a cap: what a crash may cost
	told    map[LimitReason]time.Time // until when requests were said to wait
	changed signal
}

// dailyCount is how the count of the day is kept.
type dailyCount struct {
	Day   string `json:"day"`
	Count int    `json:"count"`
}

// load takes up the count of the day where the last process left it.
func (g *governor) load(ctx context.Context) error {
	raw, err := g.store.Setting(ctx, dailySetting)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var kept dailyCount
	if err == nil {
		err = json.Unmarshal(raw, &kept)
	}
	if err != nil {
		return fmt.Errorf("load the count of requests: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.day, g.count, g.saved = kept.Day, kept.Count, kept.Count
	return nil
}

// close keeps the exact count.
func (g *governor) close(ctx context.Context) error {
	g.mu.Lock()
	kept, exact := dailyCount{g.day, g.count}, g.most == 0 || g.saved == g.count
	g.mu.Unlock()
	if exact {
		return nil
	}
	return g.save(ctx, kept)
}

func (g *governor) save(ctx context.Context, count dailyCount) error {
	raw, err := json.Marshal(count)
	if err == nil {
		err = g.store.SetSetting(ctx, dailySetting, raw)
	}
	if err != nil {
		return fmt.Errorf("save the count of requests: %w", err)
	}
	return nil
}

// configure makes settings effective, also for requests that wait.
func (g *governor) configure(env Env) error {
	quiet, err := schedule.ParseWindow(env.QuietHours)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.quiet, g.most = quiet, env.DailyCap
	g.changed.raise()
	return nil
}

// begin returns when a paced request may be made, and counts it. One caller at
// a time, the one whose turn it is.
func (g *governor) begin(ctx context.Context) error {
	for {
		changed := g.changed.next()
		until, why := g.limit()
		if until.IsZero() {
			g.goOn(LimitQuietHours, LimitDailyCap)
			return g.spend(ctx)
		}
		if err := g.wait(ctx, why, until, changed); err != nil {
			return err
		}
	}
}

// awaitQuiet returns when a file may be begun.
func (g *governor) awaitQuiet(ctx context.Context) error {
	for {
		changed := g.changed.next()
		g.mu.Lock()
		until := g.quiet.Until(g.now())
		g.mu.Unlock()
		if until.IsZero() {
			g.goOn(LimitQuietHours)
			return ctx.Err()
		}
		if err := g.wait(ctx, LimitQuietHours, until, changed); err != nil {
			return err
		}
	}
}

// wait tells that a request waits, once for all, and waits for a while.
func (g *governor) wait(ctx context.Context, why LimitReason, until time.Time, changed <-chan struct{}) error {
	g.mu.Lock()
	known := g.told[why].Equal(until)
	if g.told == nil {
		g.told = map[LimitReason]time.Time{}
	}
	g.told[why] = until
	g.mu.Unlock()
	if !known {
		g.tell(why, until)
	}
	return schedule.Await(ctx, until.Sub(g.now().Round(0)), changed)
}

// goOn tells when a wait ended before its time.
func (g *governor) goOn(ended ...LimitReason) {
	for _, why := range ended {
		g.mu.Lock()
		early := g.told[why].After(g.now())
		delete(g.told, why)
		g.mu.Unlock()
		if early {
			g.tell(why, time.Time{})
		}
	}
}

// limit returns until when requests wait and why, or the zero time.
func (g *governor) limit() (until time.Time, why LimitReason) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if until = g.quiet.Until(now); !until.IsZero() {
		why = LimitQuietHours
	}
	midnight, today := schedule.Midnight(now)
	if g.most > 0 && g.counts(midnight, today) && g.count >= g.most && midnight.After(until) {
		return midnight, LimitDailyCap
	}
	return until, why
}

// counts says whether the count is that of a day, which ends at midnight. So is
// the count of the day after: a clock that was put back, or a journey over the
// date line, gives no second cap. mu is held.
func (g *governor) counts(midnight time.Time, day string) bool {
	_, next := schedule.Midnight(midnight.Local())
	return g.day == day || g.day == next
}

// spend counts a request. The count is saved ahead, some requests at a time, so
// that no crash lets there be more than the cap in a day.
func (g *governor) spend(ctx context.Context) error {
	g.mu.Lock()
	if midnight, today := schedule.Midnight(g.now()); !g.counts(midnight, today) {
		g.day, g.count, g.saved = today, 0, 0
	}
	day, ahead := g.day, 0
	if g.most > 0 && g.count >= g.saved {
		ahead = min(g.count+1+g.most/50, g.most)
	}
	g.mu.Unlock()
	if ahead > 0 {
		if err := g.save(ctx, dailyCount{day, ahead}); err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.saved = max(g.saved, ahead)
	g.count++
	return nil
}

package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/pixivoc/pixivoc/store/memory"
)

// counter is a site that notes when it was asked.
type counter struct {
	mu    sync.Mutex
	times []time.Time
	judge func(n int) error // of the n-th request, from 1
	away  func() bool
}

func (c *counter) RoundTrip(request *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.times = append(c.times, time.Now())
	if c.away != nil && c.away() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no route to host")}
	}
	return answer(request, http.StatusOK, "{}"), nil
}

func (c *counter) site() pixivoc.Site {
	return pixivoc.Site{Name: "site", Hosts: []string{"site.example"}, Judge: func(*http.Response, []byte) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.judge == nil {
			return nil
		}
		return c.judge(len(c.times))
	}}
}

func (c *counter) all() []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.times)
}

func ask(ctx context.Context, do func(*http.Request) (*http.Response, error)) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://site.example/page", nil)
	if err != nil {
		return err
	}
	response, err := do(request)
	if err == nil {
		err = response.Body.Close()
	}
	return err
}

// asking is a stage that makes one request for each number.
func asking() pixivoc.StageSpec {
	return stage("Ask", func(ctx context.Context, rt pixivoc.Runtime, _ number) (pixivoc.Output, error) {
		return pixivoc.Output{}, ask(ctx, rt.Do)
	})
}

// perDay counts times by the day of the machine's clock.
func perDay(times []time.Time) (counts []int) {
	last := ""
	for _, at := range times {
		if day := at.Local().Format(time.DateOnly); day != last {
			counts, last = append(counts, 0), day
		}
		counts[len(counts)-1]++
	}
	return counts
}

// limits returns the events about limits, in words.
func (w *watch) limits() (words []string) {
	for _, event := range w.all() {
		if event.Kind == pixivoc.EventLimited {
			words = append(words, fmt.Sprintf("%s %t", event.Why, !event.Until.IsZero()))
		}
	}
	return words
}

func patch(t *testing.T, client pixivoc.Client, patch pixivoc.EnvPatch) {
	t.Helper()
	if _, err := client.UpdateEnv(t.Context(), patch); err != nil {
		t.Fatal(err)
	}
}

// No day has more requests than the cap, over restarts and tasks; what waits
// says until when, and a higher cap lets it go on.
func TestDailyCap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		elapse(5*time.Hour + 17*time.Minute)
		site, store := &counter{}, memory.New()
		config := pixivoc.Config{
			Store: store, HTTP: site, Site: site.site(), Types: []pixivoc.TaskType{countTo(230, asking())}, AutoStart: true,
			Env: pixivoc.EnvPatch{IntervalTime: new(time.Second), DailyCap: new(100)},
		}
		first, err := pixivoc.New(config)
		if err != nil {
			t.Fatal(err)
		}
		task := create(t, first)
		elapse(40 * time.Second)
		if err := first.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		client := newClient(t, config)
		seen := watchEvents(t, client)
		task, err = client.Task(t.Context(), task.ID())
		if err != nil {
			t.Fatal(err)
		}
		elapse(10 * time.Minute)
		got := info(t, task)
		year, month, day := time.Now().Date()
		if midnight := time.Date(year, month, day+1, 0, 0, 0, 0, time.Local); !got.LimitedUntil.Equal(midnight) || got.LimitedWhy != pixivoc.LimitDailyCap {
			t.Errorf("limited until %s for %q, want %s", got.LimitedUntil, got.LimitedWhy, midnight)
		}
		if n := len(site.all()); n != 100 {
			t.Errorf("%d requests on the first day", n)
		}
		if words := seen.limits(); !slices.Equal(words, []string{"daily_cap true"}) {
			t.Errorf("told %v", words)
		}
		patch(t, client, pixivoc.EnvPatch{DailyCap: new(120)})
		elapse(10 * time.Minute)
		if n := len(site.all()); n != 120 {
			t.Errorf("%d requests after the cap was raised", n)
		}
		elapse(24 * time.Hour)
		wait(t, task, pixivoc.StateOver)
		// The item that was under way at the shutdown may have been done twice.
		if counts := perDay(site.all()); len(counts) != 2 || counts[0] != 120 || counts[1] < 110 || counts[1] > 111 {
			t.Errorf("requests by day: %v", counts)
		}
		if words := seen.limits(); len(words) < 2 || words[1] != "daily_cap false" {
			t.Errorf("told %v", words)
		}
	})
}

// A process that dies keeps to the cap as well: what it may have used counts.
func TestDailyCap_AfterACrash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		elapse(time.Hour)
		site, store := &counter{}, memory.New()
		config := pixivoc.Config{
			Store: store, HTTP: site, Site: site.site(),
			Env: pixivoc.EnvPatch{IntervalTime: new(time.Duration(0)), DailyCap: new(200)},
		}
		for range 30 { // each is left as a kill leaves it: without its shutdown
			client := newClient(t, config)
			for range 30 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				err := ask(ctx, client.Do)
				cancel()
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Fatal(err)
				}
			}
		}
		if n := len(site.all()); n > 200 || n < 180 {
			t.Errorf("%d requests on one day", n)
		}
	})
}

// A store that cannot keep the count lets no request go.
func TestDailyCap_StoreFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		site, store := &counter{}, &unwritable{Store: memory.New()}
		client := newClient(t, pixivoc.Config{Store: store, HTTP: site, Site: site.site(), Env: pixivoc.EnvPatch{DailyCap: new(10)}})
		if err := ask(t.Context(), client.Do); !errors.Is(err, errStore) {
			t.Errorf("error is %v", err)
		}
		if n := len(site.all()); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

// unwritable is a store that keeps no settings.
type unwritable struct{ pixivoc.Store }

func (*unwritable) SetSetting(context.Context, string, []byte) error { return errStore }

// In quiet hours neither a paced request nor a file begins, day after day.
func TestQuietHours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aboutNow()
		server := pixivtest.NewUnstartedServer(pixivtest.Config{AccessTokenLife: 24 * time.Hour})
		user := server.Populate(pixivtest.Population{Works: 60, Sizes: pixivtest.Between{Min: 4 << 10, Max: 5 << 10}})[0]
		server.SetLatency(10 * time.Minute)
		client := newPixivClient(t, server, pixivoc.Config{Env: pixivoc.EnvPatch{
			QuietHours: new(" TZ=Asia/Tokyo  22:30-07:00"), ConcurrencyNumber: new(2), Timeout: new(time.Hour),
		}})
		if got := client.Env().QuietHours; got != "TZ=Asia/Tokyo 22:30-07:00" {
			t.Errorf("quiet hours are %q", got)
		}
		zone, err := time.LoadLocation("Asia/Tokyo")
		if err != nil {
			t.Fatal(err)
		}
		seen, folder := watchEvents(t, client), t.TempDir()
		task := start(t, client, pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user.ID), SavePath: folder})
		shown := false
		for running := true; running; {
			elapse(15 * time.Minute)
			got := info(t, task)
			running = got.Running
			if got.LimitedWhy == pixivoc.LimitQuietHours {
				shown = true
				if until := got.LimitedUntil.In(zone); until.Hour() != 7 || until.Minute() != 0 || time.Until(until) > 9*time.Hour {
					t.Errorf("limited until %s", until)
				}
			}
		}
		wait(t, task, pixivoc.StateOver)
		wantOriginals(t, server, folder)
		for _, at := range server.RequestTimes(pixivtest.Match{Func: func(r *http.Request) bool { return !strings.Contains(r.URL.Path, "auth") }}) {
			if local := at.In(zone); local.Hour()*60+local.Minute() >= 22*60+30 || local.Hour() < 7 {
				t.Errorf("a request at %s", local)
			}
		}
		if words := seen.limits(); !shown || len(words) < 1 || words[0] != "quiet_hours true" {
			t.Errorf("shown %t, told %v", shown, words)
		}
	})
}

// Quiet hours that are set, moved and lifted while requests wait.
func TestQuietHours_ChangeLive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		site := &counter{}
		client := newClient(t, pixivoc.Config{HTTP: site, Site: site.site(), Env: pixivoc.EnvPatch{IntervalTime: new(time.Duration(0))}})
		seen := watchEvents(t, client)
		patch(t, client, pixivoc.EnvPatch{QuietHours: new("TZ=UTC 00:00-06:00")})
		var waiting sync.WaitGroup
		for range 3 {
			waiting.Go(func() {
				if err := ask(t.Context(), client.Do); err != nil {
					t.Error(err)
				}
			})
		}
		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := ask(short, client.Do); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
		elapse(time.Hour)
		if n := len(site.all()); n != 0 {
			t.Errorf("%d requests in quiet hours", n)
		}
		patch(t, client, pixivoc.EnvPatch{QuietHours: new("")})
		waiting.Wait()
		if words := seen.limits(); !slices.Equal(words, []string{"quiet_hours true", "quiet_hours false"}) {
			t.Errorf("told %v", words)
		}
		for _, bad := range []pixivoc.EnvPatch{{QuietHours: new("at night")}, {DailyCap: new(-1)}} {
			_, err := client.UpdateEnv(t.Context(), bad)
			if _, refused := errors.AsType[*pixivoc.FieldError](err); !refused {
				t.Errorf("error is %v", err)
			}
		}
	})
}

// An outage shows in the task and in events, with the time of the next try.
func TestOutageShows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		site := &counter{away: func() bool { return time.Since(begin) < 10*time.Minute }}
		client := newClient(t, pixivoc.Config{
			HTTP: site, Site: site.site(), Types: []pixivoc.TaskType{countTo(3, asking())}, MaxIdleRounds: 100,
			Env: pixivoc.EnvPatch{IntervalTime: new(time.Duration(0))},
		})
		seen := watchEvents(t, client)
		task := create(t, client)
		elapse(5 * time.Minute)
		got := info(t, task)
		if got.LimitedWhy != pixivoc.LimitOutage || time.Until(got.LimitedUntil) < 0 || time.Until(got.LimitedUntil) > 2*time.Minute {
			t.Errorf("limited until %s for %q at %s", got.LimitedUntil, got.LimitedWhy, time.Now())
		}
		wait(t, task, pixivoc.StateOver)
		if words := seen.limits(); !slices.Equal(words, []string{"outage true", "outage false"}) {
			t.Errorf("told %v", words)
		}
		if late := time.Since(begin) - 10*time.Minute; late > time.Minute {
			t.Errorf("over %s after the outage", late)
		}
	})
}

// When the site finds fault with the account all tasks stop, nothing more is
// asked, and it is said why. Starting a task tries again.
func TestAccountTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		site := &counter{judge: func(n int) error {
			if n == 10 || n == 11 {
				return &pixivoc.AccountError{Err: errors.New("your account is locked")}
			}
			return nil
		}}
		idle := stage("Idle", func(ctx context.Context, _ pixivoc.Runtime, _ number) (pixivoc.Output, error) {
			<-ctx.Done()
			return pixivoc.Output{}, ctx.Err()
		})
		other := countTo(1, idle)
		other.Name = "Other"
		client := newClient(t, pixivoc.Config{
			HTTP: site, Site: site.site(), Types: []pixivoc.TaskType{countTo(100, asking()), other}, AutoStart: true,
			MaxRunning: 3, Env: pixivoc.EnvPatch{IntervalTime: new(time.Second), ConcurrencyNumber: new(10)},
		})
		seen := watchEvents(t, client)
		tasks := []pixivoc.Task{create(t, client), create(t, client), start(t, client, pixivoc.TaskSpec{Type: "Other", Name: "other"}), create(t, client)}
		if err := tasks[3].SetSchedule(t.Context(), "every 1h"); err != nil {
			t.Fatal(err)
		}
		elapse(time.Minute)
		for i, task := range tasks {
			got := wait(t, task, pixivoc.StateError)
			if got.ErrorReason != pixivoc.ReasonAccount || !strings.Contains(got.Error, "your account is locked") {
				t.Errorf("task %d: %+v", i, got)
			}
			for key, item := range itemsOf(t, task) {
				if item.Attempts != 0 || item.State == pixivoc.ItemFailed {
					t.Errorf("item %s: %+v", key, item)
				}
			}
		}
		err := ask(t.Context(), client.Do)
		trouble, ok := errors.AsType[*pixivoc.AccountError](err)
		if !ok || trouble.Err.Error() != "your account is locked" || pixivoc.Retryable(err) {
			t.Errorf("error is %v", err)
		}
		elapse(24 * time.Hour) // the schedule tries, and finds that nobody has acted
		if n := len(site.all()); n != 10 {
			t.Errorf("%d requests, want 10", n)
		}
		told := 0
		for _, event := range seen.all() {
			if event.Kind == pixivoc.EventAccount && strings.Contains(event.Error, "locked") {
				told++
			}
		}
		if told != 1 {
			t.Errorf("told %d times", told)
		}
		for range 2 { // still locked, then not
			if err := tasks[0].Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			elapse(10 * time.Second)
		}
		if got := info(t, tasks[0]); !got.Running || got.ErrorReason != "" {
			t.Errorf("after it was mended: %+v", got)
		}
		wait(t, tasks[0], pixivoc.StateOver)
	})
}

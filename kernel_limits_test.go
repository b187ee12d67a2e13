package pixivoc_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
)

// U12: a limit is waited out for as long as the site says, within an hour, and
// costs no attempt; requests that came meanwhile wait as well.
func TestU12_RetryAfter(t *testing.T) {
	t.Parallel()
	inAMinute := func() string { return time.Now().Add(time.Minute).UTC().Format(http.TimeFormat) }
	for name, test := range map[string]struct {
		header    func() string
		api429    time.Duration
		api403    time.Duration
		image     time.Duration
		imageMost time.Duration // where the two are not the same
	}{
		"none":      {says(""), time.Minute, 5 * time.Minute, time.Second, 0},
		"seconds":   {says("42"), 42 * time.Second, 42 * time.Second, 42 * time.Second, 0},
		"a date":    {inAMinute, time.Minute - time.Second, time.Minute - time.Second, time.Minute - time.Second, time.Minute},
		"0":         {says("0"), 5 * time.Minute, 5 * time.Minute, time.Second, 0},
		"-1":        {says("-1"), 5 * time.Minute, 5 * time.Minute, 5 * time.Minute, 0},
		"ten years": {says("315360000"), time.Hour, time.Hour, time.Hour, 0},
		"garbage":   {says("soon"), 5 * time.Minute, 5 * time.Minute, 5 * time.Minute, 0},
		"a past date": {
			says("Mon, 02 Jan 2006 15:04:05 GMT"), 5 * time.Minute, 5 * time.Minute, time.Second, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("429 of the API", func(t *testing.T) { limited(t, pixivtest.HostAPI, 429, test.header, test.api429, test.api429) })
			t.Run("403 of the API", func(t *testing.T) { limited(t, pixivtest.HostAPI, 403, test.header, test.api403, test.api403) })
			t.Run("429 of the image host", func(t *testing.T) {
				limited(t, pixivtest.HostImages, 429, test.header, test.image, max(test.image, test.imageMost))
			})
		})
	}
}

func says(text string) func() string { return func() string { return text } }

func limited(t *testing.T, host string, status int, header func() string, least, most time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		aboutNow()
		server := pixivtest.NewUnstartedServer(pixivtest.Config{AccessTokenLife: 24 * time.Hour})
		work := server.AddWork(pixivtest.Work{})
		client := newPixivClient(t, server, pixivoc.Config{MaxIdleRounds: 1, Env: pixivoc.EnvPatch{IntervalTime: new(time.Duration(0))}})
		server.Script(pixivtest.Rule{Match: pixivtest.Match{Host: host}, Times: 1, Do: pixivtest.RateLimit{Status: status, RetryAfter: header()}})
		seen, folder := watchEvents(t, client), t.TempDir()
		task := startWork(t, client, work.ID, folder)
		elapse(least / 2)
		if info, err := task.Info(t.Context()); err != nil || host == pixivtest.HostAPI && info.LimitedUntil.IsZero() {
			t.Errorf("the pause does not show: %+v (%v)", info, err)
		}
		wait(t, task, pixivoc.StateOver)
		times := server.RequestTimes(pixivtest.Match{Host: host})
		if len(times) != 2 {
			t.Fatalf("%d requests, want 2", len(times))
		}
		if waited := times[1].Sub(times[0]); waited < least || waited > most+time.Second {
			t.Errorf("waited %s, want %s", waited, least)
		}
		for key, item := range itemsOf(t, task) {
			if item.Attempts != 0 {
				t.Errorf("item %s was charged %d attempts", key, item.Attempts)
			}
		}
		told := 0
		for _, event := range seen.all() {
			if event.Kind == pixivoc.EventLimited && !event.Until.IsZero() {
				told++
			}
		}
		if want := host == pixivtest.HostAPI; (told == 1) != want {
			t.Errorf("told %d times of a limit", told)
		}
		wantOriginals(t, server, folder)
	})
}

// U12: an image host that limits everybody for a while is asked little, and no
// picture is lost for it.
func TestU12_ImageHostLimitsForAWhile(t *testing.T) {
	t.Parallel()
	for _, retryAfter := range []string{"", "3", "60"} {
		t.Run("Retry-After "+retryAfter, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				aboutNow()
				server := pixivtest.NewUnstartedServer(pixivtest.Config{})
				user := server.Populate(pixivtest.Population{Works: 60, Sizes: pixivtest.Between{Min: 4 << 10, Max: 5 << 10}})[0]
				begin := time.Now()
				server.Script(pixivtest.Rule{
					Match: pixivtest.Match{Host: pixivtest.HostImages, Func: func(*http.Request) bool {
						return time.Since(begin) < 10*time.Minute
					}},
					After: 20,
					Do:    pixivtest.RateLimit{Status: 429, RetryAfter: retryAfter},
				})
				server.SetLatency(time.Second)
				client := newPixivClient(t, server, pixivoc.Config{MaxIdleRounds: 1, Env: pixivoc.EnvPatch{ConcurrencyNumber: new(16)}})
				folder := t.TempDir()
				task := start(t, client, pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user.ID), SavePath: folder})
				info := wait(t, task, pixivoc.StateOver)
				wantOriginals(t, server, folder)
				refused := 0
				for _, request := range server.Requests() {
					if request.Status == 429 {
						refused++
					}
				}
				if refused == 0 || refused > 60 {
					t.Errorf("%d requests were refused in ten minutes", refused)
				}
				if late := info.FinishedAt.Sub(begin.Add(10 * time.Minute)); late > 2*time.Minute {
					t.Errorf("over %s after the end of the limit", late)
				}
				for key, item := range itemsOf(t, task) {
					if item.Attempts != 0 {
						t.Errorf("item %s was charged %d attempts", key, item.Attempts)
					}
				}
			})
		})
	}
}

// U12: a host that is overloaded and says when it wants to be asked again gets
// that time, without attempts, but not for ever and not without pause.
func TestU12_UnavailableWithRetryAfter(t *testing.T) {
	t.Parallel()
	for _, retryAfter := range []string{"0", "2", "60"} {
		t.Run("Retry-After "+retryAfter, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				aboutNow()
				server := pixivtest.NewUnstartedServer(pixivtest.Config{})
				work := server.AddWork(pixivtest.Work{})
				server.Script(pixivtest.Rule{Match: imageHost, Do: pixivtest.Custom{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", retryAfter)
					http.Error(w, "overloaded", http.StatusServiceUnavailable)
				})}})
				client, folder := newPixivClient(t, server, pixivoc.Config{}), t.TempDir()
				task := startWork(t, client, work.ID, folder)
				elapse(10 * time.Minute)
				path := server.Picture(work.ID, 0).Path
				if n := server.Counts(path).Requests; n > 600 {
					t.Errorf("%d requests in ten minutes", n)
				}
				server.ClearScript()
				wait(t, task, pixivoc.StateOver)
				wantOriginals(t, server, folder)
			})
		})
	}
}

// U1, U2, U13, U16 and more from the API: what passes is waited out, and the
// work is there in the end.
func TestU_APIMendsItself(t *testing.T) {
	t.Parallel()
	api := pixivtest.Match{Host: pixivtest.HostAPI}
	for name, faults := range map[string][]pixivtest.Fault{
		"U1 a page with status 200":       {pixivtest.BlockPage{Status: 200}},
		"U1 a page with status 403":       {pixivtest.BlockPage{}, pixivtest.BlockPage{}},
		"U2 JSON that is cut":             {pixivtest.Respond{ContentType: "application/json", Body: `{"illust":{"id":1,`}},
		"U2 null":                         {pixivtest.EditJSON{Set: map[string]any{"illust": nil}}},
		"U13 503, reset, 500, cut":        {pixivtest.ErrorPage{}, pixivtest.Reset{BeforeHeader: true}, pixivtest.ErrorPage{Status: 500}, pixivtest.Cut{At: aHalf}},
		"U16 compressed, which it is not": {pixivtest.GzipGarbage{}},
		"N3 stalls":                       {pixivtest.Stall{BeforeHeader: true}, pixivtest.Stall{At: aHalf}},
		"A6 the token is refused":         {pixivtest.TokensExpired{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				aboutNow()
				server := pixivtest.NewUnstartedServer(pixivtest.Config{})
				work := server.AddWork(pixivtest.Work{PageCount: 2})
				client, folder := newPixivClient(t, server, pixivoc.Config{}), t.TempDir()
				for _, fault := range faults {
					server.Script(pixivtest.Rule{Match: api, Times: 1, Do: fault})
				}
				task := startWork(t, client, work.ID, folder)
				if info := wait(t, task, pixivoc.StateOver); info.Failed != 0 {
					t.Errorf("failed: %v", failures(t, task))
				}
				wantOriginals(t, server, folder)
			})
		})
	}
}

// What the API may say for good.
func TestU_APIStaysBroken(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault  pixivtest.Fault
		reason string
		text   string // part of the error of a task that gives up, "" for one that is over
	}{
		"U1 a page":             {pixivtest.BlockPage{}, pixivoc.ReasonBlocked, "block page"},
		"U2 an endless answer":  {pixivtest.Respond{ContentType: "application/json", Body: strings.Repeat(" ", 1<<20), Repeat: 20}, pixivoc.ReasonContent, ""},
		"U11 not found":         {pixivtest.WorkDeleted{}, pixivoc.ReasonDeleted, ""},
		"U13 bad gateway":       {pixivtest.ErrorPage{Status: 502}, pixivoc.ReasonServer, "502"},
		"N5 reset":              {pixivtest.Reset{BeforeHeader: true}, pixivoc.ReasonNetwork, "reset"},
		"N15 leads to http":     {pixivtest.Redirect{Location: "http://app-api.pixiv.net/"}, pixivoc.ReasonOther, "https to http"},
		"N15 leads to loopback": {pixivtest.Redirect{Location: "https://127.0.0.1/"}, pixivoc.ReasonOther, "private"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				aboutNow()
				server := pixivtest.NewUnstartedServer(pixivtest.Config{})
				work := server.AddWork(pixivtest.Work{})
				client, folder := newPixivClient(t, server, pixivoc.Config{MaxIdleRounds: 5}), t.TempDir()
				server.Script(pixivtest.Rule{Match: pixivtest.Match{Host: pixivtest.HostAPI}, Do: test.fault})
				task := startWork(t, client, work.ID, folder)
				want := pixivoc.StateOver
				if test.text != "" {
					want = pixivoc.StateError
				}
				if info := wait(t, task, want); !strings.Contains(info.Error, test.text) || strings.ContainsAny(info.Error, "<\n") {
					t.Errorf("error %q, want one with %q", info.Error, test.text)
				}
				if item := itemsOf(t, task)[fmt.Sprint(work.ID)]; item.Reason != test.reason {
					t.Errorf("%+v, want reason %s", item, test.reason)
				}
				if n := server.Load(pixivtest.HostAPI).Total; n > 200 {
					t.Errorf("%d requests", n)
				}
				wantFiles(t, folder)
			})
		})
	}
}

package pixivoc_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
)

// retransmission is how long after the return of the network a packet goes
// through that was lost before.
const retransmission = 20 * time.Second

// weather is a road in front of another one that is closed at times: requests
// are refused, or stay on the way until it opens, and bodies break off.
type weather struct {
	next   http.RoundTripper
	silent bool                    // no answer until it opens, in place of a refusal
	closed func(at time.Time) bool // whether the road is closed then

	mu        sync.Mutex
	begun     map[string]int   // requests while the road was closed, by host
	delivered map[string]int64 // bytes of bodies, by path
	restarted []string         // paths that were asked for from 0 with bytes there
	goneOn    time.Time        // of the first answer after the last refusal
}

func (w *weather) RoundTrip(request *http.Request) (*http.Response, error) {
	w.mu.Lock()
	if request.Header.Get("Range") == "" && w.delivered[request.URL.Path] > 0 {
		w.restarted = append(w.restarted, request.URL.Path)
	}
	closed := w.closed(time.Now())
	if closed {
		w.begun[request.URL.Host]++
		w.goneOn = time.Time{}
	}
	w.mu.Unlock()
	for closed && w.silent && (w.closed(time.Now()) || w.closed(time.Now().Add(-retransmission))) {
		select {
		case <-time.After(time.Second):
		case <-request.Context().Done():
			return nil, request.Context().Err()
		}
	}
	if closed && !w.silent {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	response, err := w.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.goneOn.IsZero() {
		w.goneOn = time.Now()
	}
	response.Body = &weatheredBody{ReadCloser: response.Body, weather: w, path: request.URL.Path}
	return response, nil
}

type weatheredBody struct {
	io.ReadCloser
	weather *weather
	path    string
}

func (b *weatheredBody) Read(p []byte) (int, error) {
	if b.weather.closed(time.Now()) {
		return 0, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	n, err := b.ReadCloser.Read(p)
	b.weather.mu.Lock()
	defer b.weather.mu.Unlock()
	b.weather.delivered[b.path] += int64(n)
	return n, err
}

func newWeather(server *pixivtest.Server, closed func(time.Time) bool) *weather {
	return &weather{next: server.RoundTripper(), closed: closed, begun: map[string]int{}, delivered: map[string]int64{}}
}

// N8: the network is gone for ten minutes, while pages are listed or pictures
// fetched.
func TestN8_TaskOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	for _, during := range []string{"listing", "fetching"} {
		for _, atATime := range []int{3, 16} {
			for _, silent := range []bool{false, true} {
				t.Run(fmt.Sprintf("while %s, %d at a time, silent %v", during, atATime, silent), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { outage(t, during == "listing", atATime, silent) })
				})
			}
		}
	}
}

func outage(t *testing.T, listing bool, atATime int, silent bool) {
	aboutNow()
	server := pixivtest.NewUnstartedServer(pixivtest.Config{PageSize: 12})
	user := server.Populate(pixivtest.Population{Works: 120, Sizes: pixivtest.Between{Min: 4 << 10, Max: 5 << 10}})[0]
	server.Script(pixivtest.Rule{Match: imageHost, Do: pixivtest.Drip{Bytes: 512, Every: 200 * time.Millisecond}})
	begins := time.Now().Add(10 * time.Second) // the fourth of ten pages
	if !listing {
		begins = time.Now().Add(40 * time.Second)
	}
	ends := begins.Add(10 * time.Minute)
	road := newWeather(server, func(at time.Time) bool { return at.After(begins) && at.Before(ends) })
	road.silent = silent
	client := newPixivClient(t, server, pixivoc.Config{HTTP: road, Env: pixivoc.EnvPatch{ConcurrencyNumber: &atATime}})
	seen, folder := watchEvents(t, client), t.TempDir()
	task := start(t, client, pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user.ID), SavePath: folder})
	elapse(time.Until(begins))
	before, err := task.Info(t.Context())
	if err != nil || before.Running != true || (before.StageName == pixiv.StageDownloadPicture) == listing {
		t.Fatalf("when it begins: %+v (%v)", before, err)
	}
	elapse(9 * time.Minute)
	if info, err := task.Info(t.Context()); err != nil || info.State != pixivoc.StateDownloading {
		t.Errorf("in the middle: %+v (%v)", info, err)
	}
	if info := wait(t, task, pixivoc.StateOver); info.Failed != 0 {
		t.Errorf("%+v", info)
	}
	for _, event := range seen.all() {
		if event.Kind == pixivoc.EventItemFailed || event.Task.State == pixivoc.StateError {
			t.Errorf("%s: %s", event.Kind, event.Task.Error)
		}
	}
	for host, n := range road.begun {
		if n > 40 {
			t.Errorf("%d requests to %s while it was away, want 40 at most", n, host)
		}
	}
	if late := road.goneOn.Sub(ends); late > time.Minute {
		t.Errorf("went on %s after the network was back", late)
	}
	wantOriginals(t, server, folder)
}

// N9: two seconds on, two seconds off, and each picture takes longer than that.
func TestN9_TaskMakesProgressOnAFlappingNetwork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aboutNow()
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		work := server.AddWork(pixivtest.Work{PageCount: 6, AllPages: pixivtest.Page{Size: 1 << 20}})
		server.Script(pixivtest.Rule{Match: imageHost, Do: pixivtest.Drip{Bytes: 16 << 10, Every: 50 * time.Millisecond}})
		begin := time.Now()
		road := newWeather(server, func(at time.Time) bool {
			since := at.Sub(begin)
			return since < 10*time.Minute && since%(4*time.Second) >= 2*time.Second
		})
		client, folder := newPixivClient(t, server, pixivoc.Config{HTTP: road}), t.TempDir()
		task := startWork(t, client, work.ID, folder)
		info := wait(t, task, pixivoc.StateOver)
		if took := time.Since(begin); info.Failed != 0 || took > 5*time.Minute {
			t.Errorf("after %s: %+v", took, info)
		}
		if len(road.restarted) > 0 {
			t.Errorf("asked for again from 0: %q", road.restarted)
		}
		for path, n := range road.delivered {
			if n > 1<<20 && strings.Contains(path, "img-original") {
				t.Errorf("%d bytes were fetched for %s", n, path)
			}
		}
		wantOriginals(t, server, folder)
	})
}

// N1, N2, N3: what the user sees of a host that cannot be reached, does not
// answer, or falls silent in the middle, for good.
func TestN1_N2_N3_WhatTheUserSees(t *testing.T) {
	t.Parallel()
	refused := func(*http.Request) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443}, Err: syscall.ECONNREFUSED}
	}
	unknown := func(r *http.Request) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: r.URL.Hostname(), IsNotFound: true}}
	}
	silent := func(r *http.Request) error {
		<-r.Context().Done()
		return r.Context().Err()
	}
	for name, test := range map[string]struct {
		fault func(*http.Request) error // of the road; nil lets the request through
		text  string
	}{
		"N1 connection refused":    {refused, "connection refused"},
		"N1 unknown host":          {unknown, "no such host"},
		"N2 no answer":             {silent, "no answer within the time-out"},
		"N3 silence in the body":   {nil, "no answer within the time-out"},
		"N1 of the API, refused":   {refused, "connection refused"},
		"N2 of the API, no answer": {silent, "no answer for 10s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { unreachableForGood(t, name, test.fault, test.text) })
		})
	}
}

func unreachableForGood(t *testing.T, name string, fault func(*http.Request) error, text string) {
	aboutNow()
	server := pixivtest.NewUnstartedServer(pixivtest.Config{})
	work := server.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: 8192}})
	server.Script(pixivtest.Rule{Match: imageHost, Do: pixivtest.Stall{At: aHalf}})
	host, key := pixivtest.HostImages, fmt.Sprintf("%d_p0", work.ID)
	if strings.Contains(name, "API") {
		host, key = pixivtest.HostAPI, fmt.Sprint(work.ID)
	}
	client := newPixivClient(t, server, pixivoc.Config{
		MaxIdleRounds: 3, Env: pixivoc.EnvPatch{Timeout: new(10 * time.Second), Increment: new(false)},
		HTTP: road(func(request *http.Request) (*http.Response, error) {
			if request.URL.Host == host && fault != nil {
				return nil, fault(request)
			}
			return server.RoundTripper().RoundTrip(request)
		}),
	})
	folder := t.TempDir()
	task := startWork(t, client, work.ID, folder)
	info := wait(t, task, pixivoc.StateError)
	item := itemsOf(t, task)[key]
	for _, shown := range []string{info.Error, item.Detail} {
		if !strings.Contains(shown, text) || !strings.Contains(shown, host) {
			t.Errorf("%q does not say %q of %s", shown, text, host)
		}
	}
	if item.State != pixivoc.ItemPending || item.Reason != pixivoc.ReasonNetwork || item.Attempts != 3 {
		t.Errorf("%+v", item)
	}
	server.ClearScript()
	fault = nil
	if err := task.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait(t, task, pixivoc.StateOver)
	wantOriginals(t, server, folder)
	if strings.HasPrefix(name, "N3") && server.TotalCounts().Ranged == 0 {
		t.Error("the half that was there was fetched again")
	}
}

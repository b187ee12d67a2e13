package bench

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// lastModified is the date of every file: long ago, so that it is a strong
// validator (RFC 9110, section 8.8.2.2).
const lastModified = "Tue, 02 Jan 2024 03:04:05 GMT"

// logPath is where an origin tells what it was asked. DELETE forgets it.
const logPath = "/log"

// origin is a plain HTTP server for a set.
type origin struct {
	set     Set
	latency time.Duration
	faults  faults

	first    atomic.Int64 // Unix time in nanoseconds of the first request
	requests atomic.Int64
	bytes    atomic.Int64
	files    []fileLog
}

// fileLog counts what was asked for one file. attempts is never reset.
type fileLog struct {
	attempts, requests, ranged, bytes atomic.Int64
}

// Log is what an origin was asked since its log was cleared.
type Log struct {
	// First is when the first request came, as Unix time in nanoseconds.
	First    int64   `json:"first"`
	Requests int64   `json:"requests"`
	Ranged   int64   `json:"ranged"`
	Bytes    int64   `json:"bytes"`
	Files    []int64 `json:"files,omitempty"` // requests by number of the file
}

func newOrigin(job Job) *origin {
	return &origin{
		set: job.Set, latency: time.Duration(job.LatencyMS) * time.Millisecond,
		faults: faults{seed: job.Set.Seed, share: job.FaultShare},
		files:  make([]fileLog, job.Set.Count),
	}
}

// serveOrigin runs an origin until ctx is cancelled. It tells its address
// through ready.
func serveOrigin(ctx context.Context, job Job, ready func(address string) error) error {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	o := newOrigin(job)
	mux.HandleFunc("GET /files/{name}", o.serveFile)
	mux.HandleFunc("GET "+logPath, o.serveLog)
	mux.HandleFunc("DELETE "+logPath, func(http.ResponseWriter, *http.Request) { o.clear() })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := ready(listener.Addr().String()); err != nil {
		return err
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// address returns the URL of a file at an origin.
func (f File) address(origin string) string { return "http://" + origin + "/files/" + f.Name }

func (o *origin) serveFile(w http.ResponseWriter, r *http.Request) {
	o.first.CompareAndSwap(0, time.Now().UnixNano())
	number, ok := o.set.Number(path.Base(r.URL.Path))
	if !ok {
		http.NotFound(w, r)
		return
	}
	entry := &o.files[number]
	o.requests.Add(1)
	entry.requests.Add(1)
	attempt := entry.attempts.Add(1)
	if !wait(r.Context(), o.latency) {
		return
	}
	answer := answer{origin: o, file: o.set.File(number), entry: entry}
	o.faults.serve(w, r, &answer, attempt)
}

// answer is one answer with a file.
type answer struct {
	origin *origin
	file   File
	entry  *fileLog
	from   int64
}

// begin sends the head. It says false for a request that gets no content.
func (a *answer) begin(w http.ResponseWriter, r *http.Request) bool {
	header := w.Header()
	header.Set("Content-Type", "image/jpeg")
	header.Set("Last-Modified", lastModified)
	header.Set("Accept-Ranges", "bytes")
	status := http.StatusOK
	if from, ok := rangeStart(r); ok {
		size := strconv.FormatInt(a.file.Size, 10)
		if from >= a.file.Size {
			header.Set("Content-Range", "bytes */"+size)
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return false
		}
		a.from = from
		a.entry.ranged.Add(1)
		header.Set("Content-Range", "bytes "+strconv.FormatInt(from, 10)+"-"+strconv.FormatInt(a.file.Size-1, 10)+"/"+size)
		status = http.StatusPartialContent
	}
	header.Set("Content-Length", strconv.FormatInt(a.file.Size-a.from, 10))
	w.WriteHeader(status)
	return true
}

// send sends the content up to an offset.
func (a *answer) send(w io.Writer, to int64) error {
	_, err := a.file.writeRange(&counted{w, a}, a.from, to)
	return err
}

// counted counts what an answer sends.
type counted struct {
	io.Writer
	answer *answer
}

func (c *counted) Write(chunk []byte) (int, error) {
	n, err := c.Writer.Write(chunk)
	c.answer.entry.bytes.Add(int64(n))
	c.answer.origin.bytes.Add(int64(n))
	return n, err
}

// rangeStart reads a range without an end, the only kind that a resumed
// download sends. A condition that does not hold makes it void (RFC 9110,
// section 13.1.5).
func rangeStart(r *http.Request) (int64, bool) {
	if condition := r.Header.Get("If-Range"); condition != "" && condition != lastModified {
		return 0, false
	}
	text, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes=")
	if !ok || !strings.HasSuffix(text, "-") {
		return 0, false
	}
	from, err := strconv.ParseInt(strings.TrimSuffix(text, "-"), 10, 64)
	return from, err == nil && from >= 0
}

// wait waits, and says false when ctx ends first.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// serveLog tells the log; with ?files=1 also the requests for each file.
func (o *origin) serveLog(w http.ResponseWriter, r *http.Request) {
	told := Log{First: o.first.Load(), Requests: o.requests.Load(), Bytes: o.bytes.Load()}
	if r.URL.Query().Has("files") {
		for i := range o.files {
			told.Ranged += o.files[i].ranged.Load()
			told.Files = append(told.Files, o.files[i].requests.Load())
		}
	}
	_ = json.NewEncoder(w).Encode(told) // a client that is gone needs no log
}

func (o *origin) clear() {
	o.first.Store(0)
	o.requests.Store(0)
	o.bytes.Store(0)
	for i := range o.files {
		o.files[i].requests.Store(0)
		o.files[i].ranged.Store(0)
		o.files[i].bytes.Store(0)
	}
}

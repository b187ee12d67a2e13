package pixivtest

import (
	"net/http"
	"strconv"
	"time"
)

// answer is what the server says to one request and how it brings it over the wire. The handlers of the fake make
// honest answers, faults change them, and a socket ([Server.send]) or memory ([body]) brings them to the client.
type answer struct {
	status int
	header http.Header
	body   content // nil: none
	isHead bool    // answers HEAD: the header speaks of body, but body is not sent

	wire wire
}

// wire is how an answer is sent. The zero value sends it whole, at once, and with its true length.
type wire struct {
	delay      time.Duration // before the first byte of the header
	hang       bool          // the header does not come until it is released
	dropped    ending        // the connection ends before the header
	rawHeader  string        // lines put into the header as they are, each ended by CR LF
	headerPace pace
	framing    framing
	length     []string // values of Content-Length in place of the true one
	bodyPace   pace
	stalls     []stall // in rising order of at
	end        ending
	stop       int64   // how much of the body is sent when end says that it ends early
	surplus    content // sent behind the body
}

// framing is how the end of a body is marked.
type framing int

const (
	byLength framing = iota
	byChunks
	byClose
)

// ending is how a connection ends after an answer.
type ending int

const (
	endWhole ending = iota // it stays open
	endReset               // RST
	endClose               // FIN
)

// pace sends a few bytes at a time. Zero bytes means all at once.
type pace struct {
	bytes int64
	every time.Duration
}

// stall holds a body back once so many bytes are sent.
type stall struct {
	at   int64
	wait time.Duration // negative: until released
}

func newAnswer(status int, contentType string, body content) *answer {
	header := http.Header{}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	return &answer{status: status, header: header, body: body}
}

// size is the length of the whole body.
func (a *answer) size() int64 {
	if a.body == nil {
		return 0
	}
	return a.body.Size()
}

// bodiless says that the status, or the method, forbids a body.
func (a *answer) bodiless() bool {
	return a.isHead || a.status == http.StatusNoContent || a.status == http.StatusNotModified || a.status < 200
}

// lengths is what the Content-Length of the answer says; empty when it has none.
func (a *answer) lengths() []string {
	switch {
	case a.wire.length != nil:
		return a.wire.length
	case a.wire.framing != byLength, a.status == http.StatusNoContent, a.status == http.StatusNotModified:
		return nil
	}
	return []string{strconv.FormatInt(a.size(), 10)}
}

// declared is the length that a client believes: -1 when none is said, and false when what is said is no length.
func (a *answer) declared() (int64, bool) {
	lengths := a.lengths()
	if len(lengths) == 0 {
		return -1, true
	}
	for _, other := range lengths[1:] {
		if other != lengths[0] {
			return -1, false
		}
	}
	n, err := strconv.ParseInt(lengths[0], 10, 64)
	return n, err == nil && n >= 0
}

// course is the way through the body of an answer.
type course struct {
	at, end int64
	pace    pace
	stalls  []stall
}

func (a *answer) course() course {
	c := course{end: a.size(), pace: a.wire.bodyPace, stalls: a.wire.stalls}
	if a.wire.end != endWhole {
		c.end = min(c.end, a.wire.stop)
	}
	if a.bodiless() {
		c = course{}
	}
	return c
}

// next is what comes next: first a pause (negative: until released), then n bytes. Both are zero at the end.
func (c *course) next() (pause time.Duration, n int64) {
	if len(c.stalls) > 0 && c.stalls[0].at <= c.at {
		pause = c.stalls[0].wait
		c.stalls = c.stalls[1:]
		if pause != 0 {
			return pause, 0
		}
	}
	n = c.end - c.at
	if len(c.stalls) > 0 {
		n = min(n, c.stalls[0].at-c.at)
	}
	if c.pace.bytes > 0 && n > 0 {
		n = min(n, c.pace.bytes)
		if c.at > 0 {
			pause = c.pace.every
		}
	}
	c.at += n
	return pause, n
}

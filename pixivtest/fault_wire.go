package pixivtest

import (
	"cmp"
	"net/http"
	"slices"
	"time"
)

// Delay waits before the answer begins.
type Delay struct{ For time.Duration }

func (f Delay) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	a := next(r)
	a.wire.delay += max(0, f.For)
	return a
}

// Stall falls silent in the middle of an answer and leaves the connection open.
type Stall struct {
	At           Point         // in the body
	BeforeHeader bool          // not even the header comes; At does not count
	For          time.Duration // zero: until [Server.ReleaseStalls], or the client gives up
}

func (f Stall) answer(t *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	a := next(r)
	switch {
	case f.BeforeHeader && f.For > 0:
		a.wire.delay += f.For
	case f.BeforeHeader:
		a.wire.hang = true
	default:
		wait := f.For
		if wait <= 0 {
			wait = -1
		}
		a.wire.stalls = append(slices.Clone(a.wire.stalls), stall{at: f.At.in(a.size(), t.random), wait: wait})
		slices.SortStableFunc(a.wire.stalls, func(x, y stall) int { return cmp.Compare(x.at, y.at) })
	}
	return a
}

// Drip sends the body a few bytes at a time.
type Drip struct {
	Bytes int64 // at a time; zero: 1
	Every time.Duration
}

func (f Drip) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	a := next(r)
	a.wire.bodyPace = pace{bytes: max(1, f.Bytes), every: max(0, f.Every)}
	return a
}

// SlowHeader sends the header a few bytes at a time, then the body at once. The connection is closed afterwards.
type SlowHeader struct {
	Bytes int64 // at a time; zero: 1
	Every time.Duration
}

func (f SlowHeader) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	a := next(r)
	a.wire.headerPace = pace{bytes: max(1, f.Bytes), every: max(0, f.Every)}
	return a
}

// Reset ends the connection with an RST. The server waits a moment for the bytes up to At to reach the client's system,
// since a reset drops what is still on the way; a client that is slow to read may get less than At says, never more.
type Reset struct {
	At           Point // in the body
	BeforeHeader bool  // not even the header comes; At does not count
}

func (f Reset) answer(t *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	return endEarly(next(r), t, f.At, f.BeforeHeader, endReset)
}

// Cut ends the connection early with an orderly FIN, while the header promises the whole body.
type Cut struct {
	At           Point // in the body
	BeforeHeader bool  // not even the header comes; At does not count
}

func (f Cut) answer(t *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	return endEarly(next(r), t, f.At, f.BeforeHeader, endClose)
}

func endEarly(a *answer, t *turn, at Point, beforeHeader bool, how ending) *answer {
	if beforeHeader {
		a.wire.dropped = how
		return a
	}
	a.wire.end, a.wire.stop = how, at.in(a.size(), t.random)
	return a
}

// NoLength leaves Content-Length out. The end of the body is the end of the connection, as in HTTP/1.0, so a client
// cannot tell a body that [Cut] shortens from a whole one.
type NoLength struct {
	Chunked bool // the end is a last chunk, which a cut body lacks
}

func (f NoLength) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	a := next(r)
	a.wire.framing, a.wire.length = byClose, nil
	if f.Chunked {
		a.wire.framing = byChunks
	}
	return a
}

// WrongLength announces another length than the body has. The connection is closed behind the body.
type WrongLength struct {
	By     int64    // added to the true length
	Values []string // in place of By: Content-Length fields as they are, legal or not
}

func (f WrongLength) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	a := next(r)
	a.wire.framing, a.wire.length = byLength, f.Values
	if f.Values == nil {
		a.wire.length = []string{formatInt(a.size() + f.By)}
	}
	return a
}

// Surplus sends zero bytes behind the body. The connection is closed behind them.
type Surplus struct {
	Bytes    int64
	Declared bool // Content-Length counts them, so that only the contents show that something is wrong
}

func (f Surplus) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	a := next(r)
	switch {
	case f.Bytes <= 0:
	case f.Declared && a.body != nil:
		a.body = chain{a.body, zeros(f.Bytes)}
	default:
		a.wire.surplus = zeros(f.Bytes)
	}
	return a
}

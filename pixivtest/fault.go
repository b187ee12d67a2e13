package pixivtest

import (
	"math/rand/v2"
	"net/http"
	"reflect"
	"time"
)

// Fault is a way of answering wrongly, slowly or not at all. Faults are plain values: a list of rules says completely
// what a server does. The types of this package are all there are; [Custom] takes a handler for the rest.
//
// A fault that has nothing to work on, as [WrongRange] for an answer that is no part of a file, leaves the answer
// alone.
type Fault interface {
	// answer answers r; next gives the answer that the fault may change.
	answer(t *turn, r *http.Request, next func(*http.Request) *answer) *answer
}

// faultName is the name of a fault's type.
func faultName(f Fault) string { return reflect.TypeOf(f).Name() }

// Honest answers as if there were no rule. In front of other rules it keeps them off some requests.
type Honest struct{}

func (Honest) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	return next(r)
}

// Chain joins faults: the last one works on the honest answer, the one before it on what comes out, and so on. For
// example Chain{Cut{At: AtPercent(50)}, NoLength{Chunked: true}} cuts a chunked body.
type Chain []Fault

func (c Chain) answer(t *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	if len(c) == 0 {
		return next(r)
	}
	return c[0].answer(t, r, func(r *http.Request) *answer { return c[1:].answer(t, r, next) })
}

// Mix applies a fault, drawn from a list, to a share of the answers and leaves the rest alone. What is drawn depends
// on the seeds, the path, and how often the rule matched that path: it is the same in every run, whatever the order
// in which different paths are asked for.
type Mix struct {
	Seed    uint64
	Percent int     // of the answers that get a fault
	Of      []Fault // nil: StandardFaults(2 * time.Second)
}

func (m Mix) answer(t *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	random := rand.New(rand.NewPCG(m.Seed, t.random.Uint64()))
	if random.IntN(100) >= m.Percent {
		return next(r)
	}
	of := m.Of
	if of == nil {
		of = StandardFaults(2 * time.Second)
	}
	if len(of) == 0 {
		return next(r)
	}
	return of[random.IntN(len(of))].answer(t, r, next)
}

// StandardFaults are the everyday troubles of a network, for [Mix]: a reset, 500, 503, 429 with Retry-After, a stall of
// the given length (zero: until the client gives up), a body that ends early, and one that is longer than announced.
func StandardFaults(stall time.Duration) []Fault {
	return []Fault{
		Reset{At: AtRandom()},
		ErrorPage{Status: http.StatusInternalServerError},
		ErrorPage{Status: http.StatusServiceUnavailable},
		RateLimit{Status: http.StatusTooManyRequests, RetryAfter: "1"},
		Stall{At: AtRandom(), For: stall},
		Cut{At: AtRandom()},
		Surplus{Bytes: 512},
	}
}

// Point is a place in a body. The zero value is before its first byte.
type Point struct {
	Bytes   int64 // from the beginning; negative: from the end
	Percent int   // of the body, added to Bytes
	Random  bool  // anywhere; the rest does not count
}

// AtByte is the point behind the first n bytes, or, when n is negative, before the last -n.
func AtByte(n int64) Point { return Point{Bytes: n} }

// AtPercent is the point behind that share of the body.
func AtPercent(p int) Point { return Point{Percent: p} }

// AtRandom is a point that follows from the seed, the path and the attempt.
func AtRandom() Point { return Point{Random: true} }

// in is the point in a body of that size.
func (p Point) in(size int64, random *rand.Rand) int64 {
	at := p.Bytes
	switch {
	case p.Random:
		at = random.Int64N(size + 1)
	case at < 0:
		at += size
	}
	return min(size, max(0, at+size*int64(p.Percent)/100))
}

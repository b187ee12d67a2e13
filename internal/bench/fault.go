package bench

import (
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
)

// fault is what goes wrong with an answer.
type fault int

const (
	faultNone fault = iota
	faultReset
	fault500
	fault503
	fault429
	faultStall
	faultShort
	faultOverlong
	faultKinds
)

// faults makes some answers go wrong. Which ones follows from the seed, the
// number of the file and how often it was asked for, whatever else goes on.
type faults struct {
	seed  uint64
	share float64 // of all answers
}

// draw returns the fault of an answer, and at what part of the body it strikes.
func (f faults) draw(file int, attempt int64) (fault, float64) {
	if f.share <= 0 {
		return faultNone, 1
	}
	random := rand.New(rand.NewPCG(f.seed^0x6661756c74, uint64(file)<<20|uint64(attempt)))
	if random.Float64() >= f.share {
		return faultNone, 1
	}
	return faultReset + fault(random.IntN(int(faultKinds-faultReset))), 0.05 + 0.9*random.Float64()
}

// serve sends an answer with what goes wrong with it.
func (f faults) serve(w http.ResponseWriter, r *http.Request, a *answer, attempt int64) {
	kind, part := f.draw(a.file.Number, attempt)
	switch kind {
	case fault500:
		http.Error(w, "broken", http.StatusInternalServerError)
		return
	case fault503:
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	case fault429:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "slow down", http.StatusTooManyRequests)
		return
	}
	if !a.begin(w, r) {
		return
	}
	to := a.file.Size
	if kind == faultReset || kind == faultShort || kind == faultStall {
		to = a.from + int64(part*float64(to-a.from))
	}
	if a.send(w, to) != nil || kind == faultNone {
		return
	}
	a.spoil(w, r, kind)
}

// spoil ends an answer badly.
func (a *answer) spoil(w http.ResponseWriter, r *http.Request, kind fault) {
	control := http.NewResponseController(w)
	_ = control.Flush() // a client that is gone is noticed by what follows
	if kind == faultStall {
		<-r.Context().Done()
		return
	}
	conn, _, err := control.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = conn.Close() }()
	switch tcp, ok := conn.(*net.TCPConn); {
	case kind == faultReset && ok:
		_ = tcp.SetLinger(0)
	case kind == faultOverlong:
		_, _ = conn.Write([]byte(strings.Repeat("surplus ", 1000)))
	}
}

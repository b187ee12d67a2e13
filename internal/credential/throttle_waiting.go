package credential

import (
	"hash/maphash"
	"net/netip"
	"time"
)

const (
	// comeBack is how long whoever is told to wait must wait at least, from the
	// first time. It is short, so that few others ask in the meantime.
	comeBack = 5 * time.Second
	// keptWaiting is how many of the last to ask are remembered at least; the
	// greatest number is twice that, in about 10 MB.
	keptWaiting = 1 << 17
)

// waiting remembers which attempts were told to wait, and since when. Those
// that come back are told from those that never repeat themselves, so a guesser
// who tries one password after the other takes no place from the owner. A flood
// pushes the oldest out.
type waiting struct {
	seed       maphash.Seed
	epoch      time.Time // what the durations count from
	last       time.Duration
	young, old map[uint64]time.Duration // when an attempt first came
}

// waiter is an attempt at an address.
type waiter struct {
	from netip.Prefix
	mark mark
}

func newWaiting(now time.Time) *waiting { return &waiting{seed: maphash.MakeSeed(), epoch: now} }

// due returns when an attempt that comes now may be looked at: some time after
// it came first.
func (w *waiting) due(who waiter, now time.Time) time.Time {
	key, since := maphash.Comparable(w.seed, who), now.Sub(w.epoch)
	if since-w.last > forgetAfter {
		w.young, w.old = nil, nil
	}
	w.last = since
	first, known := w.young[key]
	if !known {
		first, known = w.old[key]
	}
	if !known || since-first > comeBack+2*maxWait {
		if len(w.young) >= keptWaiting {
			w.young, w.old = nil, w.young
		}
		if w.young == nil {
			w.young = map[uint64]time.Duration{}
		}
		w.young[key], first = since, since
	}
	return w.epoch.Add(first + comeBack)
}

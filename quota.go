package pixivoc

import (
	"context"
	"sort"
	"sync"
	"time"
)

// The quota of the Octopus Data API V2.0: 20 calls a second, a bucket of five
// seconds.
const (
	QuotaRate    = 20
	QuotaSeconds = 5
)

// Quota limits calls as the Data API V2.0 of Octopus (bazhuayu) does: a leaky
// bucket of a rate and a number of seconds. In any such number of seconds at
// most rate times seconds calls are admitted. In any second rate calls are
// admitted, and n times as many after n seconds without a call, up to the
// whole bucket.
//
// One Quota counts the calls of one caller, or our own calls to one host. Its
// methods are safe for concurrent use; make one with NewQuota.
type Quota struct {
	rate, seconds int
	born          time.Time
	turn          gate // of those who Wait

	mu sync.Mutex
	// admitted has the last rate*seconds+1 admissions as times since born; it
	// is a ring with the oldest at next once it is full.
	admitted []time.Duration
	next     int
}

// NewQuota returns a quota of rate calls a second and a bucket of seconds;
// QuotaRate and QuotaSeconds are those of the Data API. Values below 1 count
// as 1. born is when counting began: a caller that was never seen since then
// counts as idle from that time. The zero time means now.
func NewQuota(rate, seconds int, born time.Time) *Quota {
	if born.IsZero() {
		born = time.Now()
	}
	return &Quota{rate: max(rate, 1), seconds: max(seconds, 1), born: born}
}

// Allow admits a call at now, or returns the exact time after which a call
// will be admitted if none comes before it. A refused call counts nowhere. Give
// now as time.Now does, with its monotonic reading; a now before that of the
// last admitted call is taken as that.
func (q *Quota) Allow(now time.Time) (ok bool, retryAfter time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.rate < 1 { // the zero value
		q.rate, q.seconds, q.born = 1, 1, now
	}
	t := now.Sub(q.born)
	if len(q.admitted) > 0 {
		t = max(t, q.newest(0))
	}
	inBucket := q.since(t - q.length())
	inSecond := q.since(t - time.Second)
	first := t // the oldest call of the last second
	if inSecond > 0 {
		first = q.newest(inSecond - 1)
	}
	burst := q.rate * min(max(int((first-q.newest(inSecond))/time.Second), 1), q.seconds)
	if inBucket < q.rate*q.seconds && inSecond < burst {
		q.admit(t)
		return true, 0
	}
	return false, q.due(inBucket, inSecond, burst, first, t) - t
}

// due returns when a call that is refused at t would be admitted. Until first
// is a second old the burst stays what it is; from then on no two calls of the
// last second are a second apart, so the burst is the rate, and there is room
// when the last but rate-1 is a second old.
func (q *Quota) due(inBucket, inSecond, burst int, first, t time.Duration) time.Duration {
	due := t
	if inBucket >= q.rate*q.seconds {
		due = q.newest(q.rate*q.seconds-1) + q.length()
	}
	if inSecond < burst && due < first+time.Second {
		return due
	}
	return max(due, q.newest(q.rate-1)+time.Second)
}

// Wait admits a call of our own as soon as Allow would, in the order in which
// the calls were asked for. The error is that of ctx. Calls that are spread
// evenly, as by an Interval of a second divided by the rate, are kinder to the
// other side and pass every variant of this rule.
func (q *Quota) Wait(ctx context.Context) error {
	if err := q.turn.Acquire(ctx); err != nil {
		return err
	}
	defer q.turn.Release()
	for {
		ok, wait := q.Allow(time.Now())
		if ok {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

func (q *Quota) length() time.Duration { return time.Duration(q.seconds) * time.Second }

// newest returns the admission before which k newer ones came, or the birth of
// the quota when there are not so many.
func (q *Quota) newest(k int) time.Duration {
	if k >= len(q.admitted) {
		return 0
	}
	return q.admitted[(q.next-1-k+2*len(q.admitted))%len(q.admitted)]
}

// since counts the admissions after t.
func (q *Quota) since(t time.Duration) int {
	return sort.Search(len(q.admitted), func(k int) bool { return q.newest(k) <= t })
}

func (q *Quota) admit(t time.Duration) {
	if len(q.admitted) <= q.rate*q.seconds {
		q.admitted = append(q.admitted, t)
		return
	}
	q.admitted[q.next] = t
	q.next = (q.next + 1) % len(q.admitted)
}

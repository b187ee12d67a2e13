package dataapi

import (
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
)

// maxQuotas bounds the accounts that are counted. The accounts of a book are
// fewer; this is for embedders whose accounts are made up.
const maxQuotas = 4096

// quotas count the calls of each account, over all its tokens.
type quotas struct {
	rate, seconds int
	now           func() time.Time

	mu        sync.Mutex
	born      time.Time // of counters of accounts whose tokens are older than this process
	byAccount map[string]*pixivoc.Quota
}

func newQuotas(rate, seconds int, now func() time.Time) *quotas {
	return &quotas{rate: rate, seconds: seconds, now: now, born: now(), byAccount: map[string]*pixivoc.Quota{}}
}

// admit counts a call, or says when to come back.
func (q *quotas) admit(name string) error {
	now := q.now()
	if ok, wait := q.of(name, time.Time{}).Allow(now); !ok {
		return overQuota(wait)
	}
	return nil
}

// begin starts the counter of an account that gets its first token.
func (q *quotas) begin(name string) { q.of(name, q.now()) }

// of returns the counter of an account. One that is not there yet is born at
// the time given, or with the process.
func (q *quotas) of(name string, born time.Time) *pixivoc.Quota {
	q.mu.Lock()
	defer q.mu.Unlock()
	quota := q.byAccount[name]
	if quota != nil {
		return quota
	}
	if born.IsZero() {
		born = q.born
	}
	if len(q.byAccount) >= maxQuotas {
		// Whoever is counted anew may have called just now.
		clear(q.byAccount)
		q.born = q.now()
	}
	quota = pixivoc.NewQuota(q.rate, q.seconds, born)
	q.byAccount[name] = quota
	return quota
}

// Package breaker keeps an outage from turning into a storm of requests. While
// a host cannot be reached, callers wait for it together and one at a time
// probes whether it is back.
package breaker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Config makes a Breaker. Zero values are replaced by the defaults.
type Config struct {
	// Failures is how many failures in a row, without a success between,
	// make a host count as down. Default 3.
	Failures int
	// First is how long after that the first probe is made. It doubles from
	// each probe to the next. Default 1 s.
	First time.Duration
	// Longest bounds the time from one probe to the next. Default 45 s: an
	// outage of ten minutes costs some twenty probes, and the host is back in
	// use within a minute of its return.
	Longest time.Duration
	// Patience is how long a probe may go unanswered before the next may be
	// made beside it. Default 15 s. Without it a probe that hangs until its
	// time-out would hide that the host is back.
	Patience time.Duration
	// Hosts is how many failing hosts are remembered. Default 1,024. Hosts
	// that somebody waits for are never forgotten.
	Hosts int
}

// Breaker watches the hosts that requests go to. Only hosts that failed last
// time take memory. All methods are safe for concurrent use.
type Breaker struct {
	config Config

	mu    sync.Mutex
	hosts map[string]*host
	holds map[string]time.Time // hosts that asked to be left alone until then
}

// host is a host whose last request failed.
type host struct {
	failures int
	changed  time.Time // of the last failure
	waiting  int       // callers in Allow
	down     *outage   // nil while requests may pass
}

// outage is the time in which a host is down.
type outage struct {
	since   time.Time
	delay   time.Duration // from the last probe to the next
	next    time.Time     // when the next probe may be made
	probe   *probe        // the last one, while it is under way
	changed chan struct{} // closed when callers in Allow must look again
}

// probe is a request to a host that is down.
type probe struct {
	outage *outage
	next   time.Time // when the next may be made once this one has failed
}

// New returns a Breaker that takes every host for reachable.
func New(config Config) *Breaker {
	if config.Failures <= 0 {
		config.Failures = 3
	}
	if config.First <= 0 {
		config.First = time.Second
	}
	if config.Longest <= 0 {
		config.Longest = 45 * time.Second
	}
	if config.Patience <= 0 {
		config.Patience = 15 * time.Second
	}
	if config.Hosts <= 0 {
		config.Hosts = 1024
	}
	return &Breaker{config: config, hosts: map[string]*host{}}
}

// Allow waits until a request may be sent to that host: at once unless the
// host is down. A caller that has waited may be the one that probes; it learns
// as much from its own request, while the others go on waiting until the host
// is back or their ctx is done, whose error Allow then returns.
//
// The caller must call report when the request has ended. reached says that
// the host answered, whatever it said; it is false only for faults of the
// connection, of the kind an outage makes. When ctx is done by then the
// request proves nothing and reached is ignored. Only the first call counts.
func (b *Breaker) Allow(ctx context.Context, name string) (report func(reached bool), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	probe, err := b.enter(ctx, name)
	if err != nil {
		return nil, err
	}
	var once sync.Once
	return func(reached bool) {
		once.Do(func() { b.report(name, probe, reached, ctx.Err() == nil) })
	}, nil
}

// enter returns when a request may be sent, with the probe that it is, or nil.
func (b *Breaker) enter(ctx context.Context, name string) (*probe, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		if wait := time.Until(b.holds[name]); wait > 0 {
			if err := b.sleep(ctx, wait); err != nil {
				return nil, fmt.Errorf("wait for %s, which asked for a pause: %w", name, err)
			}
			continue
		}
		delete(b.holds, name)
		h := b.hosts[name]
		if h == nil || h.down == nil {
			return nil, nil
		}
		down, now := h.down, time.Now()
		if !down.next.After(now) {
			return b.start(down, now), nil
		}
		due, changed := time.After(down.next.Sub(now)), down.changed
		h.waiting++
		b.mu.Unlock()
		select {
		case <-due:
		case <-changed:
		case <-ctx.Done():
		}
		b.mu.Lock()
		h.waiting--
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("wait for %s, unreachable since %s: %w", name, down.since.UTC().Format(time.RFC3339), err)
		}
	}
}

// sleep waits without holding mu, which the caller holds.
func (b *Breaker) sleep(ctx context.Context, wait time.Duration) error {
	b.mu.Unlock()
	defer b.mu.Lock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Hold lets no request go to a host before until, however others fare that are
// under way. A hold that ends earlier than one in force changes nothing.
func (b *Breaker) Hold(name string, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.holds == nil {
		b.holds = map[string]time.Time{}
	}
	if len(b.holds) >= b.config.Hosts {
		for held, end := range b.holds {
			if !end.After(time.Now()) {
				delete(b.holds, held)
			}
		}
	}
	if until.After(b.holds[name]) {
		b.holds[name] = until
	}
}

// start begins a probe and says when the next may begin. The caller holds mu,
// as for all that follow.
func (b *Breaker) start(down *outage, now time.Time) *probe {
	down.delay = min(2*down.delay, b.config.Longest)
	p := &probe{outage: down, next: now.Add(jitter(down.delay))}
	down.probe = p
	down.next = now.Add(max(p.next.Sub(now), b.config.Patience))
	return p
}

// report takes in how a request ended. known is false when that says nothing
// about the host.
func (b *Breaker) report(name string, p *probe, reached, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known && reached {
		b.forget(name)
		return
	}
	if known {
		b.fail(name)
	}
	if p == nil || p.outage.probe != p {
		return // requests that began before do not move the next probe
	}
	p.outage.probe = nil
	p.outage.next = p.next
	if !known {
		p.outage.next = time.Now()
	}
	p.outage.look()
}

// fail counts a failure.
func (b *Breaker) fail(name string) {
	h, now := b.hosts[name], time.Now()
	if h == nil {
		b.makeRoom()
		h = &host{}
		b.hosts[name] = h
	}
	h.failures++
	h.changed = now
	if h.down == nil && h.failures >= b.config.Failures {
		first := b.config.First
		h.down = &outage{since: now, delay: first, next: now.Add(jitter(first)), changed: make(chan struct{})}
	}
}

// look makes all who wait look again.
func (o *outage) look() {
	close(o.changed)
	o.changed = make(chan struct{})
}

// forget takes a host for reachable and lets everybody go who waits for it.
func (b *Breaker) forget(name string) {
	h := b.hosts[name]
	if h == nil {
		return
	}
	delete(b.hosts, name)
	if h.down != nil {
		h.down.look()
	}
}

// makeRoom forgets the host that has been left alone for longest when there
// are too many.
func (b *Breaker) makeRoom() {
	if len(b.hosts) < b.config.Hosts {
		return
	}
	oldest := ""
	for name, h := range b.hosts {
		busy := h.waiting > 0 || h.down != nil && h.down.probe != nil
		if !busy && (oldest == "" || h.changed.Before(b.hosts[oldest].changed)) {
			oldest = name
		}
	}
	delete(b.hosts, oldest)
}

// Reset takes every host for reachable, as when requests take another road
// from now on. Whoever waits goes on at once.
func (b *Breaker) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.hosts {
		b.forget(name)
	}
}

// Down says whether a host is down, since when, and when the next probe may be
// made, which lies in the past when nobody asks for the host.
func (b *Breaker) Down(name string) (since, next time.Time, down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.hosts[name]
	if h == nil || h.down == nil {
		return time.Time{}, time.Time{}, false
	}
	return h.down.since, h.down.next, true
}

// jitter shortens a delay by up to a tenth, so that many clients of one host
// do not come back in step.
func jitter(delay time.Duration) time.Duration {
	return delay - rand.N(delay/10+1)
}

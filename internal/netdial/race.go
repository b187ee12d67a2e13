package netdial

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Head starts: how long an attempt may go on before the next one starts beside
// it.
const (
	// connectHeadStart is for another address while the one before has not
	// accepted the connection: RFC 8305 section 8.
	connectHeadStart = 250 * time.Millisecond
	// addressHeadStart is for another address when the one before is not known
	// to work.
	addressHeadStart = 400 * time.Millisecond
	// probeHeadStart is for another address while the fastest is looked for.
	probeHeadStart = 50 * time.Millisecond
	// maxHeadStart bounds what a remembered address gets.
	maxHeadStart = 2 * time.Second
	// strategyHeadStart is for another strategy: the order of strategies is a
	// preference, not a race.
	strategyHeadStart = 2 * time.Second
)

// maxOptions bounds the attempts of one dial.
const maxOptions = 32

// option is one way to reach a host.
type option struct {
	address  netip.AddrPort
	strategy Strategy
}

// options lists every address with every strategy, strategy by strategy.
func options(addresses []netip.AddrPort, strategies []Strategy) []option {
	var all []option
	for _, s := range strategies {
		for _, a := range addresses {
			if len(all) < maxOptions {
				all = append(all, option{a, s})
			}
		}
	}
	return all
}

// outcome is how the attempt at an option ended.
type outcome struct {
	option
	conn net.Conn // nil when it failed
	err  error
	took time.Duration
}

// race tries options one after the other, and beside each other when they are
// slow; the first that succeeds wins.
type race struct {
	options []option      // still to try, in order of preference
	next    time.Duration // head start before another address
	turn    time.Duration // head start before another strategy
	patient bool          // an address that accepted the connection gets turn too
	try     func(ctx context.Context, o option, accepted func()) (net.Conn, error)

	started, ended int
	running        map[Strategy]int
	failures       map[Strategy]int
	bad            map[netip.AddrPort]bool // an attempt failed there
}

// fit shortens the head starts so that each option gets its share of the time.
func (r *race) fit(timeout time.Duration) {
	if timeout <= 0 {
		return
	}
	r.next = min(r.next, timeout/time.Duration(len(r.options)+1))
	r.turn = min(r.turn, timeout/2)
}

// run returns the outcome that won, whose conn is nil if none did, and those
// that failed before. All attempts have ended when it returns.
func (r *race) run(ctx context.Context) (won outcome, failed []outcome) {
	r.running = make(map[Strategy]int)
	r.failures = make(map[Strategy]int)
	r.bad = make(map[netip.AddrPort]bool)
	ctx, cancel := context.WithCancel(ctx)
	var attempts sync.WaitGroup
	outcomes := make(chan outcome, len(r.options)) // no attempt waits for us
	accepted := make(chan struct{}, 2*len(r.options))
	defer func() {
		cancel()
		attempts.Wait()
		discard(outcomes)
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for r.ended < r.started || len(r.options) > 0 {
		select {
		case <-timer.C:
			if len(r.options) == 0 {
				continue
			}
			o := r.take()
			attempts.Go(func() {
				began := time.Now()
				conn, err := r.try(ctx, o, func() { accepted <- struct{}{} })
				outcomes <- outcome{o, conn, err, time.Since(began)}
			})
			timer.Reset(r.wait(nil))
		case <-accepted:
			if r.patient {
				timer.Reset(r.turn)
			}
		case o := <-outcomes:
			r.end(o)
			if o.err == nil {
				return o, failed
			}
			failed = append(failed, o)
			if ctx.Err() != nil {
				r.options = nil
			}
			timer.Reset(r.wait(&o))
		}
	}
	return outcome{}, failed
}

// discard closes the connections that came too late.
func discard(outcomes chan outcome) {
	close(outcomes)
	for o := range outcomes {
		if o.conn != nil {
			_ = o.conn.Close() // nobody uses it
		}
	}
}

// pick returns the index of the option to try next: the first of those with
// the least against them. An address that failed in this race goes behind, and
// so does a strategy that failed at two addresses: a filter that cuts a
// connection often blocks the address for minutes, so it is better not to
// spoil them all.
func (r *race) pick() int {
	best, least := 0, 3
	for i, o := range r.options {
		cost := 0
		if r.bad[o.address] {
			cost++
		}
		if r.failures[o.strategy] >= 2 {
			cost++
		}
		if cost < least {
			best, least = i, cost
		}
	}
	return best
}

func (r *race) take() option {
	i := r.pick()
	o := r.options[i]
	r.options = slices.Delete(r.options, i, i+1)
	r.started++
	r.running[o.strategy]++
	return o
}

func (r *race) end(o outcome) {
	r.ended++
	r.running[o.strategy]--
	if o.err != nil {
		r.failures[o.strategy]++
		r.bad[o.address] = true
	}
}

// wait returns how long the next option waits, after one was started or the
// given one failed. Another address takes the place of a failed one at once;
// another strategy waits while one is still under way.
func (r *race) wait(failed *outcome) time.Duration {
	if len(r.options) == 0 || r.started == r.ended {
		return 0
	}
	strategy := r.options[r.pick()].strategy
	switch {
	case failed != nil && strategy == failed.strategy:
		return 0
	case r.running[strategy] > 0:
		return r.next
	}
	return r.turn
}

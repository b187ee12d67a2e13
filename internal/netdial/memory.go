package netdial

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// choiceLife is how long the fastest option is used before the others are
	// tried again.
	choiceLife = 10 * time.Minute
	// faultLife is how long an option that failed goes behind the others.
	// Filters block an address for about three minutes.
	faultLife = 5 * time.Minute
	// maxTargets bounds the memory; a "*.suffix" entry stands for any number
	// of hosts.
	maxTargets = 1024
)

// memory keeps what is known of each target. Its zero value is ready.
type memory struct {
	mu      sync.Mutex
	targets map[target]*knowledge
}

// of returns what is known of t, to be added to.
func (m *memory) of(t target) *knowledge {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k, ok := m.targets[t]; ok {
		return k
	}
	if m.targets == nil {
		m.targets = make(map[target]*knowledge)
	}
	if len(m.targets) >= maxTargets {
		for other := range m.targets { // any one: losing it costs one race
			delete(m.targets, other)
			break
		}
	}
	k := &knowledge{faults: make(map[option]fault), refused: make(map[Strategy]bool)}
	m.targets[t] = k
	return k
}

func (m *memory) all() map[target]*knowledge {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.targets)
}

// knowledge is what is known of one target.
type knowledge struct {
	mu    sync.Mutex
	best  option
	took  time.Duration
	since time.Time // when best was found; zero: there is none

	faults   map[option]fault
	refused  map[Strategy]bool // the target answered that it wants another
	accepted bool              // the target answered a request without SNI
	echList  []byte
	probe    chan struct{} // closed when the dial that looks for the best is done
}

type fault struct {
	at  time.Time
	err error
}

// choice is how a dial begins.
type choice struct {
	best      option
	known     bool // there is a best
	headStart time.Duration
	release   func() // to be called when the dial is done
}

// choose says where to begin. When nothing is known one dial looks for the
// fastest option, and the others wait for it, at most so long.
func (k *knowledge) choose(ctx context.Context, patience time.Duration) (choice, error) {
	c, probe := k.begin()
	if probe == nil {
		return c, nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-probe:
	case <-timer.C:
	case <-ctx.Done():
		return choice{}, ctx.Err()
	}
	c, probe = k.begin()
	if probe != nil {
		c.headStart, c.release = addressHeadStart, func() {}
	}
	return c, nil
}

// begin returns a choice, or the probe to wait for.
func (k *knowledge) begin() (choice, chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := choice{best: k.best, known: !k.since.IsZero(), release: func() {}}
	switch {
	case c.known && (k.probe != nil || time.Since(k.since) < choiceLife):
		c.headStart = min(max(addressHeadStart, 3*k.took), maxHeadStart)
		return c, nil
	case k.probe != nil:
		return c, k.probe
	}
	probe := make(chan struct{})
	k.probe = probe
	c.headStart = probeHeadStart
	c.release = func() {
		k.mu.Lock()
		k.probe = nil
		k.mu.Unlock()
		close(probe)
	}
	return c, nil
}

// order sorts options, keeping their order otherwise: the best, then those
// without a recent fault, then the others, and at last the refused strategies.
func (k *knowledge) order(options []option, c choice) []option {
	k.mu.Lock()
	defer k.mu.Unlock()
	rank := func(o option) int {
		switch f, failed := k.faults[o]; {
		case k.refused[o.strategy]:
			return 3
		case c.known && o == c.best:
			return 0
		case failed && time.Since(f.at) < faultLife:
			return 2
		}
		return 1
	}
	slices.SortStableFunc(options, func(a, b option) int { return cmp.Compare(rank(a), rank(b)) })
	return options
}

// learn keeps how a race ended.
func (k *knowledge) learn(won outcome, failed []outcome) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, o := range failed {
		if !errors.Is(o.err, context.Canceled) {
			k.fail(o.option, o.err)
		}
	}
	if won.conn != nil {
		k.best, k.took, k.since = won.option, won.took, time.Now()
		delete(k.faults, won.option)
	}
}

// fail notes a fault; k.mu is held.
func (k *knowledge) fail(o option, err error) {
	if len(k.faults) >= maxOptions {
		clear(k.faults) // the table has changed under the same name: begin anew
	}
	k.faults[o] = fault{time.Now(), err}
	if k.best == o {
		k.since = time.Time{}
	}
}

// doubt notes that a connection over the best option failed later on.
func (k *knowledge) doubt(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.since.IsZero() {
		k.fail(k.best, err)
	}
}

// refuse notes that the target refuses a strategy.
func (k *knowledge) refuse(s Strategy) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused[s] = true
	if k.best.strategy == s {
		k.since = time.Time{}
	}
}

func (k *knowledge) isRefused(s Strategy) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.refused[s]
}

func (k *knowledge) accept() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.accepted = true
}

func (k *knowledge) isAccepted() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.accepted
}

func (k *knowledge) ech() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.echList
}

// setECH keeps list for the next connection; nil forgets it.
func (k *knowledge) setECH(list []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.echList = list
}

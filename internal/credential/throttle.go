package credential

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// freeFailures is how many failures of an address, and
	// freeAccountFailures how many at an account, cost no wait.
	freeFailures        = 10
	freeAccountFailures = 30
	firstWait           = time.Second
	// maxWait is the ceiling. Whoever comes back after it is looked at.
	maxWait = time.Minute
	// forgetAfter is how long after the last attempt failures are forgotten.
	forgetAfter = 15 * time.Minute

	maxAddresses = 4096
	maxStrangers = 1024  // names that no account has
	maxTickets   = 16384 // for each account
	keptWrong    = 8     // wrong passwords of an address that are recognised
	keptHomes    = 16    // addresses of an account that logged in
)

// throttle counts failures. Times are compared with their monotonic part, so
// setting the clock changes no wait.
type throttle struct {
	key []byte // of what is kept of wrong attempts

	mu        sync.Mutex
	addresses map[netip.Prefix]*address
	targets   map[string]*target
	strangers int // targets that are not accounts
	waiting   *waiting
}

// address is what is known of the attempts from one address.
type address struct {
	failures int
	open     time.Time // when the next attempt is looked at
	// again is when the next of those is looked at that came before, were told
	// to wait, and come back. Others never make it later.
	again  time.Time
	last   time.Time
	wrong  []mark // the last few wrong attempts, oldest first
	flying []mark // attempts that are being looked at
}

// mark stands for a name with a password. It is made with a key that lives as
// long as the process and is stored nowhere.
type mark [sha256.Size]byte

// target is what is known of the attempts at one name.
type target struct {
	exists   bool
	failures int
	last     time.Time
	version  uint64                     // grows when the password changes
	tickets  map[netip.Prefix]time.Time // when an address may try
	homes    []netip.Prefix             // that logged in, oldest first
}

func newThrottle(now time.Time) *throttle {
	return &throttle{
		key: random(sha256.Size), addresses: map[netip.Prefix]*address{}, targets: map[string]*target{},
		waiting: newWaiting(now),
	}
}

// attempt is one that was admitted. It counts as failed until it is known to
// be right, so that many at once are no way around the count.
type attempt struct {
	throttle *throttle
	address  *address
	target   *target
	from     netip.Prefix
	mark     mark
	// counted is false for one that came while the same was being looked at:
	// many programs that log in at once are no guessers.
	counted bool
	open    change    // of address.open
	again   change    // of address.again
	ticket  time.Time // that was used up, or zero
}

// change is what an attempt made of a time.
type change struct{ before, after time.Time }

// undo takes the change back unless there was another one since.
func (c change) undo(at *time.Time) {
	if at.Equal(c.after) {
		*at = c.before
	}
}

// admit lets an attempt pass or refuses it with ErrWrong, when the same one
// was wrong before, or a *ThrottledError.
func (t *throttle) admit(now time.Time, name, password string, remote netip.Addr, exists bool) (*attempt, error) {
	from := network(remote)
	t.mu.Lock()
	defer t.mu.Unlock()
	source, goal := t.source(from, now), t.goal(name, exists, now)
	a := &attempt{
		throttle: t, address: source, target: goal, from: from,
		mark: t.mark(goal.version, name, password),
	}
	if slices.Contains(source.wrong, a.mark) {
		return nil, ErrWrong
	}
	if !slices.Contains(source.flying, a.mark) {
		wait := max(source.open.Sub(now), goal.wait(from, now))
		isReturn := wait > 0
		if isReturn {
			if wait = t.waitAgain(a, now, wait); wait > 0 {
				return nil, &ThrottledError{Wait: wait}
			}
		} else {
			a.ticket = goal.tickets[from]
			delete(goal.tickets, from)
		}
		a.count(now, isReturn)
	}
	source.flying = append(source.flying, a.mark)
	return a, nil
}

// waitAgain returns how long an attempt must wait that comes while its address
// or account has to. Of those that came before and come back, one is looked at
// as often as one of the others is.
func (t *throttle) waitAgain(a *attempt, now time.Time, wait time.Duration) time.Duration {
	if a.address.again.IsZero() {
		a.address.again = now.Add(wait)
	}
	due := t.waiting.due(waiter{a.from, a.mark}, now)
	return max(due.Sub(now), a.address.again.Sub(now), 0)
}

func (a *attempt) count(now time.Time, isReturn bool) {
	a.counted = true
	a.address.failures++
	a.target.failures++
	a.address.last, a.target.last = now, now
	wait := waitAfter(a.address.failures - freeFailures)
	a.open = change{a.address.open, now.Add(wait)}
	a.address.open = a.open.after
	if isReturn {
		a.again = change{a.address.again, now.Add(max(wait, a.target.delay(a.from)))}
		a.address.again = a.again.after
	}
}

// failed keeps the attempt counted.
func (a *attempt) failed() {
	a.throttle.mu.Lock()
	defer a.throttle.mu.Unlock()
	a.land()
	if slices.Contains(a.address.wrong, a.mark) {
		return
	}
	if len(a.address.wrong) >= keptWrong {
		a.address.wrong = slices.Delete(a.address.wrong, 0, 1)
	}
	a.address.wrong = append(a.address.wrong, a.mark)
}

// undo takes the count of an attempt back that was not looked at.
func (a *attempt) undo() {
	a.throttle.mu.Lock()
	defer a.throttle.mu.Unlock()
	a.land()
	a.uncount()
	if !a.ticket.IsZero() {
		a.target.tickets[a.from] = a.ticket
	}
}

// succeeded takes the count back and remembers where the owner comes from.
func (a *attempt) succeeded() {
	a.throttle.mu.Lock()
	defer a.throttle.mu.Unlock()
	a.land()
	a.uncount()
	homes := slices.DeleteFunc(a.target.homes, func(home netip.Prefix) bool { return home == a.from })
	if len(homes) >= keptHomes {
		homes = slices.Delete(homes, 0, 1)
	}
	a.target.homes = append(homes, a.from)
}

// land ends the flight.
func (a *attempt) land() {
	if i := slices.Index(a.address.flying, a.mark); i >= 0 {
		a.address.flying = slices.Delete(a.address.flying, i, i+1)
	}
}

func (a *attempt) uncount() {
	if !a.counted {
		return
	}
	a.address.failures = max(a.address.failures-1, 0)
	a.target.failures = max(a.target.failures-1, 0)
	a.open.undo(&a.address.open)
	a.again.undo(&a.address.again)
}

// renew makes wrong attempts at an account unknown, because its password may
// be one of them now.
func (t *throttle) renew(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if goal := t.targets[name]; goal != nil {
		goal.version++
	}
}

// forget drops what is known of an account that was removed.
func (t *throttle) forget(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if goal := t.targets[name]; goal != nil && goal.exists {
		delete(t.targets, name)
	}
}

// mark returns the mark of an attempt. A new password of the account makes
// other marks.
func (t *throttle) mark(version uint64, name, password string) mark {
	mac := hmac.New(sha256.New, t.key)
	head := binary.BigEndian.AppendUint64(nil, version)
	head = binary.BigEndian.AppendUint64(head, uint64(len(name)))
	mac.Write(append(append(head, name...), password...))
	return mark(mac.Sum(nil))
}

// source returns the entry of an address. When there are too many, the one
// that was quiet for longest is forgotten.
func (t *throttle) source(from netip.Prefix, now time.Time) *address {
	if a := t.addresses[from]; a != nil {
		if now.Sub(a.last) > forgetAfter {
			*a = address{last: now, flying: a.flying}
		}
		return a
	}
	if len(t.addresses) >= maxAddresses {
		var oldest netip.Prefix
		first := true
		for key, a := range t.addresses {
			if first || a.last.Before(t.addresses[oldest].last) {
				oldest, first = key, false
			}
		}
		delete(t.addresses, oldest)
	}
	a := &address{last: now}
	t.addresses[from] = a
	return a
}

// goal returns the entry of a name. Names without an account are counted like
// others, so that they cannot be told apart, but there is room for a few only.
func (t *throttle) goal(name string, exists bool, now time.Time) *target {
	g := t.targets[name]
	switch {
	case g == nil:
		if !exists && t.strangers >= maxStrangers {
			t.forgetStranger()
		}
		g = &target{tickets: map[netip.Prefix]time.Time{}, exists: exists}
		t.targets[name] = g
		if !exists {
			t.strangers++
		}
	case now.Sub(g.last) > forgetAfter:
		g.failures = 0
		clear(g.tickets)
	}
	if exists && !g.exists {
		g.exists = true
		t.strangers--
	}
	return g
}

func (t *throttle) forgetStranger() {
	oldest := ""
	for name, g := range t.targets {
		if !g.exists && (oldest == "" || g.last.Before(t.targets[oldest].last)) {
			oldest = name
		}
	}
	delete(t.targets, oldest)
	t.strangers--
}

// wait returns how long an address must wait before its attempt at a name that
// is guessed at. The wait begins when the address first asks and is not made
// longer by what others do, so whoever comes back in time is looked at.
func (g *target) wait(from netip.Prefix, now time.Time) time.Duration {
	wait := g.delay(from)
	if wait == 0 {
		return 0
	}
	due, waits := g.tickets[from]
	if !waits {
		due = now.Add(wait)
		if len(g.tickets) >= maxTickets {
			g.forgetTickets(now)
		}
		if len(g.tickets) < maxTickets {
			g.tickets[from] = due
		}
		g.last = now
	}
	return max(due.Sub(now), 0)
}

// delay is how long a guess at the name costs an address that never logged in.
func (g *target) delay(from netip.Prefix) time.Duration {
	if slices.Contains(g.homes, from) {
		return 0
	}
	return waitAfter(g.failures + 1 - freeAccountFailures)
}

// forgetTickets drops those whose owner did not come back.
func (g *target) forgetTickets(now time.Time) {
	for from, due := range g.tickets {
		if now.Sub(due) > maxWait {
			delete(g.tickets, from)
		}
	}
}

// waitAfter is the wait after so many failures that are not free.
func waitAfter(failures int) time.Duration {
	if failures <= 0 {
		return 0
	}
	return min(firstWait<<min(failures-1, 10), maxWait)
}

// network is what counts as one address: whoever has one IPv6 address usually
// has the 2^64 beside it.
func network(remote netip.Addr) netip.Prefix {
	remote = remote.Unmap().WithZone("")
	bits := 32
	if remote.Is6() {
		bits = 64
	}
	prefix, _ := remote.Prefix(bits) // the zero Addr gives the zero Prefix
	return prefix
}

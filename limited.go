package pixivoc

import (
	"context"
	"sync"
	"time"
)

// outages knows which hosts were last seen to be down, to tell when that
// changes.
type outages struct {
	mu    sync.Mutex
	hosts map[string]bool
}

// staleOutage is how long after the next try of a host that is down nobody
// seems to want it any more.
const staleOutage = 2 * time.Minute

// allow waits until a request may go to a host; see breaker.Allow.
func (c *client) allow(ctx context.Context, host string) (report func(reached bool), err error) {
	done, err := c.hosts.Allow(ctx, host)
	if err != nil {
		return nil, err
	}
	return func(reached bool) {
		done(reached)
		c.watchOutage(host)
	}, nil
}

// watchOutage tells when a host went down or came back.
func (c *client) watchOutage(host string) {
	c.outages.mu.Lock()
	_, next, down := c.hosts.Down(host)
	changed := down != c.outages.hosts[host]
	switch {
	case changed && down:
		if c.outages.hosts == nil {
			c.outages.hosts = map[string]bool{}
		}
		c.outages.hosts[host] = true
	case changed:
		delete(c.outages.hosts, host)
	}
	c.outages.mu.Unlock()
	if changed {
		c.log.Info("reach of a host changed", "host", host, "down", down)
		c.events.publish(Event{Kind: EventLimited, Why: LimitOutage, Until: next})
	}
}

// endOutages takes every host for reachable, as after a change of the road.
func (c *client) endOutages() {
	c.hosts.Reset()
	c.outages.mu.Lock()
	ended := len(c.outages.hosts) > 0
	clear(c.outages.hosts)
	c.outages.mu.Unlock()
	if ended {
		c.events.publish(Event{Kind: EventLimited, Why: LimitOutage})
	}
}

// outageUntil returns when the next try is made of hosts that are down, or the
// zero time.
func (c *client) outageUntil(now time.Time) (until time.Time) {
	c.outages.mu.Lock()
	defer c.outages.mu.Unlock()
	for host := range c.outages.hosts {
		_, next, down := c.hosts.Down(host)
		if down && now.Sub(next) < staleOutage && next.After(until) {
			until = next
		}
	}
	if !until.IsZero() && until.Before(now) {
		until = now // the try is under way
	}
	return until
}

// limited returns until when requests wait, and why; the longest wait counts.
func (c *client) limited() (until time.Time, why LimitReason) {
	if until = c.pace.PausedUntil(); !until.IsZero() {
		why = LimitRate
	}
	if at, reason := c.governor.limit(); at.After(until) {
		until, why = at, reason
	}
	if until.IsZero() {
		if until = c.outageUntil(time.Now()); !until.IsZero() {
			why = LimitOutage
		}
	}
	if until.IsZero() {
		return until, ""
	}
	return until.Round(0).UTC(), why
}

func (c *client) withLimit(info TaskInfo) TaskInfo {
	info.LimitedUntil, info.LimitedWhy = c.limited()
	return info
}

// tellLimit is what the governor tells.
func (c *client) tellLimit(why LimitReason, until time.Time) {
	c.log.Info("requests wait", "until", until, "why", why)
	c.events.publish(Event{Kind: EventLimited, Why: why, Until: until})
}

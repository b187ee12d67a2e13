package doh

import (
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const maxCached = 512

// cache keeps answers for their time. Its zero value is ready.
type cache struct {
	mu      sync.Mutex
	answers map[dnsmessage.Question]cached
}

type cached struct {
	answer
	until time.Time
}

func (c *cache) get(question dnsmessage.Question) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.answers[question]
	if !ok || time.Now().After(found.until) {
		return answer{}, false
	}
	return found.answer, true
}

func (c *cache) put(question dnsmessage.Question, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers == nil {
		c.answers = make(map[dnsmessage.Question]cached)
	}
	if len(c.answers) >= maxCached {
		c.evict()
	}
	c.answers[question] = cached{a, time.Now().Add(a.ttl)}
}

// evict drops what is out of date, or any one answer; c.mu is held.
func (c *cache) evict() {
	for question, found := range c.answers {
		if time.Now().After(found.until) {
			delete(c.answers, question)
		}
	}
	for question := range c.answers {
		if len(c.answers) < maxCached {
			return
		}
		delete(c.answers, question)
	}
}

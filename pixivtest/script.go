package pixivtest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Rule makes some answers go wrong. The first rule of a server that matches a request and whose turn it is decides
// about the answer.
//
// All counting follows the order in which requests arrive. With PerPath it does not depend on how requests for
// different paths interleave, so that a script has the same effect in every run.
type Rule struct {
	Name  string // shown in [Request]; zero: the name of the type of Do
	Match Match

	// After lets the first so many matching requests pass.
	After int
	// Times is for how many requests the rule holds then; zero: for all.
	Times int
	// PerPath counts After and Times for each path by itself, as in "the first attempt at every picture".
	PerPath bool

	Do Fault
}

// Match says which requests a rule is about. Fields that are zero match everything.
type Match struct {
	Host   string
	Method string
	Path   string // * stands for any run of characters, slashes too

	// Query must hold all these parameters, Header all these fields; * in a value stands for any run of characters.
	Query  map[string]string
	Header map[string]string

	// Func, when set, must agree. It may be called from several goroutines at once.
	Func func(*http.Request) bool
}

func (m *Match) matches(method, host, path, query string, header http.Header) bool {
	if (m.Host != "" && m.Host != host) || (m.Method != "" && m.Method != method) || (m.Path != "" && !glob(m.Path, path)) {
		return false
	}
	for name, pattern := range m.Header {
		if values := header.Values(name); len(values) == 0 || !glob(pattern, values[0]) {
			return false
		}
	}
	if len(m.Query) == 0 {
		return true
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return false
	}
	for name, pattern := range m.Query {
		if !values.Has(name) || !glob(pattern, values.Get(name)) {
			return false
		}
	}
	return true
}

// glob matches s with a pattern in which * stands for any run of characters.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(s, first) {
		return false
	}
	s = s[len(first):]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = after
	}
	return strings.HasSuffix(s, last)
}

// script is the rules of a server.
type script struct {
	mu    sync.Mutex
	rules []*scripted
}

// scripted is a rule and how often it matched.
type scripted struct {
	Rule
	seen  int
	paths map[uint64]int // by the number of the path
}

// Script adds rules behind those that are there. It panics when a rule has no Do or a negative count: that is a
// mistake in the test.
func (s *Server) Script(rules ...Rule) {
	for i, rule := range rules {
		if rule.Do == nil || rule.After < 0 || rule.Times < 0 {
			panic(fmt.Sprintf("pixivtest: Script: rule %d: Do must be set, After and Times not be negative", i))
		}
	}
	s.script.mu.Lock()
	defer s.script.mu.Unlock()
	for _, rule := range rules {
		if rule.Name == "" {
			rule.Name = faultName(rule.Do)
		}
		s.script.rules = append(s.script.rules, &scripted{Rule: rule, paths: map[uint64]int{}})
	}
}

// ClearScript takes all rules away. Answers that are under way end as they were begun.
func (s *Server) ClearScript() {
	s.script.mu.Lock()
	defer s.script.mu.Unlock()
	s.script.rules = nil
}

// turn is one application of a rule.
type turn struct {
	server *Server
	rule   string
	do     Fault
	random *rand.Rand // follows from the seed, the path, and how often the rule matched that path
}

// pick finds the rule for a request. It is nil when the honest answer is wanted.
func (s *Server) pick(r *http.Request, host string) *turn {
	s.script.mu.Lock()
	rules := s.script.rules // only ever appended to or replaced
	s.script.mu.Unlock()
	for _, rule := range rules {
		if !rule.Match.matches(r.Method, host, r.URL.Path, r.URL.RawQuery, r.Header) {
			continue
		}
		if rule.Match.Func != nil && !rule.Match.Func(r) {
			continue
		}
		path := mixText(r.URL.Path)
		attempt, due := s.script.count(rule, path)
		if !due {
			continue
		}
		random := rand.New(rand.NewPCG(mix(s.config.Seed, path), uint64(attempt)))
		return &turn{server: s, rule: rule.Name, do: rule.Do, random: random}
	}
	return nil
}

// count counts a request that matches a rule, and says how often the rule matched that path before and whether it is
// the rule's turn.
func (c *script) count(rule *scripted, path uint64) (attempt int, due bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	attempt, seen := rule.paths[path], rule.seen
	if rule.PerPath {
		seen = attempt
	}
	rule.seen++
	rule.paths[path]++
	return attempt, seen >= rule.After && (rule.Times == 0 || seen < rule.After+rule.Times)
}

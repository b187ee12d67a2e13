package pixivtest

import (
	"maps"
	"net/http"
	"sync"
	"time"
)

// LogMode says how much the server remembers of the requests it gets.
type LogMode int

// How much is remembered. Less is cheaper in a benchmark.
const (
	LogRequests LogMode = iota // every request (the latest 10,000), counts for each path, loads of the hosts
	LogCounts                  // counts for each path, loads of the hosts
	LogLoads                   // loads of the hosts
)

// logLimit is how many requests are remembered.
const logLimit = 10_000

// Request is one request that the server got.
type Request struct {
	Time       time.Time // when its header had come
	Method     string
	Host       string // without a port; [HostImages] at the plain listener
	Path       string
	Query      string // as it came, without the question mark
	Header     http.Header
	ServerName string // the name asked for in the TLS hello; empty without one
	ECH        bool   // the name came encrypted

	// What was answered. Status is 0 and Finished the zero time until the answer is over.
	Status   int
	Bytes    int64  // of the body
	Rule     string // the name of the rule that changed the answer
	Finished time.Time
}

// Counts are numbers about one path, or about all.
type Counts struct {
	Requests int64
	Ranged   int64         // requests with a Range header
	Bytes    int64         // of bodies, sent so far
	Statuses map[int]int64 // answers by status; 0: the connection ended before one
}

// Load is what one host has to bear.
type Load struct {
	// Connections that are open, and the most that ever were. A connection belongs to the host of its first request.
	// A client that closes and dials anew may be seen with one more than it counts, since a close takes time to arrive;
	// an [http.Transport] without MaxConnsPerHost sometimes dials one that it has no use for at once.
	Connections, MaxConnections int

	// Requests that are being answered, and the most that ever were. A request is over just before the last bytes of
	// its answer go out, so a client that keeps to a bound is never seen above it.
	Requests, MaxRequests int

	Total int64 // requests since the start or the last [Server.ResetLog]
	Bytes int64 // of bodies
}

// journal is what the server remembers.
type journal struct {
	mode LogMode

	mu    sync.Mutex
	ring  []*Request // the latest; the next goes to place next
	next  int
	total Counts
	paths map[string]*Counts
	hosts map[string]*Load
}

func newJournal(mode LogMode) *journal {
	j := &journal{mode: mode}
	j.reset()
	return j
}

func (j *journal) reset() {
	j.ring, j.next = nil, 0
	j.total = Counts{Statuses: map[int]int64{}}
	j.paths = map[string]*Counts{}
	if j.hosts == nil {
		j.hosts = map[string]*Load{}
	}
	for _, load := range j.hosts {
		*load = Load{
			Connections: load.Connections, MaxConnections: load.Connections,
			Requests: load.Requests, MaxRequests: load.Requests,
		}
	}
}

// exchange is one request while it is being answered. Its own fields belong to the goroutine that answers.
type exchange struct {
	journal *journal
	host    string
	path    string
	entry   *Request // in the ring; nil when requests are not logged
	status  int
	bytes   int64
	rule    string
	over    bool
}

// begin remembers that a request came.
func (j *journal) begin(r *http.Request, host string) *exchange {
	x := &exchange{journal: j, host: host, path: r.URL.Path}
	if j.mode == LogRequests {
		x.entry = &Request{
			Time: time.Now(), Method: r.Method, Host: host, Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header.Clone(),
		}
		if r.TLS != nil {
			x.entry.ServerName, x.entry.ECH = r.TLS.ServerName, r.TLS.ECHAccepted
		}
	}
	ranged := int64(0)
	if r.Header.Get("Range") != "" {
		ranged = 1
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	load := j.load(host)
	load.Total++
	load.Requests++
	load.MaxRequests = max(load.MaxRequests, load.Requests)
	j.total.Requests++
	j.total.Ranged += ranged
	if j.mode <= LogCounts {
		counts := j.counts(x.path)
		counts.Requests++
		counts.Ranged += ranged
	}
	j.log(x.entry)
	return x
}

// finish remembers how an answer ended. It may be called twice; the first call counts.
func (x *exchange) finish() {
	if x.over {
		return
	}
	x.over = true
	j := x.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	load := j.load(x.host)
	load.Requests--
	load.Bytes += x.bytes
	j.total.Bytes += x.bytes
	j.total.Statuses[x.status]++
	if j.mode <= LogCounts {
		counts := j.counts(x.path)
		counts.Bytes += x.bytes
		counts.Statuses[x.status]++
	}
	if x.entry != nil {
		x.entry.Status, x.entry.Bytes, x.entry.Rule, x.entry.Finished = x.status, x.bytes, x.rule, time.Now()
	}
}

// log puts a request into the ring. The journal is locked.
func (j *journal) log(entry *Request) {
	switch {
	case entry == nil:
	case len(j.ring) < logLimit:
		j.ring = append(j.ring, entry)
	default:
		j.ring[j.next] = entry
		j.next = (j.next + 1) % logLimit
	}
}

func (j *journal) load(host string) *Load {
	load, ok := j.hosts[host]
	if !ok {
		load = &Load{}
		j.hosts[host] = load
	}
	return load
}

func (j *journal) counts(path string) *Counts {
	counts, ok := j.paths[path]
	if !ok {
		counts = &Counts{Statuses: map[int]int64{}}
		j.paths[path] = counts
	}
	return counts
}

// connected counts a connection of a host; by is -1 when it ends.
func (j *journal) connected(host string, by int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	load := j.load(host)
	load.Connections += by
	load.MaxConnections = max(load.MaxConnections, load.Connections)
}

// Requests returns the latest 10,000 requests in the order in which they came. It needs [LogRequests].
func (s *Server) Requests() []Request {
	j := s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	requests := make([]Request, 0, len(j.ring))
	for i := range j.ring {
		requests = append(requests, *j.ring[(j.next+i)%len(j.ring)])
	}
	return requests
}

// RequestTimes returns when requests came that match, in order: what a test of pacing looks at. It needs
// [LogRequests], and does not call the Func of m.
func (s *Server) RequestTimes(m Match) []time.Time {
	var times []time.Time
	for _, r := range s.Requests() {
		if m.matches(r.Method, r.Host, r.Path, r.Query, r.Header) {
			times = append(times, r.Time)
		}
	}
	return times
}

// Counts returns the numbers about one path, on whichever host. It needs [LogRequests] or [LogCounts].
func (s *Server) Counts(path string) Counts {
	j := s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if counts, ok := j.paths[path]; ok {
		return counts.clone()
	}
	return Counts{Statuses: map[int]int64{}}
}

// TotalCounts returns the numbers about all requests.
func (s *Server) TotalCounts() Counts {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	return s.journal.total.clone()
}

func (c *Counts) clone() Counts {
	copied := *c
	copied.Statuses = maps.Clone(c.Statuses)
	return copied
}

// Load returns what a host has to bear.
func (s *Server) Load(host string) Load {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	return *s.journal.load(host)
}

// ResetLog forgets all requests and counts. What is open stays counted in the loads.
func (s *Server) ResetLog() {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	s.journal.reset()
}

package pixivtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// RateLimit is the refusal of a client that asks too often, in the form of the App API.
type RateLimit struct {
	Status     int    // zero: 403, the historic one; 429 is seen since 2026
	RetryAfter string // the header as it is; empty: none, as on the live service
}

func (f RateLimit) answer(*turn, *http.Request, func(*http.Request) *answer) *answer {
	a := apiError(orElse(f.Status, http.StatusForbidden), "", textRateLimit)
	if f.RetryAfter != "" {
		a.header.Set("Retry-After", f.RetryAfter)
	}
	return a
}

// ErrorPage is a short HTML error from nginx, as for 500, 502, 503 and 504.
type ErrorPage struct {
	Status int // zero: 503
}

func (f ErrorPage) answer(*turn, *http.Request, func(*http.Request) *answer) *answer {
	return nginxPage(orElse(f.Status, http.StatusServiceUnavailable))
}

// BlockPage is the HTML page of a bot filter. With status 200 it is HTML where JSON or a picture should be.
type BlockPage struct {
	Status int // zero: 403
}

func (f BlockPage) answer(*turn, *http.Request, func(*http.Request) *answer) *answer {
	return blockPage(orElse(f.Status, http.StatusForbidden))
}

// Respond is an answer of the caller's own.
type Respond struct {
	Status      int    // zero: 200
	ContentType string // empty: the header is left out
	Body        string
	Repeat      int // how often Body is sent; zero: once
}

func (f Respond) answer(*turn, *http.Request, func(*http.Request) *answer) *answer {
	var body content = text(f.Body)
	if f.Repeat > 1 && f.Body != "" {
		body = repeated{unit: body, size: body.Size() * int64(f.Repeat)}
	}
	return newAnswer(orElse(f.Status, http.StatusOK), f.ContentType, body)
}

// Redirect sends the client elsewhere.
type Redirect struct {
	Status   int    // zero: 302
	Location string // empty: the address that was asked for, which makes a loop
}

func (f Redirect) answer(_ *turn, r *http.Request, _ func(*http.Request) *answer) *answer {
	a := htmlPage(orElse(f.Status, http.StatusFound), "Moved", "")
	location := f.Location
	if location == "" {
		location = r.URL.RequestURI()
	}
	a.header.Set("Location", location)
	return a
}

// Custom answers with a handler. What the handler writes is collected first and counts as the honest answer of a
// faultless server; it cannot hijack the connection.
type Custom struct{ Handler http.Handler }

func (f Custom) answer(_ *turn, r *http.Request, _ func(*http.Request) *answer) *answer {
	collected := &collector{header: http.Header{}}
	f.Handler.ServeHTTP(collected, r)
	collected.WriteHeader(http.StatusOK)
	a := newAnswer(collected.status, "", text(collected.body.String()))
	a.header = collected.sent
	a.header.Del("Content-Length")
	return a
}

// collector is a [http.ResponseWriter] that keeps what it gets.
type collector struct {
	header, sent http.Header
	status       int
	body         bytes.Buffer
}

func (c *collector) Header() http.Header { return c.header }

func (c *collector) WriteHeader(status int) {
	if c.status == 0 {
		c.status, c.sent = status, c.header.Clone()
	}
}

func (c *collector) Write(p []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	return c.body.Write(p)
}

// EditHeader changes the header of an answer. Content-Length is not in it, see [WrongLength].
type EditHeader struct {
	Set    map[string]string
	Remove []string
}

func (f EditHeader) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	a := next(r)
	for name, value := range f.Set {
		a.header.Set(name, value)
	}
	for _, name := range f.Remove {
		a.header.Del(name)
	}
	return a
}

// ExtraHeaders makes the header of an answer large or illegal.
type ExtraHeaders struct {
	Count int    // further fields
	Size  int    // bytes in the value of each
	Raw   string // lines put in as they are, each ended by CR LF; they may hold what no header may
}

func (f ExtraHeaders) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	a := next(r)
	value := strings.Repeat("x", f.Size)
	for i := range f.Count {
		a.header.Set(fmt.Sprintf("X-Filler-%d", i), value)
	}
	a.wire.rawHeader += f.Raw
	return a
}

// EditJSON changes the JSON object of an answer. A path names a place by keys and indexes with dots between them, as
// in "illusts.0.user.id".
type EditJSON struct {
	Set    map[string]any // values by path, in any form that encoding/json takes; the last key need not be there
	Remove []string       // paths of keys
}

func (f EditJSON) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	a := next(r)
	encoded := make([]byte, a.size())
	if a.body != nil {
		_, _ = a.body.ReadAt(encoded, 0) // JSON answers are held in memory
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	var root any
	if decoder.Decode(&root) != nil {
		return a
	}
	for _, path := range f.Remove {
		if holder, key := walk(root, path); holder != nil {
			delete(holder, key)
		}
	}
	for path, value := range f.Set {
		if holder, key := walk(root, path); holder != nil {
			holder[key] = value
		}
	}
	edited := jsonAnswer(a.status, root)
	maps.Copy(edited.header, a.header)
	edited.wire = a.wire
	return edited
}

// walk finds the object that holds the last key of a path; nil when there is none.
func walk(root any, path string) (holder map[string]any, key string) {
	steps := strings.Split(path, ".")
	at := root
	for _, step := range steps[:len(steps)-1] {
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return nil, ""
			}
			at = v[i]
		default:
			return nil, ""
		}
	}
	holder, _ = at.(map[string]any)
	return holder, steps[len(steps)-1]
}

// orElse is n, or other when n is zero.
func orElse(n, other int) int {
	if n == 0 {
		return other
	}
	return n
}

package doh_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/pixivoc/pixivoc/internal/doh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// zone answers queries, as an http.RoundTripper.
type zone struct {
	records map[string][]dnsmessage.Resource // by name and type, see key
	mutate  func(*dnsmessage.Message)
	reply   func(message []byte) *http.Response // default: as RFC 8484 says

	mu    sync.Mutex
	asked []string
}

func key(name string, kind dnsmessage.Type) string { return name + " " + kind.String() }

func (z *zone) RoundTrip(request *http.Request) (*http.Response, error) {
	defer func() { _ = request.Body.Close() }()
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	var query dnsmessage.Message
	if err := query.Unpack(body); err != nil {
		return nil, err
	}
	for _, is := range []bool{
		request.Method == http.MethodPost,
		request.Header.Get("Content-Type") == "application/dns-message",
		query.ID == 0, query.RecursionDesired, len(query.Questions) == 1,
	} {
		if !is {
			return nil, fmt.Errorf("bad query %v", query)
		}
	}
	question := key(query.Questions[0].Name.String(), query.Questions[0].Type)
	z.mu.Lock()
	z.asked = append(z.asked, question)
	z.mu.Unlock()
	answer := dnsmessage.Message{
		Header:    dnsmessage.Header{Response: true},
		Questions: query.Questions,
		Answers:   z.records[question],
	}
	if z.mutate != nil {
		z.mutate(&answer)
	}
	message, err := answer.Pack()
	if err != nil {
		return nil, err
	}
	if z.reply != nil {
		return z.reply(message), nil
	}
	return reply(200, "application/dns-message", string(message)), nil
}

func reply(code int, kind, body string) *http.Response {
	recorder := httptest.NewRecorder()
	recorder.Header().Set("Content-Type", kind)
	recorder.WriteHeader(code)
	_, _ = recorder.WriteString(body)
	return recorder.Result()
}

func (z *zone) queries() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return append([]string(nil), z.asked...)
}

func name(text string) dnsmessage.Name { return dnsmessage.MustNewName(text) }

func head(owner string, ttl uint32) dnsmessage.ResourceHeader {
	return dnsmessage.ResourceHeader{Name: name(owner), Class: dnsmessage.ClassINET, TTL: ttl}
}

func a(owner string, ttl uint32, ip string) dnsmessage.Resource {
	return dnsmessage.Resource{Header: head(owner, ttl), Body: &dnsmessage.AResource{A: netip.MustParseAddr(ip).As4()}}
}

func aaaa(owner, ip string) dnsmessage.Resource {
	return dnsmessage.Resource{Header: head(owner, 300), Body: &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(ip).As16()}}
}

func cname(owner, target string) dnsmessage.Resource {
	return dnsmessage.Resource{Header: head(owner, 300), Body: &dnsmessage.CNAMEResource{CNAME: name(target)}}
}

func https(owner, target string, priority uint16, ech string) dnsmessage.Resource {
	body := &dnsmessage.HTTPSResource{SVCBResource: dnsmessage.SVCBResource{Priority: priority, Target: name(target)}}
	if ech != "" {
		body.SetParam(dnsmessage.SVCParamECH, []byte(ech))
	}
	return dnsmessage.Resource{Header: head(owner, 300), Body: body}
}

func newClient(t *testing.T, z *zone) *doh.Client {
	t.Helper()
	c, err := doh.New("https://dns.test/dns-query", z)
	require.NoError(t, err)
	return c
}

func addresses(texts ...string) (all []netip.Addr) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func TestLookupNetIP(t *testing.T) {
	t.Parallel()
	z := &zone{records: map[string][]dnsmessage.Resource{
		key("both.test.", dnsmessage.TypeA):     {a("both.test.", 300, "192.0.2.1"), a("both.test.", 300, "192.0.2.2")},
		key("both.test.", dnsmessage.TypeAAAA):  {aaaa("both.test.", "2001:db8::1")},
		key("alias.test.", dnsmessage.TypeA):    {a("end.test.", 300, "192.0.2.3"), cname("alias.test.", "Middle.test."), cname("middle.test.", "end.test.")},
		key("six.test.", dnsmessage.TypeAAAA):   {aaaa("six.test.", "2001:db8::2")},
		key("foreign.test.", dnsmessage.TypeA):  {a("other.test.", 300, "192.0.2.4")},
		key("loop.test.", dnsmessage.TypeA):     {cname("loop.test.", "pool.test."), cname("pool.test.", "loop.test.")},
		key("mistyped.test.", dnsmessage.TypeA): {aaaa("mistyped.test.", "2001:db8::3")},
	}}
	c := newClient(t, z)
	for _, test := range []struct {
		network, host string
		want          []netip.Addr
	}{
		{"ip", "both.test", addresses("192.0.2.1", "192.0.2.2", "2001:db8::1")},
		{"ip", "BOTH.test.", addresses("192.0.2.1", "192.0.2.2", "2001:db8::1")},
		{"ip4", "both.test", addresses("192.0.2.1", "192.0.2.2")},
		{"ip6", "both.test", addresses("2001:db8::1")},
		{"ip", "alias.test", addresses("192.0.2.3")},
		{"ip", "six.test", addresses("2001:db8::2")},
		{"ip", "192.0.2.9", addresses("192.0.2.9")},
		{"ip", "2001:db8::9", addresses("2001:db8::9")},
	} {
		got, err := c.LookupNetIP(t.Context(), test.network, test.host)
		require.NoError(t, err, test.host)
		assert.Equal(t, test.want, got, test.host)
	}
	for _, host := range []string{"foreign.test", "loop.test", "mistyped.test", "empty.test"} {
		_, err := c.LookupNetIP(t.Context(), "ip4", host)
		assert.True(t, failure(t, err).IsNotFound, host)
	}
	for _, host := range []string{"", ".", strings.Repeat("x", 300), strings.Repeat("x", 64) + ".test", "a..test"} {
		_, err := c.LookupNetIP(t.Context(), "ip4", host)
		failure(t, err)
	}
	_, err := c.LookupNetIP(t.Context(), "tcp", "both.test")
	failure(t, err)
}

func failure(t *testing.T, err error) *net.DNSError {
	t.Helper()
	fault, ok := errors.AsType[*net.DNSError](err)
	require.True(t, ok, "%v", err)
	return fault
}

func TestLookupECH(t *testing.T) {
	t.Parallel()
	z := &zone{records: map[string][]dnsmessage.Resource{
		key("plain.test.", dnsmessage.TypeHTTPS): {https("plain.test.", ".", 1, "list")},
		key("many.test.", dnsmessage.TypeHTTPS): {
			https("many.test.", ".", 3, "third"), https("many.test.", ".", 1, ""), https("many.test.", ".", 2, "second"),
		},
		key("alias.test.", dnsmessage.TypeHTTPS): {https("alias.test.", "plain.test.", 0, "")},
		key("loop.test.", dnsmessage.TypeHTTPS):  {https("loop.test.", "loop.test.", 0, "")},
		key("none.test.", dnsmessage.TypeHTTPS):  {https("none.test.", ".", 1, "")},
	}}
	c := newClient(t, z)
	for host, want := range map[string]string{"plain.test": "list", "many.test": "second", "alias.test": "list"} {
		list, err := c.LookupECH(t.Context(), host)
		require.NoError(t, err, host)
		assert.Equal(t, want, string(list), host)
	}
	for _, host := range []string{"loop.test", "none.test", "empty.test"} {
		_, err := c.LookupECH(t.Context(), host)
		assert.True(t, failure(t, err).IsNotFound, host)
	}
}

func TestN1_LookupFailures(t *testing.T) {
	t.Parallel()
	code := func(code dnsmessage.RCode) func(*dnsmessage.Message) {
		return func(m *dnsmessage.Message) { m.RCode = code }
	}
	answer := func(status int, kind, body string) func([]byte) *http.Response {
		return func([]byte) *http.Response { return reply(status, kind, body) }
	}
	const dns = "application/dns-message"
	for about, test := range map[string]struct {
		zone   *zone
		reason string
		is     func(*net.DNSError) bool
	}{
		"NXDOMAIN":         {&zone{mutate: code(dnsmessage.RCodeNameError)}, "no such host", func(e *net.DNSError) bool { return e.IsNotFound }},
		"SERVFAIL":         {&zone{mutate: code(dnsmessage.RCodeServerFailure)}, "server misbehaving", func(e *net.DNSError) bool { return e.IsTemporary }},
		"REFUSED":          {&zone{mutate: code(dnsmessage.RCodeRefused)}, "RCodeRefused", nil},
		"a query":          {&zone{mutate: func(m *dnsmessage.Message) { m.Response = false }}, "is a query", nil},
		"truncated":        {&zone{mutate: func(m *dnsmessage.Message) { m.Truncated = true }}, "is truncated", nil},
		"another question": {&zone{mutate: func(m *dnsmessage.Message) { m.Questions[0].Name = name("b.test.") }}, "another question", nil},
		"no question":      {&zone{mutate: func(m *dnsmessage.Message) { m.Questions = nil }}, "another question", nil},
		"HTTP 500":         {&zone{reply: answer(500, dns, "")}, "status 500", nil},
		"redirect":         {&zone{reply: answer(302, dns, "")}, "status 302", nil},
		"HTML":             {&zone{reply: answer(200, "text/html", "<html>")}, "not of type", nil},
		"empty":            {&zone{reply: answer(200, dns, "")}, "not a DNS message", nil},
		"garbage":          {&zone{reply: answer(200, dns, strings.Repeat("\xff", 40))}, "truncated", nil},
		"too long":         {&zone{reply: answer(200, dns, strings.Repeat("x", 70_000))}, "longer than 65535", nil},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			_, err := newClient(t, test.zone).LookupNetIP(t.Context(), "ip4", "a.test")
			fault := failure(t, err)
			assert.ErrorContains(t, err, test.reason)
			assert.Equal(t, "a.test", fault.Name)
			assert.Equal(t, "dns.test", fault.Server)
			if test.is != nil {
				assert.True(t, test.is(fault))
			}
		})
	}
}

type roadFunc func(*http.Request) (*http.Response, error)

func (f roadFunc) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

func TestLookupTimeout(t *testing.T) {
	t.Parallel()
	c, err := doh.New("https://dns.test/dns-query", roadFunc(func(request *http.Request) (*http.Response, error) {
		<-request.Context().Done()
		return nil, request.Context().Err()
	}))
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.LookupNetIP(ctx, "ip", "a.test")
		assert.True(t, failure(t, err).IsTimeout)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestAnswersAreKeptForTheirTime(t *testing.T) {
	t.Parallel()
	for about, test := range map[string]struct {
		ttl  uint32
		kept time.Duration
	}{
		"as they say": {120, 120 * time.Second},
		"at least":    {0, 30 * time.Second},
		"at most":     {1 << 30, time.Hour},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				z := &zone{records: map[string][]dnsmessage.Resource{
					key("a.test.", dnsmessage.TypeA): {a("a.test.", 1<<30, "192.0.2.1"), a("a.test.", test.ttl, "192.0.2.2")},
				}}
				c := newClient(t, z)
				for range 2 {
					_, err := c.LookupNetIP(t.Context(), "ip4", "a.test")
					require.NoError(t, err)
					time.Sleep(test.kept - time.Nanosecond)
				}
				assert.Len(t, z.queries(), 1)
				time.Sleep(time.Second)
				_, err := c.LookupNetIP(t.Context(), "ip4", "a.test")
				require.NoError(t, err)
				assert.Len(t, z.queries(), 2)
			})
		})
	}
}

func TestFailuresAreNotKept(t *testing.T) {
	t.Parallel()
	z := &zone{mutate: func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeServerFailure }}
	c := newClient(t, z)
	for range 2 {
		_, err := c.LookupNetIP(t.Context(), "ip4", "a.test")
		require.Error(t, err)
	}
	assert.Len(t, z.queries(), 2)
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	z := &zone{}
	c := newClient(t, z)
	for i := range 2000 {
		_, _ = c.LookupNetIP(t.Context(), "ip4", fmt.Sprintf("h%d.test", i)) // all empty
	}
	before := len(z.queries())
	for i := range 2000 {
		_, _ = c.LookupNetIP(t.Context(), "ip4", fmt.Sprintf("h%d.test", i))
	}
	assert.GreaterOrEqual(t, len(z.queries())-before, 2000-512, "the others were dropped")
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"", "dns.test", "http://dns.test/", "https://", "https://canary:canary@dns.test/", "https://dns.test/%zz"} {
		_, err := doh.New(endpoint, &zone{})
		require.Error(t, err, endpoint)
		assert.NotContains(t, err.Error(), "canary")
	}
}

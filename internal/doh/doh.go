// Package doh looks names up over HTTPS: DNS queries in the wire format of
// RFC 8484, with a small cache.
package doh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	mediaType = "application/dns-message" // RFC 8484 section 6
	maxAnswer = 65535                     // RFC 1035 section 4.2.2: lengths have 16 bits
	maxAlias  = 4                         // HTTPS records asked for one after the other
)

// Client asks one server. It is safe for concurrent use.
type Client struct {
	endpoint url.URL
	road     http.RoundTripper
	cache    cache
}

// New returns a client that sends its queries to endpoint, an https URL, over
// road.
func New(endpoint string, road http.RoundTripper) (*Client, error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return nil, errors.New("is not a URL")
	case u.Scheme != "https":
		return nil, errors.New("is not an https URL")
	case u.Hostname() == "":
		return nil, errors.New("has no host")
	case u.User != nil:
		return nil, errors.New("has user or password, which RFC 8484 does not know")
	}
	u.Fragment = ""
	return &Client{endpoint: *u, road: road}, nil
}

// Host returns the host of the endpoint.
func (c *Client) Host() string { return c.endpoint.Hostname() }

// LookupNetIP returns the addresses of host, those of IPv4 first; network is
// "ip", "ip4" or "ip6". An IP address is its own answer. The error is a
// *net.DNSError.
func (c *Client) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	kinds := []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA}
	switch network {
	case "ip":
	case "ip4":
		kinds = kinds[:1]
	case "ip6":
		kinds = kinds[1:]
	default:
		return nil, &net.DNSError{Err: "unknown network " + network, Name: host}
	}
	answers := make([]answer, len(kinds))
	faults := make([]error, len(kinds))
	var queries sync.WaitGroup
	for i, kind := range kinds {
		queries.Go(func() { answers[i], faults[i] = c.ask(ctx, host, kind) })
	}
	queries.Wait()
	var found []netip.Addr
	for _, a := range answers {
		found = append(found, a.addresses...)
	}
	if len(found) > 0 {
		return found, nil
	}
	for _, err := range faults {
		if err != nil {
			return nil, err
		}
	}
	return nil, c.failure(host, errNoRecord)
}

// LookupECH returns the ECHConfigList in the HTTPS record of host (RFC 9460,
// RFC 9848). The error is a *net.DNSError.
func (c *Client) LookupECH(ctx context.Context, host string) ([]byte, error) {
	name := host
	for range maxAlias {
		a, err := c.ask(ctx, name, dnsmessage.TypeHTTPS)
		if err != nil {
			return nil, err
		}
		if len(a.ech) > 0 {
			return bytes.Clone(a.ech), nil
		}
		if a.alias == "" {
			break
		}
		name = a.alias
	}
	return nil, c.failure(host, errNoRecord)
}

// ask answers from the cache, else asks the server.
func (c *Client) ask(ctx context.Context, host string, kind dnsmessage.Type) (answer, error) {
	name, err := dnsmessage.NewName(strings.ToLower(strings.TrimSuffix(host, ".")) + ".")
	if err != nil || len(name.String()) < 2 {
		return answer{}, c.failure(host, errors.New("not a host name"))
	}
	question := dnsmessage.Question{Name: name, Type: kind, Class: dnsmessage.ClassINET}
	if a, ok := c.cache.get(question); ok {
		return a, nil
	}
	query, err := pack(question)
	if err != nil {
		return answer{}, c.failure(host, err)
	}
	message, err := c.exchange(ctx, query)
	if err != nil {
		return answer{}, c.failure(host, err)
	}
	a, err := parse(message, question)
	if err != nil {
		return answer{}, c.failure(host, err)
	}
	c.cache.put(question, a)
	return a, nil
}

// pack makes a query. Its ID is 0, as RFC 8484 section 4.1 advises.
func pack(question dnsmessage.Question) ([]byte, error) {
	message := dnsmessage.Message{
		Header:    dnsmessage.Header{RecursionDesired: true},
		Questions: []dnsmessage.Question{question},
	}
	return message.Pack()
}

// exchange sends a query by POST, so that names stand in no URL.
func (c *Client) exchange(ctx context.Context, query []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint.String(), bytes.NewReader(query))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", mediaType)
	request.Header.Set("Accept", mediaType)
	response, err := c.road.RoundTrip(request) // not http.Client: a redirect is no answer
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answer has status %d", response.StatusCode)
	}
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind != mediaType {
		return nil, errors.New("answer is not of type " + mediaType)
	}
	message, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(message) > maxAnswer {
		return nil, fmt.Errorf("answer is longer than %d bytes", maxAnswer)
	}
	return message, nil
}

// failure makes the error that net.Resolver would return.
func (c *Client) failure(host string, err error) error {
	timed, ok := errors.AsType[net.Error](err)
	return &net.DNSError{
		UnwrapErr:   err,
		Err:         err.Error(),
		Name:        host,
		Server:      c.Host(),
		IsTimeout:   ok && timed.Timeout(),
		IsTemporary: errors.Is(err, errServer),
		IsNotFound:  errors.Is(err, errNoHost) || errors.Is(err, errNoRecord),
	}
}

package pixivoc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/pixivoc/pixivoc/internal/fetch"
	"github.com/pixivoc/pixivoc/internal/silence"
)

const (
	maxAnswer     = 16 << 20 // bytes of a decoded answer, see Client.Do
	judgedBytes   = 64 << 10 // of an answer, shown to Site.Judge
	maxRedirects  = 10
	apiRetries    = 2
	minRetryWait  = time.Second
	maxRetryWait  = 10 * time.Second
	limitedPause  = 5 * time.Minute // when the site does not say how long
	maxLimitPause = time.Hour
)

// newAPI makes the HTTP client behind one Do. Each try waits for its own turn,
// so repeating keeps the pace too.
func (c *client) newAPI(timeout time.Duration) *retryablehttp.Client {
	repeat := retryablehttp.NewClient()
	repeat.Logger = nil
	repeat.RetryMax = apiRetries
	repeat.RetryWaitMin, repeat.RetryWaitMax = minRetryWait, maxRetryWait
	repeat.CheckRetry = retryAnswer
	repeat.Backoff = func(least, most time.Duration, attempt int, _ *http.Response) time.Duration {
		return retryablehttp.DefaultBackoff(least, most, attempt, nil) // what asks for more is judged first
	}
	repeat.ErrorHandler = retryablehttp.PassthroughErrorHandler
	repeat.HTTPClient = &http.Client{Transport: pacedRoad{c, timeout}, CheckRedirect: c.checkRedirect}
	return repeat
}

// plainHTTP returns a client for the token endpoint: not paced, not repeated.
func (c *client) plainHTTP() *http.Client {
	return &http.Client{Transport: guardedRoad{c, c.Env().Timeout}, CheckRedirect: c.checkRedirect}
}

// retryAnswer repeats what may pass within seconds: connection faults and
// errors of the server, of requests that may be sent twice. Everything else
// needs a look by Site.Judge first, an answer that names a time to wait among
// it.
func retryAnswer(ctx context.Context, response *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		wrapped, ok := errors.AsType[*url.Error](err)
		return passing(err) && (!ok || idempotent(strings.ToUpper(wrapped.Op))), nil
	}
	return response.StatusCode >= 500 && response.StatusCode != http.StatusNotImplemented &&
		response.Header.Get("Retry-After") == "" && idempotent(response.Request.Method), nil
}

// idempotent says whether a request may be sent twice (RFC 9110, section 9.2.2).
func idempotent(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete, http.MethodTrace:
		return true
	}
	return false
}

// passing tells connection faults, which may pass by themselves, from faults
// that need somebody to act.
func passing(err error) bool {
	if _, ok := errors.AsType[*redirectError](err); ok {
		return false
	}
	return Retryable(err)
}

func (c *client) Do(request *http.Request) (*http.Response, error) {
	if c.isClosed() {
		return nil, ErrClosed
	}
	return c.do(request, c.Env().Timeout)
}

// do sends a request until it has an answer that Site.Judge lets pass, or an
// error that no wait of ours can mend.
func (c *client) do(request *http.Request, timeout time.Duration) (*http.Response, error) {
	api := c.newAPI(timeout)
	ctx, land, err := c.flights.begin(request.Context())
	if err != nil {
		return nil, err
	}
	defer land()
	for refreshed := false; ; {
		attempt := request.Clone(ctx)
		if err := rewind(attempt, request); err != nil {
			return nil, err
		}
		if err := c.accountTrouble(); err != nil && c.toSite(attempt.URL) {
			return nil, requestError(attempt, err)
		}
		token, err := c.authorize(attempt)
		if err != nil {
			return nil, err
		}
		response, err := send(api, attempt)
		if err != nil {
			return nil, requestError(attempt, c.flights.cause(ctx, err))
		}
		err = c.judge(response)
		if err == nil {
			return response, nil
		}
		_ = response.Body.Close()
		c.noteTrouble(err)
		limit, limited := errors.AsType[*RateLimitError](err)
		switch {
		case limited && response.StatusCode >= 400: // pacedRoad has let everybody wait
		case limited:
			c.limit(limit)
		case errors.Is(err, ErrTokenExpired) && !refreshed && token.Access != "":
			refreshed = true
			c.tokens.Invalidate(token.Access)
		default:
			return nil, err
		}
	}
}

// send sends a request through the client that repeats.
func send(api *retryablehttp.Client, request *http.Request) (*http.Response, error) {
	repeated, err := retryablehttp.FromRequest(request)
	if err != nil {
		return nil, err
	}
	response, err := api.Do(repeated)
	if err != nil && response != nil {
		_ = response.Body.Close() // a refused redirect comes with its answer
	}
	return response, err
}

// rewind gives a repeated request its body again.
func rewind(attempt, request *http.Request) error {
	if request.Body == nil || request.Body == http.NoBody {
		return nil
	}
	if request.GetBody == nil {
		return fmt.Errorf("%s %s: request has a body but no GetBody: %w", request.Method, shownURL(request.URL), ErrState)
	}
	body, err := request.GetBody()
	attempt.Body = body
	return err
}

// authorize puts the site's headers and token on a request that goes there.
func (c *client) authorize(request *http.Request) (Token, error) {
	if !c.toSite(request.URL) || c.config.Site.Authorize == nil {
		return Token{}, nil
	}
	var token Token
	if c.tokens != nil {
		var err error
		if token, err = c.tokens.Token(request.Context()); err != nil {
			return Token{}, err
		}
	}
	return token, c.siteAuthorize(request, token)
}

func (c *client) toSite(address *url.URL) bool {
	return address.Scheme == "https" && slices.Contains(c.config.Site.Hosts, address.Hostname())
}

// judge decides whether an answer is a good one.
func (c *client) judge(response *http.Response) error {
	head, err := io.ReadAll(io.LimitReader(response.Body, judgedBytes))
	if err != nil {
		return requestError(response.Request, err)
	}
	rest := response.Body
	response.Body = &rejoined{Reader: io.MultiReader(bytes.NewReader(head), rest), Closer: rest}
	if c.config.Site.Judge != nil && c.toSite(response.Request.URL) {
		return c.siteJudge(response, head)
	}
	return judgeByStatus(response)
}

type rejoined struct {
	io.Reader
	io.Closer
}

// judgeByStatus reads an answer of a site of which nothing is known.
func judgeByStatus(response *http.Response) error {
	code := response.StatusCode
	if code >= 200 && code < 300 {
		return nil
	}
	err := &StatusError{Method: response.Request.Method, URL: shownURL(response.Request.URL), Code: code}
	switch code {
	case http.StatusTooManyRequests:
		wait, _ := fetch.ParseRetryAfter(response.Header.Get("Retry-After"), time.Now())
		return &RateLimitError{Wait: wait, Err: err}
	case http.StatusNotFound, http.StatusGone:
		return Permanent(ReasonDeleted, err)
	case http.StatusUnauthorized, http.StatusForbidden:
		return Permanent(ReasonForbidden, err)
	case http.StatusRequestTimeout:
		return err
	case http.StatusServiceUnavailable:
		if wait, given := fetch.ParseRetryAfter(response.Header.Get("Retry-After"), time.Now()); given {
			return &RateLimitError{Wait: wait, Err: err}
		}
	}
	if code >= 400 && code < 500 {
		return Permanent(ReasonRefused, err)
	}
	return err
}

// limit lets all paced requests wait.
func (c *client) limit(limit *RateLimitError) {
	wait := limit.Wait
	if wait <= 0 {
		wait = limitedPause
	}
	c.pace.PauseFor(min(wait, maxLimitPause))
	until := c.pace.PausedUntil()
	c.log.Info("the site asks for a pause", "until", until, "cause", limit.Err)
	c.events.publish(Event{Kind: EventLimited, Until: until, Why: LimitRate})
}

// guardedRoad takes the road of the environment, bounds silence and tells the
// breaker how it went. The whole answer is read before it is handed on, so a
// cut body is a fault like others and repeated.
type guardedRoad struct {
	client  *client
	timeout time.Duration
}

func (g guardedRoad) RoundTrip(request *http.Request) (*http.Response, error) {
	report, err := g.client.allow(request.Context(), request.URL.Host)
	if err != nil {
		return nil, err
	}
	response, err := g.client.exchange(request, g.timeout)
	report(err == nil || !unreachable(err))
	return response, err
}

// pacedRoad is a guardedRoad on which requests take turns.
type pacedRoad guardedRoad

func (p pacedRoad) RoundTrip(request *http.Request) (*http.Response, error) {
	report, err := p.client.allow(request.Context(), request.URL.Host)
	if err != nil {
		return nil, err
	}
	release, err := p.turn(request)
	if err != nil {
		report(true)
		return nil, err
	}
	defer release()
	// Connecting may take long; the interval counts from what the site sees.
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { p.client.pace.Started() }}
	request = request.WithContext(httptrace.WithClientTrace(request.Context(), trace))
	response, err := p.client.exchange(request, p.timeout)
	report(err == nil || !unreachable(err))
	if err == nil && response.StatusCode >= 400 { // the next one must not start before a limit is known
		if limit, limited := errors.AsType[*RateLimitError](p.client.judge(response)); limited {
			p.client.limit(limit)
		}
	}
	return response, err
}

// turn waits until a request may be sent.
func (p pacedRoad) turn(request *http.Request) (release func(), err error) {
	if release, err = p.client.pace.Acquire(request.Context()); err != nil {
		return nil, err
	}
	if err = p.client.governor.begin(request.Context()); err == nil && p.client.toSite(request.URL) {
		err = p.client.accountTrouble() // which may have come while it waited
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

func (c *client) exchange(request *http.Request, timeout time.Duration) (*http.Response, error) {
	response, err := silence.RoundTrip(c.http, request, timeout)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxAnswer {
		return nil, Permanent(ReasonContent, fmt.Errorf("answer is larger than %d bytes", maxAnswer))
	}
	whole := *response
	whole.Request = request // which not every road sets
	whole.Body = io.NopCloser(bytes.NewReader(body))
	return &whole, nil
}

// unreachable says that no answer came at all: the kind of fault that an
// outage makes.
func unreachable(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	if _, ok := errors.AsType[*DialError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// redirectError refuses a redirect.
type redirectError struct{ reason string }

func (e *redirectError) Error() string { return "redirect refused: " + e.reason }

// checkRedirect keeps redirects from leading out of https, into private
// networks, or in circles. What was meant for the first host is shown to no
// other: net/http sends Authorization and Cookie to hosts below it as well, and
// the last address, with its query, as Referer.
func (c *client) checkRedirect(request *http.Request, via []*http.Request) error {
	from, to := via[len(via)-1].URL, request.URL
	switch {
	case len(via) >= maxRedirects:
		return &redirectError{fmt.Sprintf("more than %d in a row", maxRedirects)}
	case to.Scheme != "https" && to.Scheme != "http":
		return &redirectError{"to scheme " + to.Scheme}
	case from.Scheme == "https" && to.Scheme == "http":
		return &redirectError{"from https to http"}
	case to.Hostname() != from.Hostname() && private(to.Hostname()):
		return &redirectError{"to a private address"}
	}
	if to.Host != via[0].URL.Host {
		request.Header.Del("Authorization")
		request.Header.Del("Cookie")
		if strings.Contains(request.Header.Get("Referer"), "?") {
			request.Header.Del("Referer")
		}
	}
	return nil
}

// private says that a host is plainly not on the internet.
func private(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	address = address.Unmap()
	return address.IsLoopback() || address.IsPrivate() || address.IsLinkLocalUnicast() || address.IsUnspecified() || address.IsMulticast()
}

// requestError names the request, without what its address may hide, and keeps
// the chain of causes.
func requestError(request *http.Request, err error) error {
	if inner, ok := errors.AsType[*url.Error](err); ok {
		err = inner.Err
	}
	return fmt.Errorf("%s %s: %w", request.Method, shownURL(request.URL), err)
}

// shownURL drops what may be secret from an address.
func shownURL(address *url.URL) string {
	shown := url.URL{Scheme: address.Scheme, Host: address.Host, Path: address.Path}
	return shown.String()
}

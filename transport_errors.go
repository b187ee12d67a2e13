package pixivoc

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc/internal/netdial"
)

// ErrProxyLogin says that the proxy refuses user and password, or wants some.
// That stays until Proxy is changed, so trying again does not help. A
// *ProxyError with Code 407 is it.
var ErrProxyLogin = errors.New("login refused by the proxy")

// DialError says that a host was not reached. Nothing was sent to it.
//
// errors.Is and errors.As see the causes of all attempts: syscall.ECONNREFUSED,
// *tls.CertificateVerificationError, *tls.ECHRejectionError, *net.DNSError.
type DialError struct {
	Host     string // host:port, as in the URL
	Mode     ProxyMode
	Attempts []DialAttempt // in the order of their ends, at most 16
	Err      error         // why there was no attempt, for instance a *net.DNSError
}

// DialAttempt is one way of reaching a host that failed.
type DialAttempt struct {
	Address  string   // ip:port, or the proxy's URL without credentials
	Strategy Strategy // empty for http
	Cause    DialCause
	Err      error
}

// DialCause is the kind of fault that ended an attempt.
type DialCause string

const (
	CauseRefused     DialCause = "refused"      // nobody listens there
	CauseTimeout     DialCause = "timeout"      // no answer in time
	CauseCertificate DialCause = "certificate"  // not one for the host, of a trusted authority, in date
	CauseECHRejected DialCause = "ech_rejected" // the server does not do ECH, or not with this key
	CauseReset       DialCause = "reset"        // the connection was cut, as filters do
	CauseUnreachable DialCause = "unreachable"  // no route
	CauseCanceled    DialCause = "canceled"     // the request was
	CauseTLS         DialCause = "tls"          // the TLS handshake failed otherwise
	CauseOther       DialCause = "other"
)

// Error names the host, the mode and the first attempts with their causes.
func (e *DialError) Error() string {
	const shown = 4
	var text strings.Builder
	fmt.Fprintf(&text, "connect to %s (mode %s)", e.Host, e.Mode)
	if e.Err != nil {
		fmt.Fprintf(&text, ": %s", brief(e.Err))
	}
	for i, a := range e.Attempts {
		if i == shown {
			fmt.Fprintf(&text, "; and %d more", len(e.Attempts)-shown)
			break
		}
		separator := ";"
		if i == 0 {
			separator = ":"
		}
		fmt.Fprintf(&text, "%s %s", separator, a)
	}
	return text.String()
}

// String names address, strategy and fault.
func (a DialAttempt) String() string {
	way := a.Address
	if a.Strategy != "" {
		way += " by " + string(a.Strategy)
	}
	return way + ": " + brief(a.Err)
}

// Unwrap returns the causes.
func (e *DialError) Unwrap() []error {
	var all []error
	if e.Err != nil {
		all = append(all, e.Err)
	}
	for _, a := range e.Attempts {
		all = append(all, a.Err)
	}
	return all
}

// Timeout says whether time-outs are all that went wrong; with it url.Error
// and others recognise one.
func (e *DialError) Timeout() bool {
	for _, err := range e.Unwrap() {
		if timed, ok := errors.AsType[net.Error](err); !ok || !timed.Timeout() {
			return false
		}
	}
	return true
}

// ProxyError is a fault of the proxy, or between us and it.
type ProxyError struct {
	Proxy  string // scheme://host:port, without credentials
	Target string // host:port that was asked for
	// Code is the status of the proxy's answer to CONNECT, or 0 when there was
	// none. 407 also stands for a SOCKS proxy that refuses user and password.
	Code int
	Err  error
}

func (e *ProxyError) Error() string {
	return "proxy " + e.Proxy + " to " + e.Target + ": " + brief(e.Err)
}

// Unwrap returns the cause.
func (e *ProxyError) Unwrap() error { return e.Err }

// Timeout says whether the fault is a time-out.
func (e *ProxyError) Timeout() bool {
	timed, ok := errors.AsType[net.Error](e.Err)
	return ok && timed.Timeout()
}

// Is says that a refused login is ErrProxyLogin.
func (e *ProxyError) Is(target error) bool {
	return target == ErrProxyLogin && e.Code == http.StatusProxyAuthRequired
}

// MisdirectedError says that a host refused an answer because the connection
// did not name it. The request may be sent again when Next is not empty.
type MisdirectedError struct {
	Host     string
	Code     int      // 421, or 403 from a front server
	Strategy Strategy // of the connection
	Next     Strategy // what the next connection uses; empty when there is nothing left
}

func (e *MisdirectedError) Error() string {
	text := fmt.Sprintf("%s answers %d to a connection by strategy %s: this host wants its true name", e.Host, e.Code, e.Strategy)
	if e.Next == "" {
		return text + "; give it another strategy in Hosts (ech, split or sni)"
	}
	return text + "; " + string(e.Next) + " is next"
}

// Route is what ModeIP knows of a host.
type Route struct {
	Host     string        // host:port, as in the URL
	Address  string        // ip:port in use; empty when none is known to work
	Strategy Strategy      // in use; empty for http
	Took     time.Duration // to connect, with the TLS handshake
	Failed   []DialAttempt // what failed in the last five minutes
}

func proxyErrorOf(e *netdial.ProxyError) error {
	err := e.Err
	if fault, ok := errors.AsType[*netdial.Error](err); ok {
		err = dialErrorOf(fault, ModeProxy)
	}
	return &ProxyError{Proxy: e.Proxy, Target: e.Target, Code: e.Code, Err: err}
}

func dialErrorOf(e *netdial.Error, mode ProxyMode) *DialError {
	return &DialError{Host: e.Host, Mode: mode, Attempts: attemptsOf(e.Attempts), Err: e.Err}
}

func attemptsOf(failed []netdial.Attempt) []DialAttempt {
	var all []DialAttempt
	for _, a := range failed {
		all = append(all, DialAttempt{a.Address, Strategy(a.Strategy), DialCause(a.Cause), a.Err})
	}
	return all
}

func routesOf(known []netdial.Route) []Route {
	var all []Route
	for _, r := range known {
		route := Route{Host: r.Host, Strategy: Strategy(r.Strategy), Took: r.Took, Failed: attemptsOf(r.Failed)}
		if r.Address.IsValid() {
			route.Address = r.Address.String()
		}
		all = append(all, route)
	}
	return all
}

// brief shortens the text of an error, which may quote what a server sent.
func brief(err error) string {
	const most = 240
	text := err.Error()
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

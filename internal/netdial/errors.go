package netdial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

// Cause is the kind of a failed attempt.
type Cause string

// The causes.
const (
	Refused     Cause = "refused"
	Timeout     Cause = "timeout"
	Certificate Cause = "certificate"
	ECHRejected Cause = "ech_rejected"
	Reset       Cause = "reset"
	Unreachable Cause = "unreachable"
	Canceled    Cause = "canceled"
	TLS         Cause = "tls"
	Other       Cause = "other"
)

// Attempt is one try to reach a host that failed.
type Attempt struct {
	Address  string   // ip:port, or the proxy
	Strategy Strategy // empty without TLS
	Cause    Cause
	Err      error
}

// Error says why a host was not reached.
type Error struct {
	Host     string // host:port
	Attempts []Attempt
	Err      error // why there was no attempt
}

func (e *Error) Error() string {
	if e.Err != nil {
		return "connect " + e.Host + ": " + e.Err.Error()
	}
	var text strings.Builder
	fmt.Fprintf(&text, "connect %s", e.Host)
	for _, a := range e.Attempts {
		fmt.Fprintf(&text, "; %s %s: %v", a.Address, a.Strategy, a.Err)
	}
	return text.String()
}

// Unwrap returns the causes.
func (e *Error) Unwrap() []error {
	if e.Err != nil {
		return []error{e.Err}
	}
	all := make([]error, len(e.Attempts))
	for i, a := range e.Attempts {
		all[i] = a.Err
	}
	return all
}

// maxAttempts bounds what an Error keeps.
const maxAttempts = 16

func attempts(failed []outcome) []Attempt {
	var all []Attempt
	for _, o := range failed[:min(len(failed), maxAttempts)] {
		all = append(all, Attempt{o.address.String(), o.strategy, cause(o.err), o.err})
	}
	return all
}

// cause sorts err into its kind.
func cause(err error) Cause {
	if _, ok := errors.AsType[*tls.ECHRejectionError](err); ok {
		return ECHRejected
	}
	if isCertificate(err) {
		return Certificate
	}
	if errors.Is(err, context.Canceled) {
		return Canceled
	}
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() || errors.Is(err, os.ErrDeadlineExceeded) {
		return Timeout
	}
	_, alert := errors.AsType[tls.AlertError](err)
	_, garbage := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case isRefused(err):
		return Refused
	case isReset(err), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Reset
	case isUnreachable(err):
		return Unreachable
	case alert, garbage:
		return TLS
	}
	return Other
}

func isCertificate(err error) bool {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	return verification || invalid || name || authority
}

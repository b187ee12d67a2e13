package socketapi

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
)

// updateEnv changes the environment. The reply is false when the kernel
// refuses the value, and then nothing has changed.
func (s *session) updateEnv(ctx context.Context, patch pixivoc.EnvPatch) answer {
	_, err := s.client().UpdateEnv(ctx, patch)
	if _, refused := errors.AsType[*pixivoc.FieldError](err); err != nil && !refused {
		s.log.Error("change the environment", "error", err)
	}
	return answer{content: err == nil}
}

// setProxyMode takes what PixivOC took: in mode 1 the address of an HTTP proxy
// in digits, in the others no address.
func (s *session) setProxyMode(ctx context.Context, r *request) answer {
	patch := pixivoc.EnvPatch{Proxy: new("")}
	switch r.proxyMode {
	case 0:
		patch.ProxyMode = new(pixivoc.ModeDirect)
	case 1:
		if !isProxyAddress(r.proxy) {
			return answer{content: false}
		}
		patch.ProxyMode, patch.Proxy = new(pixivoc.ModeProxy), &r.proxy
	case 2:
		patch.ProxyMode = new(pixivoc.ModeIP)
	default:
		return answer{content: false}
	}
	return s.updateEnv(ctx, patch)
}

// isProxyAddress is true for "http://" with an IPv4 address and a port, and
// nothing else.
func isProxyAddress(text string) bool {
	address, found := strings.CutPrefix(text, "http://")
	hostport, err := netip.ParseAddrPort(address)
	return found && err == nil && hostport.Addr().Is4()
}

func (s *session) setTimeout(ctx context.Context, r *request) answer {
	timeout, ok := seconds(r.timeout)
	if !ok {
		return answer{content: false}
	}
	return s.updateEnv(ctx, pixivoc.EnvPatch{Timeout: &timeout})
}

func (s *session) setIntervalTime(ctx context.Context, r *request) answer {
	interval, ok := seconds(r.interval)
	if !ok {
		return answer{content: false}
	}
	return s.updateEnv(ctx, pixivoc.EnvPatch{IntervalTime: &interval})
}

func (s *session) setConcurrencyNumber(ctx context.Context, r *request) answer {
	if r.concurrency < 1 || r.concurrency > pixivoc.MaxConcurrencyNumber {
		return answer{content: false}
	}
	return s.updateEnv(ctx, pixivoc.EnvPatch{ConcurrencyNumber: new(int(r.concurrency))})
}

func (s *session) setIncrement(ctx context.Context, r *request) answer {
	return s.updateEnv(ctx, pixivoc.EnvPatch{Increment: &r.increment})
}

// seconds turns a number of seconds into a duration. ok is false for one that
// no setting takes, which is far from what a duration holds.
func seconds(n int64) (d time.Duration, ok bool) {
	if n < 0 || n > int64(pixivoc.MaxTimeout/time.Second) {
		return 0, false
	}
	return time.Duration(n) * time.Second, true
}

// wholeSeconds rounds up: a pause of half a second is not none.
func wholeSeconds(d time.Duration) int64 {
	return int64((d + time.Second - 1) / time.Second)
}

// environment answers [status, address, timeout, concurrency, interval].
func (s *session) environment(context.Context, *request) answer {
	env := s.client().Env()
	status, address := "Direct", ""
	switch env.ProxyMode {
	case pixivoc.ModeProxy:
		status, address = "Proxy", proxyAddress(env.Proxy)
	case pixivoc.ModeIP:
		status = "IP"
	}
	return answer{content: []any{status, address, wholeSeconds(env.Timeout), env.ConcurrencyNumber, wholeSeconds(env.IntervalTime)}}
}

// proxyAddress returns a proxy's URL without user and password.
func proxyAddress(proxy string) string {
	address, err := url.Parse(proxy)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: address.Scheme, Host: address.Host}).String()
}

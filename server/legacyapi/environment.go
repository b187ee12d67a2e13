package legacyapi

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
)

// updateEnv changes the environment. The result is false when the kernel
// refuses the value, and then nothing has changed.
func (a *API) updateEnv(in *input, patch pixivoc.EnvPatch) (any, error) {
	_, err := a.client.UpdateEnv(in.r.Context(), patch)
	if _, isRefused := errors.AsType[*pixivoc.FieldError](err); isRefused {
		return false, nil
	}
	return err == nil, err
}

// setProxyMode takes what PixivOC took: in mode 1 the address of an HTTP proxy
// in digits, in the others any address, which is not looked at.
func (a *API) setProxyMode(in *input) (any, error) {
	mode, err := in.number("mode")
	if err != nil {
		return nil, err
	}
	address, err := in.text("address")
	if err != nil {
		return nil, err
	}
	patch := pixivoc.EnvPatch{ProxyMode: new(pixivoc.ProxyMode(mode))} // forgets the proxy of before
	switch {
	case mode == int64(pixivoc.ModeProxy) && isProxyAddress(address):
		patch.Proxy = &address
	case mode != int64(pixivoc.ModeDirect) && mode != int64(pixivoc.ModeIP):
		return false, nil
	}
	return a.updateEnv(in, patch)
}

// isProxyAddress is true for "http://" with an IPv4 address and a port, and
// nothing else.
func isProxyAddress(text string) bool {
	address, found := strings.CutPrefix(text, "http://")
	hostport, err := netip.ParseAddrPort(address)
	return found && err == nil && hostport.Addr().Is4()
}

func (a *API) setTimeout(in *input) (any, error) {
	n, err := in.number("timeout")
	if err != nil {
		return nil, err
	}
	timeout, ok := seconds(n, pixivoc.MaxTimeout)
	if !ok {
		return false, nil
	}
	return a.updateEnv(in, pixivoc.EnvPatch{Timeout: &timeout})
}

func (a *API) setIntervalTime(in *input) (any, error) {
	n, err := in.number("second")
	if err != nil {
		return nil, err
	}
	interval, ok := seconds(n, pixivoc.MaxIntervalTime)
	if !ok {
		return false, nil
	}
	return a.updateEnv(in, pixivoc.EnvPatch{IntervalTime: &interval})
}

func (a *API) setConcurrencyNumber(in *input) (any, error) {
	n, err := in.number("number")
	if err != nil {
		return nil, err
	}
	if n < 1 || n > pixivoc.MaxConcurrencyNumber {
		return false, nil
	}
	return a.updateEnv(in, pixivoc.EnvPatch{ConcurrencyNumber: new(int(n))})
}

func (a *API) setIncrement(in *input) (any, error) {
	increment, err := in.truth("increment")
	if err != nil {
		return nil, err
	}
	return a.updateEnv(in, pixivoc.EnvPatch{Increment: &increment})
}

// environment is [status, address, timeout, concurrency, interval].
func (a *API) environment(*input) (any, error) {
	env := a.client.Env()
	status, address := "Direct", ""
	switch env.ProxyMode {
	case pixivoc.ModeProxy:
		status, address = "Proxy", proxyAddress(env.Proxy)
	case pixivoc.ModeIP:
		status = "IP"
	}
	return []any{status, address, wholeSeconds(env.Timeout), env.ConcurrencyNumber, wholeSeconds(env.IntervalTime)}, nil
}

// proxyAddress returns a proxy's URL without user and password.
func proxyAddress(proxy string) string {
	address, err := url.Parse(proxy)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: address.Scheme, Host: address.Host}).String()
}

// seconds turns a number of seconds into a duration of at most most.
func seconds(n int64, most time.Duration) (d time.Duration, ok bool) {
	if n < 0 || n > int64(most/time.Second) {
		return 0, false
	}
	return time.Duration(n) * time.Second, true
}

// wholeSeconds rounds up: a pause of half a second is not none.
func wholeSeconds(d time.Duration) int64 {
	return int64((d + time.Second - 1) / time.Second)
}

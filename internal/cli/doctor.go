package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
)

const doctorLong = `Look for what keeps pixivoc from working, and say what would help: the data
folder, the login, the folder to save in, and each road to Pixiv with each host
that is needed. A road that works there works for downloads too. Nobody needs to
be logged in; each host gets one request by each road.

The roads are direct, ip, and proxy where one is known (--proxy URL, or the
saved one). --proxy-mode ROAD looks at that road alone.

The exit code is 0 when the road in force works and nothing else is in the way.`

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [flags]",
		Short: "Find out what does not work, and what would help",
		Long:  doctorLong,
		Example: `  pixivoc doctor
  pixivoc doctor --proxy socks5://127.0.0.1:1080
  pixivoc doctor --proxy-mode ip --timeout 5s`,
		Args: noArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.remote() != "" {
				return errors.New("doctor looks at this machine; run it where the daemon runs, without --remote")
			}
			return a.doctor(cmd.Context(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object for each finding")
	a.set.addDownloadFlags(cmd.Flags())
	return onRoad(cmd, "proxy-mode", "proxy", "host", "timeout")
}

// finding is one thing that was looked at.
type finding struct {
	What string `json:"what"`
	// Road and Host are set when it is a way to a host.
	Road   string `json:"road,omitempty"`
	Host   string `json:"host,omitempty"`
	OK     bool   `json:"ok"`
	TookMS int64  `json:"took_ms,omitempty"`
	Detail string `json:"detail"`
	Help   string `json:"help,omitempty"`
}

// pixivHosts are the hosts that a download needs, with what for.
func pixivHosts() []struct{ host, use string } {
	return []struct{ host, use string }{
		{"oauth.secure.pixiv.net", "login"},
		{"app-api.pixiv.net", "lists"},
		{"i.pximg.net", "pictures"},
	}
}

func (a *app) doctor(ctx context.Context, asJSON bool) error {
	findings, env, err := a.examineHere(ctx)
	if err != nil {
		return err
	}
	inForce := env.ProxyMode
	for _, mode := range a.roadsToTry(env) {
		roads, err := examineRoad(ctx, env, mode)
		if err != nil {
			return err
		}
		findings = append(findings, roads...)
	}
	if err := a.showFindings(findings, inForce, asJSON); err != nil {
		return err
	}
	for _, f := range findings {
		if !f.OK && (f.Road == "" || f.Road == inForce.String()) {
			return &exitError{code: ExitError}
		}
	}
	return nil
}

// roadsToTry are those that can work: one that a flag names, or else all.
func (a *app) roadsToTry(env pixivoc.Env) []pixivoc.ProxyMode {
	if a.set.given["proxy-mode"] != "" {
		return []pixivoc.ProxyMode{env.ProxyMode}
	}
	modes := []pixivoc.ProxyMode{pixivoc.ModeDirect, pixivoc.ModeIP}
	if env.Proxy != "" {
		modes = append(modes, pixivoc.ModeProxy)
	}
	return modes
}

// examineRoad asks each host for something by that road. Any answer will do:
// it came over a connection whose certificate was verified.
func examineRoad(ctx context.Context, env pixivoc.Env, mode pixivoc.ProxyMode) ([]finding, error) {
	config := pixivoc.TransportConfig{Mode: mode, Timeout: min(env.Timeout, 15*time.Second)}
	switch mode {
	case pixivoc.ModeProxy:
		config.Proxy = env.Proxy
	case pixivoc.ModeIP:
		config.Hosts = env.Hosts
	}
	transport, err := pixivoc.NewTransport(config)
	if err != nil {
		return nil, err
	}
	defer transport.CloseIdleConnections()
	hosts := pixivHosts()
	findings := make([]finding, len(hosts))
	var all sync.WaitGroup
	for i, h := range hosts {
		all.Go(func() {
			findings[i] = examineHost(ctx, transport, h.host)
			findings[i].What, findings[i].Road = h.use, mode.String()
		})
	}
	all.Wait()
	for _, route := range transport.Routes() {
		for j := range findings {
			if findings[j].OK && route.Host == findings[j].Host+":443" && route.Address != "" {
				findings[j].Detail += fmt.Sprintf(", at %s by %s", route.Address, route.Strategy)
			}
		}
	}
	return findings, ctx.Err()
}

func examineHost(ctx context.Context, transport http.RoundTripper, host string) finding {
	f := finding{Host: host}
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, "https://"+host+"/", nil)
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	began := time.Now()
	response, err := transport.RoundTrip(request)
	f.TookMS = time.Since(began).Milliseconds()
	if err != nil {
		f.Detail, f.Help = diagnosis(err)
		return f
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	_ = response.Body.Close()
	f.OK, f.Detail = true, fmt.Sprintf("answers, status %d", response.StatusCode)
	return f
}

// diagnosis says what a failed connection means and what may help.
func diagnosis(err error) (detail, help string) {
	if proxy, ok := errors.AsType[*pixivoc.ProxyError](err); ok {
		if errors.Is(err, pixivoc.ErrProxyLogin) {
			return "the proxy wants a user and a password, or other ones", "write them into its URL"
		}
		return "the proxy at " + proxy.Proxy + " fails: " + shortCause(proxy.Err), "look whether it runs and lets you out"
	}
	dial, ok := errors.AsType[*pixivoc.DialError](err)
	if !ok {
		return shortCause(err), ""
	}
	if len(dial.Attempts) == 0 {
		return "no address: " + shortCause(dial.Err), "the name service does not know it or is filtered; road ip asks none"
	}
	meanings := map[pixivoc.DialCause][2]string{
		pixivoc.CauseRefused:     {"nobody listens there", "a firewall, or an address that is out of date"},
		pixivoc.CauseTimeout:     {"no answer in time", "a filter that drops packets, or no network"},
		pixivoc.CauseCertificate: {"somebody else answers: the certificate is not the host's", "a filter or a portal is on the way; the clock may be wrong too"},
		pixivoc.CauseReset:       {"the connection is cut", "a filter reads the name of the host; road ip or a proxy helps"},
		pixivoc.CauseUnreachable: {"no route", "look whether this machine has a network"},
		pixivoc.CauseECHRejected: {"the server does not take an encrypted name", "another strategy: --host HOST=nosni or HOST=split"},
	}
	cause := dial.Attempts[0].Cause
	if m, known := meanings[cause]; known {
		return m[0] + fmt.Sprintf(" (%s)", dial.Attempts[0].Address), m[1]
	}
	return shortCause(dial.Attempts[0].Err), ""
}

func shortCause(err error) string {
	if err == nil {
		return "unknown"
	}
	return shorten(printable(err.Error()), 120, screen{})
}

package main

import (
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a web site that calls itself example.com, as its certificate does.
func site(t *testing.T) (address string, trust *x509.CertPool) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "you asked for "+r.Host)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo) // of refused certificates
	server.StartTLS()
	t.Cleanup(server.Close)
	trust = x509.NewCertPool()
	trust.AddCert(server.Certificate())
	return server.Listener.Addr().String(), trust
}

// proxy is an HTTP proxy that takes whoever knows its password to one address,
// whatever name they ask for. It counts them.
func proxy(t *testing.T, target string) (address string, used func() []string) {
	t.Helper()
	var lock sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "Basic dXNlcjpwYXNzd29yZA==" { // user:password
			w.Header().Set("Proxy-Authenticate", "Basic")
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		lock.Lock()
		asked = append(asked, r.Method+" "+r.Host)
		lock.Unlock()
		join(w, target)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), func() []string {
		lock.Lock()
		defer lock.Unlock()
		return asked
	}
}

// join lets a client of the proxy speak with the target until one of them ends.
func join(w http.ResponseWriter, target string) {
	there, err := net.Dial("tcp", target)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer there.Close()
	here, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer here.Close()
	_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{here, there}, {there, here}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_ = way[0].Close()
			_ = way[1].Close()
		})
	}
	both.Wait()
}

func TestRun_TakesEveryRoad(t *testing.T) {
	t.Parallel()
	address, trust := site(t)
	via, used := proxy(t, address)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"direct": {
			[]string{"https://" + address + "/"},
			fmt.Sprintf("200 OK, %d bytes\n", len("you asked for "+address)),
		},
		"proxy": {
			[]string{"-mode", "proxy", "-proxy", "http://user:password@" + via, "https://example.com/"},
			"200 OK, 25 bytes\n",
		},
		"ip": {
			[]string{"-mode", "ip", "-host", "example.com=" + address, "https://example.com/"},
			"200 OK, 25 bytes\nexample.com:443 is at " + address + ", by sni\n",
		},
		"ip without a name": {
			[]string{"-mode", "ip", "-host", "example.com=" + address, "-host", "example.com=nosni", "https://example.com/"},
			"200 OK, 25 bytes\nexample.com:443 is at " + address + ", by nosni\n",
		},
	} {
		var out strings.Builder
		require.NoError(t, run(t.Context(), test.args, &out, pixivoc.TransportConfig{RootCAs: trust}), name)
		require.Equal(t, test.want, out.String(), name)
	}
	require.Equal(t, []string{"CONNECT example.com:443"}, used())
}

func TestRun_ExplainsFailures(t *testing.T) {
	t.Parallel()
	address, trust := site(t)
	via, _ := proxy(t, address)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"wrong password": {
			[]string{"-mode", "proxy", "-proxy", "http://user:wrong@" + via, "https://example.com/"},
			"The proxy wants another user and password",
		},
		"nobody there": {
			[]string{"-mode", "ip", "-host", "example.com=127.0.0.1:1", "-host", "example.com=sni", "https://example.com/"},
			"example.com:443 was not reached (mode ip):\n  127.0.0.1:1 sni: refused\n",
		},
		"somebody else": { // the certificate is checked by address, too
			[]string{"-mode", "ip", "-host", "other.invalid=" + address, "-host", "other.invalid=nosni", "https://other.invalid/"},
			"nosni: certificate\n",
		},
	} {
		var out strings.Builder
		err := run(t.Context(), test.args, &out, pixivoc.TransportConfig{RootCAs: trust})
		require.Error(t, err, name)
		require.Contains(t, out.String(), test.want, name)
		require.NotContains(t, out.String()+err.Error(), "wrong@", name)
	}
}

func TestRun_RefusesCommandLines(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"want one URL, have 0":              {},
		"-mode tor: want direct":            {"-mode", "tor", "https://example.com/"},
		"Proxy: ":                           {"-mode", "proxy", "https://example.com/"},
		"Hosts: example.com":                {"-mode", "ip", "-host", "example.com=nowhere", "https://example.com/"},
		"flag provided but not defined: -x": {"-x"},
	} {
		require.ErrorContains(t, run(t.Context(), args, io.Discard, pixivoc.TransportConfig{}), want)
	}
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-h"}, &out, pixivoc.TransportConfig{}))
	require.Contains(t, out.String(), "-proxy")
}

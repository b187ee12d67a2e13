//go:build unix

package daemon

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/tlstest"
	"github.com/pixivoc/pixivoc/server/socketapi"
)

// writePair writes a certificate as a server wants it.
func writePair(t *testing.T, folder string, pair tls.Certificate) (certFile, keyFile string) {
	t.Helper()
	var chain []byte
	for _, raw := range pair.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})...)
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	certFile, keyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	require.NoError(t, os.WriteFile(certFile, chain, 0o644))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	return certFile, keyFile
}

// TestK12_OpenAddresses are refused without TLS or the flag for it.
func TestK12_OpenAddresses(t *testing.T) {
	t.Parallel()
	for _, door := range []string{"http", "socket"} {
		for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0"} {
			p := prepare(t, "--demo", "--"+door+"="+address)
			p.launch(t)
			assert.Equal(t, ExitSettings, p.end(t), address)
			assert.Contains(t, p.stderr.String(), "--"+door+": others can reach ", address)
			assert.Contains(t, p.stderr.String(), "--dangerously-without-tls", address)
			assert.NoFileExists(t, p.file)
		}
	}
	p := prepare(t, "--demo", "--http=0.0.0.0:0", "--dangerously-without-tls", "--save-root=*")
	p.launch(t)
	assert.Equal(t, ExitSettings, p.end(t))
	assert.Contains(t, p.stderr.String(), `so the save root "*" is not allowed`)
}

// TestOpenSocketWantsACredential: whoever comes without one sees nothing.
func TestOpenSocketWantsACredential(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "password", "chosen", 0o600)
	p := start(t, "--demo", "--socket=0.0.0.0:0", "--http=0.0.0.0:0", "--dangerously-without-tls", "--password-file", file)
	_, port, _ := strings.Cut(strings.TrimPrefix(p.Socket, "[::]"), ":")
	address := "127.0.0.1:" + port
	dialWith := func(token string) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		conn, err := socketapi.Dial(ctx, address, socketapi.ClientOptions{Token: token})
		if err != nil {
			return err
		}
		defer conn.Close()
		short, cancelShort := context.WithTimeout(ctx, 2*time.Second)
		defer cancelShort()
		_, err = conn.Environment(short)
		return err
	}
	require.NoError(t, dialWith("admin:chosen"), "name and password")
	require.Error(t, dialWith(""), "nothing")
	require.Error(t, dialWith("admin:wrong"), "wrong password")
	assert.Equal(t, "http://localhost"+p.HTTP[strings.LastIndex(p.HTTP, ":"):], p.URL, "what a browser here can open")
	status, _, _ := p.send(t, request{path: "/api/v1/tasks"})
	assert.Equal(t, http.StatusUnauthorized, status)
	token, status := login(t, p, "chosen")
	require.Equal(t, http.StatusCreated, status)
	require.NoError(t, dialWith(token), "a token for scripts")
	p.stop(t)
}

// TestTLS serves with a certificate, and with the next one after it was
// renewed.
func TestTLS(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	folder := t.TempDir()
	certFile, keyFile := writePair(t, folder, authority.Certificate(t, "127.0.0.1", "localhost"))
	p := start(t, "--demo", "--tls-cert", certFile, "--tls-key", keyFile)
	assert.True(t, strings.HasPrefix(p.URL, "https://127.0.0.1:"), p.URL)
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: authority.Pool(), ServerName: "localhost", MinVersion: tls.VersionTLS12},
	}}
	status, _, _ := p.send(t, request{path: "/readyz", client: client})
	assert.Equal(t, http.StatusOK, status)
	old := &tls.Config{RootCAs: authority.Pool(), ServerName: "localhost", MaxVersion: tls.VersionTLS11} //nolint:gosec // to be refused
	_, err := tls.Dial("tcp", p.HTTP, old)
	require.Error(t, err, "TLS 1.1")
	p.stop(t)
}

func TestCertificateIsRenewed(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	folder := t.TempDir()
	certFile, keyFile := writePair(t, folder, authority.Certificate(t, "localhost"))
	logger := newLogger(&Settings{LogLevel: "error", LogFormat: "text"}, t.Output())
	c, err := newCertificate(certFile, keyFile, logger)
	require.NoError(t, err)
	now := time.Now()
	first := c.get(now)
	require.Same(t, first, c.get(now.Add(time.Hour)), "unchanged")

	require.NoError(t, os.WriteFile(certFile, []byte("half of a cert"), 0o600))
	now = now.Add(2 * time.Hour)
	require.Same(t, first, c.get(now), "a broken one does not take its place")

	writePair(t, folder, authority.Certificate(t, "localhost"))
	require.NoError(t, os.Chtimes(certFile, now, now))
	require.Same(t, first, c.get(now.Add(time.Second)), "not looked at more often than every 10 s")
	second := c.get(now.Add(time.Hour))
	require.NotSame(t, first, second)
	require.NotEqual(t, first.Certificate[0], second.Certificate[0])

	require.NoError(t, os.Chmod(keyFile, 0o644))
	_, err = newCertificate(certFile, keyFile, logger)
	require.ErrorContains(t, err, "every user can read")
}

// TestSocketExit ends the daemon by command 0, unless that is switched off.
func TestSocketExit(t *testing.T) {
	t.Parallel()
	p := start(t, "--demo")
	conn, err := socketapi.Dial(t.Context(), p.Socket, socketapi.ClientOptions{})
	require.NoError(t, err)
	require.NoError(t, conn.Exit(t.Context()))
	assert.Equal(t, ExitOrderly, p.end(t))
	require.NoError(t, conn.Close())

	p = start(t, "--demo", "--socket-exit=false")
	conn, err = socketapi.Dial(t.Context(), p.Socket, socketapi.ClientOptions{})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	require.Error(t, conn.Exit(ctx))
	require.NoError(t, conn.Close())
	status, _, _ := p.send(t, request{path: "/readyz"})
	assert.Equal(t, http.StatusOK, status)
	p.stop(t)
}

// TestP10_OutputClosed closes both outputs at once: nobody reads, nothing
// breaks.
func TestP10_OutputClosed(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	p := prepare(t, "--demo", "--log-level=debug")
	p.command.Stdout, p.command.Stderr = writer, writer
	require.NoError(t, reader.Close())
	p.launch(t)
	require.NoError(t, writer.Close())
	p.await(t)
	for range 10 {
		status, _, _ := p.send(t, request{path: "/readyz"})
		assert.Equal(t, http.StatusOK, status)
	}
	p.stop(t)
}

// TestP10_LogDiskFull writes the log to a disk that is full.
func TestP10_LogDiskFull(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("there is no /dev/full here: %v", err)
	}
	defer full.Close()
	p := prepare(t, "--demo", "--log-level=debug")
	p.command.Stdout, p.command.Stderr = full, full
	p.launch(t)
	p.await(t)
	status, _, _ := p.send(t, request{path: "/readyz"})
	assert.Equal(t, http.StatusOK, status)
	p.stop(t)
}

func TestSIGHUPEndsInOrder(t *testing.T) {
	t.Parallel()
	p := start(t, "--demo")
	p.signal(t, syscall.SIGHUP)
	assert.Equal(t, ExitOrderly, p.end(t))
}

// TestExample builds the program that people run: it needs no C library, its
// main is short, and it works as this package does.
func TestExample(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../examples/server/main.go")
	require.NoError(t, err)
	assert.Less(t, strings.Count(string(raw), "\n"), 40)
	program := filepath.Join(t.TempDir(), "server")
	build := exec.Command("go", "build", "-trimpath", "-o", program, "../../examples/server")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))

	p := prepare(t, "--demo")
	p.command.Path = program
	p.command.Env = append(p.command.Env, asDaemon+"=")
	p.launch(t)
	p.await(t)
	status, body, _ := p.send(t, request{path: "/readyz"})
	assert.Equal(t, http.StatusOK, status, body)
	p.stop(t)
}

// TestMissingSaveRootEndsTheStart is a disk that is not mounted.
func TestMissingSaveRootEndsTheStart(t *testing.T) {
	t.Parallel()
	var out, complaints bytes.Buffer
	missing := filepath.Join(t.TempDir(), "disk", "pictures")
	code := Run(t.Context(), []string{"--demo", "--data", t.TempDir(), "--save-root", missing, "--http=127.0.0.1:0", "--socket=off"}, &out, &complaints, nil)
	assert.Equal(t, ExitSettings, code)
	assert.Contains(t, complaints.String(), "--save-root: "+missing+" is not there")
	assert.NoDirExists(t, missing)
}

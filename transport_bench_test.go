package pixivoc_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/tlstest"
)

// BenchmarkTransport reads bodies from a server on loopback in pieces as large
// as the fetcher's, over http.Transport as it comes and over Transport.
func BenchmarkTransport(b *testing.B) {
	authority := tlstest.NewAuthority(b)
	for _, size := range []int{200 << 10, 16 << 20} {
		body := make([]byte, size)
		handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(size))
			_, _ = w.Write(body)
		})
		plain := httptest.NewServer(handler)
		b.Cleanup(plain.Close)
		secure := tlstest.Serve(b, &tls.Config{Certificates: []tls.Certificate{authority.Certificate(b, "local.test")}}, handler)
		urls := map[string]string{"http": plain.URL, "https": fmt.Sprintf("https://local.test:%d", secure.Port())}
		for _, scheme := range []string{"http", "https"} {
			bare := &http.Transport{MaxIdleConnsPerHost: 64, TLSClientConfig: &tls.Config{RootCAs: authority.Pool(), ServerName: "local.test"}}
			if scheme == "https" {
				urls["bare"] = "https://" + secure.String()
			} else {
				urls["bare"] = plain.URL
			}
			b.Run(fmt.Sprintf("%s/%dKiB/bare", scheme, size>>10), func(b *testing.B) { benchmarkRoad(b, bare, urls["bare"], size) })
			bare.CloseIdleConnections()
			ours := newTransport(b, pixivoc.TransportConfig{Resolver: loopbackOnly{}, RootCAs: authority.Pool()})
			b.Run(fmt.Sprintf("%s/%dKiB/transport", scheme, size>>10), func(b *testing.B) { benchmarkRoad(b, ours, urls[scheme], size) })
		}
	}
}

func benchmarkRoad(b *testing.B, road http.RoundTripper, url string, size int) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	piece := make([]byte, 256<<10)
	for b.Loop() {
		request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
		if err != nil {
			b.Fatal(err)
		}
		request.Header.Set("Accept-Encoding", "identity")
		response, err := road.RoundTrip(request)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, response.Body, piece)
		if err != nil || n != int64(size) {
			b.Fatal(n, err)
		}
		_ = response.Body.Close()
	}
}

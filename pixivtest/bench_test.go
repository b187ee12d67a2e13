package pixivtest_test

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pixivoc/pixivoc/pixivtest"
)

// BenchmarkServe measures how quickly pictures of 100 to 400 KB come out of the server, with a client that throws
// them away: the ceiling for every benchmark that downloads from here.
func BenchmarkServe(b *testing.B) {
	for _, road := range []string{"plain", "tls"} {
		for _, concurrency := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/%d", road, concurrency), func(b *testing.B) {
				s := pixivtest.NewServer(pixivtest.Config{Log: pixivtest.LogLoads})
				defer s.Close()
				s.Populate(pixivtest.Population{Works: 200, Sizes: pixivtest.Between{Min: 100_000, Max: 400_000}, Width: 64, Height: 64})
				var addresses []string
				var bytes int64
				for p := range s.Pictures() {
					bytes += p.Size() // paints it, too
					if road == "plain" {
						addresses = append(addresses, s.PlainURL()+p.Path)
					} else {
						addresses = append(addresses, p.URL)
					}
				}
				b.SetBytes(bytes / int64(len(addresses)))
				b.ResetTimer()
				fetchAll(b, s.Client(), addresses, concurrency)
			})
		}
	}
}

func fetchAll(b *testing.B, client *http.Client, addresses []string, concurrency int) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range concurrency {
		all.Go(func() {
			buffer := make([]byte, 256<<10)
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					return
				}
				r, err := http.NewRequest(http.MethodGet, addresses[n%int64(len(addresses))], nil) //nolint:noctx // ends with the benchmark
				if err != nil {
					b.Error(err)
					return
				}
				r.Header.Set("Referer", referer)
				response, err := client.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, response.Body, buffer)
				response.Body.Close()
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkFirstServe measures a picture that has to be painted first.
func BenchmarkFirstServe(b *testing.B) {
	s := pixivtest.NewUnstartedServer(pixivtest.Config{})
	defer s.Close()
	w := s.AddWork(pixivtest.Work{PageCount: 1_000_000, Sizes: pixivtest.Between{Min: 100_000, Max: 400_000}})
	n := 0
	for b.Loop() {
		s.Picture(w.ID, n).Size()
		n++
	}
}

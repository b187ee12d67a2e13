package fetch_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/fetch"
	"github.com/pixivoc/pixivoc/internal/fsafe"
)

// The sets of files that are measured: how many, and how long each is.
var benchmarkSets = []struct {
	name  string
	count int
	size  func(chance *rand.Rand) int
}{
	{"small", 2000, func(chance *rand.Rand) int { return 100_000 + chance.IntN(300_000) }},
	{"mixed", 600, func(chance *rand.Rand) int {
		size := int(float64(1<<20) * (0.3 + chance.ExpFloat64()))
		return min(max(size, 100_000), 8_000_000)
	}},
	{"large", 12, func(*rand.Rand) int { return 64 << 20 }},
}

// BenchmarkShare compares the fetcher with loops over bare net/http on the same
// server in the same run: L only writes files, LS syncs each of them. One
// operation is one pass of each contestant over the set. Reported are the
// megabytes a second of L and LS and, as medians over all passes, what share of
// that the fetcher reaches (K without syncs, of L; P with, of LS) and how much
// processor time it takes beside L.
func BenchmarkShare(b *testing.B) {
	address := startServer(b)
	for _, set := range benchmarkSets {
		chance := rand.New(rand.NewPCG(1, 2))
		urls := make([]string, set.count)
		var total int64
		for i := range urls {
			size := set.size(chance)
			total += int64(size)
			urls[i] = fmt.Sprintf("%s/%d/%d.jpg", address, size, i)
		}
		for _, concurrency := range []int{3, 16, 64} {
			b.Run(fmt.Sprintf("%s/%d", set.name, concurrency), func(b *testing.B) {
				share(b, urls, total, concurrency)
			})
		}
	}
}

func share(b *testing.B, urls []string, total int64, concurrency int) {
	contestants := []func(*testing.B, []string, int){loop(false), fetcher(false), loop(true), fetcher(true)}
	wall := make([][]float64, len(contestants))
	cpu := make([][]float64, len(contestants))
	for pass := range b.N {
		for i := range contestants {
			who := (i + pass) % len(contestants)
			w, c := measure(b, contestants[who], urls, concurrency)
			wall[who] = append(wall[who], w)
			cpu[who] = append(cpu[who], c)
		}
	}
	megabytes := float64(total) / 1e6
	b.ReportMetric(megabytes/median(wall[0]), "L-MB/s")
	b.ReportMetric(megabytes/median(wall[2]), "LS-MB/s")
	b.ReportMetric(ratio(wall[0], wall[1]), "K/L")
	b.ReportMetric(ratio(wall[2], wall[3]), "P/LS")
	b.ReportMetric(ratio(cpu[1], cpu[0]), "K-cpu/L")
	b.ReportMetric(ratio(cpu[3], cpu[2]), "P-cpu/LS")
	b.ReportMetric(0, "ns/op")
}

// ratio returns the median of the quotients, pass by pass.
func ratio(a, b []float64) float64 {
	quotients := make([]float64, len(a))
	for i := range a {
		quotients[i] = a[i] / b[i]
	}
	return median(quotients)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[len(sorted)/2] + sorted[(len(sorted)-1)/2]) / 2
}

// measure runs one contestant in a fresh folder and returns seconds on the clock
// and of the processor.
func measure(b *testing.B, run func(*testing.B, []string, int), urls []string, concurrency int) (wall, cpu float64) {
	path, err := os.MkdirTemp(os.Getenv("PIXIVOC_BENCHMARK_DIR"), "fetch")
	require.NoError(b, err)
	defer func() { require.NoError(b, os.RemoveAll(path)) }()
	b.Chdir(path)
	settle()
	runtime.GC()
	before, start := processorTime(), time.Now()
	run(b, urls, concurrency)
	wall, cpu = time.Since(start).Seconds(), processorTime()-before
	b.Chdir(os.TempDir())
	return wall, cpu
}

func client(concurrency int) *http.Client {
	return &http.Client{Transport: &http.Transport{
		MaxIdleConns: concurrency, MaxIdleConnsPerHost: concurrency, DisableCompression: true, Proxy: nil,
	}}
}

// loop is bare net/http: a GET and a file, for each address.
func loop(withSync bool) func(*testing.B, []string, int) {
	return func(b *testing.B, urls []string, concurrency int) {
		client := client(concurrency)
		defer client.CloseIdleConnections()
		work(b, urls, concurrency, func(url string) error { return download(client, url, withSync) })
	}
}

func download(client *http.Client, url string, withSync bool) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	file, err := os.Create(filepath.Base(url))
	if err != nil {
		return err
	}
	if os.Getenv("L_BUF") != "" {
		buf := make([]byte, 256<<10)
		_, err = io.CopyBuffer(struct{ io.Writer }{file}, response.Body, buf)
	} else {
		_, err = io.Copy(file, response.Body)
	}
	if err == nil && withSync {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

// work calls do for each address, concurrency at a time.
func work(b *testing.B, urls []string, concurrency int, do func(url string) error) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range concurrency {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(urls); i = int(next.Add(1)) - 1 {
				if err := do(urls[i]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// fetcher is this package, with files finished in groups as they come.
func fetcher(durable bool) func(*testing.B, []string, int) {
	return func(b *testing.B, urls []string, concurrency int) {
		client := client(concurrency)
		defer client.CloseIdleConnections()
		folder, err := fsafe.Open(".")
		require.NoError(b, err)
		defer folder.Close()
		f := fetch.New(fetch.Options{})
		group := newFinisher(b, f, durable)
		work(b, urls, concurrency, func(url string) error {
			request, err := http.NewRequest(http.MethodGet, url, nil)
			if err != nil {
				return err
			}
			staged, err := f.Fetch(b.Context(), fetch.Request{
				HTTP: request, Do: client.Do, Folder: folder, Name: filepath.Base(url), FixExtension: true,
				Timeout: 30 * time.Second,
			})
			if err == nil {
				group.add(staged)
			}
			return err
		})
		group.wait()
	}
}

// finisher finishes what has come since the last group, in a goroutine of its
// own, as a committer would.
type finisher struct {
	b       *testing.B
	fetcher *fetch.Fetcher
	durable bool
	files   chan *fetch.Staged
	done    sync.WaitGroup
}

func newFinisher(b *testing.B, f *fetch.Fetcher, durable bool) *finisher {
	const groupSize = 64
	g := &finisher{b: b, fetcher: f, durable: durable, files: make(chan *fetch.Staged, groupSize)}
	g.done.Go(func() {
		for first := range g.files {
			group := []*fetch.Staged{first}
			for len(group) < groupSize && len(g.files) > 0 {
				group = append(group, <-g.files)
			}
			for _, err := range g.fetcher.Finish(context.Background(), group, g.durable) {
				if err != nil {
					g.b.Error(err)
				}
			}
		}
	})
	return g
}

func (g *finisher) add(staged *fetch.Staged) { g.files <- staged }

func (g *finisher) wait() {
	close(g.files)
	g.done.Wait()
}

// startServer starts this binary as the server and returns its address.
func startServer(b *testing.B) string {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), serverVariable+"=1")
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	require.NoError(b, err)
	stdout, err := command.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, command.Start())
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(b, err)
	return strings.TrimSpace(line)
}

// serveBenchmarks serves /SIZE/NAME as a JPEG of that size until its standard
// input ends.
func serveBenchmarks() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("http://" + listener.Addr().String())
	pixels := make([]byte, 96<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(pixels)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			size, _ := strconv.Atoi(strings.Split(r.URL.Path, "/")[1])
			header := w.Header()
			header.Set("Content-Type", "image/jpeg")
			header.Set("Content-Length", strconv.Itoa(size))
			header.Set("Last-Modified", "Mon, 02 Jan 2023 03:04:05 GMT")
			_, _ = io.WriteString(w, "\xff\xd8\xff\xe0")
			_, _ = w.Write(pixels[size%4096:][:size-6])
			_, _ = io.WriteString(w, "\xff\xd9")
		})}
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); _ = server.Close() }()
	_ = server.Serve(listener)
}

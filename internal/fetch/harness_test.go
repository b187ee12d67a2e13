package fetch_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/fetch"
	"github.com/pixivoc/pixivoc/internal/fsafe"
)

const (
	lastModified = "Mon, 02 Jan 2023 03:04:05 GMT"
	etag         = `"v1"`
)

// noise returns bytes that hold no 0xff, so that no marks come about by chance.
func noise(size int, seed uint64) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(data)
	for i := range data {
		if data[i] == 0xff {
			data[i] = 0xfe
		}
	}
	return data
}

// jpeg returns a JPEG of that size, with a thumbnail in its head when there is
// room: marks and segments are right, the compressed data are noise.
func jpeg(size int, seed uint64) []byte {
	thumbnail := "\xff\xd8\xff\xda\x00\x02thumb\xff\xd9"
	head := "\xff\xd8\xff\xe1\x00" + string(rune(len(thumbnail)+2)) + thumbnail + "\xff\xda\x00\x04\x01\x01"
	if size < len(head)+2 {
		head = "\xff\xd8\xff\xda\x00\x02"
	}
	return append(append([]byte(head), noise(size-len(head)-2, seed)...), 0xff, 0xd9)
}

// png returns a PNG of that size: signature, one chunk of noise, IEND.
func png(size int, seed uint64) []byte {
	data := noise(size-8-12-12, seed)
	out := binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), uint32(len(data)))
	out = append(append(out, "IDAT"...), data...)
	return append(out, "CRC!\x00\x00\x00\x00IEND\xae\x42\x60\x82"...)
}

// gif returns a GIF of about that size.
func gif(size int, seed uint64) []byte {
	out := []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00AAABBB\x21\xf9\x04\x00\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02")
	for left := size - len(out) - 2; left > 1; {
		n := min(left-1, 255)
		out = append(append(out, byte(n)), noise(n, seed)...)
		left -= n + 1
	}
	return append(out, 0, 0x3b)
}

// webp returns a WebP of that size.
func webp(size int, seed uint64) []byte {
	out := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(size-8))
	return append(append(out, "WEBPVP8 "...), noise(size-16, seed)...)
}

// archive returns a ZIP with one stored file of that size.
func archive(t testing.TB, size int, comment string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	file, err := w.CreateHeader(&zip.FileHeader{Name: "000000.jpg", Method: zip.Store})
	require.NoError(t, err)
	_, err = file.Write(noise(size, 1))
	require.NoError(t, err)
	require.NoError(t, w.SetComment(comment))
	require.NoError(t, w.Close())
	return out.Bytes()
}

func castagnoli(data []byte) uint32 {
	return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
}

// asked is what the origin saw of one request.
type asked struct{ path, span, ifRange, encoding string }

// origin serves one body as nginx does for files, and lets a script spoil the
// first answers.
type origin struct {
	mu     sync.Mutex
	body   []byte
	header http.Header
	script []http.HandlerFunc // nil entries serve the body as it is
	log    []asked
}

func newOrigin(body []byte, script ...http.HandlerFunc) *origin {
	return &origin{body: body, script: script, header: http.Header{
		"Last-Modified": {lastModified}, "Etag": {etag}, "Content-Type": {"image/jpeg"},
	}}
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	o.log = append(o.log, asked{r.URL.Path, r.Header.Get("Range"), r.Header.Get("If-Range"), r.Header.Get("Accept-Encoding")})
	var spoil http.HandlerFunc
	if len(o.script) > 0 {
		spoil, o.script = o.script[0], o.script[1:]
	}
	o.mu.Unlock()
	if spoil != nil {
		spoil(w, r)
		return
	}
	o.serve(w, r)
}

// serve answers as it should be.
func (o *origin) serve(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	body, header := o.body, o.header.Clone()
	o.mu.Unlock()
	for key, values := range header {
		w.Header()[key] = values
	}
	modified, _ := http.ParseTime(header.Get("Last-Modified"))
	http.ServeContent(w, r, "", modified, bytes.NewReader(body))
}

// change puts another body in the place, with other validators.
func (o *origin) change(body []byte, tag, modified string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.body = body
	o.header.Set("Etag", tag)
	o.header.Set("Last-Modified", modified)
}

// drop takes headers away.
func (o *origin) drop(keys ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, key := range keys {
		o.header.Del(key)
	}
}

func (o *origin) requests() []asked {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]asked(nil), o.log...)
}

// cutAfter announces the whole body and breaks the connection after n bytes.
func (o *origin) cutAfter(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o.serve(&cutter{ResponseWriter: w, left: n}, r)
		panic(http.ErrAbortHandler)
	}
}

type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.left -= n
	_, _ = c.ResponseWriter.Write(p[:n])
	c.ResponseWriter.(http.Flusher).Flush()
	if n < len(p) {
		panic(http.ErrAbortHandler)
	}
	return n, nil
}

// harness is an origin behind a real server and a fetcher with a real folder.
type harness struct {
	t       *testing.T
	origin  *origin
	url     string
	client  *http.Client
	path    string
	folder  *fsafe.Root
	fetcher *fetch.Fetcher
}

func newHarness(t *testing.T, o *origin) *harness {
	t.Helper()
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	return withServer(t, o, server.URL, server.Client())
}

func withServer(t *testing.T, o *origin, url string, client *http.Client) *harness {
	t.Helper()
	path := t.TempDir()
	folder, err := fsafe.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, folder.Close()) })
	return &harness{t: t, origin: o, url: url, client: client, path: path, folder: folder, fetcher: fetch.New(quick())}
}

// quick are options for tests that wait on the clock.
func quick() fetch.Options {
	return fetch.Options{Backoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond, BufferSize: 8 << 10}
}

// request makes a request for the picture.
func (h *harness) request(change ...func(*fetch.Request)) fetch.Request {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.url+"/p.jpg", nil)
	require.NoError(h.t, err)
	request := fetch.Request{
		HTTP: r, Do: h.client.Do, Folder: h.folder, Name: "p.jpg", Timeout: 20 * time.Second,
	}
	for _, apply := range change {
		apply(&request)
	}
	return request
}

func (h *harness) fetch(change ...func(*fetch.Request)) (*fetch.Staged, error) {
	h.t.Helper()
	return h.fetcher.Fetch(h.t.Context(), h.request(change...))
}

// get fetches and finishes, and expects the file to be body.
func (h *harness) get(body []byte, change ...func(*fetch.Request)) *fetch.Staged {
	h.t.Helper()
	staged, err := h.fetch(change...)
	require.NoError(h.t, err)
	require.Equal(h.t, int64(len(body)), staged.Size)
	require.Equal(h.t, castagnoli(body), staged.CRC32C)
	require.NoError(h.t, h.fetcher.Finish(h.t.Context(), []*fetch.Staged{staged}, true)[0])
	h.holds(staged.Name, body)
	return staged
}

// holds expects the folder to hold one file and nothing else.
func (h *harness) holds(name string, body []byte) {
	h.t.Helper()
	got, err := os.ReadFile(filepath.Join(h.path, filepath.FromSlash(name)))
	require.NoError(h.t, err)
	require.True(h.t, bytes.Equal(body, got), "%s has %d other bytes", name, len(got))
	require.Equal(h.t, []string{name}, h.files())
}

// files returns the names of all files in the folder.
func (h *harness) files() []string {
	h.t.Helper()
	names := []string{}
	require.NoError(h.t, filepath.WalkDir(h.path, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(h.path, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	}))
	return names
}

// put writes a file into the folder.
func (h *harness) put(name string, data []byte) {
	h.t.Helper()
	require.NoError(h.t, os.WriteFile(filepath.Join(h.path, name), data, 0o600))
}

// interrupt leaves a part of n bytes with its sidecar, as an orderly end does.
func (h *harness) interrupt(n int) {
	h.t.Helper()
	h.origin.mu.Lock()
	kept := h.origin.script
	h.origin.script = []http.HandlerFunc{h.origin.cutAfter(n)}
	h.origin.mu.Unlock()
	options := quick()
	options.Tries = 1
	_, err := fetch.New(options).Fetch(h.t.Context(), h.request())
	require.ErrorIs(h.t, err, fetch.ErrIncomplete)
	h.origin.mu.Lock()
	h.origin.script, h.origin.log = kept, nil
	h.origin.mu.Unlock()
	require.ElementsMatch(h.t, []string{"p.jpg.part", "p.jpg.part.json"}, h.files())
	part, err := os.ReadFile(filepath.Join(h.path, "p.jpg.part"))
	require.NoError(h.t, err)
	require.Len(h.t, part, n)
}

func spanFrom(n int) string { return "bytes=" + strconv.Itoa(n) + "-" }

// answer is a handler with a fixed head and body.
func answer(status int, header map[string]string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for key, value := range header {
			w.Header().Set(key, value)
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

// inMemory sends requests to a handler without a network.
func inMemory(handler http.Handler) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (response *http.Response, err error) {
		recorder := httptest.NewRecorder()
		recorder.Header().Set("Date", "Tue, 03 Jan 2023 03:04:05 GMT")
		defer func() {
			if recover() != nil { // the handler broke the connection
				response = recorder.Result()
				response.Request = r
				response.ContentLength, _ = strconv.ParseInt(response.Header.Get("Content-Length"), 10, 64)
				response.Body = brokenOff{response.Body}
			}
		}()
		handler.ServeHTTP(recorder, r)
		response = recorder.Result()
		response.Request = r
		return response, nil
	}
}

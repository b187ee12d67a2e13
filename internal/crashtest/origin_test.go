//go:build unix

package crashtest_test

import (
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/pixivtest"
)

const (
	// resumeSize is how much of a picture is kept over a kill, however fast it
	// came.
	resumeSize = 1 << 20
	// mayLose is how much less than the origin sent may be on the disk: what is
	// in the buffers of the program and of the system.
	mayLose = 512 << 10
)

// picture is a picture that a scenario fetches.
type picture struct {
	path     string // on the image host
	file     string // below the folder to save in, with slashes
	size     int64
	checksum string // CRC-32C
	bytes    []byte
}

// origin is a fake Pixiv with what a scenario fetches from it.
type origin struct {
	*pixivtest.Server
	authority string // file
	user      int64
	works     int
	pictures  map[string]*picture // by path on the image host
	files     map[string]*picture // by file
}

// newOrigin starts a fake Pixiv with one artist: works with one page and with
// several, and a few that are large enough to be resumed.
func newOrigin(t *testing.T, name func(p pixivtest.Picture) string) *origin {
	t.Helper()
	s := pixivtest.NewServer(pixivtest.Config{Seed: *seed, PageSize: 20, Rotation: pixivtest.RotateLate})
	t.Cleanup(s.Close)
	artist := s.AddUser(pixivtest.User{})
	for number := range 45 {
		work := pixivtest.Work{UserID: artist.ID, PageCount: 1 + number%3, Sizes: pixivtest.Between{Min: 40_000, Max: 160_000}}
		if number%8 == 4 {
			work.PageCount, work.Sizes = 1, pixivtest.Between{Min: 2 * resumeSize, Max: 4 * resumeSize}
		}
		s.AddWork(work)
	}
	o := &origin{
		Server: s, authority: filepath.Join(t.TempDir(), "ca.pem"), user: artist.ID, works: len(s.Works(artist.ID)),
		pictures: map[string]*picture{}, files: map[string]*picture{},
	}
	require.NoError(t, s.WriteCA(o.authority))
	for listed := range s.Pictures(artist.ID) {
		p := &picture{path: listed.Path, file: name(listed), size: listed.Size(), bytes: listed.Bytes()}
		p.checksum = fmt.Sprintf("%08x", crc32.Checksum(p.bytes, crc32.MakeTable(crc32.Castagnoli)))
		o.pictures[p.path], o.files[p.file] = p, p
	}
	require.Greater(t, len(o.pictures), 60)
	return o
}

// slow makes pictures take so long that kills fall into them.
func (o *origin) slow() {
	isLarge := func(r *http.Request) bool {
		p := o.pictures[r.URL.Path]
		return p != nil && p.size > resumeSize
	}
	o.Script(
		pixivtest.Rule{
			Match: pixivtest.Match{Host: pixivtest.HostImages, Func: isLarge},
			Do:    pixivtest.Drip{Bytes: 64 << 10, Every: 30 * time.Millisecond},
		},
		pixivtest.Rule{
			Match: pixivtest.Match{Host: pixivtest.HostImages},
			Do:    pixivtest.Drip{Bytes: 16 << 10, Every: 30 * time.Millisecond},
		})
}

// wanted returns the picture that an address leads to.
func (o *origin) wanted(t *testing.T, address string) *picture {
	t.Helper()
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	p := o.pictures[parsed.Path]
	require.NotNil(t, p, "there is no picture at %s", address)
	return p
}

// bytes returns the length of all pictures together.
func (o *origin) bytes() int64 {
	total := int64(0)
	for _, p := range o.pictures {
		total += p.size
	}
	return total
}

// rest waits until no answer is under way, which is soon after the only client
// is dead.
func (o *origin) rest(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		for host := range o.Hosts() {
			if o.Load(host).Requests > 0 {
				return false
			}
		}
		return true
	}, 10*time.Second, time.Millisecond, "answers end when their client is dead")
}

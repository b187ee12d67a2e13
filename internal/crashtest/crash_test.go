//go:build unix

package crashtest_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
)

const (
	// concurrency is the ConcurrencyNumber of the victims.
	concurrency = 6
	// mayWait is how many pictures that have come may wait for their sync and
	// their record when a slow disk holds them up.
	mayWait = 32
)

// TestP1_KilledFetchingUser kills "user ID" under the guarantee that survives a
// power cut. Now and then its access token ends as well, so that some kills
// fall into a refresh.
func TestP1_KilledFetchingUser(t *testing.T) {
	t.Parallel()
	killUntilDone(t, userVictim)
}

// TestP1_KilledFetchingLinks kills "links -f" with --no-sync.
func TestP1_KilledFetchingLinks(t *testing.T) {
	t.Parallel()
	killUntilDone(t, func(t *testing.T) *victim { return linksVictim(t, "--no-sync") })
}

// userVictim fetches the works of an artist, and records them.
func userVictim(t *testing.T) *victim {
	const folder = "artist"
	o := newOrigin(t, func(p pixivtest.Picture) string {
		return fmt.Sprintf("%s/%d_p%d.%s", folder, p.WorkID, p.Page, p.Format)
	})
	v := newVictim(t, o, "user", strconv.FormatInt(o.user, 10), "--name", folder)
	v.works = o.works
	return v
}

// linksVictim fetches the same pictures by their addresses.
func linksVictim(t *testing.T, flags ...string) *victim {
	o := newOrigin(t, func(p pixivtest.Picture) string { return filepath.Base(p.Path) })
	var lines []string
	for path := range o.pictures {
		lines = append(lines, "https://"+pixivtest.HostImages+path)
	}
	slices.Sort(lines)
	list := filepath.Join(t.TempDir(), "list.txt")
	require.NoError(t, os.WriteFile(list, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return newVictim(t, o, append([]string{"links", "-f", list}, flags...)...)
}

// killUntilDone kills a victim as often as was asked for. One that is done
// before that is followed by a fresh one.
func killUntilDone(t *testing.T, prepare func(*testing.T) *victim) {
	t.Helper()
	random := rand.New(rand.NewPCG(*seed, 0))
	left := *kills
	if left == 0 {
		left = 30
		if testing.Short() {
			left = 5
		}
	}
	all, inside := 0, 0
	for left > 0 {
		r := &run{victim: prepare(t), ledger: newLedger(), sent: map[string]int64{}}
		r.victim.origin.slow()
		left = r.untilDone(t, random, left)
		all, inside = all+r.kills, inside+r.inside
	}
	t.Logf("%d kills, %d of them inside a request", all, inside)
	require.GreaterOrEqual(t, 2*inside, all, "at least half of the kills fall into a request")
}

// run is one victim, from its first start until it is done.
type run struct {
	victim *victim
	ledger *ledger

	kills, inside int
	sent          map[string]int64 // how far the origin came with each picture
	total         int64            // bytes of pictures that it sent in all
	flown         int64            // those of pictures in flight at a kill
	resumed       int              // answers with the rest of a picture
}

// untilDone kills the victim up to left times, lets it end, and returns how
// many kills are left.
func (r *run) untilDone(t *testing.T, random *rand.Rand, left int) int {
	t.Helper()
	for {
		at := moment{}
		if left > 0 {
			at = draw(random)
		}
		if random.IntN(4) == 0 {
			r.victim.origin.ExpireAccessTokens()
		}
		l := r.victim.live(t, at)
		r.checkRequests(t, l)
		if l.killed.IsZero() {
			break
		}
		left--
		r.kills++
		if l.inRequest() {
			r.inside++
		}
		r.ledger.check(t, r.victim, readDatabase(t, r.victim.copyDatabase(t)))
		r.countFlying(t, l)
	}
	r.checkEnd(t)
	return left
}

// checkRequests holds that a life asked for each picture once at most, and for
// none that had a record.
func (r *run) checkRequests(t *testing.T, l life) {
	t.Helper()
	asked := map[string]bool{}
	for _, request := range l.requests {
		if request.Host != pixivtest.HostImages {
			continue
		}
		require.NotNil(t, r.victim.origin.pictures[request.Path], request.Path)
		require.False(t, asked[request.Path], "%s was asked for twice in one life", request.Path)
		require.False(t, r.ledger.done[request.Path], "%s had a record and was asked for again", request.Path)
		asked[request.Path] = true
		begin := r.checkBegin(t, request)
		r.total += request.Bytes
		r.sent[request.Path] = begin + request.Bytes
	}
}

// checkBegin returns where an answer began, and holds that this is near where
// an earlier one had ended.
func (r *run) checkBegin(t *testing.T, request pixivtest.Request) (begin int64) {
	t.Helper()
	ended := r.sent[request.Path]
	switch request.Status {
	case http.StatusPartialContent:
		_, err := fmt.Sscanf(request.Header.Get("Range"), "bytes=%d-", &begin)
		require.NoError(t, err)
		r.resumed++
	case http.StatusRequestedRangeNotSatisfiable: // the whole file was there, only its record was not
		begin = r.victim.origin.pictures[request.Path].size
	}
	require.LessOrEqual(t, begin, ended, "%s: asked for what lies behind bytes that never came", request.Path)
	if ended > resumeSize+mayLose {
		require.Greater(t, begin, ended-mayLose, "%s goes on where it stopped", request.Path)
	}
	return begin
}

// countFlying counts what was in flight at a kill: pictures that were asked for
// and have no record.
func (r *run) countFlying(t *testing.T, l life) {
	t.Helper()
	flying := 0
	for _, request := range l.requests {
		if request.Host == pixivtest.HostImages && !r.ledger.done[request.Path] {
			flying++
			r.flown += request.Bytes
		}
	}
	require.LessOrEqual(t, flying, concurrency+mayWait, "pictures in flight")
}

// checkEnd holds what must be true of a victim that is done.
func (r *run) checkEnd(t *testing.T) {
	t.Helper()
	o := r.victim.origin
	r.ledger.check(t, r.victim, r.victim.checkDone(t))
	twice := r.total - o.bytes()
	t.Logf("%d kills, %d inside a request, %d resumed; %d bytes, %d of them twice, %d in flight at kills",
		r.kills, r.inside, r.resumed, r.total, twice, r.flown)
	require.GreaterOrEqual(t, twice, int64(0))
	require.LessOrEqual(t, twice, r.flown, "nothing is fetched twice but what was in flight")
	if r.kills >= 20 {
		require.Positive(t, r.resumed, "long pictures are resumed")
	}
}

// checkDone holds that everything is there, once and in its final state, and
// nothing else. It returns what is in the database.
func (v *victim) checkDone(t *testing.T) contents {
	t.Helper()
	c := readDatabase(t, filepath.Join(v.data, "pixivoc.db"))
	require.Len(t, c.tasks, 1)
	require.Equal(t, pixivoc.StateOver, c.tasks[0].State)
	for _, item := range c.items {
		require.Equal(t, pixivoc.ItemDone, item.State, "%+v", item)
	}
	count := map[string]int{}
	for _, record := range c.records {
		count[record.Kind]++
	}
	want := map[string]int{pixiv.RecordFile: len(v.origin.pictures)}
	if v.works > 0 {
		want[pixiv.RecordWork] = v.works
	}
	require.Equal(t, want, count, "records")
	files := savedFiles(t, v.save)
	for _, file := range files { // those on their way are not excused any more
		v.checkFile(t, file)
	}
	require.Len(t, files, len(v.origin.files), "files")
	return c
}

//go:build unix

package crashtest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/pixivtest"
)

// TestFaultyOrigin fetches while 16 % of all answers go wrong, those with
// tokens and lists too: resets, 500, 503, 429, stalls, cut and overlong bodies
// (rows N3, N5, U7, U12, U13).
func TestFaultyOrigin(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T) *victim{
		"user":  userVictim,
		"links": func(t *testing.T) *victim { return linksVictim(t) },
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := prepare(t)
			v.args = append(v.args, "--timeout", "1s")
			v.origin.Script(pixivtest.Rule{Do: pixivtest.Mix{
				Seed: *seed, Percent: 16, Of: pixivtest.StandardFaults(0),
			}})
			l := v.live(t, moment{})
			newLedger().check(t, v, v.checkDone(t))
			asked, faults, ranged := 0, 0, 0
			for _, request := range l.requests {
				if request.Host != pixivtest.HostImages {
					continue
				}
				asked++
				if request.Rule != "" && request.Status != http.StatusPartialContent &&
					(request.Status != http.StatusOK || request.Bytes < v.origin.pictures[request.Path].size) {
					faults++
				}
				if request.Header.Get("Range") != "" {
					ranged++
				}
			}
			pictures := len(v.origin.pictures)
			t.Logf("%d requests for %d pictures, %d of them failed, %d for a rest", asked, pictures, faults, ranged)
			require.Greater(t, faults, pictures/20, "the origin was faulty")
			require.LessOrEqual(t, asked, pictures+pictures/2)
		})
	}
}

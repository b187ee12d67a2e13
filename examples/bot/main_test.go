package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a made-up Pixiv and a folder for the bot.
type world struct {
	t      *testing.T
	pixiv  *pixivtest.Server
	folder string
}

func newWorld(t *testing.T) world {
	t.Helper()
	site := pixivtest.NewUnstartedServer(pixivtest.Config{Seed: 9})
	site.AddUser(pixivtest.User{ID: 11, Name: "Ann"})
	site.AddWork(pixivtest.Work{ID: 7, UserID: 11, Title: "Sunrise", PageCount: 12})
	site.AddWork(pixivtest.Work{ID: 8, UserID: 11, Title: "Night", XRestrict: 1})
	site.AddWork(pixivtest.Work{ID: 9, UserID: 11, Access: pixivtest.Deleted})
	for id := range 8 {
		site.AddWork(pixivtest.Work{ID: int64(100 + id), UserID: 11})
	}
	t.Setenv("PIXIVOC_REFRESH_TOKEN", site.RefreshToken())
	return world{t, site, t.TempDir()}
}

// talk runs the bot as main does, and returns its answers sorted by text and
// caption.
func (w world) talk(args []string, lines ...string) []answer {
	w.t.Helper()
	config := pixivoc.Config{
		Site: pixiv.Site(), Types: pixiv.Types(), HTTP: w.pixiv.RoundTripper(), NoSync: true,
		Env: pixivoc.EnvPatch{IntervalTime: new(time.Duration(0)), ConcurrencyNumber: new(8)},
	}
	var out bytes.Buffer
	require.NoError(w.t, run(w.t.Context(), config, append(args, "-data", w.folder), strings.NewReader(strings.Join(lines, "\n")), &out))
	var said []answer
	for decoder := json.NewDecoder(&out); ; {
		var next answer
		if err := decoder.Decode(&next); err == io.EOF {
			break
		} else {
			require.NoError(w.t, err)
		}
		said = append(said, next)
	}
	slices.SortFunc(said, func(x, y answer) int { return strings.Compare(x.Chat+x.Text, y.Chat+y.Text) })
	return said
}

func page(work int) string { return fmt.Sprintf("https://www.pixiv.net/artworks/%d", work) }

func TestRun_AnswersWithPictures(t *testing.T) {
	w := newWorld(t)
	said := w.talk([]string{"-adult", "friends"},
		"a family: look, "+page(7),
		"b family: and "+page(8),
		"c friends: "+page(8), // another chat than "friends"
		"d family: "+page(9),
		"e family: nothing to see",
		"friends: "+page(8),
	)
	require.Len(t, said, 5)
	require.Equal(t, "a family", said[0].Chat)
	require.Len(t, said[0].Pictures, 10, "the first ten of twelve")
	for i, shown := range said[0].Pictures {
		require.Equal(t, "Sunrise by Ann "+page(7), shown.Caption)
		have, err := os.ReadFile(shown.File)
		require.NoError(t, err)
		want := slices.ContainsFunc(slices.Collect(w.pixiv.Pictures()), func(p pixivtest.Picture) bool {
			return p.WorkID == 7 && bytes.Equal(p.Bytes(), have)
		})
		require.True(t, want, "picture %d is none of the work", i)
	}
	require.Equal(t, "8: not for this chat", said[1].Text)
	require.Equal(t, "8: not for this chat", said[2].Text)
	require.Equal(t, "9: not to be had, deleted", said[3].Text)
	require.Equal(t, "friends", said[4].Chat)
	require.Len(t, said[4].Pictures, 1)
}

// TestRun_TrustsNobodyByDefault has messages of no chat and of one that has no
// name while no chat is named.
func TestRun_TrustsNobodyByDefault(t *testing.T) {
	w := newWorld(t)
	for _, said := range w.talk(nil, ": "+page(8), "friends: "+page(8), ",: "+page(8)) {
		require.Equal(t, "8: not for this chat", said.Text, said.Chat)
	}
}

// TestRun_FetchesNothingTwice shares a link in many chats, and again after a
// restart of the bot.
func TestRun_FetchesNothingTwice(t *testing.T) {
	w := newWorld(t)
	var lines []string
	for i := range 20 {
		lines = append(lines, fmt.Sprintf("chat %d: %s", i, page(7)))
	}
	require.Len(t, w.talk(nil, lines...), 20)
	require.Len(t, w.talk(nil, lines...), 20)
	for picture := range w.pixiv.Pictures() {
		if picture.WorkID == 7 {
			require.LessOrEqual(t, w.pixiv.Counts(picture.Path).Requests, int64(1), picture.Path)
		}
	}
}

// TestRun_KeepsToItsPlaces asks for more works at once than there are places,
// each of one picture.
func TestRun_KeepsToItsPlaces(t *testing.T) {
	w := newWorld(t)
	w.pixiv.SetLatency(20 * time.Millisecond)
	var lines []string
	for i := range 8 {
		lines = append(lines, fmt.Sprintf("family: %s", page(100+i)))
	}
	require.Len(t, w.talk([]string{"-places", "1"}, lines...), 8)
	require.Equal(t, 1, w.pixiv.Load(pixivtest.HostImages).MaxRequests)
}

func TestRun_SaysWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	w.pixiv.RevokeRefreshTokens()
	config := pixivoc.Config{Site: pixiv.Site(), HTTP: w.pixiv.RoundTripper()}
	require.ErrorIs(t, run(t.Context(), config, []string{"-data", w.folder}, strings.NewReader(""), io.Discard), pixivoc.ErrTokenRejected)
	none := filepath.Join(w.folder, "none")
	require.ErrorIs(t, run(t.Context(), config, []string{"-data", none, "-h"}, strings.NewReader(""), io.Discard), flag.ErrHelp)
	require.NoDirExists(t, none)
	require.ErrorContains(t, run(t.Context(), config, []string{"-data", w.folder, "-places", "-1"}, strings.NewReader(""), io.Discard), "MaxRunning")
}

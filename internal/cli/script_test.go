package cli_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/pixivoc/pixivoc/internal/cli"
	"github.com/pixivoc/pixivoc/internal/daemon"
	"github.com/pixivoc/pixivoc/pixivtest"
)

// leakChecked looks for goroutines that the tests of the package left behind.
type leakChecked struct{ *testing.M }

func (m leakChecked) Run() int {
	code := m.M.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){
		"pixivoc": func() {
			os.Exit(cli.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
		},
		"pixivocd": func() {
			os.Exit(daemon.Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr, os.Environ()))
		},
	})
}

type siteKey struct{}

// TestScripts runs the program as a child of the test, each script with a
// made-up Pixiv of its own. See the files in testdata/script.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Deadline:            time.Now().Add(5 * time.Minute),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"site":      site,
			"exits":     exits,
			"await":     await,
			"files":     files,
			"urls":      urls,
			"absent":    absent,
			"tid":       tid,
			"token":     token,
			"terminate": terminate,
			"remote":    remote,
			"rot":       rot,
			"sqlite":    sqlite,
		},
	})
}

func setup(env *testscript.Env) error {
	server := pixivtest.NewServer(pixivtest.Config{Seed: 1, PageSize: 10, Account: pixivtest.Account{ID: 12, Name: "Kaede", Account: "kaede"}})
	env.Defer(server.Close)
	env.Values[siteKey{}] = server
	ca := filepath.Join(env.WorkDir, ".ca.pem")
	if err := server.WriteCA(ca); err != nil {
		return err
	}
	var hosts []string
	for host, address := range server.Hosts() {
		hosts = append(hosts, host+"="+address, host+"=sni")
	}
	slices.Sort(hosts)
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("SSL_CERT_FILE", ca)
	env.Setenv("PIXIVOC_HOST", strings.Join(hosts, ","))
	env.Setenv("PIXIVOC_INTERVAL", "0")
	env.Setenv("GORACE", "atexit_sleep_ms=0") // each child would wait for a second
	env.Setenv("TOKEN", server.RefreshToken())
	env.Setenv("PLAIN", server.PlainURL())
	return nil
}

func serverOf(ts *testscript.TestScript) *pixivtest.Server {
	return ts.Value(siteKey{}).(*pixivtest.Server)
}

func number(ts *testscript.TestScript, text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	ts.Check(err)
	return n
}

// site changes the made-up Pixiv:
//
//	site works USER COUNT PAGES   adds works 1001, 1002, ... with so many pages
//	site deleted USER ID          adds a deleted work that is still listed
//	site masked USER ID           adds a masked work
//	site bookmarks ID...          bookmarks works for the account
//	site follow USER              lets the account follow a user
//	site series ID USER SERIES    adds a work of a series with the tag "tagged"
//	site ugoira USER ID           adds an animation
//	site stall                    lets every picture stop in the middle
//	site release                  ends that
//	site fail PATH STATUS TIMES   answers so; TIMES 0 is for ever
//	site limit TIMES              answers questions with a rate limit of 1 s
//	site revoke                   makes all refresh tokens bad
//	site expire                   ends the life of all access tokens
func site(ts *testscript.TestScript, _ bool, args []string) {
	server := serverOf(ts)
	switch args[0] {
	case "works":
		for i := range number(ts, args[2]) {
			server.AddWork(pixivtest.Work{
				ID: 1001 + i, UserID: number(ts, args[1]), PageCount: int(number(ts, args[3])),
				Sizes: pixivtest.Between{Min: 20_000, Max: 60_000},
			})
		}
	case "deleted":
		server.AddWork(pixivtest.Work{UserID: number(ts, args[1]), ID: number(ts, args[2]), Access: pixivtest.Deleted, StillListed: true})
	case "masked":
		server.AddWork(pixivtest.Work{UserID: number(ts, args[1]), ID: number(ts, args[2]), Mask: pixivtest.MaskUnviewable})
	case "bookmarks":
		for _, id := range args[1:] {
			server.AddBookmark(pixivtest.Bookmark{WorkID: number(ts, id)})
		}
	case "follow":
		server.Follow(12, number(ts, args[1]), false)
	case "series":
		server.AddWork(pixivtest.Work{
			ID: number(ts, args[1]), UserID: number(ts, args[2]), Tags: []pixivtest.Tag{{Name: "tagged"}},
			Series: &pixivtest.Series{ID: number(ts, args[3]), Title: "Towns"},
		})
	case "ugoira":
		server.AddWork(pixivtest.Work{ID: number(ts, args[2]), UserID: number(ts, args[1]), Type: pixivtest.Ugoira, AllPages: pixivtest.Page{Width: 120, Height: 90}})
	case "stall":
		server.Script(pixivtest.Rule{Match: pixivtest.Match{Path: "/img-original/*"}, Do: pixivtest.Stall{At: pixivtest.AtPercent(50)}})
	case "release":
		server.ClearScript()
		server.ReleaseStalls()
	case "fail":
		server.Script(pixivtest.Rule{
			Match: pixivtest.Match{Path: args[1]}, Times: int(number(ts, args[3])),
			Do: pixivtest.ErrorPage{Status: int(number(ts, args[2]))},
		})
	case "limit":
		server.Script(pixivtest.Rule{
			Match: pixivtest.Match{Host: pixivtest.HostAPI}, Times: int(number(ts, args[1])),
			Do: pixivtest.RateLimit{Status: 429, RetryAfter: "1"},
		})
	case "revoke":
		server.RevokeRefreshTokens()
	case "expire":
		server.ExpireAccessTokens()
	default:
		ts.Fatalf("site %s: no such thing", args[0])
	}
}

// exits runs a command and compares its exit code: exits CODE COMMAND ARGS...
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want := int(number(ts, args[0]))
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// await waits until so many pictures hang in the middle, or until a file is
// there: await stalled COUNT, await file NAME.
func await(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	switch args[0] {
	case "stalled":
		ts.Check(serverOf(ts).AwaitStalled(ctx, int(number(ts, args[1]))))
	case "file":
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for {
			if _, err := os.Stat(ts.MkAbs(args[1])); err == nil {
				return
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				ts.Fatalf("%s did not come", args[1])
			}
		}
	}
}

// files checks that a folder holds exactly the originals of a user, or of one
// work: files FOLDER USER [WORK].
func files(ts *testscript.TestScript, _ bool, args []string) {
	server := serverOf(ts)
	want := map[string]pixivtest.Picture{}
	for picture := range server.Pictures(number(ts, args[1])) {
		if len(args) > 2 && picture.WorkID != number(ts, args[2]) {
			continue
		}
		want[fmt.Sprintf("%d_p%d.%s", picture.WorkID, picture.Page, picture.Format)] = picture
	}
	folder := ts.MkAbs(args[0])
	entries, err := os.ReadDir(folder)
	ts.Check(err)
	for _, entry := range entries {
		picture, known := want[entry.Name()]
		if !known {
			ts.Fatalf("%s should not be there", entry.Name())
		}
		got, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		ts.Check(err)
		if string(got) != string(picture.Bytes()) {
			ts.Fatalf("%s differs from its original", entry.Name())
		}
		delete(want, entry.Name())
	}
	if len(want) > 0 {
		ts.Fatalf("%d files are missing in %s", len(want), folder)
	}
}

// urls writes the plain addresses of the pictures of a user to a file:
// urls FILE USER.
func urls(ts *testscript.TestScript, _ bool, args []string) {
	server := serverOf(ts)
	var list strings.Builder
	for picture := range server.Pictures(number(ts, args[1])) {
		fmt.Fprintln(&list, server.PlainURL()+picture.Path)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(list.String()), 0o600))
}

// absent checks that no file below the work folder holds a text, save the
// database, which has to: absent TEXT.
func absent(ts *testscript.TestScript, _ bool, args []string) {
	root := ts.MkAbs(".")
	ts.Check(filepath.WalkDir(root, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.Contains(name, "pixivoc.db") {
			return err
		}
		raw, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(raw), args[0]) {
			ts.Fatalf("%s holds the secret", name)
		}
		return err
	}))
}

// tid puts the TID of the newest task into a variable: tid NAME.
func tid(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("pixivoc", "tasks", "list"))
	lines := strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	ts.Setenv(args[0], strings.Fields(lines[len(lines)-1])[0])
}

// token writes a good refresh token to a file: token NAME.
func token(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte("  "+serverOf(ts).RefreshToken()+"\r\n"), 0o600))
}

// remote lets the program work with the daemon that wrote a ready file:
// remote FILE.
func remote(ts *testscript.TestScript, _ bool, args []string) {
	var ready struct{ Socket string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &ready))
	ts.Setenv("PIXIVOC_REMOTE", ready.Socket)
}

// terminate sends SIGTERM to the command that was put into the background last.
func terminate(ts *testscript.TestScript, _ bool, _ []string) {
	running := ts.BackgroundCmds()
	ts.Check(running[len(running)-1].Process.Signal(syscall.SIGTERM))
}

// rot changes one byte of a file, whose length stays: rot FILE.
func rot(ts *testscript.TestScript, _ bool, args []string) {
	name := ts.MkAbs(args[0])
	raw, err := os.ReadFile(name)
	ts.Check(err)
	raw[len(raw)/2] ^= 1
	ts.Check(os.WriteFile(name, raw, 0o600))
}

// sqlite makes a database by the statements of a file: sqlite DATABASE FILE.
func sqlite(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.ExecContext(context.Background(), ts.ReadFile(args[1]))
	ts.Check(err)
	ts.Check(db.Close())
}

//go:build unix

package crashtest_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/pixivtest"
)

// lifeLimit ends a life that goes on for ever: that is a hang.
const lifeLimit = time.Minute

// victim is the program with its folders.
type victim struct {
	origin  *origin
	args    []string // the command with its own flags
	data    string
	save    string
	environ []string
	works   int // that must have a record; 0: none has one
}

func newVictim(t *testing.T, o *origin, args ...string) *victim {
	t.Helper()
	folder := t.TempDir()
	v := &victim{origin: o, data: filepath.Join(folder, "data"), save: filepath.Join(folder, "save")}
	v.args = append(args, "--data", v.data, "--save", v.save, "--quiet", "-j", strconv.Itoa(concurrency),
		"--proxy-mode", "2", "--interval", "10ms", "--timeout", "10s")
	for host, address := range o.Hosts() {
		v.args = append(v.args, "--host", host+"="+address)
	}
	v.environ = append(os.Environ(),
		"SSL_CERT_FILE="+o.authority, "PIXIVOC_REFRESH_TOKEN="+o.RefreshToken(), "HOME="+folder)
	return v
}

// life is one run of the program, from its start to its end or to its death.
type life struct {
	killed   time.Time // zero: it ended by itself
	output   string
	requests []pixivtest.Request
}

// moment is when a victim is killed. The zero value is never.
type moment struct {
	after time.Duration
	// fetching counts from the first request for a picture, not from the start
	// of the process.
	fetching bool
}

// draw draws a moment: most lie among the requests for pictures, some before,
// while the program starts and reads lists.
func draw(random *rand.Rand) moment {
	if random.IntN(6) == 0 {
		return moment{after: time.Millisecond + time.Duration(random.Int64N(int64(200*time.Millisecond)))}
	}
	return moment{after: time.Millisecond + time.Duration(random.Int64N(int64(900*time.Millisecond))), fetching: true}
}

// live runs the program until it ends or the moment has come.
func (v *victim) live(t *testing.T, at moment) life {
	t.Helper()
	v.origin.ResetLog()
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, v.args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = v.environ, &output, &output
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	killed, err := v.watch(t, cmd.Process, at, ended)
	v.origin.rest(t)
	l := life{killed: killed, output: output.String(), requests: v.origin.Requests()}
	if killed.IsZero() {
		require.NoError(t, err, "%s", l.output)
	}
	return l
}

// watch kills the process at the moment and returns when it has ended.
func (v *victim) watch(t *testing.T, process *os.Process, at moment, ended <-chan error) (killed time.Time, err error) {
	t.Helper()
	limit := time.NewTimer(lifeLimit)
	defer limit.Stop()
	due := time.NewTimer(at.after)
	defer due.Stop()
	if at.fetching || at.after == 0 {
		due.Stop()
	}
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for waits := at.fetching; ; {
		select {
		case err := <-ended:
			return time.Time{}, err
		case <-look.C:
			if waits && v.origin.Load(pixivtest.HostImages).Total > 0 {
				waits = false
				due.Reset(at.after)
			}
		case <-due.C:
			killed = time.Now()
			require.NoError(t, process.Signal(syscall.SIGKILL))
			err := <-ended
			if err == nil || !strings.Contains(err.Error(), "killed") {
				return time.Time{}, err // it was faster
			}
			return killed, nil
		case <-limit.C:
			_ = process.Signal(syscall.SIGQUIT) // its goroutines are in the output
			<-ended
			require.FailNow(t, "the program hangs")
		}
	}
}

// inRequest says whether the kill fell into a request.
func (l life) inRequest() bool {
	for _, r := range l.requests {
		if r.Time.Before(l.killed) && r.Finished.After(l.killed) {
			return true
		}
	}
	return false
}

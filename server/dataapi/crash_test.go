package dataapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// life is one run of the victim.
type life struct {
	address string
	tid     int64
	cmd     *exec.Cmd
	killed  atomic.Bool
	http    *http.Client
}

// begin starts the victim and waits until it serves.
func begin(t *testing.T, folder string) *life {
	t.Helper()
	l := &life{http: &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}}
	var complaint bytes.Buffer
	l.cmd = exec.CommandContext(t.Context(), os.Args[0])
	l.cmd.Env = append(os.Environ(), victimFolder+"="+folder)
	l.cmd.Stderr = &complaint
	output, err := l.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, l.cmd.Start())
	_, err = fmt.Fscanln(output, &l.address, &l.tid)
	require.NoError(t, err, "%s", &complaint)
	return l
}

func (l *life) end() {
	l.killed.Store(true)
	_ = l.cmd.Process.Kill()
	_ = l.cmd.Wait() // says that it was killed
	l.http.CloseIdleConnections()
}

// errKilled says that no answer came because the victim is dead.
var errKilled = errors.New("killed")

// send sends a request. Without an answer that came whole it is errKilled.
func (l *life) send(t *testing.T, method, target, token, body string) ([]byte, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, "http://"+l.address+target, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "bearer "+token)
	w, err := l.http.Do(r)
	if err != nil {
		require.True(t, l.killed.Load(), "%v", err)
		return nil, errKilled
	}
	defer func() { _ = w.Body.Close() }()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		require.True(t, l.killed.Load(), "%v", err)
		return nil, errKilled
	}
	require.Equal(t, http.StatusOK, w.StatusCode, "%s", text)
	return text, nil
}

// exporter takes and confirms rows. What it knows is outside of the victim.
type exporter struct {
	t    *testing.T
	name string // "" for the one without a name
	size func() int

	pending []string // taken and not known to be confirmed
	batch   string   // of pending
	asked   bool     // an update for pending went out and was not answered
	lost    bool     // a take went out and was not answered
	done    []string // confirmed, in order
	isDone  map[string]bool
	inside  int // kills that fell into a request
}

// step sends one request and checks the answer against all that is known.
func (e *exporter) step(l *life, token string, update bool) error {
	if update && len(e.pending) > 0 && !e.lost {
		return e.confirm(l, token)
	}
	_, err := e.take(l, token)
	return err
}

func (e *exporter) query(l *life, more string) string {
	query := fmt.Sprintf("?taskId=%d%s", l.tid, more)
	if e.name != "" {
		query += "&consumer=" + e.name
	}
	return query
}

func (e *exporter) confirm(l *life, token string) error {
	more := ""
	if e.name != "" {
		more = "&batch=" + url.QueryEscape(e.batch)
	}
	e.asked = true
	text, err := l.send(e.t, http.MethodPost, "/api/notexportdata/update"+e.query(l, more), token, "")
	if err != nil {
		e.inside++
		return err
	}
	require.Contains(e.t, string(text), `"error":"success"`)
	e.settle()
	return nil
}

// settle notes that the pending rows are confirmed.
func (e *exporter) settle() {
	for _, word := range e.pending {
		require.False(e.t, e.isDone[word], "%s was exported twice", word)
		e.isDone[word] = true
	}
	e.done = append(e.done, e.pending...)
	e.pending, e.batch, e.asked = nil, "", false
}

func (e *exporter) take(l *life, token string) (left int, err error) {
	// A take that is not answered notes rows that an update without a batch
	// would confirm, so it must be sent again first.
	e.lost = e.name == ""
	text, err := l.send(e.t, http.MethodGet, "/api/notexportdata/gettop"+e.query(l, fmt.Sprintf("&size=%d", e.size())), token, "")
	if err != nil {
		e.inside++
		return 0, err
	}
	e.lost = false
	var a answer
	require.NoError(e.t, json.Unmarshal(text, &a))
	words := a.column("word")
	if len(e.pending) > 0 && (len(words) == 0 || words[0] != e.pending[0]) {
		require.True(e.t, e.asked, "rows that nobody confirmed are gone: %v", e.pending)
		e.settle()
	}
	for i, word := range words {
		require.False(e.t, e.isDone[word], "%s comes again", word)
		if i < len(e.pending) {
			require.Equal(e.t, e.pending[i], word, "the same rows again")
		}
	}
	e.pending, e.batch, e.asked = words, a.Data.Batch, false // what was asked for died with its process
	return a.Data.Total, nil
}

// TestT7_KilledBetweenTakeAndMark kills the process that serves the door, and
// holds that no row is lost, none comes again once it was confirmed, and none
// is confirmed that was not handed out.
func TestT7_KilledBetweenTakeAndMark(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	exporters := []*exporter{
		{t: t, size: func() int { return 20 }, isDone: map[string]bool{}},
		{t: t, name: "one", size: func() int { return 1 + random.IntN(40) }, isDone: map[string]bool{}},
	}
	kills := 40
	if testing.Short() {
		kills = 8
	}
	token := ""
	for left := kills; ; left-- {
		l := begin(t, folder)
		if token == "" {
			token = fetchToken(t, l)
		}
		if left == 0 {
			finish(t, l, token, exporters)
			l.end()
			break
		}
		after := time.Duration(random.Int64N(int64(60 * time.Millisecond)))
		timer := time.AfterFunc(after, func() {
			l.killed.Store(true)
			_ = l.cmd.Process.Kill()
		})
		for err := error(nil); err == nil; {
			err = exporters[random.IntN(len(exporters))].step(l, token, random.IntN(2) == 0)
		}
		timer.Stop()
		l.end()
	}
	inside := exporters[0].inside + exporters[1].inside
	t.Logf("%d kills, %d of them inside a request", kills, inside)
	assert.GreaterOrEqual(t, 2*inside, kills)
}

func fetchToken(t *testing.T, l *life) string {
	t.Helper()
	text, err := l.send(t, http.MethodPost, "/token", "", adminLogin)
	require.NoError(t, err)
	var p pair
	require.NoError(t, json.Unmarshal(text, &p))
	return p.Access
}

// finish exports what is left and compares with all rows in their order.
func finish(t *testing.T, l *life, token string, exporters []*exporter) {
	t.Helper()
	var all []string
	deadline := time.Now().Add(time.Minute)
	for len(all) < victimRows {
		require.True(t, time.Now().Before(deadline), "only %d rows were found", len(all))
		all = nil
		for offset, rest := int64(0), 1; rest > 0; {
			text, err := l.send(t, http.MethodGet, fmt.Sprintf("/api/alldata/GetDataOfTaskByOffset?taskId=%d&size=1000&offset=%d", l.tid, offset), token, "")
			require.NoError(t, err)
			var a answer
			require.NoError(t, json.Unmarshal(text, &a))
			all = append(all, a.column("word")...)
			offset, rest = a.Data.Offset, a.Data.RestTotal
		}
	}
	for _, e := range exporters {
		for {
			left, err := e.take(l, token)
			require.NoError(t, err)
			if left == 0 {
				break
			}
			require.NoError(t, e.confirm(l, token))
		}
		assert.Equal(t, all, e.done, "exporter %q", e.name)
	}
}

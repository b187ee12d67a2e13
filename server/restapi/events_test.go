package restapi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/restapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reader reads a stream of events.
type reader struct {
	k      *kit
	answer *http.Response
	lines  *bufio.Scanner
}

type sentEvent struct {
	id, name string
	seq      uint64
	event    pixivoc.Event
}

func (k *kit) listen(lastID string) *reader {
	k.t.Helper()
	request := k.request("GET", "/events", nil)
	if lastID != "" {
		request.Header.Set("Last-Event-ID", lastID)
	}
	answer, err := k.server.Client().Do(request)
	require.NoError(k.t, err)
	require.Equal(k.t, 200, answer.StatusCode)
	require.Equal(k.t, "text/event-stream", answer.Header.Get("Content-Type"))
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 8<<20)
	k.t.Cleanup(func() { answer.Body.Close() })
	return &reader{k, answer, lines}
}

// next returns the next event; comments are passed over.
func (r *reader) next() sentEvent {
	r.k.t.Helper()
	var e sentEvent
	for r.lines.Scan() {
		name, value, _ := strings.Cut(r.lines.Text(), ": ")
		switch name {
		case "id":
			e.id = value
			_, number, _ := strings.Cut(value, "-")
			seq, err := strconv.ParseUint(number, 10, 64)
			require.NoError(r.k.t, err)
			e.seq = seq
		case "event":
			e.name = value
		case "data":
			r.k.contract.validate(r.k.t, "#/components/schemas/Event", []byte(value))
			require.NoError(r.k.t, json.Unmarshal([]byte(value), &event{&e.event}))
		case "":
			if e.id != "" {
				assert.Equal(r.k.t, e.seq, e.event.Seq)
				assert.Equal(r.k.t, e.name, string(e.event.Kind))
				return e
			}
		}
	}
	require.FailNow(r.k.t, "the stream ended", "%v", r.lines.Err())
	return e
}

// event reads an Event without its Env, which has no form to read.
type event struct{ *pixivoc.Event }

func (e *event) UnmarshalJSON(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	delete(members, "env")
	text, err := json.Marshal(members)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, e.Event)
}

// until reads events up to the first of a kind; their numbers rise by one.
func (r *reader) until(kind pixivoc.EventKind) (seen []sentEvent) {
	r.k.t.Helper()
	for {
		e := r.next()
		if len(seen) > 0 {
			assert.Equal(r.k.t, seen[len(seen)-1].seq+1, e.seq)
		}
		if seen = append(seen, e); e.event.Kind == kind {
			return seen
		}
	}
}

func TestEvents_SnapshotThenEveryChange(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	earlier := k.finished("Count", 2)
	stream := k.listen("")
	first := stream.next()
	assert.Equal(t, pixivoc.EventSnapshot, first.event.Kind)
	require.Len(t, first.event.Tasks, 1)
	assert.Equal(t, earlier.TID, first.event.Tasks[0].TID)
	later := k.create("Count", 2)
	seen := stream.until(pixivoc.EventTaskOver)
	assert.Equal(t, first.seq+1, seen[0].seq)
	assert.Equal(t, pixivoc.EventTaskCreated, seen[0].event.Kind)
	assert.Equal(t, later.TID, seen[len(seen)-1].event.Task.TID)
}

func TestEvents_ReplayAfterReconnect(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	stream := k.listen("")
	first := stream.next()
	k.finished("Count", 2)
	all := stream.until(pixivoc.EventTaskOver)
	require.NoError(t, stream.answer.Body.Close())
	k.finished("Count", 1)

	again := k.listen(all[0].id)
	for _, want := range all[1:] {
		got := again.next()
		assert.Equal(t, want.id, got.id)
		assert.Equal(t, want.name, got.name)
	}
	again.until(pixivoc.EventTaskOver)

	// What is not to be had gives a snapshot: another process, the future,
	// nonsense, and what the ring has lost.
	epoch, _, _ := strings.Cut(first.id, "-")
	for _, id := range []string{"zzz-1", epoch + "-999999", epoch + "-", epoch, "-1", "x"} {
		assert.Equal(t, pixivoc.EventSnapshot, k.listen(id).next().event.Kind, id)
	}
	k.finished("Count", restapi.FeedLength+10)
	again.until(pixivoc.EventTaskOver)
	assert.Equal(t, pixivoc.EventSnapshot, k.listen(first.id).next().event.Kind)
}

func TestEvents_EndWithTheSession(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *restapi.Config) { c.Heartbeat = 10 * time.Millisecond })
	stream := k.listen("")
	stream.next()
	k.call("DELETE", "/tokens/current", nil).is(204)
	for stream.lines.Scan() {
	}
	assert.NoError(t, stream.lines.Err())
}

func TestEvents_ReadersAreBounded(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *restapi.Config) { c.MaxStreams = 1 })
	stream := k.listen("")
	stream.next()
	k.call("GET", "/events", nil).problem(503, "too_many_streams")
}

func TestEvents_EndWithTheAPI(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	stream := k.listen("")
	stream.next()
	require.NoError(t, k.api.Close())
	for stream.lines.Scan() {
	}
	assert.NoError(t, stream.lines.Err())
}

// TestH12_ReaderThatStopsIsDropped opens a stream, reads nothing of it, and
// wants the kernel to go on and the reader to be dropped.
func TestH12_ReaderThatStopsIsDropped(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *restapi.Config) { c.MaxStreams, c.StreamTimeout = 1, 50*time.Millisecond })
	dialer := net.Dialer{Control: smallBuffer}
	connection, err := dialer.DialContext(t.Context(), "tcp", k.server.Listener.Addr().String())
	require.NoError(t, err)
	defer connection.Close()
	_, err = fmt.Fprintf(connection, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", k.token)
	require.NoError(t, err)
	var begin [len("HTTP/1.1 200")]byte // it has the one place; from here on it reads nothing
	_, err = io.ReadFull(connection, begin[:])
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 200", string(begin[:]))

	// Enough events to fill every buffer on the way. They are published while
	// the reader sleeps, so a publisher that waited for it would not end.
	deadline := time.Now().Add(waitLong)
	for dropped := false; !dropped; {
		require.True(t, time.Now().Before(deadline), "the reader that stopped is still there")
		k.finished("Count", 900)
		request := k.request("HEAD", "/events", nil)
		request.Method = http.MethodGet
		request.Header.Set("Last-Event-ID", "probe")
		answer, err := k.server.Client().Do(request)
		require.NoError(t, err)
		dropped = answer.StatusCode == http.StatusOK
		require.NoError(t, answer.Body.Close())
	}
}

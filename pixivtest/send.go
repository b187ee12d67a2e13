package pixivtest

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// holdBack is how much of a whole body is written apart. It fits into the buffer of net/http, which sends it when the
// handler has returned: the request counts as over before its client can know the end.
const holdBack = 2 << 10

// send brings an answer to a client over a socket.
func (s *Server) send(w http.ResponseWriter, r *http.Request, x *exchange, a *answer) {
	wait := func(d time.Duration) bool { return s.gate.wait(r.Context(), nil, d) }
	if !wait(s.latency()) || !wait(a.wire.delay) || (a.wire.hang && !wait(-1)) {
		panic(http.ErrAbortHandler)
	}
	if a.wire.dropped != endWhole {
		hangUp(w, a.wire.dropped)
		return
	}
	x.status = a.status
	length, legal := a.declared()
	if a.wire.rawHeader != "" || a.wire.headerPace.bytes > 0 || !legal {
		s.sendRaw(w, r, x, a)
		return
	}
	header := w.Header()
	header["Content-Type"] = nil // net/http would guess one where the answer has none
	maps.Copy(header, a.header)
	switch {
	case length >= 0:
		header.Set("Content-Length", a.lengths()[0])
		if a.wire.surplus != nil || length < a.size() {
			header.Set("Connection", "close") // clients would complain about the next answer on the connection
		}
	case a.wire.framing == byClose:
		header.Set("Transfer-Encoding", "identity") // net/http then sends no length and no chunks, and closes
	}
	w.WriteHeader(a.status)
	d := &sender{server: s, w: w, r: r, x: x, a: a, room: length}
	if a.wire.framing == byChunks {
		d.flush() // or net/http would find the length of a short body by itself
	}
	d.run()
}

// sender sends the body of one answer.
type sender struct {
	server *Server
	w      http.ResponseWriter
	r      *http.Request
	x      *exchange
	a      *answer
	room   int64 // how much of the body the declared length lets through; negative: all
}

func (d *sender) run() {
	course := d.a.course()
	whole := d.a.wire.end == endWhole && d.a.wire.surplus == nil && (d.room < 0 || d.room == d.a.size())
	for at := int64(0); ; {
		pause, n := course.next()
		if pause != 0 {
			d.flush()
			if !d.server.gate.wait(d.r.Context(), nil, pause) {
				panic(http.ErrAbortHandler)
			}
			if n == 0 {
				continue
			}
		}
		if n == 0 {
			break
		}
		if !d.write(at, n, whole && at+n == d.a.size()) {
			return
		}
		at += n
	}
	if whole || d.a.bodiless() {
		return
	}
	d.x.finish()
	d.end(course.end)
}

// write sends n bytes of the body, as far as the declared length lets it.
func (d *sender) write(at, n int64, last bool) bool {
	if d.room >= 0 {
		n = min(n, max(0, d.room-at))
	}
	d.x.bytes += n
	if last {
		early := n - min(n, holdBack)
		if _, err := writeRange(d.w, d.a.body, at, early); err != nil {
			return false
		}
		at, n = at+early, n-early
	}
	_, err := writeRange(d.w, d.a.body, at, n)
	return err == nil
}

func (d *sender) flush() {
	_ = http.NewResponseController(d.w).Flush() // a client that is gone is noticed by what follows
}

// end ends an answer that is not whole: what its declared length leaves no room for goes out behind it, then the
// connection ends.
func (d *sender) end(sent int64) {
	d.flush()
	how := d.a.wire.end
	if how == endWhole {
		how = endClose
	}
	conn := hijack(d.w)
	if d.room >= 0 && sent > d.room {
		_, _ = writeRange(conn, d.a.body, d.room, sent-d.room) // the client has what it believes in already
	}
	if surplus := d.a.wire.surplus; surplus != nil {
		_, _ = writeRange(conn, surplus, 0, surplus.Size())
	}
	closeConn(conn, how)
}

// sendRaw sends an answer that net/http would not let through: it writes the header itself.
func (s *Server) sendRaw(w http.ResponseWriter, r *http.Request, x *exchange, a *answer) {
	conn := hijack(w)
	how := endClose
	defer func() { closeConn(conn, how) }()
	head := a.head()
	step := len(head)
	if a.wire.headerPace.bytes > 0 {
		step = int(a.wire.headerPace.bytes)
	}
	for from := 0; from < len(head); from += step {
		if from > 0 && !s.gate.wait(r.Context(), nil, a.wire.headerPace.every) {
			return
		}
		if _, err := io.WriteString(conn, head[from:min(len(head), from+step)]); err != nil {
			return
		}
	}
	course := a.course()
	for at := int64(0); ; {
		pause, n := course.next()
		if pause == 0 && n == 0 {
			break
		}
		if pause != 0 && !s.gate.wait(r.Context(), nil, pause) {
			return
		}
		x.bytes += n
		if at += n; at == course.end {
			x.finish() // as in sender.write: before the client can know it
		}
		if _, err := writeRange(conn, a.bodyOrEmpty(), at-n, n); err != nil {
			return
		}
	}
	x.finish()
	if surplus := a.wire.surplus; surplus != nil {
		_, _ = writeRange(conn, surplus, 0, surplus.Size())
	}
	if a.wire.end != endWhole {
		how = a.wire.end
	}
}

// head is the status line and the header as they go over the wire.
func (a *answer) head() string {
	var out strings.Builder
	fmt.Fprintf(&out, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		for _, value := range a.header[name] {
			fmt.Fprintf(&out, "%s: %s\r\n", name, value)
		}
	}
	for _, value := range a.lengths() {
		fmt.Fprintf(&out, "Content-Length: %s\r\n", value)
	}
	out.WriteString(a.wire.rawHeader)
	out.WriteString("Connection: close\r\n\r\n")
	return out.String()
}

func (a *answer) bodyOrEmpty() content {
	if a.body == nil {
		return text("")
	}
	return a.body
}

// hijack takes the connection from net/http. HTTP/2 gives none: there the stream is reset instead.
func hijack(w http.ResponseWriter) net.Conn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return conn
}

func hangUp(w http.ResponseWriter, how ending) { closeConn(hijack(w), how) }

// closeConn ends a connection. A reset skips TLS's own goodbye.
func closeConn(conn net.Conn, how ending) {
	if how == endReset {
		own := unwrap(conn)
		if raw, ok := own.Conn.(*net.TCPConn); ok {
			drain(raw)
			_ = raw.SetLinger(0) // without it the end is a FIN; there is no other way
		}
		conn = own
	}
	_ = conn.Close() // it is given up, whatever this says
}

// drainTime bounds [drain]. A client that does not read never gets everything.
const drainTime = 200 * time.Millisecond

// drain gives the system time to bring to the client what was written, since a reset drops the rest.
func drain(c *net.TCPConn) {
	tick := time.NewTicker(drainTime / 100)
	defer tick.Stop()
	for range 100 {
		if left, known := unacknowledged(c); known && left == 0 {
			return
		}
		<-tick.C
	}
}

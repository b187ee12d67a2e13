package socketapi_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func length(n int32) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }

// Lengths that no frame has end the connection that they came on, whatever
// follows them, and no other.
func TestK1_UnusableLengths(t *testing.T) {
	t.Parallel()
	d := openTCP(t, kernel(t, newGate()), socketapi.Config{})
	other := raw{t, d.dial()}
	hello := append([]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, make([]byte, 500)...)
	for _, test := range []struct {
		name   string
		bytes  []byte
		reason socketapi.CloseReason
	}{
		{"-1", length(-1), socketapi.ClosedNegativeLength},
		{"-2^31", length(-1 << 31), socketapi.ClosedNegativeLength},
		{"2^31-1", length(1<<31 - 1), socketapi.ClosedTooLong},
		{"64 MiB", length(64 << 20), socketapi.ClosedTooLong},
		{"limit + 1", length(socketapi.DefaultMaxFrame + 1), socketapi.ClosedTooLong},
		{"big endian", []byte{0, 0, 0, 0xef}, socketapi.ClosedNegativeLength},
		{"GET", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), socketapi.ClosedHTTPHead},
		{"TLS hello", hello, socketapi.ClosedTLSHead},
	} {
		before := d.server.Counters().Closed[test.reason]
		conn := raw{t, d.dial()}
		conn.send(test.bytes)
		conn.closed()
		other.silent()
		for d.server.Counters().Closed[test.reason] == before {
			other.silent() // the count follows the close
		}
		assert.Equal(t, before+1, d.server.Counters().Closed[test.reason], test.name)
	}
}

// However the bytes are cut, every request is answered once and in order.
func TestK2_Segmentation(t *testing.T) {
	t.Parallel()
	d := openTCP(t, kernel(t, newGate()), socketapi.Config{})
	t.Run("single bytes", func(t *testing.T) {
		t.Parallel()
		conn := raw{t, d.dial()}
		for _, b := range encoded(t, fields("S1", 3)) {
			conn.send([]byte{b})
		}
		assert.Equal(t, "R1", conn.next().Number)
	})
	t.Run("two in one segment", func(t *testing.T) {
		t.Parallel()
		conn := raw{t, d.dial()}
		conn.send(encoded(t, fields("S1", 3)), encoded(t, fields("S2", 9)))
		assert.Equal(t, "R1", conn.next().Number)
		assert.Equal(t, "R2", conn.next().Number)
	})
	t.Run("1000 pipelined and the end", func(t *testing.T) {
		t.Parallel()
		conn := raw{t, d.dial()}
		var all []byte
		for i := range 1000 {
			all = append(all, encoded(t, fields(fmt.Sprintf("S%d", i), 3))...)
		}
		go func() {
			_, _ = conn.conn.Write(all) // the replies tell whether it worked
			_ = conn.conn.(*net.TCPConn).CloseWrite()
		}()
		for i := range 1000 {
			require.Equal(t, fmt.Sprintf("R%d", i), conn.next().Number)
		}
		_, err := conn.body()
		assert.ErrorIs(t, err, io.EOF)
	})
}

// A frame that was begun must be completed in time; the time begins with its
// first byte and is the whole frame's, so dripping does not help.
func TestK3_FrameBegunAndLeft(t *testing.T) {
	frame := encoded(t, fields("S1", 3))
	for _, test := range []struct {
		name string
		send func(conn net.Conn)
	}{
		{"one byte", func(conn net.Conn) { _, _ = conn.Write(frame[:1]) }},
		{"header", func(conn net.Conn) { _, _ = conn.Write(frame[:4]) }},
		{"half the body", func(conn net.Conn) { _, _ = conn.Write(frame[:100]) }},
		{"drip", func(conn net.Conn) {
			for _, b := range frame {
				if _, err := conn.Write([]byte{b}); err != nil {
					return
				}
				<-time.After(time.Second)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := openPipe(t, kernel(t, newGate()), socketapi.Config{})
				other, conn := raw{t, d.dial()}, raw{t, d.dial()}
				<-time.After(time.Hour) // between frames there is no hurry
				begun := time.Now()
				var sender sync.WaitGroup
				sender.Go(func() { test.send(conn.conn) })
				defer sender.Wait()
				conn.closed()
				assert.Equal(t, socketapi.DefaultFrameTimeout, time.Since(begun))
				other.silent()
				synctest.Wait()
				assert.EqualValues(t, 1, d.server.Counters().Closed[socketapi.ClosedFrameTimeout])
			})
		})
	}
}

// Nothing but the number 0 is Exit.
func TestK4_CommandIsNotExit(t *testing.T) {
	t.Parallel()
	exits := make(chan struct{}, 100)
	d := openTCP(t, kernel(t, newGate()), socketapi.Config{Exit: func() { exits <- struct{}{} }})
	conn := raw{t, d.dial()}
	template, err := json.Marshal(fields("S1", 777))
	require.NoError(t, err)
	for _, change := range []string{
		`"Other":777`, `"command":0`, `"COMMAND":0`, `"Command":null`, `"Command":false`, `"Command":""`, `"Command":"0"`,
		`"Command":0.0`, `"Command":0e0`, `"Command":-0.0`, `"Command":[]`, `"Command":{}`, `"Command":[0]`,
		`"Command":0,"Command":0`, `"Command":3,"Command":0`, `"Command":0,"\u0043ommand":3`, `"Command":00`, `"Command":0x0`,
	} {
		conn.send(frameOf([]byte(strings.Replace(string(template), `"Command":777`, change, 1))))
		conn.silent()
		assert.Empty(t, exits, change)
	}
	content, _ := conn.ask("S1", 0)
	assert.Equal(t, "true", content)
	<-exits
}

// What is not a request of PixivOC has no reply and leaves the connection
// open.
func TestK5_VoidRequests(t *testing.T) {
	t.Parallel()
	d := openTCP(t, kernel(t, newGate()), socketapi.Config{MaxFrame: 1 << 20})
	conn := raw{t, d.dial()}
	body, err := json.Marshal(fields("S1", 3))
	require.NoError(t, err)
	good := string(body)
	open := strings.TrimSuffix(good, "}")
	manyKeys := open
	for i := range 50_000 {
		manyKeys += fmt.Sprintf(`,"k%d":0`, i)
	}
	want := map[socketapi.VoidReason]uint64{}
	for _, test := range []struct {
		body   string
		reason socketapi.VoidReason
	}{
		{"", socketapi.VoidEmpty},
		{" ", socketapi.VoidNotJSON},
		{"{}", socketapi.VoidMissingKey},
		{"[]", socketapi.VoidNotObject},
		{`"x"`, socketapi.VoidNotObject},
		{open, socketapi.VoidNotJSON},
		{good + "{}", socketapi.VoidNotJSON},
		{open + `,"x":NaN}`, socketapi.VoidNotJSON},
		{open + `,"x":Infinity}`, socketapi.VoidNotJSON},
		{open + `,"x":01}`, socketapi.VoidNotJSON},
		{open + `,}`, socketapi.VoidNotJSON},
		{open + `,"x":"` + "\x01" + `"}`, socketapi.VoidNotJSON},
		{"\xef\xbb\xbf" + good, socketapi.VoidNotJSON},
		{open + `,"x":"` + "\xff" + `"}`, socketapi.VoidNotUTF8},
		{open + `,"x":"\ud800"}`, socketapi.VoidNotUTF8},
		{open + `,"x":"\udc00\ud800"}`, socketapi.VoidNotUTF8},
		{open + `,"x":"\ud800\u0041"}`, socketapi.VoidNotUTF8},
		{open + `,"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}", socketapi.VoidNotJSON},
		{open + `,"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + "}", socketapi.VoidTooDeep},
		{manyKeys + "}", socketapi.VoidTooManyKeys},
		{open + `,"Timeout":0}`, socketapi.VoidDuplicateKey},
		{open + `,"x":1,"x":1}`, socketapi.VoidDuplicateKey},
		{strings.Replace(good, `"TID"`, `"tid"`, 1), socketapi.VoidMissingKey},
		{strings.Replace(good, `"Timeout":0`, `"Timeout":"0"`, 1), socketapi.VoidWrongType},
		{strings.Replace(good, `"Timeout":0`, `"Timeout":1e2`, 1), socketapi.VoidWrongType},
		{strings.Replace(good, `"TID":0`, `"TID":null`, 1), socketapi.VoidWrongType},
		{strings.Replace(good, `"Account":""`, `"Account":[]`, 1), socketapi.VoidWrongType},
		{strings.Replace(good, `"S1"`, `"S1 "`, 1), socketapi.VoidBadNumber},
		{strings.Replace(good, `"S1"`, `"S-1"`, 1), socketapi.VoidBadNumber},
		{strings.Replace(good, `:3,`, `:99999999999999999999999,`, 1), socketapi.VoidUnknownCommand},
		{strings.Replace(good, `:3,`, `:0,`, 1), socketapi.VoidNoRight},
	} {
		conn.send(frameOf([]byte(test.body)))
		conn.silent()
		want[test.reason]++
		assert.Equal(t, want, d.server.Counters().Void, "%.200s", test.body)
	}
	// What looks odd but is in order.
	for _, body := range []string{
		" \r\n\t" + good + "\n", open + `,"x":"\ud834\udd1e\\ud800"}`, open + `,"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + "}",
		strings.Replace(good, `"TID":0`, `"TID":-99999999999999999999999`, 1), strings.Replace(good, `"Command"`, `"\u0043ommand"`, 1),
	} {
		conn.send(frameOf([]byte(body)))
		assert.Equal(t, "R1", conn.next().Number, "%.200s", body)
	}
}

// A setting that is refused leaves everything as it was.
func TestK6_RefusedSettings(t *testing.T) {
	t.Parallel()
	client := kernel(t, newGate())
	_, err := client.UpdateEnv(t.Context(), pixivoc.EnvPatch{ProxyMode: new(pixivoc.ModeProxy), Proxy: new("socks5://canary:secret@proxy.example:1080"), IntervalTime: new(2500 * time.Millisecond)})
	require.NoError(t, err)
	before := client.Env()
	conn := raw{t, openTCP(t, client, socketapi.Config{}).dial()}
	for _, change := range [][]any{
		{4, "ProxyMode", 3}, {4, "ProxyMode", -1}, {4, "ProxyMode", 1, "Proxy", "http://1.2.3.4:5\nX: y"},
		{4, "ProxyMode", 1, "Proxy", strings.Repeat("http://1.2.3.4:5", 1000)}, {4, "ProxyMode", 1, "Proxy", "file:///etc/passwd"},
		{5, "Timeout", 0}, {5, "Timeout", 1 << 40}, {6, "ConcurrencyNumber", 1 << 40}, {7, "IntervalTime", -1 << 40},
	} {
		content, _ := conn.ask("S1", change[0].(int), change[1:]...)
		assert.Equal(t, "false", content, change)
	}
	assert.Equal(t, before, client.Env())
	// A proxy that was set elsewhere is shown without its password, half
	// seconds as the next whole one.
	content, _ := conn.ask("S2", 9)
	assert.JSONEq(t, `["Proxy", "socks5://proxy.example:1080", 60, 3, 3]`, content)
	conn.ask("S3", 4, "ProxyMode", 0)
	content, _ = conn.ask("S4", 9)
	assert.JSONEq(t, `["Direct", "", 60, 3, 3]`, content)
	assert.Empty(t, client.Env().Proxy)
}

// Silent connections lock nobody out: the oldest that never said anything
// leaves, one that did stays.
func TestK7_SilentConnections(t *testing.T) {
	t.Parallel()
	d := openTCP(t, kernel(t, newGate()), socketapi.Config{MaxClients: 20})
	spoke := raw{t, d.dial()}
	spoke.silent()
	var quiet []raw
	for range 40 {
		quiet = append(quiet, raw{t, d.dial()})
	}
	fresh := raw{t, d.dial()}
	fresh.silent()
	spoke.silent()
	for i, conn := range quiet[:22] { // 40 + 2 that speak - 20 places
		require.NoError(t, conn.conn.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err := conn.body()
		require.Error(t, err)
		require.False(t, isTimeout(err), "connection %d", i)
	}
	for _, conn := range quiet[22:] {
		conn.silent()
	}
	// All places are taken by clients that spoke: a further one is refused.
	late := raw{t, d.dial()}
	late.closed()
	counters := d.server.Counters()
	assert.EqualValues(t, 22, counters.Closed[socketapi.ClosedSilent])
	assert.EqualValues(t, 1, counters.Refused)
	assert.Equal(t, 20, counters.Clients)
}

// A client that reads nothing costs itself its connection and others nothing.
func TestK8_ClientNeverReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := kernel(t, newGate())
		logIn(t, client)
		for range 200 {
			mustCreate(t, client, pixivoc.TaskSpec{Type: "WorkDetails", Name: "x", Keyword: "1"})
		}
		d := openPipe(t, client, socketapi.Config{ReportQueue: 50})
		other := raw{t, d.dial()}
		begun := time.Now()
		for range 10 {
			raw{t, d.dial()}.request("S1", 15)
		}
		other.silent()
		assert.Zero(t, time.Since(begun), "others do not wait")
		synctest.Wait()
		assert.Equal(t, 11, d.server.Counters().Clients)
		<-time.After(socketapi.DefaultWriteTimeout)
		synctest.Wait()
		assert.Equal(t, 1, d.server.Counters().Clients, "the write deadline")
		assert.EqualValues(t, 10, d.server.Counters().Closed[socketapi.ClosedSlow])

		// A full queue of reports is the other limit. The kernel goes on.
		d.dial() // never reads
		for range 60 {
			other.add("S2", "1")
		}
		synctest.Wait()
		assert.EqualValues(t, 11, d.server.Counters().Closed[socketapi.ClosedSlow])
		other.silent()
	})
}

// Who spoke may be silent for ever.
func TestK9_SilentForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := openPipe(t, kernel(t, newGate()), socketapi.Config{})
		conn := raw{t, d.dial()}
		conn.silent()
		<-time.After(24 * time.Hour)
		conn.silent()
	})
}

// A web page can make a browser send a body that is a frame; the head in front
// of it ends the connection.
func TestK10_WebPagePostsAFrame(t *testing.T) {
	t.Parallel()
	client := kernel(t, newGate())
	exited := false
	d := openTCP(t, client, socketapi.Config{Exit: func() { exited = true }})
	for _, method := range []string{"GET", "POST", "PUT", "OPTIONS", "HEAD", "PRI", "get"} {
		conn := raw{t, d.dial()}
		frame := append(encoded(t, fields("S1", 5, "Timeout", 1)), encoded(t, fields("S2", 0))...)
		head := fmt.Sprintf("%s / HTTP/1.1\r\nHost: 127.0.0.1:13575\r\nContent-Length: %d\r\n\r\n", method, len(frame))
		_, _ = conn.conn.Write(append([]byte(head), frame...)) // may be cut off
		conn.closed()
	}
	assert.NoError(t, d.stop())
	assert.False(t, exited)
	assert.Equal(t, time.Minute, client.Env().Timeout)
}

// writes counts what is written at a time.
type writes struct {
	net.Conn
	sizes chan int
}

func (w writes) Write(p []byte) (int, error) { w.sizes <- len(p); return w.Conn.Write(p) }

type wrappingListener struct {
	net.Listener
	wrap func(net.Conn) net.Conn
}

func (l wrappingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		conn = l.wrap(conn)
	}
	return conn, err
}

// Every frame is one write, also one that no client reads with one call.
func TestK11_OneWriteEach(t *testing.T) {
	t.Parallel()
	client := kernel(t, newGate())
	logIn(t, client)
	for range 1000 {
		mustCreate(t, client, pixivoc.TaskSpec{Type: "WorkDetails", Name: "x", Keyword: "1"})
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	sizes := make(chan int, 10)
	open(t, client, socketapi.Config{}, wrappingListener{listener, func(conn net.Conn) net.Conn { return writes{conn, sizes} }})
	near, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = near.Close() }()
	conn := raw{t, near}
	for _, command := range []int{15, 9} {
		conn.request("S1", command)
		body, err := conn.body()
		require.NoError(t, err)
		assert.Equal(t, len(body)+4, <-sizes)
		assert.Equal(t, command == 15, len(body) > 32<<10)
	}
	assert.Empty(t, sizes)
}

// Where others can reach it a listener without TLS is refused.
func TestK12_PlainListenerForStrangers(t *testing.T) {
	t.Parallel()
	server, err := socketapi.New(kernel(t, newGate()), socketapi.Config{})
	require.NoError(t, err)
	for _, address := range []net.Addr{
		&net.TCPAddr{IP: net.IPv4zero, Port: 13575}, &net.TCPAddr{IP: net.IPv6unspecified, Port: 13575}, &net.TCPAddr{},
		&net.TCPAddr{IP: net.IPv4(192, 168, 1, 2)}, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)},
	} {
		listener := elsewhere{newPipeListener(), address}
		err := server.Serve(t.Context(), listener)
		var field *pixivoc.FieldError
		require.ErrorAs(t, err, &field, address)
		assert.Equal(t, "TLS", field.Field)
		_, err = listener.Accept()
		assert.ErrorIs(t, err, net.ErrClosed, "the listener is closed")
	}
	real, err := net.Listen("tcp", "0.0.0.0:0")
	require.NoError(t, err)
	assert.ErrorContains(t, server.Serve(t.Context(), real), "which others can reach")
}

// elsewhere is a listener that says it has another address.
type elsewhere struct {
	*pipeListener
	address net.Addr
}

func (l elsewhere) Addr() net.Addr { return l.address }

// A thousand connections that do harm in turn; then a client is served and
// nothing is left of them.
func TestG8_HostileFrames(t *testing.T) {
	t.Parallel()
	d := openTCP(t, kernel(t, newGate()), socketapi.Config{})
	body, err := json.Marshal(fields("S1", 3))
	require.NoError(t, err)
	for i := range 3000 {
		conn := raw{t, d.dial()}
		hostile := bytes.Clone(frameOf(body))
		switch i % 6 {
		case 0:
			hostile[i%len(hostile)] ^= byte(1 + i%255)
		case 1:
			hostile = hostile[:i%len(hostile)]
		case 2:
			hostile = length(int32(i) * 1_000_003)
		case 3:
			hostile = frameOf(bytes.Repeat([]byte{byte(i)}, i))
		case 4:
			hostile = append(frameOf([]byte(strings.Repeat(`{"Command":`, i))), hostile...)
		}
		_, _ = conn.conn.Write(hostile) // may be cut off
		if i%2 == 0 {
			_ = conn.conn.(*net.TCPConn).SetLinger(0) // ends with a reset
		}
		require.NoError(t, conn.conn.Close())
	}
	raw{t, d.dial()}.silent()
	require.NoError(t, d.stop())
	assert.Zero(t, d.server.Counters().Clients)
}

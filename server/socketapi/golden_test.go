package socketapi_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A conversation byte for byte as PixivOC had it, by the clock of its time.
func TestTranscript(t *testing.T) {
	text, err := os.ReadFile("testdata/transcript.txt")
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		pictures := newGate()
		client := kernel(t, pictures)
		conn := openPipe(t, client, socketapi.Config{}).dial()
		folder := t.TempDir()
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			switch {
			case line == "" || line[0] == '#':
			case line[0] == '@':
				when, what, _ := strings.Cut(line[2:], " ")
				sleepUntil(t, when)
				switch what {
				case "login":
					logIn(t, client)
				case "finish":
					pictures.release()
				}
			case line[0] == '>':
				_, err := conn.Write(frameFrom(t, line, folder))
				require.NoError(t, err)
			default:
				want := frameFrom(t, line, folder)
				got := make([]byte, len(want))
				_, err := io.ReadFull(conn, got)
				require.NoError(t, err)
				require.Equal(t, string(want), string(got))
			}
		}
	})
}

// frameFrom reads a line of the transcript. The folder that it names takes
// the form of one that exists here.
func frameFrom(t *testing.T, line, folder string) []byte {
	header, body, _ := strings.Cut(line[2:], " ")
	length, err := hex.DecodeString(header)
	require.NoError(t, err)
	require.EqualValues(t, len(body), binary.LittleEndian.Uint32(length), "the transcript itself")
	return frameOf([]byte(strings.ReplaceAll(body, "/srv/pix", folder)))
}

// sleepUntil sets the clock of a synctest bubble to a Unix time.
func sleepUntil(t *testing.T, seconds string) {
	whole, micros, _ := strings.Cut(seconds, ".")
	s, err := strconv.ParseInt(whole, 10, 64)
	require.NoError(t, err)
	us, err := strconv.ParseInt(micros, 10, 64)
	require.NoError(t, err)
	<-time.After(time.Until(time.Unix(s, us*1000)))
}

// The transcript is that of the description.
func TestTranscriptIsTheDescribedOne(t *testing.T) {
	t.Parallel()
	var frames []struct {
		Hex string `json:"frame_hex"`
	}
	require.NoError(t, json.Unmarshal(shared(t, "socket-frames.json"), &frames))
	text, err := os.ReadFile("testdata/transcript.txt")
	require.NoError(t, err)
	for _, frame := range frames {
		wire, err := hex.DecodeString(frame.Hex)
		require.NoError(t, err)
		assert.Contains(t, string(text), frame.Hex[:8]+" "+string(wire[4:]))
	}
}

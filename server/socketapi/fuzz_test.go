package socketapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Frames do not depend on how the bytes are cut.
func FuzzFrames(f *testing.F) {
	f.Add(append(frameOf([]byte("{}")), frameOf(nil)...))
	f.Add([]byte{5, 0, 0, 0, 'a'})
	f.Add([]byte{255, 255, 255, 255})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(frameOf(bytes.Repeat([]byte("x"), 3000)))
	f.Fuzz(func(t *testing.T, stream []byte) {
		const limit = 2000
		whole, err := socketapi.ReadFrames(bytes.NewReader(stream), limit)
		cut, cutErr := socketapi.ReadFrames(iotest.OneByteReader(bytes.NewReader(stream)), limit)
		require.Equal(t, whole, cut)
		require.Equal(t, err.Error(), cutErr.Error())
		var again []byte
		for _, body := range whole {
			require.LessOrEqual(t, len(body), limit)
			again = append(again, frameOf(body)...)
		}
		require.True(t, bytes.HasPrefix(stream, again))
		if errors.Is(err, io.EOF) {
			require.Equal(t, len(stream), len(again))
		}
	})
}

// A request that is accepted is what encoding/json makes of it, and has every
// key once in its exact type.
func FuzzDecode(f *testing.F) {
	good, err := json.Marshal(fields("S1", 3))
	require.NoError(f, err)
	f.Add(good)
	for _, change := range []string{`"Command":0`, `"Command":null`, `"command":3`, `"Command":3,"Command":0`, `"Command":1e0`, `"Command":1000`} {
		f.Add(bytes.Replace(good, []byte(`"Command":3`), []byte(change), 1))
	}
	f.Add([]byte(`{"IdentificationNumber":"r12","Command":1001,"Token":"x","Arguments":{"a":[1,{"b":"\ud834\udd1e"}]}}`))
	f.Add([]byte(`{"":{"":[{"}":"]"},"\\",",",-1.5e3,true,null]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, reason := socketapi.Decode(body)
		if reason != "" {
			return
		}
		var all map[string]any
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&all))
		number, ok := all["IdentificationNumber"].(string)
		require.True(t, ok)
		require.Regexp(t, `^[SsRr][0-9]{1,63}$`, number)
		require.Equal(t, number[1:], r.Number)
		command, ok := all["Command"].(json.Number)
		require.True(t, ok)
		require.Regexp(t, `^-?[0-9]+$`, command.String())
		if got, err := command.Int64(); err == nil {
			require.Equal(t, got, r.Command)
		} else {
			require.Greater(t, max(r.Command, -r.Command-1), int64(1)<<62)
		}
		if r.Command >= 1000 {
			return
		}
		for key, example := range fields("S1", 3) {
			switch value := all[key].(type) {
			case string:
				require.IsType(t, example, value, key)
			case bool:
				require.IsType(t, example, value, key)
			case json.Number:
				require.IsType(t, example, 0, key)
				require.NotContains(t, strings.ToLower(value.String()), "e")
				require.NotContains(t, value.String(), ".")
			default:
				t.Fatalf("%s is a %T", key, value)
			}
		}
		require.Equal(t, all["Account"], r.Account)
		require.Equal(t, all["Increment"], r.Increment)
	})
}

// What is sent is ASCII alone and means what it did.
func FuzzEncode(f *testing.F) {
	f.Add("plain", "k")
	f.Add("桜 \\ \" : , \x00 \x7f \u2028 𝄞 <b>&", "a, b: c")
	f.Fuzz(func(t *testing.T, text, key string) {
		content := map[string]any{key: []any{text, 1.0, true, nil}}
		plain, err := json.Marshal(content)
		require.NoError(t, err)
		frame, err := socketapi.Encode(content)
		require.NoError(t, err)
		require.Regexp(t, `^[ -~]*$`, string(frame[4:]))
		require.Equal(t, frameOf(frame[4:]), frame)
		require.JSONEq(t, string(plain), string(frame[4:]))
	})
}

// A client survives every message.
func FuzzReport(f *testing.F) {
	f.Add([]byte(`{"IdentificationNumber":"S1","SendType":14,"Content":{"TID":1,"Content":""}}`))
	f.Add([]byte(`{"IdentificationNumber":"S1","SendType":1003,"Content":{"kind":"env_changed","env":{"timeout_ms":5}}}`))
	f.Add([]byte(`{"SendType":1014,"Content":{"attempt":1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		report, ok := socketapi.ReadReport(body)
		require.True(t, !ok || report.Kind != "")
	})
}

func FuzzProxyAddress(f *testing.F) {
	for _, seed := range []string{"http://127.0.0.1:1081", "http://[::1]:1", "http://1.2.3.4:0", "xhttp://1.2.3.4:5", "http://1.2.3.4:5/"} {
		f.Add(seed)
	}
	whole := regexp.MustCompile(`\Ahttp://([0-9]{1,3}\.){3}[0-9]{1,3}:[0-9]{1,5}\z`)
	f.Fuzz(func(t *testing.T, text string) {
		if !socketapi.IsProxyAddress(text) {
			return
		}
		require.Regexp(t, whole, text)
		address, err := netip.ParseAddrPort(text[len("http://"):])
		require.NoError(t, err)
		require.True(t, address.Addr().Is4())
	})
}

// An announced length takes no memory: neither one above the limit nor one
// within it whose body does not come.
func TestK1_AnnouncedLengthTakesNoMemory(t *testing.T) {
	const limit = 16 << 20
	for _, test := range []struct {
		name   string
		stream []byte
	}{
		{"above the limit", append(length(limit+1), make([]byte, 100)...)},
		{"2^31-1", append(length(1<<31-1), make([]byte, 100)...)},
		{"within the limit", append(length(limit), make([]byte, 100)...)},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		bodies, err := socketapi.ReadFrames(bytes.NewReader(test.stream), limit)
		runtime.ReadMemStats(&after)
		assert.Empty(t, bodies)
		assert.Error(t, err)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<10), test.name)
	}
}

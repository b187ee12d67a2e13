package fetch

import (
	"bytes"
	"hash/crc32"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/fsafe/fsafetest"
)

func TestParseContentRange(t *testing.T) {
	t.Parallel()
	good := map[string]contentRange{
		"bytes 0-0/1":                         {0, 0, 1},
		"bytes 0-99/1234":                     {0, 99, 1234},
		"bytes 0-99/*":                        {0, 99, -1},
		"bytes */1234":                        {-1, -1, 1234},
		"BYTES 5-9/10":                        {5, 9, 10},
		"bytes  5-9/10":                       {5, 9, 10},
		"bytes 0-1/9223372036854775807":       {0, 1, math.MaxInt64},
		"bytes 00000000000000000000001-2/003": {1, 2, 3},
	}
	for header, want := range good {
		got, ok := parseContentRange(header)
		assert.Truef(t, ok, "%q", header)
		assert.Equalf(t, want, got, "%q", header)
	}
	for _, header := range []string{
		"", "bytes", "bytes ", "0-1/2", "items 0-1/2", "bytes */*", "bytes 1-0/2", "bytes 0-2/2", "bytes 0-1", "bytes -1/2", "bytes 0-/2",
		"bytes +0-1/2", "bytes 0 - 1/2", "bytes 0-1/2/3", "bytes 0-1/-2", "bytes 0-1/9223372036854775808", "bytes 0x0-1/2", "bytes a-b/c",
		"bytes 0-9223372036854775808/*", "bytes=0-1/2",
	} {
		_, ok := parseContentRange(header)
		assert.Falsef(t, ok, "%q", header)
	}
}

func FuzzContentRange(f *testing.F) {
	for _, header := range []string{"bytes 0-99/1234", "bytes */7", "bytes 0-9/*", "bytes 18446744073709551616-1/2", ""} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got, ok := parseContentRange(header)
		if !ok {
			return
		}
		unsatisfied := got.first == -1 && got.last == -1 && got.total >= 0
		satisfied := got.first >= 0 && got.last >= got.first && (got.total == -1 || got.last < got.total)
		if !unsatisfied && !satisfied {
			t.Fatalf("%q: %+v", header, got)
		}
	})
}

func TestSidecarRoundTrip(t *testing.T) {
	t.Parallel()
	for _, v := range []validator{
		{ETag: `"v1"`}, {LastModified: "Mon, 02 Jan 2023 03:04:05 GMT"},
		{ETag: `"` + strings.Repeat(`\`, maxETag-2) + `"`, LastModified: "Mon, 02 Jan 2023 03:04:05 GMT"},
		{ETag: `"<&>` + strings.Repeat("<", maxETag-5) + `"`},
	} {
		s := sidecar{
			Version: sidecarVersion, URL: hashURL("https://i.pximg.net/x"), validator: v, Total: math.MaxInt64,
			BootID: strings.Repeat("b", 36), Synced: math.MaxInt64, CRC32C: math.MaxUint32,
		}
		text, err := s.encode()
		require.NoError(t, err)
		require.Len(t, text, sidecarSize)
		back, ok := parseSidecar(text)
		require.True(t, ok)
		assert.Equal(t, s, back)
	}
}

func TestD6_WithoutBootIDOnlySyncedBytesCount(t *testing.T) {
	t.Parallel()
	folder := fsafetest.NewMemory()
	data := []byte("0123456789")
	s := sidecar{
		Version: sidecarVersion, URL: hashURL("x"), validator: validator{ETag: `"v"`}, Total: 100, Synced: 4,
		CRC32C: crc32.Checksum(data[:4], castagnoli()),
	}
	require.NoError(t, s.write(folder, "p.jpg.part.json", false))
	folder.WriteFile("p.jpg.part", data)
	p := part{folder: folder, name: "p.jpg"}
	_, ok, err := p.load(hashURL("x"), "", make([]byte, 3))
	require.NoError(t, err)
	require.True(t, ok)
	assert.EqualValues(t, 4, p.size)
	assert.Equal(t, data[:4], folder.Files()["p.jpg.part"], "the rest is cut off")
}

func FuzzSidecar(f *testing.F) {
	s := sidecar{Version: sidecarVersion, URL: hashURL("x"), validator: validator{ETag: `"v"`}, Total: 10, Synced: 5, CRC32C: 1}
	text, err := s.encode()
	require.NoError(f, err)
	f.Add(text)
	f.Add(bytes.Repeat([]byte{0}, sidecarSize))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) < sidecarSize { // give mutations a chance to be read at all
			text = append(bytes.TrimRight(text, " \n"), bytes.Repeat([]byte{' '}, sidecarSize)...)[:sidecarSize]
		}
		s, ok := parseSidecar(text)
		if !ok {
			return
		}
		if s.Total <= 0 || s.Synced < 0 || s.Synced > s.Total || !s.proves() || strings.ContainsAny(s.ifRange(), "\r\n") {
			t.Fatalf("%+v", s)
		}
		again, err := s.encode()
		if err != nil {
			return // a boot or an escape of another program may be too long
		}
		if back, ok := parseSidecar(again); !ok || back != s {
			t.Fatalf("%+v became %+v", s, back)
		}
	})
}

func FuzzMarks(f *testing.F) {
	f.Add([]byte("\xff\xd8\xff\xe0\x00\x02\xff\xda\x00\x02data\xff\x00\xff\xd0\xff\xd9"))
	f.Add([]byte(pngSignature + "\x00\x00\x00\x01IDATxCRC!" + pngEnd))
	f.Add([]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00AAABBB\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x01x\x00\x3b"))
	f.Add([]byte("RIFF\x08\x00\x00\x00WEBPVP8 "))
	f.Add([]byte("PK\x03\x04PK\x01\x02PK\x05\x06\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		size := int64(len(data))
		head := data[:min(headSize, len(data))]
		kind := sniff(head)
		whole, err := isWhole(kind, bytes.NewReader(data), size)
		if err != nil {
			t.Fatal(err)
		}
		if whole && kind == Unknown {
			t.Fatal("what is unknown cannot be whole")
		}
		if whole && size > 0 { // bytes behind the mark change nothing, for all but archives
			more, err := isWhole(kind, bytes.NewReader(append(bytes.Clone(data), 0)), size+1)
			if err != nil || !more && kind != ZIP {
				t.Fatalf("%s with one more byte: %v %v", kind, more, err)
			}
		}
		_ = looksLikeMarkup(head)
		_ = plain(data)
		_ = endFits(kind, head, data[max(0, len(data)-tailSize):], size)
	})
}

func TestIsHTML(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"text/html", "TEXT/HTML; charset=x", "text/html;;", " text/html ", "application/xhtml+xml"} {
		assert.True(t, isHTML(header), header)
	}
	for _, header := range []string{"", "image/jpeg", "text/htmlx", "application/octet-stream", ";"} {
		assert.False(t, isHTML(header), header)
	}
}

func TestPlainText(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"":                              "",
		"404 Not Found":                 "404 Not Found",
		"<b>bold</b> and\n\tmore":       "bold and more",
		"a<script>alert('x')</script>b": "a b",
		"a<STYLE>x</STYLE >b<script>un": "a b",
		"\x1b[31mred\x07":               "[31mred",
		"\xff\xfe bad":                  "bad",
		"<unclosed":                     "",
	}
	for in, want := range cases {
		assert.Equalf(t, want, plain([]byte(in)), "%q", in)
	}
	assert.LessOrEqual(t, len(plain([]byte(strings.Repeat("あ", 1000)))), maxText+3)
}

func TestValidatorOf(t *testing.T) {
	t.Parallel()
	const date, older, same = "Tue, 03 Jan 2023 03:04:05 GMT", "Tue, 03 Jan 2023 03:04:04 GMT", "Tue, 03 Jan 2023 03:04:05 GMT"
	cases := []struct {
		etag, modified, date string
		want                 validator
	}{
		{`"a"`, "", "", validator{ETag: `"a"`}},
		{`W/"a"`, "", "", validator{}},
		{`"a b"`, "", "", validator{}},
		{`"`, "", "", validator{}},
		{"", older, date, validator{LastModified: older}},
		{"", same, date, validator{}},
		{"", older, "", validator{}},
		{`"a"`, older, date, validator{ETag: `"a"`, LastModified: older}},
	}
	for _, c := range cases {
		header := http.Header{}
		header.Set("Etag", c.etag)
		header.Set("Last-Modified", c.modified)
		header.Set("Date", c.date)
		assert.Equal(t, c.want, validatorOf(header), "%+v", c)
	}
}

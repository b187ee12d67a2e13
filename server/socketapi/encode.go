package socketapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// message is what a server sends, with its keys in PixivOC's order.
type message struct {
	IdentificationNumber string
	SendType             SendType
	Content              any
}

// encode makes the frame of a message or request, to be sent with one write:
// PixivOC's client reads a body with one call.
func encode(m any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(m); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	line := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	frame := make([]byte, headerSize, headerSize+len(line)+len(line)/8)
	return sealFrame(appendPython(frame, line))
}

// appendPython appends compact JSON in the form in which Python's json.dumps
// writes it, as PixivOC sent it: ", " and ": " between elements, and ASCII
// alone.
func appendPython(to, text []byte) []byte {
	quoted := false
	for i := 0; i < len(text); {
		b := text[i]
		if b >= 0x7f {
			r, size := utf8.DecodeRune(text[i:])
			to, i = appendEscaped(to, r), i+size
			continue
		}
		to, i = append(to, b), i+1
		switch {
		case b == '"':
			quoted = !quoted
		case b == '\\' && quoted:
			to, i = append(to, text[i]), i+1
		case !quoted && (b == ',' || b == ':'):
			to = append(to, ' ')
		}
	}
	return to
}

func appendEscaped(to []byte, r rune) []byte {
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		return appendEscaped(appendEscaped(to, high), low)
	}
	const hex = "0123456789abcdef"
	return append(to, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// numbering makes the identification numbers of messages on one's own account:
// microseconds of the wall clock, strictly rising. The zero value is ready.
type numbering struct{ last atomic.Int64 }

func (n *numbering) next() string {
	for {
		last := n.last.Load()
		now := max(time.Now().UnixMicro(), last+1)
		if n.last.CompareAndSwap(last, now) {
			return strconv.FormatInt(now, 10)
		}
	}
}

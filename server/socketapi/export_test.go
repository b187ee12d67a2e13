package socketapi

import (
	"bufio"
	"encoding/json"
	"io"
)

// ReadFrames reads all frames from a reader.
func ReadFrames(r io.Reader, limit int) (bodies [][]byte, err error) {
	frames := frameReader{reader: bufio.NewReaderSize(r, readBuffer), limit: limit}
	for {
		body, err := frames.next()
		if err != nil {
			return bodies, err
		}
		bodies = append(bodies, append([]byte{}, body...))
	}
}

// Decoded is what tests look at of a request.
type Decoded struct {
	Number    string
	Command   int64
	Account   string
	TID       int64
	Increment bool
}

// Decode reads a request.
func Decode(body []byte) (Decoded, VoidReason) {
	r, reason := decode(body)
	return Decoded{r.number, r.command, r.account, r.tid, r.increment}, reason
}

// ReadReport reads a message as a Conn does.
func ReadReport(body []byte) (Report, bool) {
	var m wireMessage
	if json.Unmarshal(body, &m) != nil {
		return Report{}, false
	}
	return reportOf(m)
}

var (
	Encode         = encode
	IsProxyAddress = isProxyAddress
	Details        = details
	HasEnded       = hasEnded
)

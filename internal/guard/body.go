package guard

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// bound gives the body of a request its limits. The deadline is for the body
// alone: an answer may take as long as it wants, as a stream of events does.
func (g *Guard) bound(w http.ResponseWriter, r *http.Request) io.ReadCloser {
	body := http.MaxBytesReader(w, r.Body, g.config.MaxBody)
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(g.config.BodyTimeout)); err != nil {
		return body // a writer without connection, in somebody's test
	}
	return &boundBody{ReadCloser: body, control: control}
}

// boundBody takes care of the deadline when the body has ended.
type boundBody struct {
	io.ReadCloser
	control *http.ResponseController
}

// Read reads the body.
func (b *boundBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.control.SetReadDeadline(time.Time{})
	} else if _, isTooLarge := errors.AsType[*http.MaxBytesError](err); isTooLarge {
		// The server would read on for a while, so as to use the connection
		// again, and the answer would wait for that.
		_ = b.control.SetReadDeadline(time.Unix(1, 0))
	}
	return n, err
}

package taskapi

import (
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/pixivoc/pixivoc/internal/strictjson"
)

// readBody returns the body of a request, which must say that it is JSON.
func readBody(r *http.Request) ([]byte, error) {
	kinds := r.Header.Values("Content-Type")
	if len(kinds) != 1 {
		return nil, badRequest("send the body with Content-Type: application/json")
	}
	kind, _, err := mime.ParseMediaType(kinds[0])
	if err != nil || kind != "application/json" {
		return nil, badRequest("send the body with Content-Type: application/json")
	}
	raw, err := io.ReadAll(r.Body)
	if _, isLarge := errors.AsType[*http.MaxBytesError](err); isLarge {
		return nil, err
	}
	if err != nil {
		return nil, badRequest("the body ended early")
	}
	return raw, nil
}

// checkJSON wants one JSON value that does not nest too deep.
func checkJSON(raw []byte) error {
	if err := strictjson.CheckLoose(raw); err != nil {
		return badRequest("the body %v", err)
	}
	return nil
}

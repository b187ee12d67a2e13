package taskapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"unicode/utf8"
)

// maxDepth bounds how deep JSON may nest.
const maxDepth = 64

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
	if !utf8.Valid(raw) {
		return badRequest("the body is not valid UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	for depth := 0; ; {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return badRequest("the body is not JSON: near byte %d", decoder.InputOffset())
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > maxDepth {
			return badRequest("the body nests deeper than %d", maxDepth)
		}
	}
	if !json.Valid(raw) { // cut short, or more than one value
		return badRequest("the body must be one JSON value")
	}
	return nil
}

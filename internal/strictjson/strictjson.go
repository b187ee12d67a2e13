// Package strictjson refuses what encoding/json lets pass: text that is not
// UTF-8, values that nest without end, and names that are in an object twice.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// MaxDepth bounds how deep a value may nest.
const MaxDepth = 64

// The errors of Check, beside *SyntaxError and *DoubledError.
var (
	ErrUTF8     = errors.New("is not valid UTF-8")
	ErrDeep     = fmt.Errorf("nests deeper than %d", MaxDepth)
	ErrOneValue = errors.New("must be one JSON value")
)

// SyntaxError says where a text stops to be JSON.
type SyntaxError struct{ Offset int64 }

// Error names the place in bytes.
func (e *SyntaxError) Error() string { return fmt.Sprintf("is not JSON: near byte %d", e.Offset) }

// DoubledError names a member that an object has twice.
type DoubledError struct{ Name string }

// Error names the member.
func (e *DoubledError) Error() string { return fmt.Sprintf("has %q twice", e.Name) }

// Check wants one JSON value, in which no object has a name twice.
func Check(raw []byte) error { return check(raw, false) }

// CheckLoose wants one JSON value, as Check does, but of two members of one
// name the last counts, as in encoding/json.
func CheckLoose(raw []byte) error { return check(raw, true) }

func check(raw []byte, isLoose bool) error {
	if !utf8.Valid(raw) {
		return ErrUTF8
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var open nesting
	for {
		token, err := decoder.Token()
		if err == io.EOF && len(open) == 0 {
			break
		}
		if err != nil {
			return &SyntaxError{decoder.InputOffset()}
		}
		if err := open.take(token); err != nil {
			if _, isDoubled := errors.AsType[*DoubledError](err); !isDoubled || !isLoose {
				return err
			}
		}
	}
	if !json.Valid(raw) { // none, or more than one
		return ErrOneValue
	}
	return nil
}

// nesting is what is open at a place in a text.
type nesting []level

// level is an object with the names it has so far, or an array without.
type level struct {
	names      map[string]bool
	expectName bool
}

// take goes over a token.
func (n *nesting) take(token json.Token) error {
	if top := n.top(); top != nil && top.expectName {
		if name, ok := token.(string); ok {
			top.expectName = false
			if top.names[name] {
				return &DoubledError{name}
			}
			top.names[name] = true
			return nil
		}
	}
	switch token {
	case json.Delim('{'):
		*n = append(*n, level{names: map[string]bool{}})
	case json.Delim('['):
		*n = append(*n, level{})
	case json.Delim('}'), json.Delim(']'):
		*n = (*n)[:len(*n)-1]
	}
	if len(*n) > MaxDepth {
		return ErrDeep
	}
	if top := n.top(); top != nil {
		top.expectName = top.names != nil
	}
	return nil
}

func (n *nesting) top() *level {
	if len(*n) == 0 {
		return nil
	}
	return &(*n)[len(*n)-1]
}

// Merge adds the members of one object to those of another; of a name in both,
// that of more counts. Either may be empty. The result shares no memory with
// them.
func Merge(base, more json.RawMessage) (json.RawMessage, error) {
	switch {
	case len(more) == 0:
		return bytes.Clone(base), nil
	case len(base) == 0:
		return bytes.Clone(more), nil
	}
	merged := map[string]json.RawMessage{}
	for _, object := range []json.RawMessage{base, more} {
		if err := json.Unmarshal(object, &merged); err != nil {
			return nil, errors.New("must be a JSON object")
		}
	}
	return json.Marshal(merged)
}

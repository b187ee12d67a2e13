package restapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pixivoc/pixivoc/internal/strictjson"
)

func badRequest(word, format string, args ...any) *problem {
	return &problem{Status: http.StatusBadRequest, word: word, Title: "The request cannot be read", Detail: fmt.Sprintf(format, args...)}
}

// fieldError refuses a field of the request by the name it has there.
func fieldError(field, format string, args ...any) error {
	return &problem{Status: http.StatusBadRequest, word: "invalid_field", Title: "A field has a wrong value", Detail: fmt.Sprintf(format, args...), Field: field}
}

// decode reads the body of a request into value, a pointer to a struct whose
// fields have JSON names. It takes one JSON object and nothing else: no other
// content type, no unknown, doubled or null fields, and names by their exact
// letters.
func decode(r *http.Request, value any) error {
	raw, err := readJSON(r)
	if err != nil {
		return err
	}
	return decodeObject(raw, value)
}

func readJSON(r *http.Request) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, &problem{Status: http.StatusUnsupportedMediaType, word: "not_json", Title: "The body must be JSON", Detail: "send it with Content-Type: application/json"}
	}
	raw, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, err
	case err != nil:
		return nil, badRequest("incomplete", "the body ended early")
	}
	return raw, checkJSON(raw)
}

// checkJSON says in the words of this interface what is wrong with a text.
func checkJSON(raw []byte) error {
	err := strictjson.Check(raw)
	doubled, isDoubled := errors.AsType[*strictjson.DoubledError](err)
	switch {
	case err == nil:
		return nil
	case isDoubled:
		return fieldError(doubled.Name, "is there twice")
	case errors.Is(err, strictjson.ErrDeep):
		return badRequest("too_deep", "the body %v", err)
	}
	return badRequest("malformed", "the body %v", err)
}

func decodeObject(raw []byte, value any) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		return badRequest("malformed", "the body must be a JSON object")
	}
	target := reflect.ValueOf(value).Elem()
	var known []string
	for i := range target.NumField() {
		name, _, _ := strings.Cut(target.Type().Field(i).Tag.Get("json"), ",")
		known = append(known, name)
		member, ok := members[name]
		if !ok {
			continue
		}
		delete(members, name)
		if err := decodeMember(name, member, target.Field(i)); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range members {
			if !yield(name) {
				return
			}
		}
	}) {
		return fieldError(name, "is not known here; known are %s", strings.Join(known, ", "))
	}
	return nil
}

func decodeMember(name string, raw json.RawMessage, field reflect.Value) error {
	if bytes.Equal(raw, []byte("null")) {
		return fieldError(name, "must not be null; leave it out")
	}
	if err := json.Unmarshal(raw, field.Addr().Interface()); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return fieldError(name, "must be %s, and %q in it is %s", wanted(field.Type()), wrong.Field, article(wrong.Value))
		}
		return fieldError(name, "must be %s", wanted(field.Type()))
	}
	return nil
}

func article(kind string) string { return "a JSON " + kind }

func wanted(t reflect.Type) string {
	if t == reflect.TypeFor[json.RawMessage]() {
		return "JSON"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return wanted(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "an array"
	}
	return "an object"
}

// parameters reads the query of a request. The first wrong one is kept.
type parameters struct {
	values map[string][]string
	known  []string
	err    error
}

func query(r *http.Request) *parameters {
	p := &parameters{}
	values, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		p.err = err
	}
	p.values = values
	return p
}

// text returns a parameter, "" when it is not there.
func (p *parameters) text(name string) string {
	p.known = append(p.known, name)
	values := p.values[name]
	if len(values) > 1 && p.err == nil {
		p.err = fieldError(name, "is there more than once")
	}
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// word returns a parameter that must be one of words or absent.
func (p *parameters) word(name string, words ...string) string {
	text := p.text(name)
	if text != "" && !slices.Contains(words, text) && p.err == nil {
		p.err = fieldError(name, "must be one of %s", strings.Join(words, ", "))
	}
	return text
}

// number returns a parameter between low and high.
func (p *parameters) number(name string, absent, low, high int64) int64 {
	text := p.text(name)
	if text == "" {
		return absent
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if (err != nil || n < low || n > high) && p.err == nil {
		p.err = fieldError(name, "must be a whole number from %d to %d", low, high)
	}
	return n
}

// truth returns a parameter that must be true or false.
func (p *parameters) truth(name string) bool { return p.word(name, "true", "false") == "true" }

// check returns the first mistake, an unknown name among them.
func (p *parameters) check() error {
	if p.err != nil {
		return p.err
	}
	var unknown []string
	for name := range p.values {
		if !slices.Contains(p.known, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return fieldError(unknown[0], "is not known here; known are %s", strings.Join(p.known, ", "))
	}
	return nil
}

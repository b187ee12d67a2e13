package dataapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxParameters bounds the values of a request.
	maxParameters = 5000
	// maxValue bounds a value of a multipart body, in bytes; guard bounds the
	// body as a whole.
	maxValue = 64 << 10
)

// parameter is a value with its name in lower case.
type parameter struct {
	name   string
	values []string
	isList bool // a JSON array
}

// parameters are the values of a request in their order.
type parameters []parameter

// text returns the first value of that name, or "".
func (p parameters) text(name string) string {
	text, _ := p.find(name)
	return text
}

func (p parameters) find(name string) (string, bool) {
	for _, given := range p {
		if given.name == strings.ToLower(name) && len(given.values) > 0 {
			return given.values[0], true
		}
	}
	return "", false
}

// list returns all values of that name. A value may itself be the text of a
// list.
func (p parameters) list(name string) (list []string, given bool) {
	for _, one := range p {
		if one.name != strings.ToLower(name) {
			continue
		}
		given = true
		if one.isList {
			list = append(list, one.values...)
			continue
		}
		for _, text := range one.values {
			list = append(list, textList(text)...)
		}
	}
	return list, given
}

// number returns a whole number.
func (p parameters) number(name string, standard int64) (int64, error) {
	text, given := p.find(name)
	if !given || text == "" {
		return standard, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, wrongParameter(name, "must be a whole number of 64 bits")
	}
	return n, nil
}

// readParameters reads the query and, where there is one, the body.
func readParameters(r *http.Request) (parameters, error) {
	given, err := parseForm(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	if r.Method != http.MethodPost {
		return given, nil
	}
	body, err := readBody(r)
	return append(given, body...), err
}

// readBody reads a form, multipart or JSON body by what it is: clients name
// other types than they send, or none.
func readBody(r *http.Request) (parameters, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, large
	}
	if err != nil {
		return nil, wrongParameter("body", "cannot be read")
	}
	return parseBody(r.Header.Get("Content-Type"), body)
}

func parseBody(contentType string, body []byte) (parameters, error) {
	kind, options, err := mime.ParseMediaType(contentType)
	if err == nil && kind == "multipart/form-data" && options["boundary"] != "" {
		return parseMultipart(body, options["boundary"])
	}
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	switch {
	case len(trimmed) == 0:
		return nil, nil
	case trimmed[0] == '{':
		return parseJSON(trimmed)
	case trimmed[0] == '[', trimmed[0] == '"':
		return nil, wrongParameter("body", "must be a JSON object or a form")
	}
	return parseForm(string(trimmed))
}

// parseForm reads application/x-www-form-urlencoded in its order, which
// url.ParseQuery does not keep.
func parseForm(text string) (parameters, error) {
	var given parameters
	for text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, wrongParameter("form", "cannot be read")
		}
		if len(given) == maxParameters {
			return nil, wrongParameter("form", "has too many values")
		}
		given = append(given, parameter{name: strings.ToLower(name), values: []string{value}})
	}
	return given, nil
}

func parseMultipart(body []byte, boundary string) (parameters, error) {
	var given parameters
	for reader := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return given, nil
		}
		if err != nil {
			return nil, wrongParameter("body", "is broken multipart")
		}
		value, err := io.ReadAll(io.LimitReader(part, maxValue))
		switch {
		case err != nil || !utf8.Valid(value):
			return nil, wrongParameter("body", "is broken multipart")
		case len(given) == maxParameters:
			return nil, wrongParameter("body", "has too many values")
		}
		given = append(given, parameter{name: strings.ToLower(part.FormName()), values: []string{string(value)}})
	}
}

// parseJSON reads an object of texts, numbers and lists of them.
func parseJSON(body []byte) (parameters, error) {
	errJSON := wrongParameter("body", "is not the JSON that was expected")
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, errJSON
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if _, err := decoder.Token(); err != nil {
		return nil, errJSON
	}
	var given parameters
	for decoder.More() {
		name, err := decoder.Token()
		var raw json.RawMessage
		if err != nil || decoder.Decode(&raw) != nil || len(given) == maxParameters {
			return nil, errJSON
		}
		one := parameter{name: strings.ToLower(name.(string))}
		switch {
		case string(raw) == "null":
			continue
		case raw[0] == '[':
			var ok bool
			if one.values, ok = scalars(raw); !ok {
				return nil, errJSON
			}
			one.isList = true
		default:
			text, ok := scalar(raw)
			if !ok {
				return nil, errJSON
			}
			one.values = []string{text}
		}
		given = append(given, one)
	}
	return given, nil
}

func scalars(raw json.RawMessage) (list []string, ok bool) {
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) != nil || len(elements) > maxParameters {
		return nil, false
	}
	for _, element := range elements {
		text, ok := scalar(element)
		if !ok {
			return nil, false
		}
		list = append(list, text)
	}
	return list, true
}

// scalar returns the text of a JSON value that is no list, object or null.
func scalar(raw json.RawMessage) (text string, ok bool) {
	switch raw[0] {
	case '"':
		return text, json.Unmarshal(raw, &text) == nil
	case '{', '[', 'n':
		return "", false
	}
	return string(raw), true
}

// textList reads a list that came as text: ["a","b"], also with single quotes
// as the vendor's samples write it. Everything else is one value.
func textList(text string) []string {
	trimmed := strings.TrimSpace(text)
	if !strings.HasPrefix(trimmed, "[") || !strings.HasSuffix(trimmed, "]") {
		return []string{text}
	}
	if list, ok := scalars(json.RawMessage(trimmed)); ok {
		return list
	}
	list := []string{}
	inner := trimmed[1 : len(trimmed)-1]
	for inner = strings.TrimSpace(inner); inner != ""; inner = strings.TrimSpace(inner) {
		if inner[0] != '\'' && inner[0] != '"' {
			return []string{text}
		}
		value, rest, closed := strings.Cut(inner[1:], inner[:1])
		rest = strings.TrimSpace(rest)
		if !closed || rest != "" && rest[0] != ',' {
			return []string{text}
		}
		list, inner = append(list, value), strings.TrimPrefix(rest, ",")
	}
	return list
}

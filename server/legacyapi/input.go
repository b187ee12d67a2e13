package legacyapi

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pixivoc/pixivoc/internal/guard"
)

const (
	// maxInteger bounds the text of a number, in bytes.
	maxInteger = 64
	// maxForm is what a form may take in memory; no body is larger.
	maxForm = guard.DefaultMaxBody
)

// input is what a call gets.
type input struct {
	w          http.ResponseWriter
	r          *http.Request
	hasSession bool
	// after is called when the answer was sent; it may be nil.
	after func()

	fields url.Values // nil until they were read
}

// values returns the query of a GET and the form of a POST. A body that is no
// form has no fields.
func (in *input) values() (url.Values, error) {
	if in.fields != nil {
		return in.fields, nil
	}
	var fields url.Values
	var err error
	if in.r.Method == http.MethodPost {
		fields, err = readForm(in.r)
	} else {
		fields, err = url.ParseQuery(in.r.URL.RawQuery)
	}
	if err != nil {
		return nil, asInput(err)
	}
	in.fields = fields
	return fields, nil
}

func readForm(r *http.Request) (url.Values, error) {
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || r.Body == nil {
		return url.Values{}, nil
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		return url.ParseQuery(string(body))
	case "multipart/form-data":
		return readMultipart(r, parameters["boundary"])
	}
	return url.Values{}, nil
}

// text returns a field that must be there. It may be empty. When it is there
// twice the first one counts.
func (in *input) text(name string) (string, error) {
	fields, err := in.values()
	if err != nil {
		return "", err
	}
	if values := fields[name]; len(values) > 0 && utf8.ValidString(values[0]) {
		return values[0], nil
	}
	return "", errInput
}

// number returns a field that must be an integer. One that is too large for
// any use here is returned as the nearest that is not.
func (in *input) number(name string) (int64, error) {
	text, err := in.text(name)
	if err != nil {
		return 0, err
	}
	digits, ok := integer(text)
	if !ok {
		return 0, errInput
	}
	n, _ := strconv.ParseInt(digits, 10, 64) // out of range it is the nearest
	return n, nil
}

// truth returns a field that must be one of four words.
func (in *input) truth(name string) (bool, error) {
	text, err := in.text(name)
	if err != nil {
		return false, err
	}
	switch text {
	case "true", "True":
		return true, nil
	case "false", "False":
		return false, nil
	}
	return false, errInput
}

// integer reads a number as Python's int() does: blanks around it, a sign, and
// single underscores between digits are accepted. It returns its shortest
// form. Only ASCII digits are taken.
func integer(text string) (digits string, ok bool) {
	if len(text) > maxInteger {
		return "", false
	}
	text = strings.TrimSpace(text)
	sign := ""
	switch {
	case strings.HasPrefix(text, "-"):
		sign, text = "-", text[1:]
	case strings.HasPrefix(text, "+"):
		text = text[1:]
	}
	for part := range strings.SplitSeq(text, "_") {
		if part == "" || strings.Trim(part, "0123456789") != "" {
			return "", false
		}
		digits += part
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return "0", true
	}
	return sign + digits, true
}

// readMultipart reads a form of parts. Files in it are passed over.
func readMultipart(r *http.Request, boundary string) (url.Values, error) {
	form, err := multipart.NewReader(r.Body, boundary).ReadForm(maxForm)
	if err != nil {
		return nil, err
	}
	_ = form.RemoveAll() // nothing was put on disk: no body is so large
	return form.Value, nil
}

// asInput makes a refusal of what went wrong with a body, unless it was too
// large.
func asInput(err error) error {
	if _, isTooLarge := errors.AsType[*http.MaxBytesError](err); isTooLarge {
		return err
	}
	return errInput
}

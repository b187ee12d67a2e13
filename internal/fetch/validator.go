package fetch

import (
	"net/http"
	"strings"
	"time"
)

// maxETag is the longest entity tag that is kept.
const maxETag = 128

// validator is what proves that two answers are of the same bytes. The zero
// value proves nothing.
type validator struct {
	// ETag is a strong entity tag with its quotes.
	ETag string `json:"etag,omitempty"`
	// LastModified is the date as the server wrote it, when it is strong.
	LastModified string `json:"last_modified,omitempty"`
}

// validatorOf takes the validators from the head of an answer, as far as they
// are strong. A date is strong when the answer was made at least a second after
// it (RFC 9110, section 8.8.2.2): the file could otherwise have changed within
// the same second.
func validatorOf(header http.Header) validator {
	var v validator
	if tag := header.Get("Etag"); isStrong(tag) {
		v.ETag = tag
	}
	modified := header.Get("Last-Modified")
	at, err := http.ParseTime(modified)
	date, dateErr := http.ParseTime(header.Get("Date"))
	if err == nil && dateErr == nil && date.Sub(at) >= time.Second {
		v.LastModified = modified
	}
	return v
}

// isStrong says whether a tag is one that If-Range may carry (RFC 9110, section
// 8.8.3): quoted, without the mark of a weak one.
func isStrong(tag string) bool {
	if len(tag) < 2 || len(tag) > maxETag || tag[0] != '"' || tag[len(tag)-1] != '"' {
		return false
	}
	return strings.IndexFunc(tag[1:len(tag)-1], func(r rune) bool {
		return r <= ' ' || r == '"' || r >= 0x7f
	}) < 0
}

// proves says whether there is anything to send as If-Range.
func (v validator) proves() bool { return v.ETag != "" || v.LastModified != "" }

// valid says whether the validator proves something and is of the form that
// validatorOf makes.
func (v validator) valid() bool {
	_, err := http.ParseTime(v.LastModified)
	return v.proves() && (v.ETag == "" || isStrong(v.ETag)) && (v.LastModified == "" || err == nil)
}

// ifRange returns the value of the If-Range header; an entity tag is preferred.
func (v validator) ifRange() string {
	if v.ETag != "" {
		return v.ETag
	}
	return v.LastModified
}

// agrees says whether the head of a 206 or 416 is of the same bytes. An answer
// to If-Range must repeat the entity tag and may leave out the date (RFC 9110,
// section 15.3.7).
func (v validator) agrees(header http.Header, partial bool) bool {
	tag := header.Get("Etag")
	if v.ETag != "" && tag != v.ETag && (partial || tag != "") {
		return false
	}
	modified := header.Get("Last-Modified")
	return v.LastModified == "" || modified == "" || modified == v.LastModified
}

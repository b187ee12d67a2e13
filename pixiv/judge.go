package pixiv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
)

const (
	judgedBytes = 64 << 10 // of an answer; more is not looked at

	// defaultLimitWait is what gallery-dl waits after "Rate Limit" and
	// tooManyWait what it and Mako wait after a 429 without Retry-After,
	// which is how Pixiv sends it (2026).
	defaultLimitWait = 300 * time.Second
	tooManyWait      = 60 * time.Second
	maxLimitWait     = time.Hour

	// clockSkew is from which difference on an error mentions the clock.
	clockSkew = 5 * time.Minute
)

// judge reads an answer of the App API by the table in NewSite. It is nil for a
// good one.
func judge(response *http.Response, body []byte) error {
	body = bytes.TrimSpace(body[:min(len(body), judgedBytes)])
	code := response.StatusCode
	page := isHTML(response.Header, body)
	good := code >= 200 && code < 300
	if good && (!page || isWebview(response.Request)) {
		return nil // nearly every answer: nothing of it is read for nothing
	}
	said := readEnvelope(body)
	status := statusError(response, said.text(body))
	switch {
	case good:
		return blocked(response, status)
	case code == http.StatusTooManyRequests, code < 500 && said.mentions("rate limit"):
		return &pixivoc.RateLimitError{Wait: limitWait(response, time.Now()), Err: status}
	case code == http.StatusUnauthorized, code == http.StatusBadRequest && said.mentions("oauth process"):
		return fmt.Errorf("%w%s: %w", pixivoc.ErrTokenExpired, clockHint(response.Header, time.Now()), status)
	case code == http.StatusMisdirectedRequest, page && (code < 500 || isChallenge(response.Header, body)):
		return blocked(response, status)
	case code >= 500, !said.valid:
		return status
	}
	return refusal(code, said, status)
}

// refusal names what Pixiv itself refused with a status from 300 to 499.
func refusal(code int, said envelope, status error) error {
	switch {
	case code == http.StatusRequestTimeout || code == http.StatusTooEarly || code < 400:
		return status
	case strings.Contains(said.fields["offset"], "no more than"):
		return pixivoc.Permanent(pixivoc.ReasonRefused, fmt.Errorf("%w: %w", ErrOffsetLimit, status))
	case code == http.StatusForbidden, said.mentions("restricted"):
		return pixivoc.Permanent(pixivoc.ReasonForbidden, status)
	case code == http.StatusNotFound, code == http.StatusGone:
		return pixivoc.Permanent(pixivoc.ReasonDeleted, status)
	}
	return pixivoc.Permanent(pixivoc.ReasonRefused, status)
}

// envelope is the error object of the App API (fixtures error_*.json).
type envelope struct {
	valid   bool
	message string
	// fields are the parameters that message complains of.
	fields map[string]string
}

func readEnvelope(body []byte) envelope {
	var answer struct {
		Error *struct {
			UserMessage any `json:"user_message"`
			Message     any `json:"message"`
		} `json:"error"`
	}
	if len(body) == 0 || body[0] != '{' || json.Unmarshal(body, &answer) != nil || answer.Error == nil {
		return envelope{}
	}
	said := envelope{valid: true}
	if message, ok := answer.Error.Message.(string); ok {
		said.message = message
		said.fields = complaints(message)
	}
	if message, ok := answer.Error.UserMessage.(string); ok && said.message == "" {
		said.message = message
	}
	return said
}

// complaints unpacks a message that is JSON itself, such as
// {"offset":["offset must be no more than 5000"]}. Parameters were written
// "Offset" as well until 2021.
func complaints(message string) map[string]string {
	var lists map[string][]string
	if json.Unmarshal([]byte(message), &lists) != nil {
		return nil
	}
	fields := make(map[string]string, len(lists))
	for field, texts := range lists {
		fields[strings.ToLower(field)] = strings.Join(texts, ", ")
	}
	return fields
}

// text returns what an error shows of the answer.
func (e envelope) text(body []byte) string {
	if !e.valid {
		return clean(string(body))
	}
	if len(e.fields) == 0 {
		return clean(e.message)
	}
	parts := make([]string, 0, len(e.fields))
	for field, complaint := range e.fields {
		parts = append(parts, field+": "+complaint)
	}
	slices.Sort(parts)
	return clean(strings.Join(parts, "; "))
}

func (e envelope) mentions(phrase string) bool {
	return strings.Contains(strings.ToLower(e.message), phrase)
}

func statusError(response *http.Response, message string) *pixivoc.StatusError {
	status := &pixivoc.StatusError{Code: response.StatusCode, Message: message}
	if request := response.Request; request != nil {
		shown := url.URL{Scheme: request.URL.Scheme, Host: request.URL.Host, Path: request.URL.Path}
		status.Method, status.URL = request.Method, shown.String()
	}
	return status
}

func isHTML(header http.Header, body []byte) bool {
	if strings.Contains(strings.ToLower(header.Get("Content-Type")), "html") {
		return true
	}
	return len(body) > 0 && body[0] == '<'
}

// isWebview says that the path answers with HTML by right: the novels.
func isWebview(request *http.Request) bool {
	return request != nil && strings.HasPrefix(request.URL.Path, "/webview/")
}

// isChallenge tells a page of Cloudflare's own from one of Pixiv's when Pixiv
// is overloaded.
func isChallenge(header http.Header, body []byte) bool {
	return header.Get("Cf-Mitigated") != "" ||
		bytes.Contains(body, []byte("Just a moment...")) ||
		bytes.Contains(body, []byte("Attention Required!"))
}

// blocked explains a page that came in place of an answer.
func blocked(response *http.Response, status *pixivoc.StatusError) error {
	err := &pixivoc.BlockedError{Err: status}
	if response.Request != nil {
		err.Host = response.Request.URL.Hostname()
	}
	server := strings.ToLower(response.Header.Get("Server"))
	because := ""
	switch {
	case response.StatusCode == http.StatusMisdirectedRequest:
		because = "the server is not the one of this host: the address table of proxy mode 2 is out of date"
	case response.Header.Get("Cf-Ray") != "" || server == "cloudflare":
		because = "Cloudflare refuses this address or network; wait, or use another network or proxy"
	case response.StatusCode == http.StatusForbidden && strings.HasPrefix(server, "nginx"),
		response.StatusCode == http.StatusForbidden && strings.Contains(status.Message, "nginx"):
		because = "the server wants its true name in the TLS hello (SNI): in proxy mode 2 use another strategy for this host"
	default:
		return err
	}
	err.Err = fmt.Errorf("%s: %w", because, status)
	return err
}

// limitWait returns how long to pause after a rate limit. Retry-After is a
// number of seconds or a date (RFC 9110 section 10.2.3); what is neither, or
// does not lie ahead, counts as not said.
func limitWait(response *http.Response, now time.Time) time.Duration {
	text := strings.TrimSpace(response.Header.Get("Retry-After"))
	unsaid := defaultLimitWait
	if text == "" && response.StatusCode == http.StatusTooManyRequests {
		unsaid = tooManyWait
	}
	if isDigits(text) {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if errors.Is(err, strconv.ErrRange) || seconds > int64(maxLimitWait/time.Second) {
			return maxLimitWait
		}
		if seconds > 0 {
			return time.Duration(seconds) * time.Second
		}
		return unsaid
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return unsaid
	}
	// Measured by the clock that wrote it, which may not be ours.
	if sent, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		now = sent
	}
	if !until.After(now) {
		return unsaid
	}
	return min(until.Sub(now), maxLimitWait)
}

// clockHint returns a hint for an error when the clock of this machine is so
// wrong that Pixiv may refuse what it signs, or else "".
func clockHint(header http.Header, now time.Time) string {
	sent, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return ""
	}
	skew := now.Sub(sent).Round(time.Minute)
	switch {
	case skew > clockSkew:
		return fmt.Sprintf(" (the clock of this machine is %s ahead of Pixiv's; set it)", skew)
	case skew < -clockSkew:
		return fmt.Sprintf(" (the clock of this machine is %s behind Pixiv's; set it)", -skew)
	}
	return ""
}

package fetch

import (
	"net/http"
	"strings"
	"time"
)

const (
	// MaxRetryAfter is the longest wait that ParseRetryAfter returns.
	MaxRetryAfter = time.Hour
	// DefaultRetryAfter is the wait when the header makes no sense.
	DefaultRetryAfter = 5 * time.Minute
)

// ParseRetryAfter reads the value of a Retry-After header (RFC 9110, section
// 10.2.3): a number of seconds or an HTTP date. It says false when there is no
// value. A wait is at least 0 and at most MaxRetryAfter; text that is neither
// number nor date, and a negative number, gives DefaultRetryAfter.
func ParseRetryAfter(header string, now time.Time) (time.Duration, bool) {
	header = strings.Trim(header, " \t")
	if header == "" {
		return 0, false
	}
	if strings.Trim(header, "0123456789") == "" {
		return seconds(header), true
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return DefaultRetryAfter, true
	}
	return min(max(at.Sub(now), 0), MaxRetryAfter), true
}

// seconds reads digits of any number.
func seconds(digits string) time.Duration {
	var wait time.Duration
	for _, digit := range digits {
		wait = wait*10 + time.Duration(digit-'0')*time.Second
		if wait >= MaxRetryAfter {
			return MaxRetryAfter
		}
	}
	return wait
}

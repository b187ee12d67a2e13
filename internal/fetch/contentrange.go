package fetch

import (
	"math"
	"strings"
)

// contentRange is a Content-Range header in bytes (RFC 9110, section 14.4).
type contentRange struct {
	first, last int64 // -1 for "*", as a 416 has it
	total       int64 // -1 for "*"
}

// parseContentRange reads "bytes 0-99/1234", "bytes 0-99/*" and "bytes */1234".
// It says false for everything else, also for ranges that cannot be.
func parseContentRange(header string) (contentRange, bool) {
	unit, rest, ok := strings.Cut(strings.TrimSpace(header), " ")
	if !ok || !strings.EqualFold(unit, "bytes") {
		return contentRange{}, false
	}
	span, total, ok := strings.Cut(strings.TrimSpace(rest), "/")
	if !ok {
		return contentRange{}, false
	}
	parsed := contentRange{first: -1, last: -1, total: -1}
	if total != "*" {
		if parsed.total, ok = parseLength(total); !ok {
			return contentRange{}, false
		}
	}
	if span == "*" {
		return parsed, parsed.total >= 0
	}
	first, last, ok := strings.Cut(span, "-")
	if !ok {
		return contentRange{}, false
	}
	var firstOK, lastOK bool
	parsed.first, firstOK = parseLength(first)
	parsed.last, lastOK = parseLength(last)
	if !firstOK || !lastOK || parsed.last < parsed.first || parsed.total >= 0 && parsed.last >= parsed.total {
		return contentRange{}, false
	}
	return parsed, true
}

// parseLength reads a number of digits only that fits an int64.
func parseLength(digits string) (int64, bool) {
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	var n int64
	for _, digit := range digits {
		value := int64(digit - '0')
		if n > (math.MaxInt64-value)/10 {
			return 0, false
		}
		n = n*10 + value
	}
	return n, true
}

package daemon

import (
	"io"
	"log"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Bounds of a value in a line of the log, in bytes, so that what comes from
// outside cannot fill a disk.
const (
	maxLogValue = 2 << 10
	maxLogStack = 8 << 10 // of a value called "stack"
)

// hidden is what stands in the log in place of a secret.
const hidden = "[hidden]"

// newLogger returns the logger of everything in the daemon. Nobody gives it a
// secret; it looks for them all the same, because a log is kept and sent
// around.
func newLogger(s *Settings, out io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // checked when it was set
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: cleanAttr}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

// cleanAttr hides what is called like a secret, and takes queries and user
// information off addresses.
func cleanAttr(_ []string, attr slog.Attr) slog.Attr {
	if isSecretName(attr.Key) {
		return slog.String(attr.Key, hidden)
	}
	switch value := attr.Value.Resolve(); value.Kind() {
	case slog.KindString:
		most := maxLogValue
		if attr.Key == "stack" {
			most = maxLogStack
		}
		return slog.String(attr.Key, cleanText(value.String(), most))
	case slog.KindAny:
		if err, ok := value.Any().(error); ok {
			return slog.String(attr.Key, cleanText(err.Error(), maxLogValue))
		}
	}
	return attr
}

func isSecretName(key string) bool {
	switch strings.ToLower(key) {
	case "password", "secret", "token", "access_token", "refresh_token", "authorization", "cookie", "set-cookie", "verifier", "code":
		return true
	}
	return false
}

// addressInText finds addresses in a text.
var addressInText = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+`)

func cleanText(text string, most int) string {
	if len(text) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	if !strings.Contains(text, "://") {
		return text
	}
	return addressInText.ReplaceAllStringFunc(text, cleanAddress)
}

func cleanAddress(text string) string {
	address, err := url.Parse(text)
	if err != nil {
		before, _, _ := strings.Cut(text, "://")
		return before + "://" + hidden
	}
	if address.User == nil && address.RawQuery == "" && address.Fragment == "" {
		return text
	}
	address.User, address.RawQuery, address.Fragment = nil, "", ""
	return address.String()
}

// serverLog returns what net/http writes its complaints to. Those about single
// clients are of no interest to anybody; that connections cannot be accepted
// is, but not a hundred times a minute.
func serverLog(logger *slog.Logger) *log.Logger {
	return log.New(&complaints{logger: logger}, "", 0)
}

type complaints struct {
	logger *slog.Logger

	mu   sync.Mutex
	last time.Time // of a complaint about accepting
}

// Write takes one line.
func (c *complaints) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	if !strings.HasPrefix(text, "http: Accept error") {
		c.logger.Debug("http", "detail", text)
		return len(line), nil
	}
	c.mu.Lock()
	silent := time.Since(c.last) < time.Minute
	if !silent {
		c.last = time.Now()
	}
	c.mu.Unlock()
	if !silent {
		c.logger.Warn("connections cannot be accepted", "detail", text)
	}
	return len(line), nil
}

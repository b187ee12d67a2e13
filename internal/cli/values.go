package cli

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/pixivoc/pixivoc"
)

// seconds is a duration on the command line: 30s, 1m30s, 500ms, or a plain
// number of seconds as PixivOC has it.
type seconds time.Duration

func (s *seconds) Set(text string) error {
	duration, err := parseSeconds(text)
	if err != nil {
		return err
	}
	*s = seconds(duration)
	return nil
}

func (s *seconds) String() string {
	if *s == 0 {
		return ""
	}
	return time.Duration(*s).String()
}

func (s *seconds) Type() string { return "time" }

func parseSeconds(text string) (time.Duration, error) {
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		text = strconv.FormatFloat(number, 'f', -1, 64) + "s"
	}
	duration, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time; write it as 30s, 1m30s, 500ms, or in seconds, up to 1h", text)
	}
	return duration, nil
}

// levelFlag is a log level on the command line.
type levelFlag struct{ level *slog.Level }

func (l levelFlag) Set(text string) error {
	if err := l.level.UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("%q is not one of debug, info, warn, error", text)
	}
	return nil
}

func (l levelFlag) String() string {
	if l.level == nil {
		return ""
	}
	return strings.ToLower(l.level.String())
}

func (l levelFlag) Type() string { return "level" }

// hostList collects entries of the form host=ip[:port]. Several may stand in
// one value, with commas between them.
type hostList []string

func (h *hostList) Set(text string) error {
	for entry := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		if _, _, err := pixivoc.ParseHostEntry(entry); err != nil {
			return err
		}
		*h = append(*h, entry)
	}
	return nil
}

func (h *hostList) String() string { return strings.Join(*h, ",") }

func (h *hostList) Type() string { return "host=ip[:port]" }

// table returns the entries as an address table: all addresses of a host
// together.
func (h *hostList) table() (pixivoc.HostTable, error) {
	return pixivoc.ParseHostTable(*h)
}

// parseCount reads the number of files to fetch at a time.
func parseCount(text string) (int, error) {
	count, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number from 1 to %d", text, pixivoc.MaxConcurrencyNumber)
	}
	return count, nil
}

// parseSwitch reads true or false.
func parseSwitch(text string) (bool, error) {
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", text)
	}
	return value, nil
}

// valueError says why the value of a flag was refused. source is what named it:
// the flag itself or its variable.
func valueError(source string, flag *pflag.Flag, value string, cause error) error {
	switch flag.Value.Type() {
	case "int":
		cause = numberError(flag, value)
	case "bool":
		_, cause = parseSwitch(value)
	}
	return fmt.Errorf("%s: %s", source, reasonText(cause))
}

// flagNumber is the annotation of a flag with its least and greatest value.
const flagNumber = "pixivoc_number"

func markNumber(flags *pflag.FlagSet, name string, least, most int) {
	_ = flags.SetAnnotation(name, flagNumber, []string{strconv.Itoa(least), strconv.Itoa(most)})
}

// numberError says what a flag wants in place of value.
func numberError(flag *pflag.Flag, value string) error {
	if bounds := flag.Annotations[flagNumber]; len(bounds) == 2 {
		return fmt.Errorf("%q is not a whole number from %s to %s", value, bounds[0], bounds[1])
	}
	return fmt.Errorf("%q is not a whole number", value)
}

func parseProxyMode(text string) (pixivoc.ProxyMode, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "0", "direct":
		return pixivoc.ModeDirect, nil
	case "1", "proxy":
		return pixivoc.ModeProxy, nil
	case "2", "ip":
		return pixivoc.ModeIP, nil
	}
	return 0, &pixivoc.FieldError{
		Field:  "ProxyMode",
		Reason: fmt.Sprintf("%q is not one of 0 (direct), 1 (proxy), 2 (ip)", text),
	}
}

// parseBandwidth reads bytes a second: 800000, 500k, 2M, 1.5 MB/s. The units are
// powers of 1000.
func parseBandwidth(text string) (int64, error) {
	number := strings.ToLower(strings.TrimSpace(text))
	number = strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(number, "/s"), "b"))
	factor := 1.0
	for unit, size := range map[string]float64{"k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12} {
		if rest, found := strings.CutSuffix(number, unit); found {
			number, factor = strings.TrimSpace(rest), size
			break
		}
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || value < 0 || value*factor > 1e15 || value != value {
		return 0, fmt.Errorf("%q is no number of bytes a second, as 500k or 2M", text)
	}
	return int64(value * factor), nil
}

func bandwidthText(limit int64) string {
	if limit == 0 {
		return "0"
	}
	return bytesText(limit) + "/s"
}

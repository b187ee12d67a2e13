package cli

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/mattn/go-runewidth"

	"github.com/pixivoc/pixivoc/pixiv"
)

// bytesText writes a size with three significant digits: 999 B, 12.4 MB. The
// units are powers of 1000.
func bytesText(size int64) string {
	if size < 1000 {
		return fmt.Sprintf("%d B", size)
	}
	value := float64(size)
	for _, unit := range []string{"kB", "MB", "GB", "TB"} {
		value /= 1000
		switch {
		case value < 9.995:
			return fmt.Sprintf("%.2f %s", value, unit)
		case value < 99.95:
			return fmt.Sprintf("%.1f %s", value, unit)
		case value < 999.5 || unit == "TB":
			return fmt.Sprintf("%.0f %s", value, unit)
		}
	}
	return fmt.Sprintf("%d B", size)
}

// rateText writes bytes a second.
func rateText(size int64, elapsed time.Duration) string {
	if elapsed <= 0 {
		return bytesText(0) + "/s"
	}
	return bytesText(int64(float64(size)/elapsed.Seconds())) + "/s"
}

// durationText writes a duration for a person: 0.4s, 12s, 3m04s, 2h05m.
func durationText(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}

// etaText writes a guess, which needs no tenths.
func etaText(d time.Duration) string {
	d = time.Duration(math.Ceil(d.Seconds())) * time.Second
	if d < time.Minute {
		return fmt.Sprintf("%ds", int(d.Seconds()))
	}
	return durationText(d)
}

// clockText writes the time of day, with the date when it is another day.
func clockText(at, now time.Time) string {
	at = at.In(now.Location())
	if at.YearDay() == now.YearDay() && at.Year() == now.Year() {
		return at.Format("15:04:05")
	}
	return at.Format("2006-01-02 15:04")
}

func plural(count int, one, many string) string {
	if count == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", count, many)
}

// printable makes text from outside safe for a terminal: no escape sequences,
// no line breaks, no characters that reverse the direction of writing.
func printable(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, text)
}

// shorten cuts text to a width in columns, with … or ... at the end.
func shorten(text string, width int, s screen) string {
	if width <= 0 {
		return ""
	}
	tail := "..."
	if s.unicode {
		tail = "…"
	}
	if runewidth.StringWidth(tail) > width {
		tail = ""
	}
	return runewidth.Truncate(text, width, tail)
}

// pad fills text with blanks up to a width in columns.
func pad(text string, width int) string {
	return runewidth.FillRight(text, width)
}

// itemText shows the key of an item. That of a link is the name of its file
// and a hash of its address, which tells nobody anything.
func itemText(typeName, key string) string {
	if hash := strings.LastIndexByte(key, ' '); typeName == pixiv.Links && hash > 0 {
		key = key[:hash]
	}
	return keyText(key)
}

// detailText shows why an item failed. Sites repeat the status in what they say
// of it, as in "status 404: 404 Not Found: 404"; once is enough.
func detailText(detail string) string {
	text := printable(detail)
	before, after, found := strings.Cut(text, ": status ")
	code, message, more := strings.Cut(after, ": ")
	if !found || !more || len(code) != 3 {
		return text
	}
	var parts []string
	for part := range strings.SplitSeq(message, ": ") {
		if part = strings.TrimSpace(strings.TrimPrefix(part, code)); part != "" && !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return strings.TrimSuffix(before+": status "+code+": "+strings.Join(parts, ": "), ": ")
}

// keyText shows the key of an item. Keys that are addresses lose their query,
// where secrets may be.
func keyText(key string) string {
	if !strings.Contains(key, "://") {
		return printable(key)
	}
	address, err := url.Parse(key)
	if err != nil {
		before, _, _ := strings.Cut(key, "?")
		return printable(before)
	}
	address.User, address.RawQuery, address.Fragment = nil, "", ""
	return printable(address.String())
}

// wrap breaks text at blanks into lines of at most width columns; those after
// the first begin with indent. 0 breaks nothing.
func wrap(text string, width int, indent string) string {
	if width <= len(indent)+1 {
		return text
	}
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		size := runewidth.StringWidth(word)
		switch {
		case column == 0:
		case column+1+size > width:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += size
	}
	return b.String()
}

// hang breaks a line whose words begin in columns; what comes after its first
// line is indented. Blanks in the first line stay.
func hang(line string, width, indent int) string {
	if width <= indent+10 || runewidth.StringWidth(line) <= width {
		return line
	}
	cut := len(line)
	column := 0
	for i, r := range line {
		if column += runewidth.RuneWidth(r); column > width {
			break
		}
		if r == ' ' && column > indent {
			cut = i
		}
	}
	if cut == len(line) { // one long word
		return line
	}
	var b strings.Builder
	b.WriteString(line[:cut])
	column = width // so that the next word begins a line
	for word := range strings.FieldsSeq(line[cut:]) {
		for _, piece := range pieces(word, width-indent) {
			size := runewidth.StringWidth(piece)
			if column+1+size > width {
				b.WriteString("\n" + strings.Repeat(" ", indent))
				column = indent
			} else {
				b.WriteByte(' ')
				column++
			}
			b.WriteString(piece)
			column += size
		}
	}
	return b.String()
}

// pieces cuts a word that is wider than width, as addresses are.
func pieces(word string, width int) []string {
	var cut []string
	for runewidth.StringWidth(word) > width {
		piece := runewidth.Truncate(word, width, "")
		if piece == "" { // narrower than one character
			break
		}
		cut = append(cut, piece)
		word = word[len(piece):]
	}
	return append(cut, word)
}

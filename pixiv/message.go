package pixiv

import (
	"html"
	"regexp"
	"strings"
	"unicode"
)

// maxMessage is how many characters of what Pixiv said stand in an error.
const maxMessage = 200

var (
	hiddenMarkup = regexp.MustCompile(`(?is)<(?:script|style)\b.*?(?:</(?:script|style)\s*>|$)|<!--.*?(?:-->|$)`)
	markup       = regexp.MustCompile(`(?s)<[a-zA-Z/!?][^>]*(?:>|$)`)
)

// clean makes one short line of a text from outside: without markup and
// control characters, blanks run together.
func clean(text string) string {
	const worthReading = 16 << 10
	if len(text) > worthReading {
		text = text[:worthReading]
	}
	text = html.UnescapeString(strings.ToValidUTF8(text, ""))
	text = strings.Map(printable, text)
	text = hiddenMarkup.ReplaceAllString(text, " ")
	text = markup.ReplaceAllString(text, " ")
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > maxMessage {
		text = strings.TrimSpace(string(runes[:maxMessage-1])) + "…"
	}
	return text
}

func printable(r rune) rune {
	switch {
	case unicode.IsSpace(r), unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return ' '
	case unicode.Is(unicode.Bidi_Control, r), unicode.Is(unicode.Noncharacter_Code_Point, r), r == '\uFEFF':
		return -1
	}
	return r
}

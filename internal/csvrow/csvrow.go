// Package csvrow writes rows of CSV (RFC 4180) that keep every byte of a text
// and that a spreadsheet opens without running anything.
package csvrow

import "strings"

// Guard keeps a spreadsheet from taking text for a formula: it puts an
// apostrophe in front of what could begin one.
func Guard(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}

// Append appends a row of cells with its end of line, CRLF. Package
// encoding/csv, told to end lines so, changes the ends of lines inside of texts
// as well.
func Append(b []byte, cells []string) []byte {
	for i, text := range cells {
		if i > 0 {
			b = append(b, ',')
		}
		if strings.ContainsAny(text, "\",\r\n") || strings.HasPrefix(text, " ") {
			text = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
		}
		b = append(b, text...)
	}
	return append(b, "\r\n"...)
}

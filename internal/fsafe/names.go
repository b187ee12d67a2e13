package fsafe

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxName is the longest name in bytes that Check accepts and Clean returns.
// File systems end at 255; what is left is for suffixes such as ".part".
const MaxName = 200

// maxExtension is the longest extension, with its dot, that Clean keeps when it
// shortens a name.
const maxExtension = 16

// NameError refuses a name.
type NameError struct {
	Name   string
	Reason string
}

func (e *NameError) Error() string {
	return "name " + strconv.QuoteToASCII(shorten(e.Name)) + ": " + e.Reason
}

// shorten keeps an error text readable when the name is very long.
func shorten(name string) string {
	const limit = 80
	if len(name) <= limit {
		return name
	}
	return cut(name, limit) + "..."
}

// Check refuses a name that cannot be the name of one file or folder on
// Linux, macOS and Windows alike. The error is a *NameError. Check repairs
// nothing: it is for names that people choose, who should see what was wrong.
// A name in a normal form other than NFC passes; store norm.NFC of it.
func Check(name string) error {
	if reason := objection(name); reason != "" {
		return &NameError{Name: name, Reason: reason}
	}
	return nil
}

// CheckPath is Check for each component of a relative path whose components
// are separated by slashes.
func CheckPath(path string) error {
	for component := range strings.SplitSeq(path, "/") {
		if reason := objection(component); reason != "" {
			return &NameError{Name: path, Reason: reason}
		}
	}
	return nil
}

// objection returns what speaks against name, or "".
func objection(name string) string {
	switch {
	case name == "":
		return "is empty"
	case !utf8.ValidString(name):
		return "is not valid UTF-8"
	case len(norm.NFC.String(name)) > MaxName:
		return "is longer than " + strconv.Itoa(MaxName) + " bytes"
	}
	for _, r := range name {
		if reason := objectionTo(r); reason != "" {
			return reason
		}
	}
	if trimmed := trim(name); trimmed != name {
		return "begins or ends with a blank or a dot"
	}
	if reserved(name) {
		return "is a device name on Windows"
	}
	return ""
}

// objectionTo returns what speaks against a character, or "".
func objectionTo(r rune) string {
	switch {
	case strings.ContainsRune(`\/:*?"<>|`, r):
		return "has the forbidden character " + strconv.QuoteRune(r)
	case unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return "has a control character"
	case unicode.Is(unicode.Bidi_Control, r):
		return "has a character that reverses the direction of text"
	case invisible(r):
		return "has a character that cannot be seen"
	case r == utf8.RuneError, r == '\uFEFF', unicode.Is(unicode.Noncharacter_Code_Point, r):
		return "has a character that is not text"
	}
	return ""
}

// invisible says that a character takes no place, or is a blank that counts as
// a letter, so that names look alike or empty. Joiners stay: scripts and emoji
// need them.
func invisible(r rune) bool {
	switch r {
	case '\u200B', '\u2060', '\u115F', '\u1160', '\u3164', '\uFFA0': // zero width space, word joiner, Hangul fillers
		return true
	}
	return r >= 0xE0000 && r <= 0xE007F // tags
}

// Clean makes a legal name of one file or folder out of any text: Check
// accepts what it returns, and Clean of that is the same again. It is for names
// that a server chose. Whole paths must be split before: Clean takes slashes
// for characters.
//
// Characters that are forbidden somewhere become "_", blanks and dots at both
// ends go away, a Windows device name gets "_" in front, the normal form is
// NFC. What is longer than MaxName is cut between two characters; a hash of the
// whole text then keeps different names different, and the extension stays.
func Clean(component string) string {
	name := norm.NFC.String(strings.ToValidUTF8(component, "_"))
	name = strings.Map(func(r rune) rune {
		if objectionTo(r) != "" {
			return '_'
		}
		return r
	}, name)
	name = trim(name)
	if name == "" {
		return "_"
	}
	if reserved(name) {
		name = "_" + name
	}
	if len(name) > MaxName {
		name = abridge(name)
	}
	return name
}

// trim cuts blanks and dots off both ends: Windows drops them at the end
// without a word, and a dot in front hides the file on Unix.
func trim(name string) string {
	return strings.TrimFunc(name, func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
}

// abridge cuts a name that is too long to MaxName bytes.
func abridge(name string) string {
	sum := sha256.Sum256([]byte(name))
	tail := "~" + hex.EncodeToString(sum[:4])
	if dot := strings.LastIndexByte(name, '.'); dot > 0 && len(name)-dot <= maxExtension {
		tail += name[dot:]
	}
	return cut(name, MaxName-len(tail)) + tail
}

// cut returns at most limit bytes of a valid text and ends between two
// characters, never between a letter and the marks that belong to it.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	// A character is rarely longer than a few marks; text that piles up more is
	// cut between two of them.
	const longest = 32
	_, next := utf8.DecodeRuneInString(text[limit:])
	if border := norm.NFC.LastBoundary([]byte(text[:limit+next])); border > limit-longest {
		limit = max(min(limit, border), 0)
	}
	return text[:limit]
}

// reserved says whether Windows takes name for a device, with any extension
// and in any case. The superscript digits count as digits there.
// Source: "Naming Files, Paths, and Namespaces", Microsoft, Win32 documentation.
func reserved(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	base = strings.ToUpper(strings.TrimRightFunc(base, unicode.IsSpace))
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	port, isCOM := strings.CutPrefix(base, "COM")
	if !isCOM {
		var isLPT bool
		if port, isLPT = strings.CutPrefix(base, "LPT"); !isLPT {
			return false
		}
	}
	switch port {
	case "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³":
		return true
	}
	return false
}

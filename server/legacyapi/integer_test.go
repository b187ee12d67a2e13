package legacyapi_test

import (
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc/server/legacyapi"
	"github.com/stretchr/testify/assert"
)

// TestInteger holds to what Python's int() does with the same text, but for
// digits that are not ASCII and for length.
func TestInteger(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0": "0", "7": "7", "007": "7", "-7": "-7", "+7": "7", "-0": "0", "1_000": "1000", "1_0_0": "100", "0_7": "7",
		" 7 ": "7", "\t7\n": "7", "\v7\f\r": "7", "\u00a07\u3000": "7", "\u20287\u0085": "7",
		"99999999999999999999": "99999999999999999999", strings.Repeat("9", 64): strings.Repeat("9", 64),
		"": "", " ": "", "+": "", "-": "", "--7": "", "+-7": "", "- 7": "", "7 7": "", "_7": "", "7_": "", "1__0": "", "-_7": "",
		"7.0": "", "1e3": "", "0x7": "", "0b1": "", "7l": "", "seven": "", "True": "", "None": "", "nan": "", "7\x00": "", "\x1c7": "", "7\x1f": "",
		"1,000": "", "７": "", "٧": "", "²": "", "\u200b7": "", "\ufeff7": "", strings.Repeat("9", 65): "",
	} {
		got, ok := legacyapi.Integer(text)
		assert.Equal(t, want, got, "%q", text)
		assert.Equal(t, want != "", ok, "%q", text)
	}
}

// FuzzInteger compares with a number reader of the standard library.
func FuzzInteger(f *testing.F) {
	for _, seed := range []string{"1_000", " +7 ", "-0", "_7", "0x1", "٧", "\x1c7", ""} {
		f.Add(seed)
	}
	form := regexp.MustCompile(`^[+-]?[0-9]+(_[0-9]+)*$`)
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := legacyapi.Integer(text)
		bare := strings.Trim(text, " \t\n\v\f\r\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000")
		if want := len(text) <= 64 && form.MatchString(bare); ok != want {
			t.Fatalf("%q: accepted %v, want %v", text, ok, want)
		}
		if !ok {
			return
		}
		want, _ := new(big.Int).SetString(strings.ReplaceAll(bare, "_", ""), 10)
		if want.String() != got {
			t.Fatalf("%q: %s, want %s", text, got, want)
		}
	})
}

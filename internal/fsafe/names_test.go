package fsafe_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/pixivoc/pixivoc/internal/fsafe"
)

// badNames are names that no system, or not every one, can have.
func badNames() map[string][]string {
	return map[string][]string{
		"F1": {`a\b`, "a/b", "a:b", "a*b", "a?b", `a"b`, "a<b", "a>b", "a|b", "/", `C:\x`},
		"F2": {
			"", ".", "..", " ", "...", " a", "a ", ".a", "a.", "\u3000a", "a\u00a0", "a\x00b", "a\nb", "a\x7fb",
			"a\u0085b", "a\u202eb", "a\u2066b", "\u200fa", "a\u2028b", "a\u2029b", "\ufeffa",
			"\u200b", "a\u2060b", "\u3164", "\u115f\u1160", "\uffa0", "a\U000e0061",
		},
		"F3": {
			"CON", "con", "nul.txt", "NUL .txt", "Aux.tar.gz", "PRN", "COM1", "com9.jpg", "COM¹", "LPT³.png", "lpt1",
			"LPT1 ", "CONIN$", "conout$", "COM0",
		},
		"F4": {
			strings.Repeat("a", 201), strings.Repeat("a", 255), strings.Repeat("a", 256), strings.Repeat("a", 300),
			strings.Repeat("あ", 86), strings.Repeat("😀", 51), strings.Repeat("x", 70_000),
		},
		"F6": {"a\xed\xa0\x80b", "a\ufffeb", "a\uffffb", "\xff", "a\xc3", "a\ufffdb"},
	}
}

func goodNames() []string {
	return []string{
		"a", "79468013_p0.jpg", "测试", "テスト", "한국어", "a b", "a.b.c", "com", "com10", "COM¹²", "lpt", "console", "nullable.txt",
		"é", "👨‍👩‍👧.png", "= + - @", "<b>"[1:2], strings.Repeat("a", 200), strings.Repeat("あ", 66), "e\u0301",
		"%s%n{{.}}$(id)`id`;rm", "~", "_", "a~b", "$MFT", "- rf",
	}
}

func TestF1_F2_F3_F4_F6_CheckRefuses(t *testing.T) {
	t.Parallel()
	for row, names := range badNames() {
		for _, name := range names {
			t.Run(row, func(t *testing.T) {
				t.Parallel()
				err := fsafe.Check(name)
				refused, ok := errors.AsType[*fsafe.NameError](err)
				require.Truef(t, ok, "%.40q: %v", name, err)
				assert.NotEmpty(t, refused.Reason)
				assert.Less(t, len(err.Error()), 600, "an error must stay readable")
				assert.NotContains(t, err.Error(), "\n")
			})
		}
	}
}

func TestCheckAccepts(t *testing.T) {
	t.Parallel()
	for _, name := range goodNames() {
		assert.NoErrorf(t, fsafe.Check(name), "%q", name)
		assert.Equal(t, norm.NFC.String(name), fsafe.Clean(name), "what is legal stays as it is, in NFC")
	}
}

func TestF1_F2_F3_F4_F6_F8_CleanRepairs(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ in, want string }{
		"F1 separators":       {`a/b\c`, "a_b_c"},
		"F1 drive":            {`C:\x`, "C__x"},
		"F2 empty":            {"", "_"},
		"F2 dots":             {"..", "_"},
		"F2 blanks and dots":  {" ..a. b.. ", "a. b"},
		"F2 direction":        {"gpj.\u202eexe", "gpj._exe"},
		"F2 control":          {"a\x00\nb", "a__b"},
		"F3 device":           {"CON", "_CON"},
		"F3 device and more":  {"nul.txt", "_nul.txt"},
		"F3 superscript":      {"COM¹.jpg", "_COM¹.jpg"},
		"F3 console":          {"CONIN$", "_CONIN$"},
		"F3 after trimming":   {".con.", "_con"},
		"F6 not UTF-8":        {"a\xffb", "a_b"},
		"F6 lone surrogate":   {"a\xed\xa0\x80b", "a_b"},
		"F5 composed":         {"e\u0301", "é"},
		"F8 traversal":        {"../../etc/passwd", "_.._etc_passwd"},
		"F9 markup stays":     {"=cmd() {{x}} $(y)", "=cmd() {{x}} $(y)"},
		"F1 composes with <":  {"a<\u0338", "a≮"},
		"F2 leading mark":     {"\u0301a", "\u0301a"},
		"F4 exactly at limit": {strings.Repeat("a", 200), strings.Repeat("a", 200)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, fsafe.Clean(c.in))
		})
	}
}

func TestF4_CutKeepsExtensionAndDifference(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("あ", 100)
	first, second := fsafe.Clean(long+"1.jpg"), fsafe.Clean(long+"2.jpg")
	assert.NotEqual(t, first, second, "names that differ after the cut stay different")
	for _, name := range []string{first, second} {
		assert.LessOrEqual(t, len(name), fsafe.MaxName)
		assert.Greater(t, len(name), fsafe.MaxName-8, "no more is cut than must be")
		assert.True(t, strings.HasPrefix(name, "ああ"))
		assert.Equal(t, ".jpg", filepath.Ext(name))
		assert.True(t, utf8.ValidString(name))
	}
	marked := fsafe.Clean(strings.Repeat("e\u0323\u0302", 150))
	assert.NotContains(t, marked, "e~", "a letter keeps its marks")
	noExtension := fsafe.Clean("a." + strings.Repeat("b", 300))
	assert.Len(t, noExtension, fsafe.MaxName, "what is too long for an extension is cut too")
}

func TestF5_CaseAndNormalFormsAreToldApartByTheCaller(t *testing.T) {
	t.Parallel()
	assert.Equal(t, fsafe.Clean("e\u0301.jpg"), fsafe.Clean("é.jpg"), "one normal form")
	assert.NotEqual(t, fsafe.Clean("A.jpg"), fsafe.Clean("a.jpg"), "case is kept")
}

func TestF8_CheckPath(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", "a/b", "a/b/c.jpg"} {
		require.NoError(t, fsafe.CheckPath(good))
	}
	for _, bad := range []string{"", "/", "/a", "a/", "a//b", "a/../b", "../a", "./a", "a/con/b", `a\b`, "a/ b"} {
		_, ok := errors.AsType[*fsafe.NameError](fsafe.CheckPath(bad))
		assert.Truef(t, ok, "%q", bad)
	}
}

// rough draws text that is likely to hold what names must not hold.
func rough() *rapid.Generator[string] {
	parts := rapid.OneOf(
		rapid.SampledFrom([]string{
			"..", ".", " ", "/", `\`, "con", "COM¹", "nul", "$", "conin$", "\u202e", "\u2028", "e\u0301", "\u0301", "<\u0338",
			".jpg", "\xff", "\xed\xa0\x80", "\ufffe", "\u3000", "~", "ﷺ", strings.Repeat("あ", 60), strings.Repeat("\u0323", 40),
		}),
		rapid.String(),
	)
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(parts, 0, 12).Draw(t, "parts"), "")
	})
}

// cleanHolds asserts what holds for Clean of any text.
func cleanHolds(t require.TestingT, in string) {
	out := fsafe.Clean(in)
	require.NoErrorf(t, fsafe.Check(out), "Clean(%q) = %q", in, out)
	require.NoError(t, fsafe.CheckPath(out))
	require.Equalf(t, out, fsafe.Clean(out), "Clean(%q) is not stable", in)
	require.LessOrEqual(t, len(out), fsafe.MaxName)
	require.True(t, norm.NFC.IsNormalString(out))
	require.True(t, filepath.IsLocal(out))
	require.Equal(t, out, filepath.Base(out))
	if fsafe.Check(in) == nil {
		require.Equal(t, norm.NFC.String(in), out, "a legal name changes in its normal form only")
	}
}

func TestCleanHoldsForAnyText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { cleanHolds(t, rough().Draw(t, "name")) })
}

func FuzzNames(f *testing.F) {
	for _, names := range badNames() {
		for _, name := range names {
			f.Add(name)
		}
	}
	for _, name := range goodNames() {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) { cleanHolds(t, name) })
}

package daemon

import (
	"testing"
)

// FuzzConfigFile reads any text as a file of settings. What is taken can be
// printed and read again, and means the same.
func FuzzConfigFile(f *testing.F) {
	f.Add("http = \"127.0.0.1:1\"\n[table]\nx = 1\n")
	f.Add("save-root = [\"/a\", 'b\\c']\ninterval = 1.5\ntimeout = \"90s\"\n")
	f.Add("a.b.c = {x = [1979-05-27, nan]}\n")
	f.Add("\"log-level\" = '''debug'''\nmetrics = true\nconcurrency = 0x10\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := defaults(nil)
		if err := s.readTOML("pixivoc.toml", []byte(text), schema(s)); err != nil {
			return
		}
		again := defaults(nil)
		printed := configText(s)
		if err := again.readTOML("pixivoc.toml", []byte(printed), schema(again)); err != nil {
			t.Fatalf("%v in\n%s", err, printed)
		}
		for i, row := range schema(s) {
			if row.name == "proxy" {
				continue // without its password
			}
			if want, got := row.value.toml(), schema(again)[i].value.toml(); want != got {
				t.Fatalf("%s: %s became %s", row.name, want, got)
			}
		}
	})
}

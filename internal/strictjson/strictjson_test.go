package strictjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc/internal/strictjson"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestH7_Check(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for text, want := range map[string]string{
		`{}`:                            "",
		`{"a":{"a":[1,{"a":null}]}}`:    "",
		`[{"a":1},{"a":2}]`:             "",
		`"a"`:                           "",
		nested(strictjson.MaxDepth):     "",
		nested(strictjson.MaxDepth + 1): strictjson.ErrDeep.Error(),
		`{"a":1,"b":{"c":1,"c":2}}`:     `has "c" twice`,
		`{"a":1,"\u0061":2}`:            `has "a" twice`,
		"":                              strictjson.ErrOneValue.Error(),
		"{} {}":                         strictjson.ErrOneValue.Error(),
		"\"\xff\"":                      strictjson.ErrUTF8.Error(),
		`{"a"`:                          "is not JSON: near byte 4",
		`{"a":1,}`:                      "is not JSON: near byte 7",
	} {
		err := strictjson.Check([]byte(text))
		if want == "" {
			assert.NoError(t, err, text)
			continue
		}
		assert.EqualError(t, err, want, text)
	}
	assert.NoError(t, strictjson.CheckLoose([]byte(`{"a":1,"b":{"c":1,"c":2}}`)))
	assert.ErrorIs(t, strictjson.CheckLoose([]byte(nested(65))), strictjson.ErrDeep)
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1,"a":2}`, `[[[[`, `{"a":{"b":[1,{"c":null}]}}`, `"\ud800"`, `{"a"`, `1 2`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if strictjson.Check(text) == nil && strictjson.CheckLoose(text) != nil {
			t.Error("strict takes what loose refuses")
		}
		if strictjson.CheckLoose(text) == nil && !json.Valid(text) {
			t.Error("not JSON")
		}
	})
}

func TestMerge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ base, more, want string }{
		{"", "", ""},
		{`{"sort":"date_asc"}`, "", `{"sort":"date_asc"}`},
		{"", `{"pages":"1"}`, `{"pages":"1"}`},
		{`{"sort":"date_asc","pages":"2"}`, `{"pages":"1"}`, `{"pages":"1","sort":"date_asc"}`},
	} {
		got, err := strictjson.Merge(json.RawMessage(test.base), json.RawMessage(test.more))
		require.NoError(t, err)
		assert.Equal(t, test.want, string(got))
	}
	_, err := strictjson.Merge(json.RawMessage(`{}`), json.RawMessage(`[1]`))
	require.Error(t, err)
}

package dataapi_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// exchange is a request and its answer to the byte. {1}, {2} … stand for the
// tasks, {token} for an access token, {time} and {secret} for what changes.
type exchange struct {
	Name   string            `json:"name"`
	As     string            `json:"as"` // account; "" sends no Authorization
	Method string            `json:"method"`
	Target string            `json:"target"`
	Header map[string]string `json:"header"`
	Body   string            `json:"body"`
	Status int               `json:"status"`
	Answer string            `json:"answer"`
	Heads  map[string]string `json:"heads"`
}

// TestGolden sends the transcript in its order to one API.
func TestGolden(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/transcript.json")
	require.NoError(t, err)
	var exchanges []exchange
	require.NoError(t, json.Unmarshal(text, &exchanges))
	k := newKit(t)
	first := k.create("first", "", "a b")
	second := k.create("second", "Artists", "")
	third := k.create("third & co", "Artists", "c")
	k.find(second, "work", `{"id":7,"title":"A \"title\" & <more>","user":{"id":9,"name":"花"},"tags":["x","y"],"kind":"illust","series":null}`, `{"id":8,"title":"=1+1","ok":true}`)
	k.find(second, "file", `{"path":"a/b.png","bytes":12345678901234567890}`)
	fill := strings.NewReplacer("{1}", strconv.FormatInt(first.ID(), 10), "{2}", strconv.FormatInt(second.ID(), 10), "{3}", strconv.FormatInt(third.ID(), 10))
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	secrets := regexp.MustCompile(`[A-Za-z0-9_-]{43}`)
	seqs := map[string]string{}
	for record, err := range second.Records(t.Context(), pixivoc.RecordQuery{}) {
		require.NoError(t, err)
		seqs["{seq"+strconv.Itoa(len(seqs)+1)+"}"] = strconv.FormatInt(record.Seq, 10)
	}
	tokens := map[string]string{"admin": k.token, "basic": k.issue("basic"), "nobody": k.issue("nobody")}
	for _, e := range exchanges {
		for name, seq := range seqs {
			e.Target, e.Answer = strings.ReplaceAll(e.Target, name, seq), strings.ReplaceAll(e.Answer, name, seq)
			for head := range e.Heads {
				e.Heads[head] = strings.ReplaceAll(e.Heads[head], name, seq)
			}
		}
		r := post(fill.Replace(e.Target), fill.Replace(e.Body))
		r.Method = e.Method
		for name, value := range e.Header {
			r.Header.Set(name, value)
		}
		if e.As != "" {
			r.Header.Set("Authorization", "bearer "+tokens[e.As])
		}
		w := k.record(r)
		body := secrets.ReplaceAllString(times.ReplaceAllString(w.Body.String(), "{time}"), "{secret}")
		assert.Equal(t, e.Status, w.Code, e.Name)
		assert.Equal(t, fill.Replace(e.Answer), body, e.Name)
		for name, want := range e.Heads {
			assert.Equal(t, fill.Replace(want), w.Header().Get(name), "%s: %s", e.Name, name)
		}
		if w.Code != http.StatusOK || !strings.Contains(e.Target, "format=") {
			assert.Equal(t, "application/json; charset=utf-8", w.Header().Get("Content-Type"), e.Name)
		}
	}
}

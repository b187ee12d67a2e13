package socketapi_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/stretchr/testify/require"
)

// shared reads a file of the protocol's description, which is not part of the
// repository.
func shared(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "protocols", "fixtures", name))
	if os.IsNotExist(err) {
		t.Skipf("%s is not on this machine; testdata has the essential cases", name)
	}
	require.NoError(t, err)
	return text
}

// fixtureCase is a request and what must come of it.
type fixtureCase struct {
	Name     string          `json:"name"`
	State    string          `json:"state"`
	Request  json.RawMessage `json:"request"`
	Required json.RawMessage `json:"required"`
}

// frame is the request as it is sent.
func (c fixtureCase) frame(t *testing.T) []byte {
	t.Helper()
	var direct struct {
		Body *string `json:"raw_body_hex"`
	}
	if json.Unmarshal(c.Request, &direct) == nil && direct.Body != nil {
		body, err := hex.DecodeString(*direct.Body)
		require.NoError(t, err)
		return frameOf(body)
	}
	return frameOf([]byte(strings.ReplaceAll(string(c.Request), `"<<3.0>>"`, `3.0`)))
}

// Every case of the description, each against a server of its own.
func TestFixtureCases(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"shared", "own"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var text []byte
			if name == "shared" {
				text = shared(t, "socket-cases.json")
			} else {
				var err error
				text, err = os.ReadFile("testdata/cases.json")
				require.NoError(t, err)
			}
			var cases []fixtureCase
			require.NoError(t, json.Unmarshal(text, &cases))
			require.NotEmpty(t, cases)
			for _, c := range cases {
				t.Run(c.Name, func(t *testing.T) {
					t.Parallel()
					replay(t, c)
				})
			}
		})
	}
}

func replay(t *testing.T, c fixtureCase) {
	client := kernel(t, newGate())
	if c.State == "logged in" {
		logIn(t, client)
	}
	conn := raw{t, openTCP(t, client, socketapi.Config{}).dial()}
	conn.send(c.frame(t))
	if string(c.Required) == `"silent"` {
		conn.silent()
		return
	}
	var want []json.RawMessage
	require.NoError(t, json.Unmarshal(c.Required, &want))
	for _, m := range want {
		body, err := conn.body()
		require.NoError(t, err)
		require.JSONEq(t, string(m), string(body))
		require.Regexp(t, `^\{"IdentificationNumber": "R\d+", "SendType": 1, "Content": `, string(body))
	}
	conn.silent()
}

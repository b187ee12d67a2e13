package cli

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPromptReadsOneLineAtATime(t *testing.T) {
	t.Parallel()
	shown := new(bytes.Buffer)
	a := &app{stdin: iotest.OneByteReader(strings.NewReader("  first \r\n\nlast")), console: newConsole(shown)}
	for _, want := range []string{"first", "", "last"} {
		got, err := a.askLine("What? ")
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := a.askLine("What? ")
	assert.ErrorIs(t, err, errNoAnswer)
	assert.Equal(t, strings.Repeat("What? ", 4), shown.String())
}

func TestPromptBoundsTheAnswer(t *testing.T) {
	t.Parallel()
	a := &app{stdin: strings.NewReader(strings.Repeat("x", maxAnswerBytes+1)), console: newConsole(new(bytes.Buffer))}
	_, err := a.askLine("")
	assert.ErrorContains(t, err, "longer than")
}

func TestSecretFromAPipeIsNotEchoed(t *testing.T) {
	t.Parallel()
	shown := new(bytes.Buffer)
	a := &app{stdin: strings.NewReader("s3cret\n"), stdout: shown, console: newConsole(shown)}
	got, err := a.askSecret("Token: ")
	require.NoError(t, err)
	assert.Equal(t, "s3cret", got)
	assert.NotContains(t, shown.String(), "s3cret")
}

func TestRefreshTokenSources(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
	file := t.TempDir() + "/token.txt"
	writeFile(t, file, "\ufeff"+token+"\r\n")
	cases := []struct {
		name, value, file, variable, stdin, want string
	}{
		{name: "nothing"},
		{name: "flag", value: token, want: token},
		{name: "prompt", value: "-", stdin: "  " + token + "\n", want: token},
		{name: "file", file: file, want: token},
		{name: "variable", variable: token, want: token},
		{name: "flag wins", value: token, variable: "other-token-of-enough-length-000000000000000", want: token},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := &app{
				stdin: strings.NewReader(c.stdin), console: newConsole(new(bytes.Buffer)),
				environ: map[string]string{tokenVariable: c.variable},
			}
			got, err := a.refreshToken(c.value, c.file)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

// TestG15_WrongTokenIsNotRepeated: an error about a token must not show it.
func TestG15_WrongTokenIsNotRepeated(t *testing.T) {
	t.Parallel()
	const secret = "not a token but s3cret"
	file := t.TempDir() + "/token.txt"
	writeFile(t, file, secret)
	for _, a := range []*app{
		{environ: map[string]string{tokenVariable: secret}},
		{environ: map[string]string{}},
	} {
		name := file
		if a.environ[tokenVariable] != "" {
			name = ""
		}
		_, err := a.refreshToken("", name)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "s3cret")
	}
}

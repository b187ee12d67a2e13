package netdial

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Forms of an address: RFC 1928 section 5.
func TestAppendSOCKSAddress(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"a.test":           "\x03\x06a.test\x01\xbb",
		"192.0.2.1":        "\x01\xc0\x00\x02\x01\x01\xbb",
		"::ffff:192.0.2.1": "\x01\xc0\x00\x02\x01\x01\xbb",
		"2001:db8::1":      "\x04\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01\x01\xbb",
	} {
		got, err := appendSOCKSAddress(nil, target{host: host, port: 443})
		require.NoError(t, err, host)
		assert.Equal(t, want, string(got), host)
	}
	_, err := appendSOCKSAddress(nil, target{host: strings.Repeat("x", 256), port: 443})
	assert.Error(t, err)
}

func TestSOCKSRepliesAreToldApart(t *testing.T) {
	t.Parallel()
	texts := map[string]bool{}
	for code := range 10 {
		texts[socksReply(byte(code))] = true
	}
	assert.Len(t, texts, 10)
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var m memory
	for i := range 2 * maxTargets {
		name := target{host: fmt.Sprintf("h%d.test", i), port: 443, secure: true}
		assert.Same(t, m.of(name), m.of(name))
	}
	assert.Len(t, m.all(), maxTargets)
}

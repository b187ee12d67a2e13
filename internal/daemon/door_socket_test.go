package daemon

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/store/memory"
)

// TestSocketRightsEnd takes away what clients of the socket showed.
func TestSocketRightsEnd(t *testing.T) {
	t.Parallel()
	book, err := credential.Open(t.Context(), memory.New(), credential.Options{Memory: 64, Passes: 1})
	require.NoError(t, err)
	require.NoError(t, book.Set(t.Context(), owner, "secret", credential.ScopeAdmin))
	account, err := book.Check(t.Context(), owner, "secret", netip.Addr{})
	require.NoError(t, err)
	token, err := book.Issue(t.Context(), account, credential.KindBearer, time.Hour)
	require.NoError(t, err)

	byToken, err := authenticate(t.Context(), book, token, netip.Addr{})
	require.NoError(t, err)
	assert.True(t, byToken.Control && byToken.Admin)
	assert.Nil(t, byToken.Renew, "the token is looked at again")
	byPassword, err := authenticate(t.Context(), book, owner+":secret", netip.Addr{})
	require.NoError(t, err)
	require.NotNil(t, byPassword.Renew)
	now, err := byPassword.Renew(t.Context())
	require.NoError(t, err)
	assert.True(t, now.Control && now.Admin)

	require.NoError(t, book.Revoke(t.Context(), credential.KindBearer, token))
	_, err = authenticate(t.Context(), book, token, netip.Addr{})
	require.ErrorIs(t, err, credential.ErrWrong)
	require.NoError(t, book.Set(t.Context(), owner, "secret"), "no scopes")
	_, err = byPassword.Renew(t.Context())
	require.ErrorIs(t, err, credential.ErrWrong)
	require.NoError(t, book.Set(t.Context(), owner, "another", credential.ScopeAdmin))
	_, err = byPassword.Renew(t.Context())
	require.ErrorIs(t, err, credential.ErrWrong)
}

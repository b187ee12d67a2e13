package credential_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/credential"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	book, _ := openWithOwner(t, nil)
	for _, test := range []struct {
		name, user, password string
		want                 error
	}{
		{"right", owner, password, nil},
		{"wrong password", owner, "incorrect", credential.ErrWrong},
		{"empty password", owner, "", credential.ErrWrong},
		{"other case", owner, strings.ToUpper(password), credential.ErrWrong},
		{"password with an end", owner, password + "\x00", credential.ErrWrong},
		{"unknown name", "nobody", password, credential.ErrWrong},
		{"empty name", "", password, credential.ErrWrong},
		{"other case of the name", "Admin", password, credential.ErrWrong},
		{"very long", owner, strings.Repeat("x", 1<<20), credential.ErrWrong},
	} {
		require.ErrorIs(t, check(t, book, test.user, test.password, home), test.want, test.name)
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	store := &settings{}
	book := open(t, store, nil)
	require.NoError(t, book.Set(t.Context(), "reader", password, credential.ScopeRead, credential.ScopeExport))
	account, err := book.Check(t.Context(), "reader", password, home)
	require.NoError(t, err)
	assert.True(t, account.May(credential.ScopeRead))
	assert.True(t, account.May(credential.ScopeExport))
	assert.False(t, account.May(credential.ScopeControl))
	assert.False(t, account.May(credential.ScopeAdmin))
	assert.False(t, credential.Account{}.May(credential.ScopeRead))
	all := credential.Account{Scopes: []credential.Scope{credential.ScopeAdmin}}
	assert.True(t, all.May(credential.ScopeControl), "admin includes all")
}

func TestSetRefuses(t *testing.T) {
	t.Parallel()
	book, store := openWithOwner(t, nil)
	before := store.everything()
	for name, set := range map[string]struct {
		user, password string
		scope          credential.Scope
	}{
		"no name":       {"", password, credential.ScopeRead},
		"long name":     {strings.Repeat("n", 129), password, credential.ScopeRead},
		"blank in it":   {"ad min", password, credential.ScopeRead},
		"line break":    {"admin\n", password, credential.ScopeRead},
		"bad UTF-8":     {"a\xff", password, credential.ScopeRead},
		"no password":   {"new", "", credential.ScopeRead},
		"long password": {"new", strings.Repeat("p", 1025), credential.ScopeRead},
		"unknown scope": {"new", password, "everything"},
	} {
		err := book.Set(t.Context(), set.user, set.password, set.scope)
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), password, name)
	}
	assert.Equal(t, before, store.everything())
	assert.Len(t, book.Accounts(), 1)
}

// TestT4_TokensAndPasswordsAreHashed looks for secrets in what is stored.
func TestG15_NothingStoredCanBeUsed(t *testing.T) {
	t.Parallel()
	book, store := openWithOwner(t, nil)
	account, err := book.Check(t.Context(), owner, password, home)
	require.NoError(t, err)
	token, err := book.Issue(t.Context(), account, "access", time.Hour)
	require.NoError(t, err)
	stored := store.everything()
	assert.Contains(t, stored, "$argon2id$v=19$m=64,t=1,p=1$")
	assert.NotContains(t, stored, password)
	assert.NotContains(t, stored, token)
}

func TestBookSurvivesRestart(t *testing.T) {
	t.Parallel()
	book, store := openWithOwner(t, nil)
	account, err := book.Check(t.Context(), owner, password, home)
	require.NoError(t, err)
	kept, err := book.Issue(t.Context(), account, "refresh", time.Hour)
	require.NoError(t, err)
	spent, err := book.Issue(t.Context(), account, "refresh", time.Hour)
	require.NoError(t, err)
	_, err = book.Spend(t.Context(), "refresh", spent)
	require.NoError(t, err)

	again := open(t, store, nil)
	require.NoError(t, check(t, again, owner, password, home))
	found, err := again.Look(t.Context(), "refresh", kept)
	require.NoError(t, err)
	assert.Equal(t, owner, found.Name)
	assert.True(t, found.May(credential.ScopeAdmin))
	_, err = again.Look(t.Context(), "refresh", spent)
	require.ErrorIs(t, err, credential.ErrWrong, "what was spent stays so")
}

func TestOpenRefusesDamage(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"credential/accounts": `{"accounts":`,
		"credential/tokens/3": `{"tokens":[{"digest":"short"}]}`,
	} {
		store := &settings{values: map[string][]byte{name: []byte(value)}}
		_, err := credential.Open(t.Context(), store, cheap(nil))
		require.ErrorContains(t, err, "load "+name)
		assert.Equal(t, value, string(store.values[name]), "it is left as it is")
	}
	store := &settings{values: map[string][]byte{
		"credential/accounts": []byte(`{"accounts":[{"name":"admin","password":"plain","scopes":["admin"]}]}`),
	}}
	err := check(t, open(t, store, nil), owner, "plain", home)
	require.ErrorContains(t, err, "set it anew")
	assert.NotContains(t, err.Error(), "plain")
}

func TestNewPasswordEndsTokens(t *testing.T) {
	t.Parallel()
	book, store := openWithOwner(t, nil)
	account, err := book.Check(t.Context(), owner, password, home)
	require.NoError(t, err)
	token, err := book.Issue(t.Context(), account, "access", time.Hour)
	require.NoError(t, err)

	require.NoError(t, book.Set(t.Context(), owner, password, credential.ScopeRead))
	found, err := book.Look(t.Context(), "access", token)
	require.NoError(t, err, "the same password ends nothing")
	assert.False(t, found.May(credential.ScopeControl), "the scopes of now count")

	writes := store.writes
	require.NoError(t, book.Set(t.Context(), owner, password, credential.ScopeRead))
	assert.Equal(t, writes, store.writes, "what changes nothing writes nothing")

	require.NoError(t, book.Set(t.Context(), owner, "another", credential.ScopeAdmin))
	_, err = book.Look(t.Context(), "access", token)
	require.ErrorIs(t, err, credential.ErrWrong)
	_, err = book.Issue(t.Context(), account, "access", time.Hour)
	require.ErrorIs(t, err, credential.ErrWrong, "checked with the old password")
	require.ErrorIs(t, check(t, book, owner, password, home), credential.ErrWrong)
	require.NoError(t, check(t, book, owner, "another", home))
}

func TestWrongPasswordMayBecomeRight(t *testing.T) {
	t.Parallel()
	book, _ := openWithOwner(t, nil)
	require.ErrorIs(t, check(t, book, owner, "later", home), credential.ErrWrong)
	require.NoError(t, book.Set(t.Context(), owner, "later", credential.ScopeAdmin))
	require.NoError(t, check(t, book, owner, "later", home))
}

func TestRemovedAccountStaysOut(t *testing.T) {
	t.Parallel()
	book, _ := openWithOwner(t, newClock().Now)
	account, err := book.Check(t.Context(), owner, password, home)
	require.NoError(t, err)
	token, err := book.Issue(t.Context(), account, "access", time.Hour)
	require.NoError(t, err)
	was, err := book.Remove(t.Context(), owner)
	require.NoError(t, err)
	assert.True(t, was)
	_, err = book.Look(t.Context(), "access", token)
	require.ErrorIs(t, err, credential.ErrWrong)
	require.NoError(t, book.Set(t.Context(), owner, password, credential.ScopeRead))
	_, err = book.Look(t.Context(), "access", token)
	require.ErrorIs(t, err, credential.ErrWrong, "the token belongs to the account that was removed")
}

func TestFailedSaveChangesNothing(t *testing.T) {
	t.Parallel()
	book, store := openWithOwner(t, nil)
	account, err := book.Check(t.Context(), owner, password, home)
	require.NoError(t, err)
	token, err := book.Issue(t.Context(), account, "refresh", time.Hour)
	require.NoError(t, err)

	full := errors.New("disk full")
	store.setFail(full)
	require.ErrorIs(t, book.Set(t.Context(), owner, "new", credential.ScopeAdmin), full)
	require.ErrorIs(t, book.Set(t.Context(), "second", "new", credential.ScopeAdmin), full)
	_, err = book.Remove(t.Context(), owner)
	require.ErrorIs(t, err, full)
	_, err = book.Issue(t.Context(), account, "refresh", time.Hour)
	require.ErrorIs(t, err, full)
	_, err = book.Spend(t.Context(), "refresh", token)
	require.ErrorIs(t, err, full)

	store.setFail(nil)
	assert.Len(t, book.Accounts(), 1)
	require.NoError(t, check(t, book, owner, password, home))
	_, err = book.Spend(t.Context(), "refresh", token)
	require.NoError(t, err, "a token whose end was not stored is still good")
	_, err = book.Spend(t.Context(), "refresh", token)
	require.ErrorIs(t, err, credential.ErrWrong)
}

func TestDefaultCost(t *testing.T) {
	t.Parallel()
	store := &settings{}
	book, err := credential.Open(t.Context(), store, credential.Options{})
	require.NoError(t, err)
	require.NoError(t, book.Set(t.Context(), owner, password, credential.ScopeAdmin))
	assert.Contains(t, store.everything(), "$argon2id$v=19$m=19456,t=2,p=1$")
	require.NoError(t, check(t, book, owner, password, home))
	require.NoError(t, check(t, open(t, store, nil), owner, password, home), "other parameters now")
}

func BenchmarkCheck(b *testing.B) {
	book, err := credential.Open(b.Context(), &settings{}, credential.Options{})
	require.NoError(b, err)
	require.NoError(b, book.Set(b.Context(), owner, password, credential.ScopeAdmin))
	for b.Loop() {
		if _, err := book.Check(b.Context(), owner, password, home); err != nil {
			b.Fatal(err)
		}
	}
}

// TestRenew is a connection that outlives the password it was opened with.
func TestRenew(t *testing.T) {
	t.Parallel()
	book, _ := openWithOwner(t, newClock().Now)
	account, err := book.Check(t.Context(), owner, password, home)
	require.NoError(t, err)
	require.NoError(t, book.Set(t.Context(), owner, password, credential.ScopeRead))
	now, err := book.Renew(account)
	require.NoError(t, err)
	assert.Equal(t, []credential.Scope{credential.ScopeRead}, now.Scopes)
	require.NoError(t, book.Set(t.Context(), owner, "another", credential.ScopeRead))
	_, err = book.Renew(account)
	require.ErrorIs(t, err, credential.ErrWrong)
	account, err = book.Check(t.Context(), owner, "another", home)
	require.NoError(t, err)
	_, err = book.Remove(t.Context(), owner)
	require.NoError(t, err)
	_, err = book.Renew(account)
	require.ErrorIs(t, err, credential.ErrWrong)
}

func TestRefusedIsTold(t *testing.T) {
	t.Parallel()
	var told []string
	book, err := credential.Open(t.Context(), &settings{}, credential.Options{
		Memory: 64, Passes: 1, Refused: func(name string, remote netip.Addr) { told = append(told, name+" "+remote.String()) },
	})
	require.NoError(t, err)
	require.NoError(t, book.Set(t.Context(), "owner", "right password", credential.ScopeAdmin))
	from := netip.MustParseAddr("192.0.2.1")
	_, err = book.Check(t.Context(), "owner", "right password", from)
	require.NoError(t, err)
	_, err = book.Check(t.Context(), "owner", "wrong", from)
	require.ErrorIs(t, err, credential.ErrWrong)
	require.Equal(t, []string{"owner 192.0.2.1"}, told)
}

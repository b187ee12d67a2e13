package credential

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// shards is how many settings the tokens are spread over, by their hash,
	// so that storing one does not write all.
	shards = 16
	// MaxTokens is how many tokens of a kind an account can have, about:
	// further ones end the oldest.
	MaxTokens     = 1024
	shardCapacity = MaxTokens / shards

	tokenBytes = 32
)

// KindBearer is the kind of the tokens for scripts, which every door takes.
const KindBearer = "rest_bearer"

// tokenLength is how long a token is: base64 without padding, in the
// characters A-Z a-z 0-9 - and _ (RFC 4648 section 5).
var tokenLength = base64.RawURLEncoding.EncodedLen(tokenBytes)

// digest is what is kept of a token.
type digest [sha256.Size]byte

// MarshalText writes the digest as it is stored.
func (d digest) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, d[:]), nil
}

// UnmarshalText reads what MarshalText wrote.
func (d *digest) UnmarshalText(text []byte) error {
	raw, err := base64.RawURLEncoding.AppendDecode(nil, text)
	if err != nil || len(raw) != len(d) {
		return errors.New("not a SHA-256")
	}
	copy(d[:], raw)
	return nil
}

// digestOf binds a token to its kind: one of another kind is unknown.
func digestOf(kind, token string) digest {
	return sha256.Sum256([]byte(kind + "\x00" + token))
}

// token is what is known of a token.
type token struct {
	Digest  digest    `json:"digest"`
	Kind    string    `json:"kind"`
	Account string    `json:"account"`
	Epoch   string    `json:"epoch"` // of the account when it was issued
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
	// Scopes are all that the token may do; nil means all that the account may.
	Scopes []Scope `json:"scopes,omitzero"`
}

// shard is the part of the tokens whose digests begin alike.
type shard struct {
	saver *saver

	mu      sync.Mutex
	tokens  map[digest]token
	changes uint64
}

type tokensFile struct {
	Tokens []token `json:"tokens"`
}

func openShard(ctx context.Context, store SettingStore, name string) (*shard, error) {
	s := &shard{saver: newSaver(store, name), tokens: map[digest]token{}}
	var file tokensFile
	if err := s.saver.load(ctx, &file); err != nil {
		return nil, err
	}
	for _, entry := range file.Tokens {
		s.tokens[entry.Digest] = entry
	}
	return s, nil
}

func (b *Book) shard(d digest) *shard { return b.tokens[d[0]%shards] }

// Issue gives out a token for an account that Check, Look, Spend or Accounts
// returned; ErrWrong when its password was changed since. The token is valid for
// life from now, by the wall clock, and only for the same kind. The account's
// password and scopes at the time of use count: a new password ends the token.
// One for an Account from Narrow, or of such a token, has no other scopes than
// that. life must be positive.
func (b *Book) Issue(ctx context.Context, owner Account, kind string, life time.Duration) (string, error) {
	if life <= 0 {
		return "", fmt.Errorf("issue %s token: life %v is not positive", kind, life)
	}
	entry := b.find(owner.Name)
	if entry == nil || entry.Epoch != owner.epoch {
		return "", ErrWrong
	}
	text := base64.RawURLEncoding.EncodeToString(random(tokenBytes))
	now := wall(b.options.Clock())
	issued := token{
		Digest: digestOf(kind, text), Kind: kind, Account: entry.Name, Epoch: entry.Epoch,
		Issued: now, Expires: now.Add(life),
	}
	if owner.isNarrow {
		issued.Scopes = owner.Scopes
	}
	s := b.shard(issued.Digest)
	change := s.add(issued, b.isVoid(now))
	if err := s.save(ctx, change); err != nil {
		s.remove(issued.Digest)
		return "", err
	}
	return text, nil
}

// Look returns the account of a token, or ErrWrong when the token is unknown,
// of another kind, or expired.
func (b *Book) Look(_ context.Context, kind, text string) (Account, error) {
	d, ok := readToken(kind, text)
	if !ok {
		return Account{}, ErrWrong
	}
	found, ok := b.shard(d).find(d, wall(b.options.Clock()))
	if !ok {
		return Account{}, ErrWrong
	}
	return b.ownerOf(found)
}

// Spend returns the account of a token as Look does, and ends the token. Of
// any number of calls with one token exactly one gets the account; when it
// returns, that is stored. When it cannot be stored, the token stays valid.
func (b *Book) Spend(ctx context.Context, kind, text string) (Account, error) {
	d, ok := readToken(kind, text)
	if !ok {
		return Account{}, ErrWrong
	}
	s := b.shard(d)
	spent, change, ok := s.take(d, wall(b.options.Clock()))
	if !ok {
		return Account{}, ErrWrong
	}
	owner, err := b.ownerOf(spent)
	if err != nil {
		return Account{}, err
	}
	if err := s.save(ctx, change); err != nil {
		s.add(spent, nil)
		return Account{}, err
	}
	return owner, nil
}

// Revoke ends a token. One that is unknown is no error.
func (b *Book) Revoke(ctx context.Context, kind, text string) error {
	if _, err := b.Spend(ctx, kind, text); err != nil && !errors.Is(err, ErrWrong) {
		return err
	}
	return nil
}

func (b *Book) ownerOf(t token) (Account, error) {
	entry := b.find(t.Account)
	if entry == nil || entry.Epoch != t.Epoch {
		return Account{}, ErrWrong
	}
	owner := entry.public()
	if t.Scopes != nil {
		owner = owner.limit(t.Scopes)
	}
	return owner, nil
}

// isVoid returns a function that says whether a token can never be used again.
func (b *Book) isVoid(now time.Time) func(token) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	epochs := make(map[string]string, len(b.accounts))
	for name, entry := range b.accounts {
		epochs[name] = entry.Epoch
	}
	return func(t token) bool {
		epoch, known := epochs[t.Account]
		return !known || epoch != t.Epoch || !now.Before(t.Expires)
	}
}

// readToken refuses what cannot be a token before anything is computed.
func readToken(kind, text string) (digest, bool) {
	if len(text) != tokenLength {
		return digest{}, false
	}
	return digestOf(kind, text), true
}

// wall strips the monotonic reading, which stands still while a machine
// sleeps.
func wall(now time.Time) time.Time { return now.Round(0).UTC() }

// find returns a token that is valid now.
func (s *shard) find(d digest, now time.Time) (token, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.valid(d, now)
}

// take removes a token that is valid now.
func (s *shard) take(d digest, now time.Time) (t token, change uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok = s.valid(d, now); !ok {
		return token{}, 0, false
	}
	delete(s.tokens, d)
	s.changes++
	return t, s.changes, true
}

// valid looks a token up. The map is searched by a hash that an attacker
// cannot steer without knowing the token, and the comparison of the whole
// takes the same time wherever two digests differ. It needs s.mu.
func (s *shard) valid(d digest, now time.Time) (token, bool) {
	t, known := s.tokens[d]
	if !known || subtle.ConstantTimeCompare(t.Digest[:], d[:]) != 1 {
		return token{}, false
	}
	if now.Before(t.Issued) {
		// The clock was set back. A token never lives longer than it was
		// meant to from any time at which it is seen.
		t.Issued, t.Expires = now, now.Add(t.Expires.Sub(t.Issued))
		s.tokens[d] = t
	}
	return t, now.Before(t.Expires)
}

// add puts a token in, and takes out those that are void and the oldest of the
// same account and kind that are too many.
func (s *shard) add(t token, isVoid func(token) bool) (change uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isVoid != nil {
		var same []token
		for d, other := range s.tokens {
			switch {
			case isVoid(other):
				delete(s.tokens, d)
			case other.Account == t.Account && other.Kind == t.Kind:
				same = append(same, other)
			}
		}
		slices.SortFunc(same, func(x, y token) int { return x.Issued.Compare(y.Issued) })
		for len(same) >= shardCapacity {
			delete(s.tokens, same[0].Digest)
			same = same[1:]
		}
	}
	s.tokens[t.Digest] = t
	s.changes++
	return s.changes
}

func (s *shard) remove(d digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, d)
	s.changes++
}

func (s *shard) save(ctx context.Context, change uint64) error {
	return s.saver.save(ctx, change, func() ([]byte, uint64, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		file := tokensFile{Tokens: make([]token, 0, len(s.tokens))}
		for _, t := range s.tokens {
			file.Tokens = append(file.Tokens, t)
		}
		slices.SortFunc(file.Tokens, func(x, y token) int { return slices.Compare(x.Digest[:], y.Digest[:]) })
		value, err := json.Marshal(file)
		return value, s.changes, err
	})
}

// Package credential knows who may use a door: accounts with passwords, and
// tokens given out for them.
//
// Passwords are kept as argon2id hashes (RFC 9106), tokens as SHA-256 of 256
// random bits; neither can be read back. Guessing is slowed, for each address
// and for each account, but hardly anybody can lock the owner out: see Check.
package credential

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// ErrWrong is the answer to a wrong name, password or token. It never says
// which of them was wrong.
var ErrWrong = errors.New("wrong name, password or token")

// ThrottledError refuses an attempt without looking at it, because too many
// went wrong before or too many are under way.
type ThrottledError struct {
	// Wait is when to come back; at that time the attempt is looked at.
	Wait time.Duration
}

// Error says how long to wait, in whole seconds.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many attempts, try again in %d s", int64((e.Wait+time.Second-1)/time.Second))
}

// SettingStore keeps small named values durably. An absent one gives an error
// that is fs.ErrNotExist; a nil value removes one.
type SettingStore interface {
	Setting(ctx context.Context, name string) ([]byte, error)
	SetSetting(ctx context.Context, name string, value []byte) error
}

// Options are the choices of Open. The zero value is sane.
type Options struct {
	// Prefix begins the names of the settings; "" means "credential".
	Prefix string
	// Memory is what the hash of a password takes, in KiB, and Passes how
	// often it goes over it. Zero means 19456 and 2, which OWASP recommends
	// as the least (Password Storage Cheat Sheet, 2025). Passwords that were
	// hashed with other values stay valid.
	Memory, Passes uint32
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time
	// Refused, when set, is told of each wrong password that was looked at. It
	// must return soon. Attempts that were told to wait are not among them.
	Refused func(name string, remote netip.Addr)
}

// The bounds of a Book.
const (
	MaxAccounts = 1000
	maxName     = 128  // bytes
	maxPassword = 1024 // bytes
)

// Book holds accounts and tokens. Make one with Open. All methods are safe for
// concurrent use. What a method reported as done is stored.
type Book struct {
	options  Options
	hashing  *hashing
	throttle *throttle
	tokens   [shards]*shard
	saver    *saver

	mu       sync.Mutex
	accounts map[string]*account
	changes  uint64
}

// account is an entry of the book. It is not changed once it is in the map.
type account struct {
	Name     string  `json:"name"`
	Password string  `json:"password"` // the hash, see hashing
	Scopes   []Scope `json:"scopes"`
	// Epoch is a random text that changes with the password; tokens of another
	// epoch are void.
	Epoch string `json:"epoch"`
}

type accountsFile struct {
	Accounts []*account `json:"accounts"`
}

// Open reads the book from the store, where it may be absent. A value that
// cannot be read is an error, and nothing is changed.
func Open(ctx context.Context, store SettingStore, options Options) (*Book, error) {
	if options.Prefix == "" {
		options.Prefix = "credential"
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	b := &Book{
		options:  options,
		hashing:  newHashing(options),
		throttle: newThrottle(options.Clock()),
		saver:    newSaver(store, options.Prefix+"/accounts"),
		accounts: map[string]*account{},
	}
	var file accountsFile
	if err := b.saver.load(ctx, &file); err != nil {
		return nil, err
	}
	for _, entry := range file.Accounts {
		b.accounts[entry.Name] = entry
	}
	for i := range b.tokens {
		shard, err := openShard(ctx, store, fmt.Sprintf("%s/tokens/%x", options.Prefix, i))
		if err != nil {
			return nil, err
		}
		b.tokens[i] = shard
	}
	return b, nil
}

// Accounts lists the accounts by name.
func (b *Book) Accounts() []Account {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Account, 0, len(b.accounts))
	for _, entry := range b.accounts {
		list = append(list, entry.public())
	}
	slices.SortFunc(list, func(x, y Account) int { return strings.Compare(x.Name, y.Name) })
	return list
}

func (a *account) public() Account {
	return Account{Name: a.Name, Scopes: slices.Clone(a.Scopes), epoch: a.Epoch}
}

// Set makes an account or changes its password and scopes. A new password ends
// all tokens of the account; the same password again does not.
func (b *Book) Set(ctx context.Context, name, password string, scopes ...Scope) error {
	if err := checkEntry(name, password, scopes); err != nil {
		return err
	}
	old := b.find(name)
	entry := &account{Name: name, Scopes: slices.Clone(scopes), Epoch: rand.Text()}
	if old != nil {
		same, err := b.hashing.verify(ctx, old.Password, password)
		if err != nil {
			return err
		}
		if same && slices.Equal(old.Scopes, scopes) {
			return nil
		}
		if same {
			entry.Password, entry.Epoch = old.Password, old.Epoch
		}
	}
	if entry.Password == "" {
		var err error
		if entry.Password, err = b.hashing.hash(ctx, password); err != nil {
			return err
		}
	}
	return b.put(ctx, name, entry)
}

// Remove removes an account and ends its tokens. It reports whether there was
// one.
func (b *Book) Remove(ctx context.Context, name string) (bool, error) {
	if b.find(name) == nil {
		return false, nil
	}
	return true, b.put(ctx, name, nil)
}

// put replaces an account, nil removes it. When it cannot be stored, the entry
// is what it was before.
func (b *Book) put(ctx context.Context, name string, entry *account) error {
	b.mu.Lock()
	old := b.accounts[name]
	switch {
	case entry == nil:
		delete(b.accounts, name)
	case old == nil && len(b.accounts) >= MaxAccounts:
		b.mu.Unlock()
		return fmt.Errorf("account %q: there are %d accounts already", name, MaxAccounts)
	default:
		b.accounts[name] = entry
	}
	b.changes++
	change := b.changes
	b.mu.Unlock()
	err := b.saver.save(ctx, change, b.snapshot)
	switch {
	case err == nil && entry == nil:
		b.throttle.forget(name)
		return nil
	case err == nil:
		b.throttle.renew(name)
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.accounts[name] == entry {
		b.changes++
		if b.accounts[name] = old; old == nil {
			delete(b.accounts, name)
		}
	}
	return err
}

func (b *Book) snapshot() (value []byte, change uint64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	file := accountsFile{Accounts: make([]*account, 0, len(b.accounts))}
	for _, entry := range b.accounts {
		file.Accounts = append(file.Accounts, entry)
	}
	slices.SortFunc(file.Accounts, func(x, y *account) int { return strings.Compare(x.Name, y.Name) })
	value, err = json.Marshal(file)
	return value, b.changes, err
}

func (b *Book) find(name string) *account {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.accounts[name]
}

// Check says whose name and password these are: the account, ErrWrong, or a
// *ThrottledError. remote is where the attempt comes from.
//
// The first few failures cost nothing; after them the attempts of an address
// are looked at only after 1, 2, 4 … 60 s. An account that is guessed at from
// many addresses makes each address that never logged in to it wait in the
// same way before its attempt, counted from the first time it asks. So a
// guesser is slow however many addresses he has. Repeating one and the same
// wrong password, as a program with an old one does, counts once.
//
// Who comes back when he was told to is looked at apart from those who try
// something else each time. So the owner is in within two minutes, also from
// the address of a guesser who does not wait. One who does, with each of his
// guesses, takes the owner's turns at that address for as long as he goes on,
// and a flood of more than twenty thousand attempts a second pushes the
// owner's out; neither has an effect at other addresses.
func (b *Book) Check(ctx context.Context, name, password string, remote netip.Addr) (Account, error) {
	if len(name) > maxName || len(password) > maxPassword || password == "" {
		return Account{}, ErrWrong
	}
	entry := b.find(name)
	attempt, err := b.throttle.admit(b.options.Clock(), name, password, remote, entry != nil)
	if err != nil {
		return Account{}, err
	}
	hash := b.hashing.nobody
	if entry != nil {
		hash = entry.Password
	}
	right, err := b.hashing.verify(ctx, hash, password)
	if err != nil {
		attempt.undo()
		return Account{}, err
	}
	if !right || entry == nil {
		attempt.failed()
		if b.options.Refused != nil {
			b.options.Refused(name, remote)
		}
		return Account{}, ErrWrong
	}
	attempt.succeeded()
	return entry.public(), nil
}

// Renew returns what an account is now that Check returned before, or ErrWrong
// when it is gone or its password was changed since. It costs no hash.
func (b *Book) Renew(before Account) (Account, error) {
	entry := b.find(before.Name)
	if entry == nil || entry.Epoch != before.epoch {
		return Account{}, ErrWrong
	}
	return entry.public(), nil
}

func checkEntry(name, password string, scopes []Scope) error {
	switch {
	case name == "" || len(name) > maxName || !utf8.ValidString(name):
		return fmt.Errorf("account name: must be text of 1 to %d bytes", maxName)
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		return errors.New("account name: must not hold blanks or control characters")
	case password == "" || len(password) > maxPassword:
		return fmt.Errorf("password of %q: must have 1 to %d bytes", name, maxPassword)
	}
	for _, scope := range scopes {
		if !scope.isKnown() {
			return fmt.Errorf("account %q: there is no scope %q", name, scope)
		}
	}
	return nil
}

// NewPassword returns a random password of 128 bits, in letters and digits
// that are hard to confuse.
func NewPassword() string { return rand.Text() }

// saver stores one setting. Changes that come while a save is under way share
// the next one.
type saver struct {
	store SettingStore
	name  string
	turn  chan struct{} // holds one element while a save is under way
	saved uint64        // the last change that is stored; belongs to who has the turn
}

func newSaver(store SettingStore, name string) *saver {
	return &saver{store: store, name: name, turn: make(chan struct{}, 1)}
}

// load reads the setting into file, which stays as it is when there is none.
func (s *saver) load(ctx context.Context, file any) error {
	value, err := s.store.Setting(ctx, s.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("load %s: %w", s.name, err)
	}
	if err := json.Unmarshal(value, file); err != nil {
		return fmt.Errorf("load %s: %w", s.name, err)
	}
	return nil
}

// save returns when the change is stored. snapshot returns the present value
// and the number of the last change in it.
func (s *saver) save(ctx context.Context, change uint64, snapshot func() ([]byte, uint64, error)) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("save %s: %w", s.name, context.Cause(ctx))
	}
	defer func() { <-s.turn }()
	if s.saved >= change {
		return nil
	}
	value, last, err := snapshot()
	if err != nil {
		return fmt.Errorf("save %s: %w", s.name, err)
	}
	if err := s.store.SetSetting(ctx, s.name, value); err != nil {
		return fmt.Errorf("save %s: %w", s.name, err)
	}
	s.saved = last
	return nil
}

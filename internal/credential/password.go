package credential

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

// The parameters of argon2id that are not configurable.
const (
	defaultMemory = 19456 // KiB
	defaultPasses = 2
	lanes         = 1
	saltBytes     = 16
	hashBytes     = 32
	// maxMemory and maxPasses bound what a stored hash may ask for.
	maxMemory = 1 << 20 // KiB
	maxPasses = 100

	// mostHashes bounds the memory of hashing, hashesWaiting the number of
	// callers that wait for it.
	mostHashes    = 4
	hashesWaiting = 64
)

// hashing makes and compares argon2id hashes, in the form of the reference
// implementation: $argon2id$v=19$m=19456,t=2,p=1$salt$hash.
type hashing struct {
	memory, passes uint32
	nobody         string // a hash that no password has
	places         chan struct{}
	waiting        atomic.Int64
}

func newHashing(options Options) *hashing {
	// Half of the processors are left to the rest of the program.
	places := min(max(runtime.GOMAXPROCS(0)/2, 1), mostHashes)
	h := &hashing{memory: options.Memory, passes: options.Passes, places: make(chan struct{}, places)}
	if h.memory == 0 {
		h.memory = defaultMemory
	}
	if h.passes == 0 {
		h.passes = defaultPasses
	}
	// All names take the same time, those that nobody has too.
	h.nobody = h.encode(random(saltBytes), random(hashBytes))
	return h
}

func random(length int) []byte {
	value := make([]byte, length)
	_, _ = rand.Read(value) // never fails, by its documentation
	return value
}

// hash returns the hash of a password with a new salt.
func (h *hashing) hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	salt := random(saltBytes)
	return h.encode(salt, argon2.IDKey([]byte(password), salt, h.passes, h.memory, lanes, hashBytes)), nil
}

func (h *hashing) encode(salt, hash []byte) string {
	text := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, lanes,
		text.EncodeToString(salt), text.EncodeToString(hash))
}

// verify compares a password with a hash. The error is a *ThrottledError when
// too many wait already, or that of ctx.
func (h *hashing) verify(ctx context.Context, encoded, password string) (bool, error) {
	parsed, err := parseHash(encoded)
	if err != nil {
		return false, err
	}
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	got := argon2.IDKey([]byte(password), parsed.salt, parsed.passes, parsed.memory, parsed.lanes, uint32(len(parsed.hash)))
	return subtle.ConstantTimeCompare(got, parsed.hash) == 1, nil
}

func (h *hashing) enter(ctx context.Context) error {
	if h.waiting.Add(1) > hashesWaiting {
		h.waiting.Add(-1)
		return &ThrottledError{Wait: time.Second}
	}
	defer h.waiting.Add(-1)
	select {
	case h.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (h *hashing) leave() { <-h.places }

type parsedHash struct {
	memory, passes uint32
	lanes          uint8
	salt, hash     []byte
}

func parseHash(encoded string) (parsedHash, error) {
	var p parsedHash
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, errDamaged
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.lanes); err != nil {
		return p, errDamaged
	}
	if p.memory == 0 || p.memory > maxMemory || p.passes == 0 || p.passes > maxPasses || p.lanes == 0 {
		return p, errDamaged
	}
	var err error
	if p.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil || len(p.salt) < 8 {
		return p, errDamaged
	}
	if p.hash, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(p.hash) < 16 || len(p.hash) > 64 {
		return p, errDamaged
	}
	return p, nil
}

// errDamaged never repeats the text: it is a secret.
var errDamaged = errors.New("stored password cannot be read; set it anew")

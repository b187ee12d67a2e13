package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// secretPrefix begins a secret in its written form (Standard Webhooks 1.0).
	secretPrefix = "whsec_"
	// A secret has from 24 to 64 bytes (the same).
	minSecret, maxSecret, newSecret = 24, 64, 32
	// maxSecrets is how many secrets sign a message: while receivers change
	// from one to the next, both do.
	maxSecrets = 2
)

// NewSecret returns a random secret in its written form.
func NewSecret() string {
	raw := make([]byte, newSecret)
	_, _ = rand.Read(raw) // it never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(raw)
}

// errSecret does not repeat the secret.
var errSecret = fmt.Errorf("a secret must be %s and the base64 of %d to %d bytes", secretPrefix, minSecret, maxSecret)

func parseSecrets(texts []string) ([][]byte, error) {
	if len(texts) > maxSecrets {
		return nil, errors.New("there can be two secrets, the new one and the one before")
	}
	var keys [][]byte
	for _, text := range texts {
		encoded, ok := strings.CutPrefix(text, secretPrefix)
		key, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(key) < minSecret || len(key) > maxSecret {
			return nil, errSecret
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// sign returns the values of webhook-timestamp and webhook-signature: one
// signature for each key, with blanks between them.
func sign(keys [][]byte, id string, at time.Time, body []byte) (timestamp, signature string) {
	timestamp = strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(keys))
	for i, key := range keys {
		mac := hmac.New(sha256.New, key)
		_, _ = mac.Write([]byte(id + "." + timestamp + "."))
		_, _ = mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return timestamp, strings.Join(signatures, " ")
}

package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pixivoc/pixivoc/internal/webhook"
)

// webhookFile is the file of the secret in the data folder.
const webhookFile = "webhook-secret"

// webhookSecrets reads the secrets that sign webhooks, one a line, the one that
// counts first. Unless the settings name a file, one with a random secret is
// made in the data folder.
func webhookSecrets(s *Settings) ([]string, error) {
	name := s.WebhookSecretFile
	if name == "" {
		name = filepath.Join(s.Data, webhookFile)
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			if err := os.WriteFile(name, []byte(webhook.NewSecret()+"\n"), 0o600); err != nil {
				return nil, fmt.Errorf("webhook secret: %w", err)
			}
		}
	}
	if err := checkSecretFile(name); err != nil {
		return nil, fmt.Errorf("webhook secret: %w", err)
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("webhook secret: %w", err)
	}
	secrets := strings.Fields(string(raw))
	if len(secrets) == 0 {
		return nil, fmt.Errorf("webhook secret: %s holds none; it wants a line of whsec_ and base64", name)
	}
	return secrets, nil
}

package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc/internal/credential"
)

const (
	// tokenFileLife bounds how long a token in a file lives when nobody ends it.
	tokenFileLife = 365 * 24 * time.Hour
	// maxTokenLine is more than a token has, in bytes.
	maxTokenLine = 64
)

// openToken makes the token of the token file.
func openToken(ctx context.Context, book *credential.Book) (string, error) {
	accounts := book.Accounts()
	i := slices.IndexFunc(accounts, func(account credential.Account) bool { return account.Name == owner })
	if i < 0 {
		return "", fmt.Errorf("there is no account %s", owner)
	}
	return book.Issue(ctx, accounts[i], credential.KindBearer, tokenFileLife)
}

// writeToken writes the token file. The token of a daemon that was killed ends.
func (d *daemon) writeToken() error {
	if d.settings.TokenFile == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), d.settings.ShutdownTimeout)
	defer cancel()
	err := d.removeToken()
	var token string
	if err == nil {
		token, err = openToken(ctx, d.book)
	}
	if err == nil {
		err = writeWhole(d.settings.TokenFile, []byte(token+"\n"))
	}
	if err != nil {
		return fmt.Errorf("token file: %w", err)
	}
	return nil
}

// removeToken ends the token in the token file and removes the file.
func (d *daemon) removeToken() error {
	if d.settings.TokenFile == "" || d.book == nil {
		return nil
	}
	raw, err := readSmall(d.settings.TokenFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	token := string(bytes.TrimSpace(raw))
	if len(token) > maxTokenLine || strings.ContainsAny(token, " \t\r\n") {
		return fmt.Errorf("%s holds something else than a token, and stays as it is", d.settings.TokenFile)
	}
	ctx, cancel := context.WithTimeout(context.Background(), d.settings.ShutdownTimeout)
	defer cancel()
	if err := d.book.Revoke(ctx, credential.KindBearer, token); err != nil {
		return err
	}
	return os.Remove(d.settings.TokenFile)
}

package daemon

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// certificateCheck is how often the files of the certificate are looked at, at
// most.
const certificateCheck = 10 * time.Second

// certificate is one that is read again when its files have changed, as after
// a renewal. Connections go on with the old one until the new one is whole.
type certificate struct {
	certFile, keyFile string
	logger            *slog.Logger

	current atomic.Pointer[loadedCertificate]
	looking atomic.Bool // somebody is at the files
}

type loadedCertificate struct {
	certificate *tls.Certificate
	changed     [2]time.Time // of the files
	looked      time.Time
}

// newCertificate reads the certificate for the first time.
func newCertificate(certFile, keyFile string, logger *slog.Logger) (*certificate, error) {
	if err := checkSecretFile(keyFile); err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	c := &certificate{certFile: certFile, keyFile: keyFile, logger: logger}
	loaded, err := c.load()
	if err != nil {
		return nil, err
	}
	c.current.Store(loaded)
	return c, nil
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.get(time.Now()), nil },
	}
}

// get returns the certificate in force. At most one caller looks at the files;
// the others do not wait for it.
func (c *certificate) get(now time.Time) *tls.Certificate {
	current := c.current.Load()
	if now.Sub(current.looked) < certificateCheck || !c.looking.CompareAndSwap(false, true) {
		return current.certificate
	}
	defer c.looking.Store(false)
	next := *current
	next.looked = now
	if changed, err := c.times(); err != nil || changed != current.changed {
		loaded, err := c.load()
		if err != nil {
			c.logger.Warn("the renewed certificate cannot be used, the old one stays", "error", err)
		} else {
			c.logger.Info("the certificate was renewed")
			next = *loaded
		}
	}
	c.current.Store(&next)
	return next.certificate
}

func (c *certificate) load() (*loadedCertificate, error) {
	changed, err := c.times()
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", c.certFile, err)
	}
	return &loadedCertificate{certificate: &pair, changed: changed, looked: time.Now()}, nil
}

func (c *certificate) times() (changed [2]time.Time, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return changed, err
		}
		changed[i] = info.ModTime()
	}
	return changed, nil
}

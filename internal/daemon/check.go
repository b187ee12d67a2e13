package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/pixivoc/pixivoc/internal/saveroot"
)

// complete fills in what depends on other settings and looks at what a single
// setting cannot know. Errors are *usageError.
func (s *Settings) complete() error {
	if err := errors.Join(s.checkTogether(), s.takePassword()); err != nil {
		return &usageError{err}
	}
	var err error
	if s.Data, err = filepath.Abs(s.Data); err != nil {
		return &usageError{fmt.Errorf("%s: %w", s.from("data"), err)}
	}
	if len(s.SaveRoots) == 0 || slices.Equal(s.SaveRoots, []string{saveroot.Anywhere}) {
		s.SaveRoots = append([]string{filepath.Join(s.Data, "pictures")}, s.SaveRoots...)
	}
	for name, file := range map[string]*string{"ready-file": &s.ReadyFile, "token-file": &s.TokenFile} {
		if *file == "" {
			continue
		}
		if *file, err = filepath.Abs(*file); err != nil {
			return &usageError{fmt.Errorf("%s: %w", s.from(name), err)}
		}
	}
	return nil
}

// moveData puts the data, and the pictures unless they have a place of their
// own, into another folder.
func (s *Settings) moveData(folder string) {
	if !s.isGiven("save-root") {
		s.SaveRoots = []string{filepath.Join(folder, "pictures")}
	}
	s.Data = folder
}

func (s *Settings) checkTogether() error {
	switch {
	case s.Data == "" && !s.Demo:
		return errors.New("data: there is no folder for it, because HOME is not set; name one with --data DIR or PIXIVOC_DATA")
	case isOff(s.Socket) && isOff(s.HTTP):
		return fmt.Errorf("%s: is off, and %s too; without any door there is nothing to do", s.from("http"), s.from("socket"))
	case (s.TLSCertificate == "") != (s.TLSKey == ""):
		return errors.New("tls-cert and tls-key: give both or none")
	case s.LegacyStatic != "" && !s.LegacyHTTP:
		return fmt.Errorf("%s: is shown by the later HTTP interface only; give --legacy-http too", s.from("legacy-static"))
	case s.PasswordFile != "" && s.password != "":
		return fmt.Errorf("%s: %s is set too; choose one", s.from("password-file"), passwordVariable)
	}
	for _, road := range []string{"proxy-mode", "proxy", "host"} {
		if s.Demo && s.isGiven(road) {
			return fmt.Errorf("%s: a demo has its own road, to a Pixiv on this machine", s.from(road))
		}
	}
	if s.TLSKey != "" {
		if err := checkSecretFile(s.TLSKey); err != nil {
			return fmt.Errorf("%s: %w", s.from("tls-key"), err)
		}
	}
	_, err := s.patch()
	return err
}

// takePassword reads the file of the password, once: it may be a pipe.
func (s *Settings) takePassword() (err error) {
	if s.PasswordFile == "" {
		return nil
	}
	if s.password, err = readPassword(s.PasswordFile); err != nil {
		return fmt.Errorf("%s: %w", s.from("password-file"), err)
	}
	return nil
}

// trusted returns the networks of the trusted proxies.
func (s *Settings) trusted() []netip.Prefix {
	var networks []netip.Prefix
	for _, text := range s.TrustedProxies {
		if network, err := parseNetwork(text); err == nil { // checked when it was set
			networks = append(networks, network)
		}
	}
	return networks
}

// isOpenTo says whether others than programs of this machine can reach an
// address.
func isOpenTo(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return !ok || !tcp.IP.IsLoopback()
}

// isProxied says that a reverse proxy may stand before the HTTP address, so that
// a caller on loopback can be anybody.
func (s *Settings) isProxied() bool { return len(s.AllowedHosts)+len(s.TrustedProxies) > 0 }

// checkOpen refuses to serve an address that others can reach without TLS.
func (s *Settings) checkOpen(name string, address net.Addr) error {
	if !isOpenTo(address) {
		return nil
	}
	where := s.from(name) + ": others can reach " + address.String()
	switch {
	case slices.Contains(s.SaveRoots, saveroot.Anywhere):
		return fmt.Errorf("%s, so the save root %q is not allowed; name the folders with --save-root", where, saveroot.Anywhere)
	case s.TLSCertificate == "" && !s.WithoutTLS:
		return fmt.Errorf("%s, and passwords would pass in the clear; give --tls-cert and --tls-key, or, behind a proxy that ends TLS, --dangerously-without-tls", where)
	}
	return nil
}

// makeData makes the folder of the data. It is for its owner alone; one that
// everybody can write in is refused, because what is in it decides where files
// go.
func makeData(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return checkSecretFolder(folder)
}

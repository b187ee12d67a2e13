package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc/pixivtest"
)

const fakeLong = `Serve a made-up Pixiv on loopback, for tests, until SIGTERM or ctrl-C.

The site is described by a JSON file with the keys Config, Populations, Users,
Works and Rules. Their fields are those of package pixivtest, by name; times
are in nanoseconds. The Do of a rule is an object with one key, the name of
the fault:

  {"Populations": [{"Works": 40}],
   "Rules": [{"Match": {"Host": "i.pximg.net"}, "Times": 1,
              "Do": {"Cut": {"At": {"Percent": 50}}}}]}

What a client needs is written to the ready file as JSON, once all is ready:
the arguments for --host, the file for SSL_CERT_FILE, and a refresh token.`

func (a *app) fakeCommand() *cobra.Command {
	var f fake
	cmd := &cobra.Command{
		Use:    "fake [flags]",
		Short:  "Serve a made-up Pixiv, for tests",
		Long:   fakeLong,
		Hidden: true,
		Args:   noArgs(),
		RunE:   func(cmd *cobra.Command, _ []string) error { return a.serveFake(cmd.Context(), f) },
	}
	cmd.Flags().StringVar(&f.site, "site", "", "`file` that describes the site")
	cmd.Flags().StringVar(&f.ready, "ready-file", "ready.json", "`file` to write when ready")
	cmd.Flags().StringVar(&f.counts, "counts-file", "", "`file` for the counts of requests, written at the end")
	cmd.Flags().BoolVar(&f.watchStdin, "watch-stdin", false, "end when standard input ends too")
	return cmd
}

// fake is what the fake command is told.
type fake struct {
	site, ready, counts string
	watchStdin          bool
}

// fakeReady is what a client needs.
type fakeReady struct {
	PID          int      `json:"pid"`
	Address      string   `json:"address"`
	Hosts        []string `json:"hosts"` // for --host
	PlainURL     string   `json:"plain_url"`
	CAFile       string   `json:"ca_file"` // for SSL_CERT_FILE
	RefreshToken string   `json:"refresh_token"`
	Users        []int64  `json:"users"`
}

func (a *app) serveFake(ctx context.Context, f fake) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	site, err := newFakeSite(f.site)
	if err != nil {
		return err
	}
	defer site.Close()
	if err := announce(site, f.ready); err != nil {
		return err
	}
	ended := make(chan struct{})
	if f.watchStdin {
		go func() { // ends with standard input, or with the process
			_, _ = io.Copy(io.Discard, a.stdin)
			close(ended)
		}()
	}
	select {
	case <-ctx.Done():
	case <-ended:
	}
	if f.counts == "" {
		return nil
	}
	return writeWhole(f.counts, site.TotalCounts())
}

// announce writes the ready file and, beside it, the certificate.
func announce(site *pixivtest.Server, ready string) error {
	ready, err := filepath.Abs(ready)
	if err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	hosts := site.Hosts()
	info := fakeReady{
		PID: os.Getpid(), Address: site.Addr(), PlainURL: site.PlainURL(),
		CAFile: ready + ".pem", RefreshToken: site.RefreshToken(),
	}
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		info.Hosts = append(info.Hosts, host+"="+hosts[host])
	}
	for _, user := range site.Users() {
		info.Users = append(info.Users, user.ID)
	}
	if err := site.WriteCA(info.CAFile); err != nil {
		return err
	}
	return writeWhole(ready, info)
}

// writeWhole writes a JSON file that is never seen half written.
func writeWhole(name string, value any) error {
	raw, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.WriteFile(name+".new", append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(name+".new", name)
}

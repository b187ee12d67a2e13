package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// readyFile is what --ready-file holds.
type readyFile struct {
	PID     int    `json:"pid"`
	Version string `json:"version"`
	// HTTP and Socket are the addresses as host:port; "" is off. URL is where
	// the HTTP doors are.
	HTTP   string            `json:"http"`
	URL    string            `json:"url"`
	Socket string            `json:"socket"`
	Doors  map[string]string `json:"doors"` // name of the door to where it is
	Data   string            `json:"data"`
	Demo   bool              `json:"demo"`
}

// announce says that all doors answer: to people, to the service manager, and
// in the ready file.
func (d *daemon) announce() error {
	ready := d.describe()
	d.health.ready.Store(true)
	if err := d.writeToken(); err != nil {
		return err
	}
	if d.settings.ReadyFile != "" {
		if err := writeReady(d.settings.ReadyFile, ready); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(d.out, d.greeting(ready)); err != nil {
		d.logger.Warn("the greeting cannot be shown", "error", err)
	}
	d.logger.Info("ready", "http", ready.HTTP, "socket", ready.Socket, "data", ready.Data)
	if err := notify(d.notifySocket, "READY=1"); err != nil {
		d.logger.Warn("not announced", "error", err)
	}
	return nil
}

func (d *daemon) describe() readyFile {
	ready := readyFile{PID: os.Getpid(), Version: version(), Data: d.settings.Data, Demo: d.demo != nil, Doors: map[string]string{}}
	if d.http != nil {
		scheme := "http://"
		if d.http.secret != nil {
			scheme = "https://"
		}
		ready.HTTP = d.http.listener.Addr().String()
		ready.URL = scheme + visitable(d.http.listener.Addr())
		for _, door := range d.doors {
			ready.Doors[door.name] = ready.URL + door.path
		}
	}
	if d.socket != nil {
		ready.Socket = d.socket.listener.Addr().String()
		ready.Doors["socket"] = ready.Socket
	}
	return ready
}

// visitable is an address as a browser on this machine can open it.
func visitable(address net.Addr) string {
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
	}
	return address.String()
}

// greeting is what a person sees.
func (d *daemon) greeting(ready readyFile) string {
	var b strings.Builder
	fmt.Fprintf(&b, "pixivoc server %s is ready.\n\n", ready.Version)
	line := func(name, value string) { fmt.Fprintf(&b, "  %-12s %s\n", name, value) }
	for _, door := range d.doors {
		line(door.name, ready.URL+door.path)
	}
	if ready.Socket != "" {
		line("socket", ready.Socket)
	}
	line("data", ready.Data)
	line("pictures", strings.Join(d.roots.Folders(), " "))
	if d.demo != nil {
		fmt.Fprintf(&b, "\nThis is a demo: Pixiv is made up. It has two artists:\n\n  https://www.pixiv.net/users/%d\n  https://www.pixiv.net/users/%d\n", demoArtist, demoBig)
	}
	if d.password != "" {
		fmt.Fprintf(&b, "\nLog in as %s with this password, which is not shown again:\n\n  %s\n\nTo choose another: --password-file FILE\n", owner, d.password)
	}
	b.WriteString("\nctrl-C ends it; what is running goes on at the next start.\n")
	return b.String()
}

func writeReady(name string, ready readyFile) error {
	raw, err := json.MarshalIndent(ready, "", "  ")
	if err == nil {
		err = writeWhole(name, append(raw, '\n'))
	}
	if err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	return nil
}

// writeWhole writes a file so that nobody sees half of it. It is for its owner
// alone.
func writeWhole(name string, raw []byte) error {
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(raw)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return err
}

// removeReady removes the file at the end, and what an earlier daemon that was
// killed left at the start.
func removeReady(name string) error {
	if name == "" {
		return nil
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("ready file: %w", err)
	}
	return nil
}

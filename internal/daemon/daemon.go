package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/internal/saveroot"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

const (
	// databaseName is the file of the store in the data folder; a demo has one
	// of its own, so that it never touches a real login.
	databaseName     = "pixivoc.db"
	demoDatabaseName = "demo.db"

	headTimeout = 10 * time.Second
	idleTimeout = 2 * time.Minute
	maxHead     = 64 << 10 // bytes
	// answerGrace is the part of the shutdown time in which answers that are
	// under way may end.
	answerGrace = 0.4
)

// daemon is one run of the program.
type daemon struct {
	settings     *Settings
	logger       *slog.Logger
	out          io.Writer // for the greeting
	notifySocket string

	demo   *pixivtest.Server // nil unless it is one
	store  *sqlite.Store
	client pixivoc.Client
	book   *credential.Book
	roots  *saveroot.Roots
	health *health
	meters *meters // nil unless switched on
	// password was made at the first start.
	password string

	http   *httpSide   // nil when it is off
	socket *socketSide // nil when it is off
	doors  []*httpDoor
}

// httpSide is the address of the HTTP doors.
type httpSide struct {
	listener net.Listener
	server   *http.Server
	secret   *certificate
}

// socketSide is the address of PixivOC's socket.
type socketSide struct {
	listener net.Listener
	server   *socketapi.Server
}

// run opens everything, serves until ctx ends, and closes everything.
func (d *daemon) run(ctx context.Context) (err error) {
	ctx, exit := context.WithCancel(ctx)
	defer exit()
	if err := removeReady(d.settings.ReadyFile); err != nil {
		return err
	}
	if d.settings.Demo {
		closeDemo, failed := d.openDemo()
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, closeDemo()) }()
	}
	if err = d.open(ctx, exit); err == nil {
		err = d.serve(ctx)
	} else if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = nil // ended while it started
	}
	return errors.Join(err, d.close())
}

// openDemo starts the made-up Pixiv, and takes a temporary folder unless
// another one was named. closeDemo undoes both.
func (d *daemon) openDemo() (closeDemo func() error, err error) {
	temporary := ""
	if !d.settings.isGiven("data") {
		if temporary, err = os.MkdirTemp("", "pixivoc-demo-"); err != nil {
			return nil, fmt.Errorf("folder of the demo: %w", err)
		}
		d.settings.moveData(temporary)
	}
	d.demo = newDemoSite()
	return func() error {
		d.demo.Close()
		if temporary == "" {
			return nil
		}
		return os.RemoveAll(temporary)
	}, nil
}

// open opens the store, the client and the doors, in this order.
func (d *daemon) open(ctx context.Context, exit func()) error {
	if err := d.openStore(ctx); err != nil {
		return err
	}
	if err := d.listen(); err != nil {
		return err
	}
	if err := d.openClient(ctx); err != nil {
		return err
	}
	v := &services{
		client: d.client, store: d.store, book: d.book, roots: d.roots, settings: d.settings, logger: d.logger,
		exit:   exit,
		isOpen: d.http != nil && (isOpenTo(d.http.listener.Addr()) || d.settings.isProxied()),
	}
	if d.settings.Metrics {
		d.meters = newMeters(d.client, d.logger)
	}
	if d.http != nil {
		if err := d.openHTTP(v); err != nil {
			return err
		}
	}
	if d.socket == nil {
		return nil
	}
	return d.openSocketSide(v)
}

func (d *daemon) openStore(ctx context.Context) (err error) {
	if err := makeData(d.settings.Data); err != nil {
		return err
	}
	if d.roots, err = saveroot.New(d.settings.SaveRoots); err != nil {
		return err
	}
	if err := d.makeRoots(); err != nil {
		return err
	}
	name := databaseName
	if d.demo != nil {
		name = demoDatabaseName
	}
	d.store, err = sqlite.Open(ctx, filepath.Join(d.settings.Data, name), sqlite.Options{NoSync: d.settings.NoSync, Logger: d.logger})
	if err != nil {
		return fmt.Errorf("open data folder %s: %w", d.settings.Data, err)
	}
	d.health = &health{store: d.store}
	d.book, d.password, err = openBook(ctx, d.store, d.settings, d.logger)
	return err
}

// makeRoots makes the folder of the pictures unless somebody named others: then
// one that is missing is a slip, or a disk that is not mounted.
func (d *daemon) makeRoots() error {
	if !d.settings.isGiven("save-root") || slices.Contains(d.settings.SaveRoots, saveroot.Anywhere) {
		return d.roots.Make()
	}
	if err := d.roots.Check(); err != nil {
		return &usageError{fmt.Errorf("%s: %w", d.settings.from("save-root"), err)}
	}
	return nil
}

func (d *daemon) openClient(ctx context.Context) (err error) {
	config := pixivoc.Config{
		Store: d.store, Site: pixiv.Site(), Types: pixiv.Types(), Logger: d.logger,
		MaxRunning: d.settings.MaxRunning, AutoStart: d.settings.AutoStart,
		NoSync: d.settings.NoSync, SHA256: d.settings.SHA256,
	}
	if config.Env, err = d.settings.patch(); err != nil {
		return err
	}
	if d.demo != nil {
		lead(&config, d.demo)
	}
	if d.client, err = pixivoc.New(config); err != nil {
		return err
	}
	if d.demo != nil {
		return loginDemo(ctx, d.client, d.demo)
	}
	return nil
}

// listen takes the addresses, before anything of a task runs.
func (d *daemon) listen() error {
	s := d.settings
	var secret *certificate
	if s.TLSCertificate != "" {
		var err error
		if secret, err = newCertificate(s.TLSCertificate, s.TLSKey, d.logger); err != nil {
			return err
		}
	}
	if !isOff(s.HTTP) {
		listener, err := listenAt(s, "http", s.HTTP)
		if err != nil {
			return err
		}
		d.http = &httpSide{listener: listener, secret: secret}
	}
	if !isOff(s.Socket) {
		listener, err := listenAt(s, "socket", s.Socket)
		if err != nil {
			return err
		}
		d.socket = &socketSide{listener: listener}
	}
	return nil
}

func listenAt(s *Settings, name, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.from(name), err)
	}
	if err := s.checkOpen(name, listener.Addr()); err != nil {
		return nil, errors.Join(&usageError{err}, listener.Close())
	}
	return listener, nil
}

func (d *daemon) openHTTP(v *services) (err error) {
	if d.doors, err = openHTTPDoors(v); err != nil {
		return err
	}
	routes := newRouter(append(d.doors, openOwn(v, d.health, d.meters)), d.logger)
	if d.meters != nil {
		routes.count = d.meters.countRequest
	}
	places := limit(d.http.listener, d.settings.MaxConnections)
	d.http.listener = places
	d.http.server = &http.Server{
		Handler:           trustTLS(d.settings.trusted(), trustProxies(d.settings.trusted(), routes)),
		ReadHeaderTimeout: headTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHead,
		ConnState:         places.watch,
		ErrorLog:          serverLog(d.logger),
		// Otherwise "OPTIONS *" is answered before anybody looks at its Host.
		DisableGeneralOptionsHandler: true,
	}
	if d.http.secret != nil {
		d.http.server.TLSConfig = d.http.secret.config()
	}
	return nil
}

func (d *daemon) openSocketSide(v *services) (err error) {
	var secret *certificate
	if d.http != nil {
		secret = d.http.secret
	}
	d.socket.server, err = openSocket(v, secret, isOpenTo(d.socket.listener.Addr()))
	if err == nil && d.meters != nil {
		d.meters.sources = append(d.meters.sources, meterSocket(d.socket.server))
	}
	return err
}

// serve serves until ctx ends or a door fails, and returns when no door is
// open any more.
func (d *daemon) serve(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var group sync.WaitGroup
	group.Go(func() { keepJournal(ctx, d.client, d.logger) })
	if d.meters != nil {
		group.Go(func() { d.meters.follow(ctx) })
	}
	if d.http != nil {
		group.Go(func() {
			if err := d.http.serve(); !errors.Is(err, http.ErrServerClosed) {
				fail(fmt.Errorf("serve HTTP: %w", err))
			}
		})
	}
	if d.socket != nil {
		group.Go(func() {
			if err := d.socket.server.Serve(ctx, d.socket.listener); err != nil {
				fail(fmt.Errorf("serve the socket: %w", err))
			}
		})
	}
	err := d.announce()
	if err == nil {
		<-ctx.Done()
		if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
			err = cause
		}
	}
	fail(nil)
	err = errors.Join(err, d.closeDoors())
	group.Wait()
	return err
}

func (h *httpSide) serve() error {
	if h.secret != nil {
		return h.server.ServeTLS(h.listener, "", "")
	}
	return h.server.Serve(h.listener)
}

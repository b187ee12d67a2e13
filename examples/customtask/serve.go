package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/console"
	"github.com/pixivoc/pixivoc/server/restapi"
	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/pixivoc/pixivoc/server/taskapi"
	"github.com/pixivoc/pixivoc/store/memory"
)

// settings are the addresses to listen at.
type settings struct{ http, socket string }

// app is a kernel with the new task type, and its doors.
type app struct {
	client  pixivoc.Client
	rest    *restapi.API
	tasks   *taskapi.API
	socket  *socketapi.Server
	gallery *http.Server
	web     *http.Server

	galleryAt, webAt, socketAt net.Listener
}

// run serves until ctx ends.
func run(ctx context.Context, out io.Writer, s settings) (err error) {
	folder, err := os.MkdirTemp("", "pixivoc-customtask-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	a, err := open(s, folder)
	if err != nil {
		return err
	}
	at := a.webAt.Addr()
	fmt.Fprintf(out, `The console is at http://%s/ and shows what you do here. Make a task over REST:

  curl http://%s/api/v1/tasks -H 'Content-Type: application/json' -d '{"type": "%s", "name": "evenings", "keyword": "sunsets", "start": true}'

The socket is at %s; pictures go to %s. End with ctrl-C.
`, at, at, typeAlbum, a.socketAt.Addr(), folder)
	return a.serve(ctx)
}

// open makes everything. Only album knows anything of the gallery.
func open(s settings, folder string) (a *app, err error) {
	a = &app{}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	for at, address := range map[*net.Listener]string{&a.galleryAt: "127.0.0.1:0", &a.webAt: s.http, &a.socketAt: s.socket} {
		if *at, err = net.Listen("tcp", address); err != nil {
			return a, err
		}
	}
	a.gallery = &http.Server{Handler: newGallery(), ReadHeaderTimeout: 10 * time.Second}
	a.client, err = pixivoc.New(pixivoc.Config{
		Store: memory.New(), // store/sqlite keeps tasks over restarts
		Types: []pixivoc.TaskType{album("http://" + a.galleryAt.Addr().String())},
		Env:   pixivoc.EnvPatch{IntervalTime: new(200 * time.Millisecond)},
	})
	if err != nil {
		return a, err
	}
	return a, a.openDoors(folder)
}

// openDoors makes the doors. Those that take addresses are told how to read
// one; no door knows more of a task type than its name.
func (a *app) openDoors(folder string) (err error) {
	place := func(string) (string, error) { return folder, nil }
	if a.socket, err = socketapi.New(a.client, socketapi.Config{SaveRoots: []string{folder}}); err != nil {
		return err
	}
	if a.rest, err = restapi.New(a.client, restapi.Config{Anyone: true, SavePath: place, Resolve: resolve}); err != nil {
		return err
	}
	if a.tasks, err = taskapi.New(a.client, taskapi.Config{Anyone: true, SavePath: place, Resolve: resolveTask}); err != nil {
		return err
	}
	pages, err := console.New(console.Config{})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", a.rest)
	for _, prefix := range taskapi.Prefixes() {
		mux.Handle("/"+prefix, a.tasks)
		mux.Handle("/"+prefix+"/", a.tasks)
	}
	mux.Handle("/", pages)
	a.web = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	return nil
}

// serve serves all doors until ctx ends or one of them fails.
func (a *app) serve(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 3)
	var doors sync.WaitGroup
	doors.Go(func() { ended <- a.socket.Serve(ctx, a.socketAt) })
	doors.Go(func() { ended <- a.gallery.Serve(a.galleryAt) })
	doors.Go(func() { ended <- a.web.Serve(a.webAt) })
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-ended:
	}
	stop()
	err := errors.Join(failed, a.close())
	doors.Wait()
	return err
}

// close ends whatever was opened, the doors before the kernel.
func (a *app) close() error {
	var all []error
	if a.rest != nil {
		all = append(all, a.rest.Close())
	}
	if a.tasks != nil {
		all = append(all, a.tasks.Close())
	}
	if a.web != nil {
		all = append(all, a.web.Close())
	}
	if a.client != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		all = append(all, a.client.Shutdown(ctx))
	}
	if a.gallery != nil {
		all = append(all, a.gallery.Close())
	}
	for _, at := range []net.Listener{a.galleryAt, a.webAt, a.socketAt} {
		if at == nil {
			continue
		}
		if err := at.Close(); !errors.Is(err, net.ErrClosed) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

package dataapi_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/server/dataapi"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

const (
	// victimFolder names the folder of a process that is started to be killed.
	victimFolder = "DATAAPI_TEST_VICTIM"
	// victimRows is how many rows its task finds.
	victimRows = 1500
)

// runVictim serves the door on a durable store until it is killed. It prints
// where. Its task goes on where the last process was killed.
func runVictim(folder string) error {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, filepath.Join(folder, "pixivoc.db"), sqlite.Options{})
	if err != nil {
		return err
	}
	gate := make(chan struct{})
	close(gate)
	client, err := pixivoc.New(pixivoc.Config{Store: store, Types: []pixivoc.TaskType{rowsType(gate)}, AutoStart: true})
	if err != nil {
		return err
	}
	book, err := credential.Open(ctx, store, credential.Options{Memory: 64, Passes: 1})
	if err != nil {
		return err
	}
	if err := book.Set(ctx, "admin", password, credential.ScopeAdmin); err != nil {
		return err
	}
	var words strings.Builder
	for i := range victimRows {
		fmt.Fprintf(&words, "w%d ", i)
	}
	task, err := client.Create(ctx, pixivoc.TaskSpec{Type: "Rows", Name: "rows", Keyword: words.String(), Key: "rows"})
	if err != nil {
		return err
	}
	if err := task.Start(ctx); err != nil {
		return err
	}
	api, err := dataapi.New(client, dataapi.Config{Accounts: book, Settings: store, QuotaRate: 1_000_000, QuotaSeconds: 1})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(os.Stdout, listener.Addr(), task.ID()); err != nil {
		return err
	}
	server := &http.Server{Handler: api, ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(listener)
}

package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

// A store is opened once, handed to pixivoc.New as Config.Store, and closed
// after the client was shut down.
func ExampleOpen() {
	folder, err := os.MkdirTemp("", "pixivoc")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)

	ctx := context.Background()
	store, err := sqlite.Open(ctx, filepath.Join(folder, "data", "pixivoc.db"), sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	task, _, err := store.CreateTask(ctx, pixivoc.StoredTask{Name: "two pictures"}, []pixivoc.Item{
		{Stage: "picture", Key: "1_p0"},
		{Stage: "picture", Key: "1_p1"},
	})
	if err != nil {
		log.Fatal(err)
	}
	counts, err := store.CountItems(ctx, task.TID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(counts["picture"].Pending)
	// Output: 2
}

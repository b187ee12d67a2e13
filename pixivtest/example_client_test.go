package pixivtest_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/pixivoc/pixivoc/store/memory"
)

// A client of pixivoc that asks the server in memory. In a test the folder is
// t.TempDir(), and what is wrong ends the test.
func Example_client() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "pixivtest")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	fake := pixivtest.NewUnstartedServer(pixivtest.Config{})
	defer fake.Close()
	work := fake.AddWork(pixivtest.Work{PageCount: 3})

	client, err := pixivoc.New(pixivoc.Config{
		Store: memory.New(), Site: pixiv.Site(), Types: pixiv.Types(),
		HTTP: fake.RoundTripper(),
		Env:  pixivoc.EnvPatch{IntervalTime: new(time.Duration(0))}, // no pause between requests
	})
	if err != nil {
		panic(err)
	}
	defer client.Shutdown(ctx)
	if _, err := client.Login(ctx, pixivoc.RefreshToken(fake.RefreshToken())); err != nil {
		panic(err)
	}
	task, err := client.Create(ctx, pixivoc.TaskSpec{
		Type: pixiv.SingleWork, Name: "work", Keyword: fmt.Sprint(work.ID), SavePath: folder,
	})
	if err != nil {
		panic(err)
	}
	if err := task.Start(ctx); err != nil {
		panic(err)
	}
	info, err := task.Wait(ctx)
	if err != nil {
		panic(err)
	}
	files, err := task.CountRecords(ctx, pixivoc.RecordQuery{Kind: pixivoc.RecordFile})
	if err != nil {
		panic(err)
	}
	fmt.Println(info.State, files)
	// Output: Over 3
}

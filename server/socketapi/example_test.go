package socketapi_test

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/pixivoc/pixivoc/store/memory"
)

// A kernel behind a socket, and a program that uses it from afar.
func Example() {
	ctx := context.Background()
	serving, stop := context.WithCancel(ctx)
	defer stop()
	client, err := pixivoc.New(pixivoc.Config{Store: memory.New(), Site: pixiv.Site(), Types: pixiv.Types()})
	if err != nil {
		fmt.Println(err)
		return
	}
	server, err := socketapi.New(client, socketapi.Config{Exit: stop})
	if err != nil {
		fmt.Println(err)
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") // PixivOC's clients want port 13575
	if err != nil {
		fmt.Println(err)
		return
	}
	ended := make(chan error)
	go func() { ended <- server.Serve(serving, listener) }()

	conn, err := socketapi.Dial(ctx, listener.Addr().String(), socketapi.ClientOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = conn.Close() }()
	info, err := conn.Create(ctx, pixivoc.TaskSpec{Type: pixiv.SingleWork, Name: "sunrise", Keyword: "59580629", SavePath: os.TempDir()})
	fmt.Println(info.TaskName, info.State, err)
	_, err = conn.StartTask(ctx, info.TID)
	fmt.Println(err)
	fmt.Println(conn.Exit(ctx))
	fmt.Println(<-ended, client.Shutdown(ctx))
	// Output:
	// sunrise WaitStart <nil>
	// command 11: not logged in
	// <nil>
	// <nil> <nil>
}

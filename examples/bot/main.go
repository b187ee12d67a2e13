// Command bot answers links to Pixiv with pictures and captions, as a bot in a
// chat does. Messages come in lines "CHAT: TEXT", answers go out in lines of JSON:
//
//	export PIXIVOC_REFRESH_TOKEN=…   # once; it is kept in the store
//	echo 'family: look, https://www.pixiv.net/artworks/59580629' | go run ./examples/bot
//	go run ./examples/bot -adult friends,club -places 5
//
// A bot for a real chat keeps bot.go and puts its own code in the place of this
// file. It may be ended at any moment: the store is made for that.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/store/sqlite"
	"golang.org/x/sync/errgroup"
)

func main() {
	config := pixivoc.Config{Site: pixiv.Site(), Types: pixiv.Types()}
	if err := run(context.Background(), config, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bot:", err)
		os.Exit(1)
	}
}

// run answers what comes in until it ends.
func run(ctx context.Context, config pixivoc.Config, args []string, in io.Reader, out io.Writer) (err error) {
	flags := flag.NewFlagSet("bot", flag.ContinueOnError)
	folder := flags.String("data", "bot-data", "folder for the store and the pictures")
	adult := flags.String("adult", "", "chats that may see R-18, with commas between")
	flags.IntVar(&config.MaxRunning, "places", 3, "how many works are fetched at a time")
	if err = flags.Parse(args); err == nil {
		err = os.MkdirAll(*folder, 0o700)
	}
	if err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, filepath.Join(*folder, "bot.db"), sqlite.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	config.Store = store
	client, err := pixivoc.New(config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Shutdown(ctx)) }()
	if token := os.Getenv("PIXIVOC_REFRESH_TOKEN"); token != "" {
		if _, err := client.Login(ctx, pixivoc.RefreshToken(token)); err != nil {
			return err
		}
	}
	adults := strings.FieldsFunc(*adult, func(r rune) bool { return r == ',' }) // "" is no chat
	b := &bot{client: client, folder: *folder, adults: adults, cache: map[pixiv.ID]shown{}}
	return talk(ctx, b, in, out)
}

// talk answers line by line; a slow answer does not hold up the next ones.
func talk(ctx context.Context, b *bot, in io.Reader, out io.Writer) error {
	var lock sync.Mutex
	var talks errgroup.Group
	talks.SetLimit(100)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		chat, text, _ := strings.Cut(lines.Text(), ": ")
		talks.Go(func() error {
			said := b.answer(ctx, chat, text)
			if said.Text == "" && said.Pictures == nil {
				return nil
			}
			lock.Lock()
			defer lock.Unlock()
			return json.NewEncoder(out).Encode(said)
		})
	}
	return errors.Join(talks.Wait(), lines.Err())
}

package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixivtest"
)

const (
	demoArtist   = 11
	demoWorks    = 30
	demoBig      = 12
	demoBigWorks = 300
	demoFirstID  = 90_000_001
	demoBigFirst = 91_000_001
	demoLatency  = 40 * time.Millisecond
	demoInterval = 50 * time.Millisecond
)

// newDemoSite starts a made-up Pixiv with two artists: one to try things with,
// and one with so many works that there is time to stop and resume.
func newDemoSite() *pixivtest.Server {
	site := pixivtest.NewServer(pixivtest.Config{
		Seed: 2026, Latency: demoLatency,
		Account: pixivtest.Account{ID: 13, Name: "Demo", Account: "demo"},
	})
	site.AddUser(pixivtest.User{ID: demoArtist, Name: "a made-up artist", Account: "made_up"})
	for i := range demoWorks {
		work := pixivtest.Work{
			ID: demoFirstID + int64(i), UserID: demoArtist, PageCount: 1,
			Sizes: pixivtest.Between{Min: 60_000, Max: 600_000},
		}
		switch {
		case i == 7:
			work.Access, work.StillListed = pixivtest.Deleted, true
		case i == 17:
			work.Mask = pixivtest.MaskSanityLevel
		case i == 23:
			work.Type = pixivtest.Ugoira
		case i%4 == 3:
			work.Type, work.PageCount = pixivtest.Manga, 2+i%5
		case i%3 == 2:
			work.AllPages.Format = pixivtest.PNG
		}
		site.AddWork(work)
	}
	site.AddUser(pixivtest.User{ID: demoBig, Name: "an industrious artist", Account: "industrious"})
	for i := range demoBigWorks {
		site.AddWork(pixivtest.Work{
			ID: demoBigFirst + int64(i), UserID: demoBig, PageCount: 1,
			Sizes: pixivtest.Between{Min: 20_000, Max: 200_000},
		})
	}
	return site
}

// lead makes a configuration reach the made-up Pixiv and nothing else, whatever
// its settings say of the road: they can be tried.
func lead(config *pixivoc.Config, site *pixivtest.Server) {
	config.HTTP = site.Client().Transport
	if config.Env.IntervalTime == nil {
		config.Env.IntervalTime = new(demoInterval)
	}
}

// loginDemo logs the account of the made-up Pixiv in.
func loginDemo(ctx context.Context, client pixivoc.Client, site *pixivtest.Server) error {
	if _, err := client.Login(ctx, pixivoc.RefreshToken(site.RefreshToken())); err != nil {
		return fmt.Errorf("login of the demo: %w", err)
	}
	return nil
}

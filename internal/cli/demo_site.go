package cli

import (
	"fmt"
	"net/http"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixivtest"
)

const (
	demoArtist   = "11"
	demoArtistID = 11
	demoWorks    = 46
	demoFirstID  = 90_000_001
	demoLatency  = 130 * time.Millisecond
	demoInterval = 50 * time.Millisecond
	demoStopAt   = 0.4 // of the files
)

// newDemoSite starts a made-up Pixiv with one artist.
func newDemoSite() *pixivtest.Server {
	site := pixivtest.NewServer(pixivtest.Config{
		Seed: 2026, Latency: demoLatency,
		Account: pixivtest.Account{ID: 12, Name: "Demo", Account: "demo"},
	})
	site.AddUser(pixivtest.User{ID: demoArtistID, Name: "a made-up artist", Account: "made_up"})
	var first pixivtest.Work
	for i := range demoWorks {
		work := pixivtest.Work{
			ID: demoFirstID + int64(i), UserID: demoArtistID, PageCount: 1,
			Sizes: pixivtest.Between{Min: 60_000, Max: 900_000},
		}
		if i%4 == 3 {
			work.Type, work.PageCount = pixivtest.Manga, 2+i%7
		}
		if i%3 == 2 {
			work.AllPages.Format = pixivtest.PNG
		}
		switch i {
		case 13:
			work.Access, work.StillListed = pixivtest.Deleted, true
		case 22:
			work.Mask = pixivtest.MaskSanityLevel
		case 30:
			work.Type, work.PageCount = pixivtest.Ugoira, 1
		}
		added := site.AddWork(work)
		if i == demoWorks-1 {
			first = added // the newest is fetched first
		}
	}
	site.Script(
		pixivtest.Rule{
			Name:  "pause",
			Match: pixivtest.Match{Host: pixivtest.HostAPI, Path: "/v1/user/illusts", Query: map[string]string{"offset": "*"}},
			Times: 1,
			Do:    pixivtest.RateLimit{Status: http.StatusTooManyRequests, RetryAfter: "1"},
		},
		pixivtest.Rule{
			Name:  "broken connection",
			Match: pixivtest.Match{Host: pixivtest.HostImages, Path: fmt.Sprintf("*/%d_p0*", first.ID)},
			Times: 1,
			Do:    pixivtest.Cut{At: pixivtest.AtPercent(60)},
		})
	return site
}

// describeSite counts what is there.
func describeSite(site *pixivtest.Server) string {
	works := site.Works(demoArtistID)
	pictures := 0
	for _, work := range works {
		pictures += work.PageCount
	}
	return fmt.Sprintf("%d works of one artist with %d pictures; one work is deleted, one is masked", len(works), pictures)
}

// countRequests says what the image host had to bear.
func countRequests(site *pixivtest.Server) string {
	resumed := site.TotalCounts().Ranged
	return fmt.Sprintf("%d requests for pictures, %d of which went on in the middle of a file", site.Load(pixivtest.HostImages).Total, resumed)
}

// demoHosts is the address table that leads to the made-up Pixiv.
func demoHosts(site *pixivtest.Server) (pixivoc.HostTable, error) {
	var entries hostList
	for host, address := range site.Hosts() {
		entries = append(entries, host+"="+address, host+"="+string(pixivoc.StrategySNI))
	}
	return entries.table()
}

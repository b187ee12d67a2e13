package pixivtest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/pixivoc/pixivoc/pixivtest"
)

// get fetches a picture as the image host wants it.
func get(client *http.Client, url string) (*http.Response, []byte, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil) //nolint:noctx // an example
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Referer", "https://www.pixiv.net/")
	response, err := client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

func Example() {
	server := pixivtest.NewServer(pixivtest.Config{})
	defer server.Close()

	work := server.AddWork(pixivtest.Work{
		ID:    126839540,
		Pages: []pixivtest.Page{{Format: pixivtest.JPEG, Size: 300_000}, {Format: pixivtest.PNG, Size: 80_000}},
	})

	picture := server.Picture(work.ID, 1)
	response, body, err := get(server.Client(), picture.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(response.Status, response.Header.Get("Content-Type"), len(body))
	fmt.Println("as on the server:", bytes.Equal(body, picture.Bytes()))
	// Output:
	// 200 OK image/png 80000
	// as on the server: true
}

func ExampleServer_Script() {
	server := pixivtest.NewServer(pixivtest.Config{})
	defer server.Close()
	work := server.AddWork(pixivtest.Work{})
	picture := server.Picture(work.ID, 0)

	server.Script(pixivtest.Rule{
		Match: pixivtest.Match{Path: picture.Path},
		Times: 2,
		Do:    pixivtest.RateLimit{Status: http.StatusTooManyRequests, RetryAfter: "1"},
	})

	for range 3 {
		response, _, err := get(server.Client(), picture.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%d, retry after %q\n", response.StatusCode, response.Header.Get("Retry-After"))
	}
	fmt.Println("requests:", server.Counts(picture.Path).Requests)
	// Output:
	// 429, retry after "1"
	// 429, retry after "1"
	// 200, retry after ""
	// requests: 3
}

func ExampleServer_RoundTripper() {
	server := pixivtest.NewUnstartedServer(pixivtest.Config{})
	defer server.Close()
	work := server.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: 10_000}})

	server.Script(pixivtest.Rule{Do: pixivtest.Cut{At: pixivtest.AtPercent(25)}})

	client := &http.Client{Transport: server.RoundTripper()}
	_, body, err := get(client, server.Picture(work.ID, 0).URL)
	fmt.Println(len(body), err)
	// Output:
	// 2500 unexpected EOF
}

func ExampleServer_Pictures() {
	server := pixivtest.NewServer(pixivtest.Config{})
	defer server.Close()
	artist := server.AddUser(pixivtest.User{Name: "Aoi"})
	server.AddWork(pixivtest.Work{UserID: artist.ID, ID: 1, PageCount: 2})
	server.AddWork(pixivtest.Work{UserID: artist.ID, ID: 2, Mask: pixivtest.MaskMyPixiv})
	server.AddWork(pixivtest.Work{UserID: artist.ID, ID: 3, Access: pixivtest.Deleted, StillListed: true})
	server.AddWork(pixivtest.Work{UserID: artist.ID, ID: 4})

	for picture := range server.Pictures(artist.ID) {
		fmt.Printf("work %d page %d\n", picture.WorkID, picture.Page)
	}
	// Output:
	// work 4 page 0
	// work 1 page 0
	// work 1 page 1
}

func ExampleMix() {
	server := pixivtest.NewServer(pixivtest.Config{})
	defer server.Close()
	server.Populate(pixivtest.Population{Works: 50})

	server.Script(pixivtest.Rule{
		Match: pixivtest.Match{Host: pixivtest.HostImages},
		Do:    pixivtest.Mix{Seed: 1, Percent: 20, Of: []pixivtest.Fault{pixivtest.ErrorPage{Status: 503}}},
	})

	requests, failures := 0, 0
	for picture := range server.Pictures() {
		for {
			requests++
			response, _, err := get(server.Client(), picture.URL)
			if err == nil && response.StatusCode == http.StatusOK {
				break
			}
			failures++
		}
	}
	fmt.Println(requests, failures)
	// Output:
	// 62 12
}

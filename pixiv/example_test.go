package pixiv_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

func ExampleParseWork() {
	for _, text := range []string{
		"79468013",
		"https://www.pixiv.net/en/artworks/79468013#big_2",
		"https://i.pximg.net/img-original/img/2020/02/15/00/00/02/79468013_p0.png",
		"https://www.pixiv.net/users/2188232",
	} {
		id, err := pixiv.ParseWork(text)
		fmt.Println(id, err)
	}
	// Output:
	// 79468013 <nil>
	// 79468013 <nil>
	// 79468013 <nil>
	// 0 Keyword: is the address of a user; want the id of a work or an address like https://www.pixiv.net/artworks/ID
}

func ExampleParseCallback() {
	code, err := pixiv.ParseCallback(`"pixiv://account/login?code=BB0_yneZpOzI&via=login"`)
	fmt.Println(code, err)
	_, err = pixiv.ParseCallback("https://accounts.pixiv.net/login")
	fmt.Println(err)
	// Output:
	// BB0_yneZpOzI <nil>
	// Callback: is an address from the middle of the login; go on in the browser until an address with code= appears
}

func ExampleNewLogin() {
	login := pixiv.NewLogin()
	address, err := url.Parse(login.URL)
	if err != nil {
		panic(err)
	}
	fmt.Println("Open in a browser:", address.Host+address.Path)

	// What the person copies from the browser afterwards:
	grant, err := login.Grant("pixiv://account/login?code=BB0_yneZpOzI&via=login")
	fmt.Println(grant, err) // for Client.Login
	// Output:
	// Open in a browser: app-api.pixiv.net/web/v1/login
	// Grant(authorization_code) <nil>
}

func ExampleParseRefreshToken() {
	token, err := pixiv.ParseRefreshToken(`{"response": {"refresh_token": "not-a-real-token-of-pixiv"}}`)
	fmt.Println(token, err)
	// Output:
	// not-a-real-token-of-pixiv <nil>
}

func ExampleWork_Originals() {
	var work pixiv.Work
	err := json.Unmarshal([]byte(`{"id": 86979680, "page_count": 1, "meta_single_page": {
		"original_image_url": "https://i.pximg.net/img-original/img/2021/01/11/15/54/04/86979680_p0.jpg"}}`), &work)
	if err != nil {
		panic(err)
	}
	originals, err := work.Originals()
	fmt.Println(originals, err)
	// Output:
	// [{0 https://i.pximg.net/img-original/img/2021/01/11/15/54/04/86979680_p0.jpg}] <nil>
}

// canned answers every request with the same body. A pixivoc.Client or a
// pixivoc.Runtime takes its place in a program.
type canned string

func (c canned) Do(request *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(string(c))), Request: request,
	}, nil
}

func ExampleAPI_AllUserIllusts() {
	api := pixiv.NewAPI(canned(`{"illusts": [{"id": 2, "title": "newest"}, {"id": 1, "title": "oldest"}], "next_url": null}`))
	for work, err := range api.AllUserIllusts(context.Background(), 9) {
		if err != nil {
			panic(err)
		}
		fmt.Println(work.ID, work.Title)
	}
	// Output:
	// 2 newest
	// 1 oldest
}

func ExampleTypes() {
	for _, kind := range pixiv.Types() {
		var stages []string
		for _, spec := range kind.Stages {
			stages = append(stages, spec.Stage.Name())
		}
		fmt.Println(kind.Name, stages)
	}
	// Output:
	// SingleWork [GetWorkDetails DownloadPicture ConvertUgoira]
	// UserWorks [GetWorksNumber GetPageUrls GetNovel DownloadNovelPicture SaveNovel DownloadPicture ConvertUgoira]
	// WorkDetails [GetWorkDetails]
	// UserWorksLink [GetWorksNumber GetPageUrls]
	// Links [DownloadLink]
	// FollowingFeed [GetPageUrls DownloadPicture ConvertUgoira]
	// Ranking [GetPageUrls DownloadPicture ConvertUgoira]
	// Search [GetPageUrls DownloadPicture ConvertUgoira]
	// MangaSeries [GetPageUrls DownloadPicture ConvertUgoira]
	// RelatedWorks [GetPageUrls DownloadPicture ConvertUgoira]
	// RecommendedWorks [GetPageUrls DownloadPicture ConvertUgoira]
	// WorkList [GetWorkDetails GetNovel DownloadNovelPicture SaveNovel DownloadPicture ConvertUgoira]
	// UserBookmarks [GetPageUrls GetNovel DownloadNovelPicture SaveNovel DownloadPicture ConvertUgoira]
	// Following [GetPageUrls]
	// SingleNovel [GetNovel DownloadNovelPicture SaveNovel]
	// NovelSeries [GetPageUrls GetNovel DownloadNovelPicture SaveNovel]
	// UserDetails [GetUserDetails]
	// UserPictures [GetUserDetails DownloadUserPicture]
}

func ExampleResolve() {
	spec, err := pixiv.Resolve("https://www.pixiv.net/ranking.php?mode=weekly&date=20260131")
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s %q in the folder %q\n", spec.Type, spec.Keyword, spec.Name)
	_, err = pixiv.Resolve("https://www.example.com/artworks/1")
	fmt.Println(err)
	// Output:
	// Ranking "week 2026-01-31" in the folder "ranking week 2026-01-31"
	// Url: leads to a host that is not Pixiv's
}

func ExampleNewSite() {
	site := pixiv.NewSite(pixiv.SiteOptions{AcceptLanguage: "zh-cn"})
	request, err := http.NewRequest(http.MethodGet, "https://app-api.pixiv.net/v1/illust/detail?illust_id=1", nil)
	if err != nil {
		panic(err)
	}
	site.Authorize(request, pixivoc.Token{Access: "secret"})
	fmt.Println(site.Hosts, request.Header.Get("Accept-Language"))
	// Output:
	// [app-api.pixiv.net] zh-cn
}

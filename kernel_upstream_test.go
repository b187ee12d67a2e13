package pixivoc_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixivtest"
)

var (
	imageHost = pixivtest.Match{Host: pixivtest.HostImages}
	aHalf     = pixivtest.AtPercent(50)
)

// once lets the first answers for each picture go wrong, one after the other.
func once(faults ...pixivtest.Fault) []pixivtest.Rule {
	var rules []pixivtest.Rule
	for _, fault := range faults {
		rules = append(rules, pixivtest.Rule{Match: imageHost, Times: 1, PerPath: true, Do: fault})
	}
	return rules
}

// always lets all answers for pictures go wrong.
func always(fault pixivtest.Fault) []pixivtest.Rule {
	return []pixivtest.Rule{{Match: imageHost, Do: fault}}
}

// status416 says that the file is of that length, which it is not.
func status416(contentRange string) pixivtest.Fault {
	return pixivtest.Custom{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", contentRange)
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
	})}
}

// What the image host may say once: both pictures of the work are whole in the
// end, and nothing else is in the folder.
func TestU_ImageHostMendsItself(t *testing.T) {
	t.Parallel()
	cut := pixivtest.Cut{At: aHalf}
	for name, rules := range map[string][]pixivtest.Rule{
		"U1 a page with status 200":           once(pixivtest.BlockPage{Status: 200}),
		"U1 a page with status 403":           once(pixivtest.BlockPage{}, pixivtest.BlockPage{}),
		"U3 empty":                            once(pixivtest.EmptyBody{}),
		"U3 no content":                       once(pixivtest.EmptyBody{Status: 204}),
		"U3 a part unasked":                   once(pixivtest.ForceRange{}),
		"U3 the whole in place of the rest":   once(cut, pixivtest.IgnoreRange{}),
		"U4 a part that begins earlier":       once(cut, pixivtest.WrongRange{Shift: -10}),
		"U4 a part that begins later":         once(cut, pixivtest.WrongRange{Shift: 10}),
		"U4 a part of another total":          once(cut, pixivtest.WrongRange{TotalBy: 1}),
		"U4 a part of another date":           once(cut, pixivtest.WrongRange{LastModified: "Mon, 02 Jan 2006 15:04:05 GMT"}),
		"U4 a part without Content-Range":     once(cut, pixivtest.WrongRange{NoContentRange: true}),
		"U4 multipart":                        once(cut, pixivtest.WrongRange{Multipart: true}),
		"U6 416 that knows the length":        once(cut, status416("bytes */4000")),
		"U6 416 without a length":             once(cut, status416("")),
		"U7 one byte announced too many":      once(pixivtest.WrongLength{By: 1}),
		"U7 one byte announced too few":       once(pixivtest.WrongLength{By: -1}),
		"U7 a negative length":                once(pixivtest.WrongLength{Values: []string{"-5"}}),
		"U7 two lengths":                      once(pixivtest.WrongLength{Values: []string{"10", "4096"}}),
		"U7 a length without an end":          once(pixivtest.WrongLength{Values: []string{"9223372036854775808"}}),
		"U7 more bytes than announced":        once(pixivtest.Surplus{Bytes: 100}),
		"U8 the end is missing":               once(pixivtest.MissingEnd{}),
		"U8 the end is zeros":                 once(pixivtest.MissingEnd{Bytes: 100, Zeros: true}),
		"U9 a program":                        once(pixivtest.WrongType{Type: "exe"}),
		"U13 500, 502":                        once(pixivtest.ErrorPage{Status: 500}, pixivtest.ErrorPage{Status: 502}),
		"U13 503, 504, 503, 504":              once(pixivtest.ErrorPage{Status: 503}, pixivtest.ErrorPage{Status: 504}, pixivtest.ErrorPage{Status: 503}, pixivtest.ErrorPage{Status: 504}),
		"U16 compressed, which it is not":     once(pixivtest.GzipGarbage{}),
		"U16 a bomb":                          once(pixivtest.GzipBomb{}),
		"N5 resets":                           once(pixivtest.Reset{BeforeHeader: true}, pixivtest.Reset{At: pixivtest.AtByte(1)}, pixivtest.Reset{At: aHalf}, pixivtest.Reset{At: pixivtest.AtByte(-1)}),
		"N6 cut without any length":           once(pixivtest.Chain{cut, pixivtest.NoLength{}}),
		"N6 a cut chunked body":               once(pixivtest.Chain{cut, pixivtest.NoLength{Chunked: true}}),
		"N3 the body stalls, then the header": once(pixivtest.Stall{At: aHalf}, pixivtest.Stall{BeforeHeader: true}),
		"N4 the body drips":                   once(pixivtest.Drip{Bytes: 1, Every: time.Second}),
		"N15 leads to http":                   once(pixivtest.Redirect{Location: "http://i.pximg.net/x.jpg"}),
		"N15 leads home":                      once(pixivtest.Redirect{Location: "https://127.0.0.1/x.jpg"}),
		"N15 leads in circles":                once(pixivtest.Redirect{}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				aboutNow()
				server := pixivtest.NewUnstartedServer(pixivtest.Config{})
				work := server.AddWork(pixivtest.Work{PageCount: 2, AllPages: pixivtest.Page{Size: 4096}})
				server.Script(rules...)
				client, folder := newPixivClient(t, server, pixivoc.Config{}), t.TempDir()
				task := startWork(t, client, work.ID, folder)
				if info := wait(t, task, pixivoc.StateOver); info.Failed != 0 {
					t.Errorf("%d items failed: %v", info.Failed, itemsOf(t, task))
				}
				wantOriginals(t, server, folder)
				wantRecords(t, task, folder)
				if len(rules) > 1 && rules[0].Do == cut && server.TotalCounts().Ranged < 2 {
					t.Error("nobody asked for the rest")
				}
			})
		})
	}
}

// What the image host may say for good: the item fails with its reason and the
// task is over, or the task gives up and says why. Nothing is in the folder.
func TestU_ImageHostStaysBroken(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault  pixivtest.Fault
		reason string
		text   string // part of the error of a task that gives up, "" for one that is over
		most   int64  // requests for a picture
	}{
		"U1 a page with status 200":   {pixivtest.BlockPage{Status: 200}, pixivoc.ReasonBlocked, "block page", 60},
		"U1 a page with status 403":   {pixivtest.BlockPage{}, pixivoc.ReasonBlocked, "block page", 60},
		"U3 empty":                    {pixivtest.EmptyBody{}, pixivoc.ReasonContent, "", 2},
		"U3 no content":               {pixivtest.EmptyBody{Status: 204}, pixivoc.ReasonContent, "", 2},
		"U7 one byte announced less":  {pixivtest.WrongLength{By: -1}, pixivoc.ReasonContent, "", 2},
		"U7 one byte announced more":  {pixivtest.WrongLength{By: 1}, pixivoc.ReasonNetwork, "items left: 2", 180},
		"U8 the end is missing":       {pixivtest.MissingEnd{}, pixivoc.ReasonContent, "", 2},
		"U8 the end is zeros":         {pixivtest.MissingEnd{Zeros: true}, pixivoc.ReasonContent, "", 2},
		"U9 a program":                {pixivtest.WrongType{Type: "exe"}, pixivoc.ReasonContent, "", 2},
		"U9 a page":                   {pixivtest.WrongType{Type: "html"}, pixivoc.ReasonBlocked, "block page", 60},
		"U11 not found":               {pixivtest.ErrorPage{Status: 404}, pixivoc.ReasonDeleted, "", 1},
		"U11 gone":                    {pixivtest.ErrorPage{Status: 410}, pixivoc.ReasonDeleted, "", 1},
		"U13 bad gateway":             {pixivtest.ErrorPage{Status: 502}, pixivoc.ReasonServer, "502", 180},
		"U13 unavailable":             {pixivtest.Respond{Status: 503, Body: "later"}, pixivoc.ReasonServer, "503", 180},
		"N5 always reset":             {pixivtest.Reset{At: aHalf}, pixivoc.ReasonNetwork, "reset", 180},
		"N15 leads to http":           {pixivtest.Redirect{Location: "http://i.pximg.net/x.jpg"}, pixivoc.ReasonOther, "https to http", 180},
		"N15 leads to a private host": {pixivtest.Redirect{Location: "https://10.0.0.1/x.jpg"}, pixivoc.ReasonOther, "private", 180},
		"N15 leads in circles":        {pixivtest.Redirect{}, pixivoc.ReasonOther, "in a row", 1800},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := pixivtest.NewUnstartedServer(pixivtest.Config{})
				work := server.AddWork(pixivtest.Work{PageCount: 2, AllPages: pixivtest.Page{Size: 4096}})
				server.Script(always(test.fault)...)
				client, folder := newPixivClient(t, server, pixivoc.Config{}), t.TempDir()
				task := startWork(t, client, work.ID, folder)
				if test.text == "" {
					wait(t, task, pixivoc.StateOver)
				} else if info := wait(t, task, pixivoc.StateError); !strings.Contains(info.Error, test.text) || strings.ContainsAny(info.Error, "<\n") {
					t.Errorf("error %q, want one with %q", info.Error, test.text)
				}
				for page := range 2 {
					item := itemsOf(t, task)[fmt.Sprintf("%d_p%d", work.ID, page)]
					if item.Reason != test.reason || (item.State == pixivoc.ItemFailed) != (test.text == "") || strings.Contains(item.Detail, "<") {
						t.Errorf("%+v, want reason %s", item, test.reason)
					}
					if n := server.Counts(server.Picture(work.ID, page).Path).Requests; n > test.most {
						t.Errorf("page %d was asked for %d times, want %d at most", page, n, test.most)
					}
				}
				wantFiles(t, folder)
			})
		})
	}
}

// U17: heads of answers that no client should take, over TLS. The connection is
// dropped, and the picture is asked for again.
func TestU17_HeadsOverTLS(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]pixivtest.ExtraHeaders{
		"2,000 fields": {Count: 2000, Size: 100},
		"10 MB":        {Count: 1, Size: 10 << 20},
		"a NUL":        {Raw: "X-Nul: a\x00b\r\n"},
		"no field":     {Raw: "nonsense\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newRealPixiv(t, pixivtest.Config{})
			work := server.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: 4096}})
			server.Script(once(head)...)
			client, folder := newPixivClient(t, server, byTable(server)), t.TempDir()
			task := startWork(t, client, work.ID, folder)
			wait(t, task, pixivoc.StateOver)
			wantOriginals(t, server, folder)
			if n := server.Counts(server.Picture(work.ID, 0).Path).Requests; n != 2 {
				t.Errorf("%d requests, want 2", n)
			}
		})
	}
}

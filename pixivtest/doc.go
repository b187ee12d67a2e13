// Package pixivtest is a fake Pixiv for tests, in the manner of net/http/httptest.
//
// A [Server] speaks as the live services do: the token endpoint, the App API for works, novels, users and every list of
// them, and the image host, with their rules, errors and quirks. It runs in the process of the test, has a certificate
// authority of its own, listens on loopback only, and does the same in every run with the same seed.
//
// # A first test
//
// Start a server, give it something to serve, and ask with a client that reaches the true host names:
//
//	server := pixivtest.NewServer(pixivtest.Config{})
//	defer server.Close()
//	work := server.AddWork(pixivtest.Work{Title: "sunrise", PageCount: 3})
//	picture := server.Picture(work.ID, 0)
//	request, err := http.NewRequest(http.MethodGet, picture.URL, nil)
//	if err != nil {
//		t.Fatal(err)
//	}
//	request.Header.Set("Referer", "https://www.pixiv.net/") // as the image host wants it
//	response, err := server.Client().Do(request)
//
// A program under test that makes its own connections takes [Server.Hosts] as its address table and
// [Server.CertPool], or the file of [Server.WriteCA] in SSL_CERT_FILE, as its roots. It signs in with
// [Server.RefreshToken] or a code from [Server.AuthorizationCode]. When it is done, [Server.Pictures] says what it must
// have, byte for byte.
//
// # A client of pixivoc
//
// A pixivoc.Client reaches the server in memory when Config.HTTP is its [Server.RoundTripper]:
//
//	fake := pixivtest.NewUnstartedServer(pixivtest.Config{})
//	client, err := pixivoc.New(pixivoc.Config{
//		Store: memory.New(), Site: pixiv.Site(), Types: pixiv.Types(),
//		HTTP: fake.RoundTripper(),
//		Env:  pixivoc.EnvPatch{IntervalTime: new(time.Duration(0))}, // no pause between requests
//	})
//	...
//	account, err := client.Login(ctx, pixivoc.RefreshToken(fake.RefreshToken()))
//
// To test its connections and TLS too, start the server and leave HTTP out: give Config.Env the ModeIP with a
// HostTable of [Server.Hosts], and Config.Transport the [Server.CertPool] as RootCAs. docs/testing.md has both as whole
// tests.
//
// # What it serves
//
// [User] and [Work] describe what there is: types, pages, formats, exact sizes, masks, deleted, private, unlisted and
// replaced works, broken and missing originals. [Server.Populate] makes whole artists. Pictures are real JPEG, PNG and
// GIF files, painted when they are first asked for; a large size costs neither time nor memory. [Server.DeleteWork],
// [Server.ReplaceWork] and [Server.ChangePicture] change the world while a client reads it.
//
// [Server.AddNovel], [Server.AddBookmark] and [Server.Follow] fill the other lists. [Config].ListShift, Work.Unlisted and
// masks make lists repeat, cut short and show placeholders. [Server.AddCrowd] adds any number of works to search for
// without storing them.
//
// # What can go wrong
//
// A list of [Rule] values says which answers go wrong, and a [Fault] how:
//
//   - refusals: [RateLimit], [ErrorPage], [BlockPage], [Redirect], [Respond], [Custom]
//   - changed answers: [EditJSON], [EditHeader], [ExtraHeaders]
//   - the connection: [Delay], [Stall], [Drip], [SlowHeader], [Reset], [Cut], [NoLength], [WrongLength], [Surplus]
//   - bodies: [EmptyBody], [MissingEnd], [WrongType], [GzipGarbage], [GzipBomb]
//   - parts of files: [IgnoreRange], [ForceRange], [WrongRange]
//   - the world: [PictureChanged], [WorkReplaced], [WorkDeleted], [TokensExpired]
//   - joined: [Chain], [Mix], [Honest]
//
// The usual request is "the first attempt at every picture is cut in half":
//
//	server.Script(pixivtest.Rule{
//		Match:   pixivtest.Match{Host: pixivtest.HostImages},
//		Times:   1,
//		PerPath: true,
//		Do:      pixivtest.Cut{At: pixivtest.AtPercent(50)},
//	})
//
// [Server.Listen] opens further addresses for what goes wrong below HTTP: bad certificates, silence, censors.
//
// # What happened
//
// [Server.Requests] is the log, [Server.Counts] and [Server.Load] are the numbers: requests and bytes for each path,
// the most connections and requests at a time for each host, and [Server.RequestTimes] for tests of pacing.
//
// # Without sockets
//
// [Server.RoundTripper] serves from memory, with the same answers and the same faults. It starts no goroutines and waits
// by the clock of the time package, so it works inside a testing/synctest bubble, where an hour's stall takes no time.
// [NewUnstartedServer] makes a server that does only that.
package pixivtest

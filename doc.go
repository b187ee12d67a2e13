// Package pixivoc is a crawler kernel: a token, an environment and tasks that
// run in stages, can be stopped at any moment and go on where they were. It
// knows nothing of any site; package pixiv adds Pixiv in the way in which you
// can add another.
//
// # A first download
//
// A [Client] is made from a [Config]. Only the [Store] is required; with a
// site and its task types it can log in and download:
//
//	store, err := sqlite.Open(ctx, "pixivoc.db", sqlite.Options{})
//	client, err := pixivoc.New(pixivoc.Config{
//		Store: store,
//		Site:  pixiv.Site(),
//		Types: pixiv.Types(),
//	})
//	_, err = client.Login(ctx, pixivoc.RefreshToken(secret))
//	task, err := client.Create(ctx, pixivoc.TaskSpec{
//		Type: pixiv.UserWorks, Keyword: "11", Name: "artist", SavePath: "pictures",
//	})
//	err = task.Start(ctx)
//	info, err := task.Wait(ctx)
//
// When the process dies on the way, the next one opens the same store and
// starts the same task: what is done is done, and a large file goes on at the
// byte where it stopped. Name the task with [TaskSpec].Key, and Create gives it
// back in place of a second one; or let [Config].AutoStart start it.
//
// # Tasks, stages, items
//
// A [TaskType] turns a keyword into the first items and names the stages that
// do them. A [Stage] does one [Item] at a time and gives an [Output]: items for
// the stages after it, and records of what it found. Output and outcome are
// committed in one transaction, so a crash repeats work but never skips it and
// never records it twice.
//
// An item fails for good or in passing, and the stage's error says which; see
// [Permanent], [RetryAfter] and [Retryable]. What failed in passing is tried
// again in the next round. A task that is over has no item left, but may have
// Failed > 0, and [Task.Items] tells why each of them failed.
//
// # Only what is new
//
// A task with a [TaskSpec].Schedule is opened again and again, by a client with
// [Config].AutoStart: it reads its lists anew, and what it has done stays done.
// A stage asks [Runtime] which records the task has already, to stop reading
// where all is known, and which keys are in the archive of what any task ever
// saved. [Output.Archive] puts a key there together with the end of its item;
// [Client.ImportArchive] brings an archive along from elsewhere.
//
// # Environment
//
// [Env] holds the five settings of PixivOC: ProxyMode, Timeout,
// ConcurrencyNumber, IntervalTime and Increment; and limits: BandwidthLimit,
// DailyCap and QuietHours. [Client.UpdateEnv] changes them at any time; the next
// request obeys.
//
// # Roads
//
// [Transport] is an [net/http.RoundTripper] that goes directly, through a
// proxy, or to configured addresses in place of DNS. It can be used without
// the rest of this package. Certificates are verified against the true host
// name in every mode, and there is no switch to turn that off.
//
// # Politeness
//
// Requests made with [Client.Do] and [Runtime] go one at a time, IntervalTime
// apart, whatever number of tasks is running. When a site asks for a pause, all
// of them wait together, and so they do in quiet hours and after as many
// requests as a day may have; [TaskInfo] tells until when and why. When the site
// finds fault with the account, all tasks stop; see [AccountError]. [Interval]
// and [Quota] can be used alone.
//
// # Watching
//
// [Client.Events] yields a snapshot and then every change. A reader that is
// too slow is told so and gets a new snapshot; the kernel never waits for it.
//
// # Errors
//
// Errors are told apart with errors.Is and errors.As: [ErrNoToken] asks for a
// login, a [FieldError] names the value that was refused, a [StatusError]
// holds what a site answered. No error holds a token, a password or a query.
package pixivoc

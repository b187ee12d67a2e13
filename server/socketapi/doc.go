// Package socketapi is the socket door of pixivoc: the protocol that PixivOC's
// server spoke in 2020, so that its clients work unchanged, with commands of
// our own beside it. It has the server, and a client for both.
//
//	server, err := socketapi.New(client, socketapi.Config{})
//	listener, err := net.Listen("tcp", "127.0.0.1:13575")
//	err = server.Serve(ctx, listener)
//
// A program that is written for a pixivoc.Client works over the socket:
//
//	conn, err := socketapi.Dial(ctx, "127.0.0.1:13575", socketapi.ClientOptions{})
//	remote, err := socketapi.NewRemote(ctx, conn) // a pixivoc.Client
//
// # Frames
//
// A frame is a length, signed 32 bit little endian, and so many bytes of one
// JSON object in UTF-8. Requests have the 14 keys of PixivOC, every one of them,
// in its exact type. A request that is not in order is void: it has no reply
// and no effect, and is counted (Counters). A length that no request has ends
// the connection, and so does a frame that is begun and not completed.
//
// A request with the IdentificationNumber "S17" gets the reply "R17" of
// SendType 1. What the server tells on its own account has a number of its own
// with the head S: SendType 2 when a login or refresh ended, and false when
// somebody logged out by another door; 11 and 12 for a task that was created or
// deleted, 14 with the result of one that is over. It goes to every client that
// is connected then. Replies come in the order of the requests; report 11 comes
// before the reply to its creation, report 12 before that to its deletion, and
// after report 14 no reply shows the task as running.
//
// Every frame is sent with one write. PixivOC's client reads it with one call,
// which on loopback brings 32 KiB for certain; longer are the list of all
// tasks, when there are several hundred, and the result of a large
// UserWorksLink task. There is no cure for that on this side.
//
// # Differences to PixivOC's server
//
//   - Many clients are served at a time. Task IDs are unique.
//   - Logout drops the token and answers whether there was one.
//   - TaskDetails and AllTaskDetails are answered without a login.
//   - Settings and names are checked: time-out 1 to 3600 s, concurrency 1 to
//     64, interval 0 to 3600 s, keywords in ASCII digits, task names that are
//     file names on every system. SavePath is shown in its absolute form.
//   - Login with an empty account takes the password for a refresh token,
//     because Pixiv refuses passwords.
//   - Exit is void unless Config.Exit is set.
//
// # Strangers
//
// On a loopback address or a Unix socket everybody is let in. Another address
// needs TLS, and a client certificate or a token: the key Token in any request
// of the connection, which PixivOC's server ignores. Until then all requests
// are void, and the connection is closed after ten seconds, or at once when
// the token is wrong.
//
// # New commands
//
// Commands from 1000 on need only IdentificationNumber and Command, and take an
// object Arguments. The content of the reply is {"ok": true, "result": …} or
// {"ok": false, "error": {"code": …, "field": …, "message": …}}; see Code.
// Times are RFC 3339, durations in milliseconds, sizes in bytes. Tasks, items,
// records, groups and accounts are the JSON of package pixivoc.
//
//	1000 Hello         {}                                      Greeting
//	1001 Authenticate  {}, with the key Token                  Greeting
//	1002 Create        {type, name, keyword, save_path, group,
//	                    options, key, input, schedule,
//	                    bandwidth_limit}                       task
//	1003 Subscribe     {events, items}                         null
//	1004 Items         {tid, stage, state, after, limit}       {list, more}
//	1005 Records       {tid, kind, after, through, limit}      {list, more}
//	1006 Task          {tid}                                   task
//	1007 Tasks         {}                                      {seq, tasks}
//	1008 Start         {tid}                                   null
//	1009 Stop          {tid}                                   null
//	1010 Delete        {tid, files}                            null
//	1011 Types         {}                                      list of TaskType
//	1012 Groups        {}                                      list of groups
//	1013 Account       {}                                      account
//	1014 LoginGrant    {refresh_token} or {code, verifier}
//	                   or {username, password}                 {attempt}
//	1015 Env           {}                                      Settings
//	1016 UpdateEnv     SettingsPatch                           Settings
//	1017 Input         {text, reset}                           null
//	1018 CountRecords  {tid, kind, after, through}             {count}
//	1019 AddArchive    {entries: list of {key, at}}            {read, added}
//	1020 Archive       {after, limit}                          {list, more}
//	1021 Archived      {keys}                                  {keys}
//	1022 Change        {tid, schedule, bandwidth_limit}        null
//	1023 Reopen        {tid}                                   null
//
// Create takes any registered task type by name or alias. A list that is too
// long for a frame is sent before, with Input piece by piece, and used by
// Create with input true; reset begins a new one.
//
// Subscribe with events lets the connection have the kernel's events as
// messages of SendType 1003 whose content is a pixivoc.Event, but not those of
// items that were done unless items is set; with neither they end. A client
// that is too slow for them gets one of kind "lost" and should ask for the
// tasks again. Events after the reply to Tasks have a greater seq than it.
//
// Items and Records give a page of at most limit entries, 500 at most, after
// the item ID or record seq that after names; records with a greater seq than
// through, when it is given, are left out of list and count. Environment and
// login take the whole range of the kernel, other than commands 1 and 4.
//
// Reopen starts a task as Start does, but also one that is over, and tries again
// what failed for good; see pixivoc.Task.
//
// Change changes what it names of a task: the schedule, "" for none, and the
// limit of its bandwidth, 0 for none.
//
// The archive has the keys of what was ever saved. AddArchive adds some, Archive
// gives a page of those that come after a key, Archived those of the given ones
// that are there.
//
// LoginGrant begins a login. Its outcome comes as a message of SendType 1014,
// {attempt, ok, account, error}, to this connection, and as report 2 to all.
package socketapi

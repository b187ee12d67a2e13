// Package legacyapi is the HTTP interface that PixivOC had in its later version
// (August 2020 to February 2021): form fields in, {"result": any, "status":
// bool} out, status 200 for everything, and a console session in a cookie. It
// is there for pages and scripts that were written for it; new programs are
// better off with package restapi.
//
// An embedder mounts it beside what it has, or lets it serve all paths:
//
//	api, err := legacyapi.New(client, legacyapi.Config{Accounts: accounts, SavePath: place})
//	defer api.Close()
//	for _, prefix := range legacyapi.Prefixes() {
//		mux.Handle("/"+prefix+"/", api)
//	}
//
// Paths, parameters, results and sentences are those of the original. Some
// things differ on purpose:
//
//   - A foreign host name is answered with 421, a page of another origin with
//     403 and a body of more than 64 KiB with 413, each in the usual form.
//   - /user/logout, /create/workDetails and /create/userWorksLink work, and
//     /sys/exit ends the program. The detail calls answer to the spelling of
//     the original's document as well.
//   - A refused start, stop or creation has an array as its result, because
//     the original's page looks at the first element without asking more.
//   - /user/tokenMsg hides the tokens, unless ShowTokens is set.
//   - /user/login also takes the field refreshToken, since Pixiv has refused
//     passwords since February 2021.
//   - Numbers, names and paths have bounds; see Config.
//
// The package guards itself against pages of other origins and foreign host
// names; no wrapping is needed.
package legacyapi

// Package restapi is the HTTP interface of pixivoc under /api/v1: resources in
// JSON, errors as problem details (RFC 9457), a stream of events (server-sent
// events), and an OpenAPI 3.1 document of all of it at /api/v1/openapi.json.
//
// An embedder mounts it beside what it has:
//
//	api, err := restapi.New(client, restapi.Config{Accounts: accounts, SavePath: place})
//	defer api.Close()
//	mux.Handle("/api/v1/", api)
//
// The package guards itself against pages of other origins and foreign host
// names; no wrapping is needed. It never answers with a token of the site.
package restapi

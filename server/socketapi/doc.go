// Package socketapi is the socket door of pixivoc: the protocol that PixivOC's
// server spoke in 2020, so that its clients work unchanged, with commands of
// our own beside it, and a client for both.
package socketapi

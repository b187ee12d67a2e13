// Package daemon is the ready server of pixivoc: the kernel with its store and
// Pixiv, and all doors on two addresses. Run is the whole program; a main only
// calls it.
package daemon

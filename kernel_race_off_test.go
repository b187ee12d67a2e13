//go:build !race

package pixivoc_test

// underRace says that the race detector slows everything down.
const underRace = false

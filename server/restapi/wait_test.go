package restapi_test

import "time"

// Bounds for what another goroutine brings about.
const (
	waitLong = 10 * time.Second
	waitStep = 5 * time.Millisecond
)

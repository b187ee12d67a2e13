package restapi_test

import "time"

// Bounds for what another goroutine brings about.
const (
	waitLong = time.Minute
	waitStep = 5 * time.Millisecond
)

package pixivoc_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
)

// What was made without its maker does not panic.
func TestZeroValues(t *testing.T) {
	t.Parallel()
	for _, err := range []error{&pixivoc.PermanentError{}, &pixivoc.RetryAfterError{}, &pixivoc.RefreshError{}} {
		if err.Error() == "" {
			t.Errorf("%T has no text", err)
		}
	}
	var quota pixivoc.Quota
	now := time.Now()
	if ok, _ := quota.Allow(now); !ok {
		t.Error("the first call was refused")
	}
	if ok, wait := quota.Allow(now); ok || wait != time.Second {
		t.Errorf("the second call: %t, %s", ok, wait)
	}
	var doh pixivoc.DoH
	_, err := doh.LookupNetIP(t.Context(), "ip", "a.test")
	if wrong, ok := errors.AsType[*net.DNSError](err); !ok || wrong.Name != "a.test" {
		t.Error(err)
	}
	if _, err = doh.LookupECH(t.Context(), "a.test"); err == nil {
		t.Error("no error")
	}
}

package netdial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestABlockedStrategySpoilsTwoAddressesAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var addresses []netip.AddrPort
		for i := range 4 {
			addresses = append(addresses, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 443))
		}
		var tried []option
		r := race{
			options: options(addresses, []Strategy{SNI, Split}),
			next:    addressHeadStart,
			turn:    strategyHeadStart,
			try: func(_ context.Context, o option, _ func()) (net.Conn, error) {
				tried = append(tried, o) // one at a time, as none is slow
				time.Sleep(time.Millisecond)
				if o.strategy == SNI {
					return nil, errors.New("reset by a filter")
				}
				conn, other := net.Pipe()
				_ = other.Close()
				return conn, nil
			},
		}
		won, failed := r.run(t.Context())
		require.NotNil(t, won.conn)
		require.NoError(t, won.conn.Close())
		assert.Len(t, failed, 2)
		assert.Equal(t, []option{
			{addresses[0], SNI}, {addresses[1], SNI}, {addresses[2], Split},
		}, tried, "the next strategy goes to an address that is not spoiled")
	})
}

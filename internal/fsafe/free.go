package fsafe

import (
	"math"
	"math/bits"
)

// product multiplies a number of blocks by their size, and stays at the largest
// int64 when the file system claims more than that.
func product(blocks, size uint64) int64 {
	high, low := bits.Mul64(blocks, size)
	if high != 0 || low > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(low)
}

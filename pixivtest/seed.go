package pixivtest

import (
	"encoding/hex"
	"hash/fnv"
	"math/rand/v2"
)

// mix turns numbers into one that looks random; the same numbers always give the same one (splitmix64).
func mix(numbers ...uint64) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, n := range numbers {
		h += n + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// mixText is the number of a text, for [mix].
func mixText(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// hexDigits is n hexadecimal digits that follow from the numbers.
func hexDigits(n int, numbers ...uint64) string {
	random := rand.NewPCG(mix(numbers...), 1)
	var out []byte
	for len(out) < n {
		v := random.Uint64()
		out = hex.AppendEncode(out, []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)})
	}
	return string(out[:n])
}

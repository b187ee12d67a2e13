package vp8l

import "encoding/binary"

// bitWriter writes bits, the least significant first (section 1).
type bitWriter struct {
	out     []byte
	pending uint64
	count   uint
}

func (w *bitWriter) reset() { w.out, w.pending, w.count = w.out[:0], 0, 0 }

// write adds the lowest count bits, at most 32, of bits; the others are zero.
func (w *bitWriter) write(bits uint64, count uint) {
	w.pending |= bits << w.count
	w.count += count
	if w.count >= 32 {
		w.out = binary.LittleEndian.AppendUint32(w.out, uint32(w.pending))
		w.pending >>= 32
		w.count -= 32
	}
}

// bytes returns everything written, filled up with zeros.
func (w *bitWriter) bytes() []byte {
	for ; w.count > 0; w.count -= min(w.count, 8) {
		w.out = append(w.out, byte(w.pending))
		w.pending >>= 8
	}
	return w.out
}

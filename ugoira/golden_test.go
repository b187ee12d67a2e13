package ugoira_test

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/pixivoc/pixivoc/ugoira"
	"github.com/stretchr/testify/require"
)

// TestGolden holds results in which neither the decoders of Go nor floating point
// have a part: the same archive gives the same bytes everywhere.
func TestGolden(t *testing.T) {
	t.Parallel()
	var w work
	// The head of a JPEG picture of 2 x 1 pixels is all that is looked at.
	for i := range 3 {
		w.add(name(i, ".jpg"), fmt.Appendf(nil, "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xc0\x00\x0b\x08\x00\x01\x00\x02\x01\x01\x11\x00 frame %d", i), 100+10*i)
	}
	w.pack(t, zip.Store)
	requireSum(t, w, ugoira.MKV, "260d992c722157044444654fa42fe364194b2b1baff0756a4785be4be7643624")
	requireSum(t, pngs(t, 20, 15, 30, 50), ugoira.GIF, "4a11912f2919c1271f6b4106fde6ed22c1f1b07b2f4cca93e9a368a613d3c317")
}

func requireSum(t *testing.T, w work, format ugoira.Format, want string) {
	t.Helper()
	file, _ := encode(t, w.open(t), format, ugoira.Options{})
	sum := sha256.Sum256(file)
	require.Equal(t, want, hex.EncodeToString(sum[:]), "%s", format)
}

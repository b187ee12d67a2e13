package fetch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/pixivoc/pixivoc/internal/fsafe"
)

const (
	// partSuffix and sidecarSuffix are appended to the name of a file while it
	// is on its way.
	partSuffix    = ".part"
	sidecarSuffix = ".part.json"

	// sidecarSize is the length of every sidecar. With one length for all, a
	// newer state is written over an older one in one call and needs no room
	// on a disk that is full.
	sidecarSize = 1024

	sidecarVersion = 1
)

// sidecar says what a part is good for. It lies beside the part.
type sidecar struct {
	Version int    `json:"version"`
	URL     string `json:"url_sha256"`
	validator
	Total int64 `json:"total"`
	// BootID is the boot in which the bytes after Synced were written.
	BootID string `json:"boot_id,omitempty"`
	// Synced is how many bytes of the part were synced, and CRC32C their
	// checksum.
	Synced int64  `json:"synced"`
	CRC32C uint32 `json:"crc32c"`
}

// hashURL names an address in a sidecar without showing what is in it.
func hashURL(address string) string {
	sum := sha256.Sum256([]byte(address))
	return hex.EncodeToString(sum[:])
}

// encode returns the sidecar as JSON, padded to sidecarSize.
func (s sidecar) encode() ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // entity tags may hold < and &, and must stay short
	if err := encoder.Encode(s); err != nil {
		return nil, err
	}
	if text.Len() > sidecarSize {
		return nil, fmt.Errorf("sidecar of %d bytes is too long", text.Len())
	}
	text.Write(bytes.Repeat([]byte{' '}, sidecarSize-text.Len()))
	return text.Bytes(), nil
}

// parseSidecar reads a sidecar. It says false for everything that a part cannot
// be resumed by.
func parseSidecar(text []byte) (sidecar, bool) {
	var s sidecar
	if len(text) != sidecarSize || json.Unmarshal(text, &s) != nil {
		return sidecar{}, false
	}
	ok := s.Version == sidecarVersion && len(s.URL) == 2*sha256.Size && s.valid() &&
		s.Total > 0 && s.Synced >= 0 && s.Synced <= s.Total
	return s, ok
}

// readSidecar reads a sidecar file. It says false when that is of no use, or
// cannot be read; the error is about opening it.
func readSidecar(folder fsafe.Folder, name string) (sidecar, bool, error) {
	file, err := folder.Open(name, fsafe.Read)
	if err != nil {
		return sidecar{}, false, err
	}
	defer func() { _ = file.Close() }()
	text := make([]byte, sidecarSize+1)
	n, err := file.ReadAt(text, 0)
	if err != nil && err != io.EOF {
		return sidecar{}, false, nil
	}
	s, ok := parseSidecar(text[:n])
	return s, ok, nil
}

// write stores the sidecar. A sidecar that is there already is overwritten in
// place.
func (s sidecar) write(folder fsafe.Folder, name string, exists bool) error {
	text, err := s.encode()
	if err != nil {
		return err
	}
	mode := fsafe.Create
	if exists {
		mode = fsafe.Update
	}
	file, err := folder.Open(name, mode)
	if err != nil {
		return err
	}
	_, err = writeFull(file, text, 0)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil && !exists {
		err = also(err, remove(folder, name))
	}
	return err
}

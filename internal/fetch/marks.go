package fetch

import (
	"bytes"
	"encoding/binary"
	"io"
	"mime"
	"strings"
)

// Type is what a file is, by its first bytes.
type Type string

// The types that are recognised. Unknown is all the rest.
const (
	Unknown Type = ""
	JPEG    Type = "image/jpeg"
	PNG     Type = "image/png"
	GIF     Type = "image/gif"
	WebP    Type = "image/webp"
	ZIP     Type = "application/zip"
)

// Extension returns the usual extension of the type with its dot, or "".
func (t Type) Extension() string {
	switch t {
	case JPEG:
		return ".jpg"
	case PNG:
		return ".png"
	case GIF:
		return ".gif"
	case WebP:
		return ".webp"
	case ZIP:
		return ".zip"
	}
	return ""
}

// typeOfExtension is the reverse of Extension and knows the other spellings.
func typeOfExtension(extension string) Type {
	switch strings.ToLower(extension) {
	case ".jpg", ".jpeg", ".jpe", ".jfif":
		return JPEG
	case ".png":
		return PNG
	case ".gif":
		return GIF
	case ".webp":
		return WebP
	case ".zip":
		return ZIP
	}
	return Unknown
}

const (
	// headSize is how many of the first bytes are kept: enough for each type.
	headSize = 16
	// tailSize is how many of the last bytes are kept: the IEND chunk of a PNG.
	tailSize = 12

	pngSignature = "\x89PNG\r\n\x1a\n"
	pngEnd       = "\x00\x00\x00\x00IEND\xae\x42\x60\x82"
)

// sniff tells the type from the first bytes.
func sniff(head []byte) Type {
	has := func(prefix string) bool { return bytes.HasPrefix(head, []byte(prefix)) }
	switch {
	case has("\xff\xd8\xff"):
		return JPEG
	case has(pngSignature):
		return PNG
	case has("GIF87a"), has("GIF89a"):
		return GIF
	case has("RIFF") && len(head) >= 12 && string(head[8:12]) == "WEBP":
		return WebP
	case has("PK\x03\x04"):
		return ZIP
	}
	return Unknown
}

// looksLikeMarkup says whether a body begins as HTML or XML does. No picture
// and no archive begins with "<".
func looksLikeMarkup(head []byte) bool {
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	return bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n\f\x00"), []byte("<"))
}

// isHTML says whether a Content-Type header names a page.
func isHTML(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind, _, _ = strings.Cut(contentType, ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
	}
	return kind == "text/html" || kind == "application/xhtml+xml"
}

// endFits compares the last bytes with what the type ends with when nothing
// follows its end mark. It is cheap, and right for nearly every whole file; the
// others are read through by isWhole.
func endFits(t Type, head, tail []byte, size int64) bool {
	switch t {
	case JPEG:
		return bytes.HasSuffix(tail, []byte("\xff\xd9"))
	case PNG:
		return bytes.HasSuffix(tail, []byte(pngEnd))
	case GIF:
		return bytes.HasSuffix(tail, []byte("\x3b"))
	case WebP:
		return webpFits(head, size)
	}
	return false
}

// webpFits compares the length in the RIFF header with that of the file.
// Source: WebP Container Specification, "WebP File Header".
func webpFits(head []byte, size int64) bool {
	return len(head) >= 12 && size >= int64(binary.LittleEndian.Uint32(head[4:8]))+8
}

// isWhole reads a file through, without decoding it, and says whether it has
// everything up to its end mark. Bytes after the mark are allowed: padding with
// zeros, and what some cameras and programs append, belong to the file as the
// site has it.
func isWhole(t Type, file io.ReaderAt, size int64) (bool, error) {
	switch t {
	case JPEG:
		return wholeJPEG(section(file, size))
	case PNG:
		return wholePNG(file, size)
	case GIF:
		return wholeGIF(section(file, size))
	case ZIP:
		return wholeZIP(file, size)
	case WebP:
		head := make([]byte, headSize)
		n, err := readAt(file, head, 0)
		return webpFits(head[:n], size), err
	}
	return false, nil
}

// readAt fills buf as far as the file goes.
func readAt(file io.ReaderAt, buf []byte, offset int64) (int, error) {
	n, err := file.ReadAt(buf, offset)
	if err == io.EOF {
		err = nil
	}
	return n, err
}

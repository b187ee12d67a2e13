package pixiv

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Values of Options.Revision.
const (
	RevisionKeep    = "keep"    // beside the file of before
	RevisionReplace = "replace" // in its place
)

// Values of Options.FileTime.
const (
	FileTimeSaved  = "saved"  // when the file was saved
	FileTimeUpload = "upload" // when the work was published
)

func (o *Options) checkWords() error {
	for _, field := range []struct {
		key, value string
		known      []string
	}{
		{"revision", o.Revision, []string{RevisionKeep, RevisionReplace}},
		{"file_time", o.FileTime, []string{FileTimeSaved, FileTimeUpload}},
	} {
		if field.value != "" && field.value != field.known[0] && field.value != field.known[1] {
			return fieldError("Options."+field.key, "is %q, want %s", clean(field.value), strings.Join(field.known, " or "))
		}
	}
	return nil
}

// revisionOf returns when a picture was uploaded anew, as digits of Japan's
// time, or "" for one that is as it was published. The address of an original
// has the time of its upload, .../img/2026/01/31/21/05/00/ID_p0.png, and that of
// the first upload is the work's create_date (all 36 works in the recordings
// of 2019 to 2026 that have both).
func revisionOf(address, createDate string) string {
	published, err := time.Parse(time.RFC3339, createDate)
	if err != nil {
		return ""
	}
	uploaded, ok := uploadTime(address)
	if !ok || uploaded.Equal(published) {
		return ""
	}
	return uploaded.Format("20060102150405")
}

// uploadTime reads the time in the address of an original.
func uploadTime(address string) (time.Time, bool) {
	parsed, err := url.Parse(address)
	if err != nil {
		return time.Time{}, false
	}
	_, rest, found := strings.Cut(parsed.Path, "/img/")
	parts := strings.Split(rest, "/")
	if !found || len(parts) != 7 {
		return time.Time{}, false
	}
	japan := time.FixedZone("JST", 9*60*60)
	at, err := time.ParseInLocation("2006/01/02/15/04/05", strings.Join(parts[:6], "/"), japan)
	return at, err == nil
}

// revise gives a picture that was uploaded anew an item of its own and, to keep
// the file of before, a name of its own.
func (s *settings) revise(item *picture, key, createDate string) (newKey string) {
	if s.revision == "" || item.URL == "" {
		return key
	}
	revision := revisionOf(item.URL, createDate)
	if revision == "" {
		return key
	}
	item.Revision = revision
	if s.revision == RevisionKeep {
		item.Suffix = fmt.Sprintf("_r%s", revision)
	}
	return key + "_r" + revision
}

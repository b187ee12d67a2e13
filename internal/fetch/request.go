package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/pixivoc/pixivoc/internal/fsafe"
)

// Kind says which content is wanted.
type Kind int

// The kinds of content.
const (
	// Picture is a whole JPEG, PNG, GIF or WebP file.
	Picture Kind = iota
	// Archive is a whole ZIP file.
	Archive
	// Any is everything, unchecked, except for an HTML page under the name of
	// a picture or archive.
	Any
)

// accepts says whether a type is of the kind.
func (k Kind) accepts(t Type) bool {
	switch k {
	case Picture:
		return t == JPEG || t == PNG || t == GIF || t == WebP
	case Archive:
		return t == ZIP
	}
	return true
}

// Request is one file to download.
type Request struct {
	// HTTP is a GET with the headers that the server wants, such as Referer.
	// It is copied for each try. Range, If-Range and Accept-Encoding are set by
	// Fetch, and its context is that of Fetch.
	HTTP *http.Request
	// Do sends a request: the method Do of an http.Client, or a function that
	// paces it too. Redirects are followed, or not, by Do.
	Do func(*http.Request) (*http.Response, error)

	// Admit, when set, is called before each request, with the host it goes to,
	// and may let it wait; Timeout does not count then. report is called with
	// nil once the head of an answer came, with a *StatusError when that asks
	// for fewer requests, or else with why no answer came.
	Admit func(ctx context.Context, host string) (report func(error), err error)

	// Folder and Name say where the file goes. Name is relative, with slashes;
	// each component must pass fsafe.Check. Missing folders are made.
	Folder fsafe.Folder
	Name   string
	// Kind says which content is wanted.
	Kind Kind
	// FixExtension lets the name follow the content: a PNG that was asked for
	// as "a.jpg" becomes "a.png". Without it such a file is refused. It does
	// nothing for Any.
	FixExtension bool

	// Otherwise, when set, says that Name does not identify the content, and is
	// the name that does. A whole file that stands under Name and is not the
	// job's own, see Since, is neither taken for the content by its length nor
	// replaced: the bytes are fetched and compared. The same bytes adopt the
	// file; others go to Otherwise. There the same holds, and where other bytes
	// stand under both names the error is ErrTaken.
	Otherwise string
	// Replace, when set, is asked before a file of other bytes that stands under
	// the final name is replaced. When it says no the file stays, unless it is the
	// beginning of the content, and the name gets the checksum: a.jpg becomes
	// a_0123abcd.jpg. Under both names the same bytes are adopted; where others
	// stand under both the error is ErrTaken. It is not asked when the name is
	// free.
	Replace func(name string) (bool, error)
	// Taken, when set, is asked for a file that stands under a final name: whether
	// it is another file of the job. Such a file stays, whatever Replace says, and
	// its length proves nothing: the bytes are fetched and compared. The same bytes
	// adopt it, with Staged.Shared; others get another name, as with Replace.
	Taken func(name string) (bool, error)
	// Since is when the job began that the request belongs to. A file that was
	// written later than that, but before the Fetcher was made, is the job's
	// own: its process died before it took note of the file. Where the clock of
	// the file system is behind, bytes are fetched once more. Zero: none is.
	Since time.Time

	// Timeout is how long the other side may be silent while connecting, before
	// the head of the answer, and between two pieces of the body. It does not
	// bound the whole. Zero: for ever. Waiting for a free connection counts,
	// so the transport must allow as many as there are transfers.
	Timeout time.Duration
	// MinRate is the lowest rate in bytes a second, measured over Timeout, at
	// which a body may come. Waiting for Limiters does not count. Zero: any.
	MinRate int64
	// Limiters bound how fast the bytes of bodies come, all of them together.
	// A token is a byte; a burst of less than a few hundred bytes is slow. They
	// may be shared and changed at any time. A limit of rate.Inf is none.
	Limiters []*rate.Limiter
	// MaxBytes is the longest file that is accepted. Zero: any length.
	MaxBytes int64
	// Size is the length in bytes that the file must have. Zero: not known.
	Size int64
	// SHA256 asks for a SHA-256 beside the CRC-32C. It costs much more.
	SHA256 bool

	// Progress, when set, is called with the number of bytes that arrived
	// since the last call, for each filled buffer, by the goroutine of Fetch.
	Progress func(n int64)
	// Refuse, when set, is asked for the address of each answer, after
	// redirects. An error of it ends the download.
	Refuse func(*url.URL) error
}

// admit asks Admit.
func (r *Request) admit(ctx context.Context) (report func(error), err error) {
	if r.Admit == nil {
		return func(error) {}, nil
	}
	return r.Admit(ctx, r.HTTP.URL.Host)
}

// check refuses requests that cannot be meant.
func (r *Request) check() error {
	switch {
	case r.HTTP == nil || r.HTTP.URL == nil || r.Do == nil || r.Folder == nil:
		return errors.New("request, sender or folder is missing")
	case r.HTTP.Method != http.MethodGet && r.HTTP.Method != "":
		return fmt.Errorf("method is %s, not GET", r.HTTP.Method)
	}
	if r.Otherwise != "" {
		if err := checkName(r.Otherwise); err != nil {
			return err
		}
	}
	return checkName(r.Name)
}

func checkName(name string) error {
	if err := fsafe.CheckPath(name); err != nil {
		return err
	}
	lower := strings.ToLower(name)
	if strings.HasSuffix(lower, partSuffix) || strings.HasSuffix(lower, sidecarSuffix) {
		return &fsafe.NameError{Name: name, Reason: "ends as the name of an unfinished file does"}
	}
	return nil
}

// wantsFile says whether a page in the place of the file is surely wrong.
func (r *Request) wantsFile() bool {
	return r.Kind != Any || typeOfExtension(path.Ext(r.Name)) != Unknown
}

// names returns the names that a file of that type may be stored under when name
// was asked for, the best first, or none when the extension is wrong and must
// stay.
func (r *Request) names(name string, t Type) []string {
	extension := path.Ext(name)
	named := typeOfExtension(extension)
	switch {
	case r.Kind == Any || named == t:
		return []string{name}
	case !r.FixExtension:
		return nil
	case named == Unknown && extension != "":
		return []string{name + t.Extension()}
	}
	return []string{strings.TrimSuffix(name, extension) + t.Extension(), name + t.Extension()}
}

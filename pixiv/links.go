package pixiv

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// LinksOptions is pixivoc.TaskSpec.Options of a Links task, as JSON.
type LinksOptions struct {
	// Referer is sent with each request; "" sends none. Absent or null:
	// DefaultReferer.
	Referer *string `json:"referer,omitempty"`
}

// DefaultReferer is the Referer of a Links task: the image host of Pixiv gives
// pictures to no request without it.
const DefaultReferer = "https://www.pixiv.net/"

// maxLineBytes bounds an address in a list.
const maxLineBytes = 8192

// pageAfter is after how many failed rounds a web page in place of the file is
// taken for what the address gives.
const pageAfter = 3

func readLinksOptions(raw json.RawMessage) (LinksOptions, error) {
	var options LinksOptions
	if len(raw) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&options); err != nil {
			return LinksOptions{}, fieldError("Options", "are not those of %s: %v", Links, err)
		}
	}
	if options.Referer == nil {
		options.Referer = new(DefaultReferer)
	}
	if *options.Referer != "" {
		if _, err := parseLink(*options.Referer); err != nil {
			return LinksOptions{}, fieldError("Options", "referer %v", err)
		}
	}
	return options, nil
}

// linkItem is what DownloadLink needs.
type linkItem struct {
	URL  string `json:"url"`
	Name string `json:"name"`
}

// firstLinks reads a list line by line. Blank lines and lines that begin with
// "#" are passed over.
//
// A file is named by the last part of its address. When an earlier line took
// that name for another address, a hash of the address is added. So names
// depend on the order of the list alone: a list that grows must grow at its
// end. The hash is added too when an older file of the name, of another list
// perhaps, turns out to be another one.
func firstLinks(ctx context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	return func(yield func(pixivoc.Item, error) bool) {
		fail := func(err error) { yield(pixivoc.Item{}, err) }
		if _, err := readLinksOptions(spec.Options); err != nil {
			fail(err)
			return
		}
		field, input := fieldKeyword, io.Reader(strings.NewReader(spec.Keyword))
		if spec.Input != nil {
			field, input = "Input", spec.Input
		}
		names := make(takenNames)
		lines := bufio.NewScanner(input)
		lines.Buffer(nil, maxLineBytes)
		number, found := 0, false
		for lines.Scan() {
			number++
			line := trimLine(lines.Text(), number)
			if line == "" || line[0] == '#' {
				continue
			}
			address, err := parseLink(line)
			if err == nil {
				err = refusePage(address)
			}
			if err == nil {
				err = ctx.Err()
			} else {
				err = fieldError(field, "line %d %v", number, err)
			}
			if err != nil {
				fail(err)
				return
			}
			found = true
			if !yield(linkOf(address, names), nil) {
				return
			}
		}
		switch err := lines.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			fail(fieldError(field, "line %d is longer than %d bytes", number+1, maxLineBytes))
		case err != nil:
			fail(fmt.Errorf("read list after line %d: %w", number, err))
		case !found:
			fail(fieldError(field, "has no address; want one a line"))
		}
	}
}

func trimLine(line string, number int) string {
	if number == 1 {
		line = strings.TrimPrefix(line, "\ufeff")
	}
	return strings.TrimSpace(line)
}

// parseLink accepts addresses that can be downloaded. Its errors do not repeat
// the address, which may hold a secret.
func parseLink(text string) (*url.URL, error) {
	address, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("is no address")
	case !isWeb(address):
		return nil, errors.New("is no address that begins with https:// or http://")
	case address.Hostname() == "":
		return nil, errors.New("names no host")
	case address.User != nil:
		return nil, errors.New("has a user name or password, which would be stored with the files")
	}
	address.Fragment, address.RawFragment = "", ""
	return address, nil
}

// refusePage refuses the pages of Pixiv that show pictures: what they send is
// HTML, and a login is needed to find the pictures behind it.
func refusePage(address *url.URL) error {
	switch {
	case !isPixiv(address.Hostname()):
		return nil
	case isDigits(workOf(address)):
		return errors.New("is the page of a work, not of a picture")
	case isDigits(userOf(address)):
		return errors.New("is the page of a user, not of a picture")
	}
	return nil
}

// linkOf makes the item of an address. Its key is short, shows nothing of the
// query and is different for each address.
func linkOf(address *url.URL, names takenNames) pixivoc.Item {
	text := address.String()
	base := lastPart(address)
	name := names.take(base, hashOf(text, 8))
	return pixivoc.NewItem(base+" "+hashOf(text, 16), linkItem{URL: text, Name: name})
}

// hashOf returns so many bytes of the hash of an address in hexadecimal.
func hashOf(address string, bytes int) string {
	sum := sha256.Sum256([]byte(address))
	return hex.EncodeToString(sum[:bytes])
}

// otherwise is the name that no other address has, or "" where that is the
// name of the item already.
func (l linkItem) otherwise() string {
	hash := hashOf(l.URL, 8)
	if strings.Contains(l.Name, "-"+hash) {
		return ""
	}
	return withSuffix(l.Name, hash)
}

// lastPart makes a legal file name of the last part of the path.
func lastPart(address *url.URL) string {
	part := address.EscapedPath()
	part = part[strings.LastIndexByte(part, '/')+1:]
	if decoded, err := url.PathUnescape(part); err == nil {
		part = decoded
	}
	name := pixivoc.CleanName(cmp.Or(part, "index"))
	lower := strings.ToLower(name)
	// The kernel keeps unfinished files under such names.
	if strings.HasSuffix(lower, ".part") || strings.HasSuffix(lower, ".part.json") {
		name = pixivoc.CleanName(name + "_")
	}
	return name
}

// takenNames holds hashes of the names given out: eight bytes for each line of
// a list. Two names with one hash cost a needless suffix and nothing else.
type takenNames map[uint64]struct{}

// take returns name, or name with a suffix when it was taken.
func (t takenNames) take(name, suffix string) string {
	if t.add(name) {
		return name
	}
	name = withSuffix(name, suffix)
	t.add(name)
	return name
}

// withSuffix puts a suffix before the extension.
func withSuffix(name, suffix string) string {
	extension := path.Ext(name)
	return pixivoc.CleanName(strings.TrimSuffix(name, extension) + "-" + suffix + extension)
}

// add reports whether no name was added before that a file system or the kernel
// may take for the same: file systems fold case, and the kernel corrects the
// extension of a picture.
func (t takenNames) add(name string) bool {
	name = strings.ToLower(name)
	if extension := path.Ext(name); isPictureExtension(extension) || extension == ".zip" {
		name = strings.TrimSuffix(name, extension) + ".*"
	}
	hash := fnv.New64a()
	_, _ = io.WriteString(hash, name)
	sum := hash.Sum64()
	_, taken := t[sum]
	t[sum] = struct{}{}
	return !taken
}

// linkStage is DownloadLink.
type linkStage struct{ pixivoc.Stage }

// Run does an item. A web page in place of the file may be a passing fault of
// the network; one that keeps coming is what the address gives.
func (s linkStage) Run(ctx context.Context, rt pixivoc.Runtime, item pixivoc.Item) (pixivoc.Output, error) {
	out, err := s.Stage.Run(ctx, rt, item)
	if blocked, ok := errors.AsType[*pixivoc.BlockedError](err); ok && item.Attempts >= pageAfter {
		return out, pixivoc.Permanent(pixivoc.ReasonContent, blocked)
	}
	return out, err
}

// FileNames implements pixivoc.FileNamer.
func (linkStage) FileNames(_ pixivoc.TaskInfo, item pixivoc.Item) []string {
	var link linkItem
	if json.Unmarshal(item.Payload, &link) != nil || link.Name == "" {
		return nil
	}
	return []string{link.Name}
}

// downloadLink does an item of DownloadLink. What is named like a picture must be a whole
// one; other files may be of any kind.
func downloadLink(ctx context.Context, rt pixivoc.Runtime, item linkItem) (out pixivoc.Output, err error) {
	options, err := readLinksOptions(rt.Options())
	if err != nil {
		return out, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, item.URL, nil)
	if err != nil {
		return out, pixivoc.Permanent(pixivoc.ReasonPayload, errors.New("item has a broken address"))
	}
	if err := refusePlaceholder(request.URL); err != nil {
		return out, err
	}
	if *options.Referer != "" {
		request.Header.Set("Referer", *options.Referer)
	}
	file, err := rt.Download(ctx, pixivoc.Download{
		Request:   request,
		Name:      item.Name,
		Otherwise: item.otherwise(),
		Any:       !isPictureExtension(path.Ext(item.Name)),
		Refuse:    refusePlaceholder,
	})
	if isGone(err) {
		return out, pixivoc.Permanent(pixivoc.ReasonDeleted, err)
	}
	if err != nil {
		return out, err
	}
	record := fileRecord(file, item.URL)
	out.Record(RecordFile, record.Path, record)
	return out, nil
}

func refusePlaceholder(address *url.URL) error {
	if kind, found := placeholder(address); found {
		return masked(0, kind)
	}
	return nil
}

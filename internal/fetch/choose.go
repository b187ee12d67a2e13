package fetch

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc/internal/fsafe"
)

// candidates returns the names that content of the kind that came may get where
// Name does not identify it: what has become of Name, then of Otherwise.
func (t *transfer) candidates() []string {
	r := &t.request
	return []string{r.names(r.Name, t.kind)[0], r.names(r.Otherwise, t.kind)[0]}
}

// own returns what the job of this request wrote under one of the two names
// before its process died. What stands under the second counts for more. The
// second can only be in use where the first is.
func (t *transfer) own(names []string) (*existing, error) {
	first, err := t.look(names[0])
	if first == nil || err != nil {
		return nil, err
	}
	second, err := t.look(names[1])
	if err != nil || second != nil && second.own {
		return second, err
	}
	if first.own {
		return first, nil
	}
	return nil, nil
}

// isOwn says whether a file of that age is the job's own; see Request.Since.
func (t *transfer) isOwn(modified time.Time) bool {
	since := t.request.Since
	return !since.IsZero() && !modified.Before(since) && !modified.After(t.fetcher.began)
}

// recover ends the body when its file is the job's own.
func (t *transfer) recover() error {
	found, err := t.own(t.candidates())
	if err != nil {
		return onDisk(err)
	}
	if found == nil || found.size != t.total {
		return nil
	}
	t.accept(found)
	return errAccepted
}

// choose gives bytes that are whole the first of the candidates that is free, or
// under which the same bytes stand already.
func (t *transfer) choose() (*Staged, error) {
	for _, name := range t.candidates() {
		found, err := t.look(name)
		if err != nil {
			return nil, onDisk(err)
		}
		if found == nil {
			staged, err := t.take(name)
			if staged != nil || err != nil {
				return staged, err
			}
			continue
		}
		if sum, same := t.compare(found); same {
			t.existing = found
			return t.adopt(sum)
		}
	}
	return nil, ErrTaken
}

// compare reads a file and says whether its bytes are those of the part. A file
// that cannot be read is another one.
func (t *transfer) compare(found *existing) (checksums, bool) {
	if found.size != t.part.size {
		return checksums{}, false
	}
	sum, err := t.sumOf(found)
	return sum, err == nil && sum.equal(&t.part.sum)
}

// place gives bytes that are whole their final name, or another one when a file
// stands there that must stay.
func (t *transfer) place() (*Staged, error) {
	wanted := t.name
	staged, err := t.take(wanted)
	if staged != nil || err != nil {
		return staged, err
	}
	extension := path.Ext(wanted)
	name := fmt.Sprintf("%s_%08x%s", strings.TrimSuffix(wanted, extension), t.part.sum.crc, extension)
	if err := checkName(name); err != nil {
		return nil, ErrTaken // the name is as long as one can be
	}
	if _, err := t.look(name); err != nil {
		return nil, onDisk(err)
	}
	if staged, err = t.take(name); err != nil {
		return nil, err
	}
	if staged == nil {
		return nil, ErrTaken
	}
	staged.Wanted = wanted
	return staged, nil
}

// take gives bytes that are whole a name that was looked at, or adopts the file
// that stands there with the same bytes. It returns nil when others stand there
// that must stay. The beginning of the same content is replaced: nothing of it
// is lost.
func (t *transfer) take(name string) (*Staged, error) {
	if found, stands := t.there[name]; stands && (found.taken || t.request.Replace != nil) {
		if sum, same := t.compare(&found); same {
			found.kind, t.existing = t.kind, &found
			return t.adopt(sum)
		}
		if found.taken {
			return nil, nil
		}
		may, err := t.request.Replace(name)
		if err != nil || !may && !t.isBeginning(&found) {
			return nil, err
		}
	}
	t.name = name
	return t.stage(), nil
}

// isBeginning says whether a file has the first bytes of the part and no others.
// A file that cannot be read has others.
func (t *transfer) isBeginning(found *existing) bool {
	if found.size > t.part.size {
		return false
	}
	file, err := t.request.Folder.Open(found.name, fsafe.Read)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	const piece = 32 << 10
	var ours, theirs [piece]byte
	for offset := int64(0); offset < found.size; offset += piece {
		n := min(piece, found.size-offset)
		their, _ := file.ReadAt(theirs[:n], offset)
		our, _ := t.part.file.ReadAt(ours[:n], offset)
		if int64(min(their, our)) < n || !bytes.Equal(theirs[:n], ours[:n]) {
			return false
		}
	}
	return true
}

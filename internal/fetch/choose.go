package fetch

import "time"

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
			t.name = name
			return t.stage(), nil
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

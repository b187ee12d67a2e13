package fsafe

import "time"

// SetTime gives a file the time of its last change.
func (r *Root) SetTime(name string, at time.Time) error {
	if _, err := r.regular(name); err != nil {
		return err
	}
	return r.root.Chtimes(name, time.Time{}, at)
}

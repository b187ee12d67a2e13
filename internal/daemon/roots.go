package daemon

import (
	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/saveroot"
)

// place returns what turns the wish of a caller, "" for none, into the absolute
// folder to save in, or refuses it with a *pixivoc.FieldError.
func place(roots *saveroot.Roots) func(wish string) (string, error) {
	return func(wish string) (string, error) {
		folder, err := roots.Place(wish)
		if err != nil {
			return "", &pixivoc.FieldError{Field: "SavePath", Reason: err.Error()}
		}
		return folder, nil
	}
}

package daemon

import (
	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

// resolve turns what somebody pasted into a task: the address of a work or of
// a user, or the bare id of a work. The task is named like its id and has no
// SavePath. The error is a *pixivoc.FieldError.
func resolve(text string) (pixivoc.TaskSpec, error) {
	work, err := pixiv.ParseWork(text)
	if err == nil {
		return pixivoc.TaskSpec{Type: pixiv.SingleWork, Name: work.String(), Keyword: work.String()}, nil
	}
	if user, err := pixiv.ParseUser(text); err == nil {
		return pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: user.String(), Keyword: user.String()}, nil
	}
	return pixivoc.TaskSpec{}, &pixivoc.FieldError{
		Field:  "Url",
		Reason: "names neither a work nor a user of Pixiv; want an address like https://www.pixiv.net/artworks/ID or https://www.pixiv.net/users/ID, or the id of a work",
	}
}

package pixiv

import "github.com/pixivoc/pixivoc"

// RecordUser is the kind of a record with a UserRecord; its key is the ID of
// the user.
const RecordUser = "user"

// UserRecord describes a user.
type UserRecord struct {
	ID      ID     `json:"id"`
	Name    string `json:"name"`
	Account string `json:"account"` // the login name
	Comment string `json:"comment,omitempty"`
	Avatar  string `json:"avatar"` // address
	// Profile is nil for a user of a list.
	Profile *Profile `json:"profile,omitempty"`
}

func recordOf(user User) UserRecord {
	return UserRecord{
		ID: user.ID, Name: user.Name, Account: user.Account, Comment: user.Comment,
		Avatar: user.ProfileImageURLs.Medium,
	}
}

// recordPreview records a user of a list.
func recordPreview(out *pixivoc.Output, preview *UserPreview) error {
	out.Record(RecordUser, preview.User.ID.String(), recordOf(preview.User))
	return nil
}

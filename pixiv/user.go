package pixiv

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"strings"

	"github.com/pixivoc/pixivoc"
)

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

// profileTypes are the task types of what a user's profile shows.
func profileTypes() []pixivoc.TaskType {
	return []pixivoc.TaskType{
		{
			Name: UserDetails, Title: "Describe a user",
			Stages: []pixivoc.StageSpec{listStage(profileStage(false))},
			First:  firstProfile,
		},
		{
			Name: UserPictures, Title: "Download the avatar and the background of a user", Files: true,
			Stages: []pixivoc.StageSpec{
				listStage(profileStage(true)),
				{Stage: userPictureStage{pixivoc.NewStage(StageDownloadUserPicture, downloadUserPicture)}},
			},
			First: firstProfile,
		},
	}
}

func firstProfile(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	id, _, err := parseNumbered(spec.Keyword, UserDetails, "user")
	return single(pixivoc.NewItem(id.String(), userItem{User: id}), err)
}

// profileStage is GetUserDetails.
func profileStage(pictures bool) pixivoc.Stage {
	return pixivoc.NewStage(StageGetUserDetails, func(ctx context.Context, rt pixivoc.Runtime, item userItem) (out pixivoc.Output, err error) {
		detail, err := NewAPI(rt).UserDetail(ctx, item.User)
		if err != nil {
			return out, err
		}
		record := recordOf(detail.User)
		record.Profile = &detail.Profile
		out.Record(RecordUser, item.User.String(), record)
		if pictures {
			queueUserPicture(&out, item.User, "avatar", detail.User.ProfileImageURLs.Medium)
			queueUserPicture(&out, item.User, "background", detail.Profile.BackgroundImageURL)
		}
		return out, nil
	})
}

// userPicture is what DownloadUserPicture needs.
type userPicture struct {
	User ID       `json:"user"`
	What string   `json:"what"` // avatar or background
	URLs []string `json:"urls"`
}

func (p userPicture) stem(task string) string { return task + "/" + p.User.String() + "_" + p.What }

// queueUserPicture queues a picture of a profile. Who has uploaded none has no
// picture: Pixiv shows one of its own then, on another host.
func queueUserPicture(out *pixivoc.Output, user ID, what, address string) {
	parsed, err := url.Parse(address)
	if address == "" || err != nil || parsed.Host != imageHost {
		return
	}
	picture := userPicture{User: user, What: what}
	if original := fullSize(parsed); original != address {
		picture.URLs = append(picture.URLs, original)
	}
	picture.URLs = append(picture.URLs, address)
	out.QueueTo(StageDownloadUserPicture, user.String()+" "+what, picture)
}

// fullSize is the address of a picture of a profile as it was uploaded: without
// the box it was made for, /c/1200x600_90_a2_g5, and without its side, _170.
func fullSize(address *url.URL) string {
	original := *address
	if at := strings.Index(original.Path, "/background/img/"); at > 0 {
		original.Path = original.Path[at:]
	}
	if at := strings.LastIndex(original.Path, "_170."); at > 0 {
		original.Path = original.Path[:at] + original.Path[at+len("_170"):]
	}
	return original.String()
}

// downloadUserPicture is DownloadUserPicture.
func downloadUserPicture(ctx context.Context, rt pixivoc.Runtime, item userPicture) (out pixivoc.Output, err error) {
	record, err := fetchPicture(ctx, rt, item.stem(rt.Task().TaskName), item.URLs...)
	if err != nil {
		return out, err
	}
	out.Record(RecordFile, record.Path, record)
	return out, nil
}

type userPictureStage struct{ pixivoc.Stage }

// FileNames implements pixivoc.FileNamer.
func (userPictureStage) FileNames(task pixivoc.TaskInfo, item pixivoc.Item) []string {
	var picture userPicture
	if json.Unmarshal(item.Payload, &picture) != nil {
		return nil
	}
	return withExtensions(picture.stem(task.TaskName))
}

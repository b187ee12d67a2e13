package daemon

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/strictjson"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/server/taskapi"
)

// openTask makes the door in the shape of BBDown's task API. On loopback it
// wants no login, as its clients know none; elsewhere each request must have a
// token.
func openTask(v *services) (*httpDoor, error) {
	secrets, err := webhookSecrets(v.settings)
	if err != nil {
		return nil, err
	}
	config := taskapi.Config{
		Resolve:      resolveTask,
		SavePath:     place(v.roots),
		Describe:     describeTask,
		Aid:          nameTask,
		Settings:     v.store,
		Hosts:        v.settings.AllowedHosts,
		Origins:      v.settings.AllowedOrigins,
		MaxOpenTasks: v.settings.MaxOpenTasks,
		Webhooks:     taskapi.Webhooks{Allow: v.settings.WebhookAllow, Secrets: secrets},
		Logger:       v.logger,
	}
	if v.isOpen {
		config.Accounts = v.book
	} else {
		config.Anyone = true
	}
	api, err := taskapi.New(v.client, config)
	if err != nil {
		return nil, fmt.Errorf("task API: %w", err)
	}
	return &httpDoor{name: "task API", path: "/get-tasks/", prefixes: taskapi.Prefixes(), handler: api, close: api.Close}, nil
}

// resolveTask makes a task of what a request of the task API asks for.
func resolveTask(address string, options taskapi.Options) (taskapi.Resolved, error) {
	spec, err := pixiv.Resolve(address)
	if err != nil {
		return taskapi.Resolved{}, err
	}
	resolved := taskapi.Resolved{Aid: aidOf(spec.Type, spec.Keyword)}
	if options.OnlyShowInfo {
		switch spec.Type {
		case pixiv.SingleWork:
			spec.Type = pixiv.WorkDetails
		case pixiv.UserWorks:
			spec.Type = pixiv.UserWorksLink
		default:
			resolved.Ignored = append(resolved.Ignored, "OnlyShowInfo")
		}
	}
	if spec.Type == pixiv.WorkDetails || spec.Type == pixiv.UserWorksLink {
		resolved.Spec = spec
		return resolved, nil
	}
	wish := pixiv.Options{Pages: options.SelectPage, DelayMS: options.DelayPerPage.Milliseconds()}
	if wish.Path, err = pathTemplate("FilePattern", options.FilePattern); err != nil {
		return taskapi.Resolved{}, err
	}
	if wish.MultiPath, err = pathTemplate("MultiFilePattern", options.MultiFilePattern); err != nil {
		return taskapi.Resolved{}, err
	}
	if spec.Options, err = mergeOptions(spec.Options, wish); err != nil {
		return taskapi.Resolved{}, err
	}
	resolved.Spec = spec
	return resolved, nil
}

// mergeOptions adds options to those that a link stands for.
func mergeOptions(of json.RawMessage, wish pixiv.Options) (json.RawMessage, error) {
	added, err := json.Marshal(wish)
	if err != nil {
		return nil, fmt.Errorf("options of the task: %w", err)
	}
	if bytes.Equal(added, []byte("{}")) {
		return of, nil
	}
	return strictjson.Merge(of, added)
}

// aidOf names what a task fetches, as "59580629" for a work and "user:11" for
// the works of a user.
func aidOf(typeName, keyword string) string {
	prefix, known := map[string]string{
		pixiv.SingleWork: "", pixiv.WorkDetails: "",
		pixiv.UserWorks: "user:", pixiv.UserWorksLink: "user:",
		pixiv.SingleNovel: "novel:", pixiv.NovelSeries: "novelseries:", pixiv.MangaSeries: "series:",
	}[typeName]
	if !known {
		prefix = strings.ToLower(typeName) + ":"
	}
	return prefix + keyword
}

// nameTask names a task that came through another door.
func nameTask(info pixivoc.TaskInfo) (aid, address string) {
	const site = "https://www.pixiv.net/"
	address = info.Keyword
	switch info.TypeName {
	case pixiv.SingleWork, pixiv.WorkDetails:
		address = site + "artworks/" + info.Keyword
	case pixiv.UserWorks, pixiv.UserWorksLink:
		address = site + "users/" + info.Keyword
	case pixiv.SingleNovel:
		address = site + "novel/show.php?id=" + info.Keyword
	case pixiv.NovelSeries:
		address = site + "novel/series/" + info.Keyword
	}
	return aidOf(info.TypeName, info.Keyword), address
}

// describeTask says what a task is about by the first work that it found.
func describeTask(ctx context.Context, task pixivoc.Task) (taskapi.Description, error) {
	var about taskapi.Description
	info, err := task.Info(ctx)
	if err != nil {
		return about, err
	}
	for _, kind := range []string{pixiv.RecordWork, pixiv.RecordNovel} {
		for record, err := range task.Records(ctx, pixivoc.RecordQuery{Kind: kind}) {
			if err != nil {
				return about, err
			}
			return describe(info.TypeName, record.Data)
		}
	}
	return about, nil
}

func describe(typeName string, data json.RawMessage) (taskapi.Description, error) {
	var work struct {
		Title      string
		UserName   string `json:"user_name"`
		CreateDate string `json:"create_date"`
		Illust     struct {
			ImageURLs pixiv.ImageURLs `json:"image_urls"`
		}
	}
	if err := json.Unmarshal(data, &work); err != nil {
		return taskapi.Description{}, fmt.Errorf("record of a work: %w", err)
	}
	about := taskapi.Description{Title: work.Title, Cover: cmp.Or(work.Illust.ImageURLs.Large, work.Illust.ImageURLs.Medium)}
	about.Published, _ = time.Parse(time.RFC3339, work.CreateDate) // of a made-up date nothing is known
	switch typeName {
	case pixiv.SingleWork, pixiv.WorkDetails, pixiv.SingleNovel:
		return about, nil
	case pixiv.UserWorks, pixiv.UserWorksLink:
		about.Title = work.UserName
	default:
		about.Title = ""
	}
	return about, nil
}

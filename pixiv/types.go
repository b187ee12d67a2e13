package pixiv

import (
	"context"
	"iter"

	"github.com/pixivoc/pixivoc"
)

// Names of the task types; the first four are PixivOC's.
const (
	// SingleWork downloads the pages of a work. Keyword: the work.
	SingleWork = "SingleWork"
	// UserWorks downloads all works of a user. Keyword: the user.
	UserWorks = "UserWorks"
	// WorkDetails records the description of a work. Keyword: the work.
	WorkDetails = "WorkDetails"
	// UserWorksLink records the addresses of all originals of a user.
	// Keyword: the user.
	UserWorksLink = "UserWorksLink"
	// Links downloads a list of addresses, as UserWorksLink records them.
	// Input or Keyword: one address a line. Options: LinksOptions.
	Links = "Links"
)

// Names of the stages; the first four are PixivOC's.
const (
	// StageGetWorkDetails asks for one work.
	StageGetWorkDetails = "GetWorkDetails"
	// StageGetWorksNumber asks for a user and the first page of the works.
	StageGetWorksNumber = "GetWorksNumber"
	// StageGetPageUrls asks for the further pages, one after the other.
	StageGetPageUrls = "GetPageUrls"
	// StageDownloadPicture saves one page of a work or one ugoira.
	StageDownloadPicture = "DownloadPicture"
	// StageDownloadLink saves what one address of a list leads to.
	StageDownloadLink = "DownloadLink"
)

// Types returns the task types for pixivoc.Config.Types.
//
// A keyword that names a work or user is its ID or any address that ParseWork
// or ParseUser takes. The aliases are the numbers of PixivOC's commands.
//
// SingleWork and UserWorks save below the folder named like the task. A page is
// ID_pN.EXT, with the ID of the work and N from 0. An original that Pixiv cannot
// give out (status 500, three rounds long) is replaced by its largest preview,
// ID_pN_master1200.jpg. A ugoira is the ZIP archive of its frames,
// ID_ugoira1920x1080.zip, or the smaller one when there is no large one; its
// FileRecord tells how long each frame is shown. Links saves in SavePath itself.
//
// What is not to be had becomes a failed item: a work that is gone with
// pixivoc.ReasonDeleted, one that Pixiv masks with pixivoc.ReasonMasked, one
// whose description cannot be used with pixivoc.ReasonContent. In UserWorksLink,
// which has no stage for pictures, these are items of GetPageUrls. A listing that
// Pixiv cuts off is no failure but leaves a LimitRecord.
func Types() []pixivoc.TaskType {
	s := newSaver()
	return []pixivoc.TaskType{
		{
			Name:    SingleWork,
			Aliases: []string{"102"},
			Title:   "Download a work",
			Files:   true,
			Stages: []pixivoc.StageSpec{
				listStage(s.list(detailsStage)),
				{Stage: s.pictures()},
			},
			First: s.first(firstWork),
		},
		{
			Name:    UserWorks,
			Aliases: []string{"104"},
			Title:   "Download all works of a user",
			Files:   true,
			Stages: []pixivoc.StageSpec{
				listStage(s.list(numberStage)),
				listStage(s.list(pageStage)),
				{Stage: s.pictures()},
			},
			First: s.first(firstUser),
		},
		{
			Name:    WorkDetails,
			Aliases: []string{"101"},
			Title:   "Describe a work",
			Stages:  []pixivoc.StageSpec{listStage(detailsStage(requireVisible))},
			First:   firstWork,
		},
		{
			Name:    UserWorksLink,
			Aliases: []string{"103"},
			Title:   "List the picture addresses of a user",
			Stages: []pixivoc.StageSpec{
				listStage(numberStage(recordLinks)),
				listStage(pageStage(recordLinks)),
			},
			First: firstUser,
		},
		{
			Name:   Links,
			Title:  "Download a list of addresses",
			Files:  true,
			Stages: []pixivoc.StageSpec{{Stage: linkStage{pixivoc.NewStage(StageDownloadLink, downloadLink)}}},
			First:  firstLinks,
		},
	}
}

// listStage is the place of a stage that asks the App API: one request at a
// time, and anew each time the task is opened again.
func listStage(stage pixivoc.Stage) pixivoc.StageSpec {
	return pixivoc.StageSpec{Stage: stage, Paced: true, NeedsToken: true, Relist: true}
}

// workItem is what GetWorkDetails needs.
type workItem struct {
	ID ID `json:"id"`
}

// userItem is what GetWorksNumber needs.
type userItem struct {
	User ID `json:"user"`
}

func firstWork(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	id, err := ParseWork(spec.Keyword)
	return single(pixivoc.NewItem(id.String(), workItem{id}), err)
}

func firstUser(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	id, err := ParseUser(spec.Keyword)
	return single(pixivoc.NewItem(id.String(), userItem{id}), err)
}

func single(item pixivoc.Item, err error) iter.Seq2[pixivoc.Item, error] {
	return func(yield func(pixivoc.Item, error) bool) {
		if err != nil {
			yield(pixivoc.Item{}, err)
			return
		}
		yield(item, nil)
	}
}

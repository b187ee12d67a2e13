package pixiv

import (
	"context"
	"iter"
	"slices"

	"github.com/pixivoc/pixivoc"
)

// Names of the task types; the first four are PixivOC's.
const (
	// SingleWork downloads the pages of a work. Keyword: the work.
	SingleWork = "SingleWork"
	// UserWorks downloads all works of a user. Keyword: the user, and behind it
	// the types wanted when not all pictures are: illust, manga, ugoira, novel.
	UserWorks = "UserWorks"
	// WorkDetails records the description of a work. Keyword: the work.
	WorkDetails = "WorkDetails"
	// UserWorksLink records the addresses of all originals of a user.
	// Keyword: the user.
	UserWorksLink = "UserWorksLink"
	// Links downloads a list of addresses, as UserWorksLink records them.
	// Input or Keyword: one address a line. Options: LinksOptions.
	Links = "Links"

	// WorkList downloads a list of works and novels. Input or Keyword: ids of
	// works and links, apart by blanks, commas or line feeds.
	WorkList = "WorkList"
	// UserBookmarks downloads what a user has bookmarked. Keyword: the user,
	// then any of public (the default) or private, illust (the default) or
	// novel, and #TAG. Pixiv shows private ones to the user alone.
	UserBookmarks = "UserBookmarks"
	// FollowingFeed downloads the newest works of the users whom the account
	// follows. Keyword: all, public or private; nothing means all.
	FollowingFeed = "FollowingFeed"
	// Following records the users whom a user follows. Keyword: the user, then
	// public (the default) or private.
	Following = "Following"
	// Ranking downloads rankings. Keyword: the mode, then nothing for the
	// newest, a day or two days with two dots between: week 2026-01-01..2026-01-31.
	Ranking = "Ranking"
	// Search downloads what a search for tags finds. Keyword: the words.
	// Options: SearchOptions beside those of all types that save works.
	Search = "Search"
	// MangaSeries downloads a series of illustrations or manga. Keyword: the series.
	MangaSeries = "MangaSeries"
	// NovelSeries downloads a series of novels. Keyword: the series.
	NovelSeries = "NovelSeries"
	// RelatedWorks downloads works like another one. Keyword: the work, then
	// how many are wanted (100).
	RelatedWorks = "RelatedWorks"
	// RecommendedWorks downloads what Pixiv recommends to the account.
	// Keyword: illust or manga, then how many are wanted (100).
	RecommendedWorks = "RecommendedWorks"
	// SingleNovel downloads a novel. Keyword: the novel.
	SingleNovel = "SingleNovel"
	// UserDetails records the profile of a user. Keyword: the user.
	UserDetails = "UserDetails"
	// UserPictures downloads the avatar and the background of a user.
	// Keyword: the user.
	UserPictures = "UserPictures"
)

// Names of the stages; the first four are PixivOC's.
const (
	// StageGetWorkDetails asks for one work.
	StageGetWorkDetails = "GetWorkDetails"
	// StageGetWorksNumber asks for a user and the first page of the works.
	StageGetWorksNumber = "GetWorksNumber"
	// StageGetPageUrls asks for the pages of a listing, one after the other.
	StageGetPageUrls = "GetPageUrls"
	// StageDownloadPicture saves one page of a work or one ugoira.
	StageDownloadPicture = "DownloadPicture"
	// StageDownloadLink saves what one address of a list leads to.
	StageDownloadLink = "DownloadLink"
	// StageGetUserDetails asks for the profile of a user.
	StageGetUserDetails = "GetUserDetails"
	// StageGetNovel asks for a novel and its text.
	StageGetNovel = "GetNovel"
	// StageDownloadNovelPicture saves a picture of a novel.
	StageDownloadNovelPicture = "DownloadNovelPicture"
	// StageSaveNovel writes the text of a novel and an EPUB.
	StageSaveNovel = "SaveNovel"
	// StageDownloadUserPicture saves an avatar or a background.
	StageDownloadUserPicture = "DownloadUserPicture"
)

// Types returns the task types for pixivoc.Config.Types.
//
// A keyword that names a work, a user, a novel or a series is its ID or a link
// to it in any form that Resolve takes. The aliases are the numbers of PixivOC's
// commands.
//
// What is saved lies below the folder named like the task; Options can name
// other places for the pages of works. A page is ID_pN.EXT, with the ID of the
// work and N from 0. An original that Pixiv cannot give out (status 500, three
// rounds long) is replaced by its largest preview, ID_pN_master1200.jpg. A
// ugoira is the ZIP archive of its frames, ID_ugoira1920x1080.zip, or the
// smaller one when there is no large one; its FileRecord tells how long each
// frame is shown, and Options.Ugoira has it written in other formats too. A novel is ID.txt, the text as Pixiv has it, and the book
// ID.epub, with ID_cover.EXT, ID_uploadedimage_N.EXT and ID_pixivimage_WORK-N.EXT
// for its pictures. UserPictures are USER_avatar.EXT and USER_background.EXT.
// Links saves in SavePath itself.
//
// Lists are read page by page; what two pages show is done once. They follow
// Pixiv's next_url by its cursor alone. A task that is opened again reads its
// lists anew and fetches what is new. One that its schedule opens stops where
// nothing new is to be seen in a list that begins with the newest (a user's
// works, bookmarks, the feed, a search by date) and that a run before read to its
// end, but for each tenth time; see Options.FullAuditEvery.
//
// What is not to be had becomes a failed item: a work that is gone with
// pixivoc.ReasonDeleted, one that Pixiv masks with pixivoc.ReasonMasked, one
// whose description cannot be used with pixivoc.ReasonContent. In UserWorksLink,
// which has no stage for pictures, these are items of GetPageUrls. A listing that
// Pixiv cuts off is no failure but leaves a LimitRecord. Before that a search by
// date is divided by days, and complete as long as no day has more than some
// 10,000 works, and a user's works are listed by type.
func Types() []pixivoc.TaskType {
	works := newSaver()
	return slices.Concat(firstTypes(works), listTypes(works), userTypesOf(works), novelTypes(works), profileTypes())
}

// firstTypes are those of PixivOC, and Links.
func firstTypes(works *saver) []pixivoc.TaskType {
	return []pixivoc.TaskType{
		{
			Name:    SingleWork,
			Aliases: []string{"102"},
			Title:   "Download a work",
			Files:   true,
			Stages:  works.saving(listStage(works.list(detailsStage))),
			First:   works.first(firstWork),
		},
		{
			Name:    UserWorks,
			Aliases: []string{"104"},
			Title:   "Download all works of a user",
			Files:   true,
			Stages:  worksAndNovels(works, works.list(works.worksTo(numberStage)), works.list(works.worksTo(pageStage))),
			First:   works.first(firstUser),
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
				listStage(numberStage(sink{work: recordLinks})),
				listStage(pageStage(sink{work: recordLinks})),
			},
			First: firstUserPictures,
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

// worksAndNovels are the stages of a task type that lists both.
func worksAndNovels(works *saver, lists ...pixivoc.Stage) []pixivoc.StageSpec {
	var stages []pixivoc.StageSpec
	for _, list := range lists {
		stages = append(stages, listStage(list))
	}
	return works.saving(append(stages, works.novels()...)...)
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
	User  ID     `json:"user"`
	Types string `json:"types,omitempty"` // see parseTypes
}

func firstWork(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	id, err := ParseWork(spec.Keyword)
	return single(pixivoc.NewItem(id.String(), workItem{id}), err)
}

func firstUser(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	id, types, err := parseNumbered(spec.Keyword, UserWorks, "user")
	if err == nil {
		_, err = parseTypes(types)
	}
	return single(pixivoc.NewItem(id.String(), userItem{id, types}), err)
}

// firstUserPictures takes a user and no types.
func firstUserPictures(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	id, err := ParseUser(spec.Keyword)
	return single(pixivoc.NewItem(id.String(), userItem{User: id}), err)
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

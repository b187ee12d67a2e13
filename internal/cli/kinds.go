package cli

import (
	"slices"
	"strings"
	"unicode"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

// catalogue has the task types of a client by name. What the command line says
// of a task follows from it, so that a type that comes later is shown as well
// as the others.
type catalogue map[string]pixivoc.TaskType

func newCatalogue(types []pixivoc.TaskType) catalogue {
	c := make(catalogue, len(types))
	for _, kind := range types {
		c[kind.Name] = kind
	}
	return c
}

// stages names the stages of a type in their order.
func (c catalogue) stages(name string) []string {
	var names []string
	for _, spec := range c[name].Stages {
		names = append(names, spec.Stage.Name())
	}
	return names
}

// isList says whether what a stage does is to read a list: an item of it is a
// page, not something that was found.
func isList(stage string) bool {
	return stage == pixiv.StageGetWorksNumber || stage == pixiv.StageGetPageUrls
}

// lists says whether a task of that type takes what it finds in a list. Tasks
// of the other types were told what to fetch.
func (c catalogue) lists(name string) bool { return slices.ContainsFunc(c.stages(name), isList) }

// notAvailable says whether an item is missing for a reason that nobody here
// can mend, in a task that takes what there is: a deleted, masked or private
// work among all works of a user. What was asked for by its id or its address
// should be there, and so should the list itself.
func (c catalogue) notAvailable(info pixivoc.TaskInfo, item pixivoc.ItemStatus) bool {
	if !c.lists(info.TypeName) || isList(item.Stage) {
		return false
	}
	switch item.Reason {
	case pixivoc.ReasonDeleted, pixivoc.ReasonMasked, pixivoc.ReasonForbidden:
		return true
	}
	return false
}

// needsLogin says whether tasks of that type ask something of the site.
func (c catalogue) needsLogin(name string) bool {
	kind, known := c[name]
	return !known || name != pixiv.Links && len(kind.Stages) > 0
}

// lastStage names the stage in which a type saves its files.
func (c catalogue) lastStage(name string) string {
	if stages := c.stages(name); len(stages) > 0 {
		return stages[len(stages)-1]
	}
	return ""
}

// ended says whether a task has come to an end, for now or for good.
func ended(info pixivoc.TaskInfo) bool { return info.Over || info.State == pixivoc.StateScheduled }

// listing says whether a task is still finding out what there is to do.
func listing(info pixivoc.TaskInfo) bool {
	return isList(info.StageName) || strings.HasPrefix(info.StageName, "Get") && info.Total <= 1
}

// stageTitle puts the name of a stage into words: "reading the list" for the
// well-known ones, for others what their names say.
func stageTitle(name string) string {
	switch name {
	case "":
		return "starting"
	case pixivoc.StageOver:
		return "done"
	case pixiv.StageDownloadPicture, pixiv.StageDownloadLink:
		return "downloading"
	case pixiv.StageGetWorkDetails:
		return "reading the work"
	case pixiv.StageGetWorksNumber:
		return "reading the list of works"
	case pixiv.StageGetPageUrls:
		return "reading the pages of the list"
	}
	words := nameWords(printable(name))
	switch words[0] {
	case "get":
		words[0] = "reading"
	case "download":
		words[0] = "downloading"
	case "save":
		words[0] = "saving"
	}
	return strings.Join(words, " ")
}

// nameWords takes a name like DownloadUserPicture apart.
func nameWords(name string) []string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	if words := strings.Fields(b.String()); len(words) > 0 {
		return words
	}
	return []string{name}
}

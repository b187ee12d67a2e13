package pixiv

import (
	"cmp"

	"github.com/pixivoc/pixivoc"
)

// PathSample is what PreviewPath makes a path of.
type PathSample struct {
	// Task is the name of the task; "" is "my task".
	Task string
	// Work is the work; nil is one that was made up, with every field set.
	Work *Work
	// Page counts from 0.
	Page int
	// Extension has its dot; "" is ".jpg".
	Extension string
}

// PreviewPath returns the path below the save path that a task with these
// options gives a picture. It makes no difference between an artist's name of
// today and the one that a task would keep. Wrong templates give a
// *pixivoc.FieldError; other options are not looked at.
func PreviewPath(options Options, sample PathSample) (string, error) {
	paths, err := newPathTemplates(options.Path, options.MultiPath)
	if err != nil {
		return "", err
	}
	if sample.Work == nil {
		sample.Work = sampleWork()
	}
	task := cmp.Or(sample.Task, "my task")
	if err := pixivoc.CheckName(task); err != nil {
		return "", fieldError("Task", "%v", err)
	}
	page := picture{Work: sample.Work.ID, Page: max(sample.Page, 0)}
	if paths != nil {
		values := newPathValues(task, sample.Work)
		values.page = page.Page
		page.Name = paths.of(sample.Work).render(&values)
	}
	return page.path(task) + cmp.Or(sample.Extension, ".jpg"), nil
}

func sampleWork() *Work {
	return &Work{
		ID: 123456789, Title: "Sky over the town", Type: TypeIllust, CreateDate: "2026-01-31T21:05:00+09:00",
		PageCount: 3, Width: 1200, Height: 1600, XRestrict: 1, AIType: aiMade,
		User:   User{ID: 11, Name: "An artist", Account: "artist11"},
		Tags:   []Tag{{Name: "sky"}, {Name: "town"}},
		Series: &Series{ID: 77, Title: "Towns"},
	}
}

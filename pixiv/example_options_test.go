package pixiv_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

// A task that saves the popular works of an artist by month, with a description
// beside each.
func ExampleOptions() {
	options, err := json.Marshal(pixiv.Options{
		Path:      "{user.id} {user.name}/{date:2006-01}/{id}{?title} {title}{/}.{ext}",
		MultiPath: "{user.id} {user.name}/{date:2006-01}/{id}{?title} {title}{/}/{number:03}.{ext}",
		Filter:    `bookmarks >= 500 and ai != "yes"`,
		Pages:     "first 10",
		Metadata:  []string{pixiv.MetadataJSON},
		FileTime:  pixiv.FileTimeUpload,
		DelayMS:   500,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	spec := pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "popular", Keyword: "11", SavePath: "pictures", Options: options}
	fmt.Println(spec.Type, len(spec.Options) > 0)
	// Output: UserWorks true
}

func ExamplePreviewPath() {
	for _, path := range []string{"", "{user.name}/{date:2006-01}/{id}_p{page:02}.{ext}", "{title}", "{titel}"} {
		fmt.Println(pixiv.PreviewPath(pixiv.Options{Path: path}, pixiv.PathSample{Page: 1}))
	}
	// Output:
	// my task/123456789_p1.jpg <nil>
	// An artist/2026-01/123456789_p01.jpg <nil>
	// Sky over the town_123456789_p1.jpg <nil>
	//  Options.path: at character 2: there is no field "titel"
}

func ExampleFilter() {
	filter, err := pixiv.ParseFilter(`bookmarks_per_day > 10 and tagged("landscape") and not (title contains "WIP")`)
	if err != nil {
		fmt.Println(err)
		return
	}
	work := &pixiv.Work{
		Title: "Hills", CreateDate: "2026-01-01T12:00:00+09:00", TotalBookmarks: 300,
		Tags: []pixiv.Tag{{Name: "風景", TranslatedName: "Landscape"}},
	}
	for _, day := range []int{11, 61} {
		fmt.Println(filter.Match(work, time.Date(2026, 1, day, 3, 0, 0, 0, time.UTC)))
	}
	_, err = pixiv.ParseFilter(`bookmarks >= 500 and pagse > 1`)
	fmt.Println(err)
	// Output:
	// true  <nil>
	// false bookmarks_per_day > 10 <nil>
	// at character 22: unknown name pagse
}

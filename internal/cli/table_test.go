package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/assert"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

func sampleReport() report {
	r := report{
		infos: []pixivoc.TaskInfo{{TID: 7, TaskName: "11", TypeName: "UserWorks", SavePath: "/tmp/pictures", State: pixivoc.StateOver, Over: true}},
		saved: []int{71}, files: 71, allFiles: 71, bytes: 45_200_000, allBytes: 45_200_000, elapsed: 14200 * time.Millisecond,
	}
	r.skipped.add(failure{7, "1000023_p0", "deleted", "the work was deleted"})
	r.skipped.add(failure{7, "1000031", "masked", ""})
	r.skipped.add(failure{7, "1000040_p1", "deleted", ""})
	return r
}

func TestReportTable(t *testing.T) {
	t.Parallel()
	want := `Saved           71 files, 45.2 MB in 14s (3.18 MB/s)
Not available   3
  deleted       1000023_p0  the work was deleted
  deleted       1000040_p1
  masked        1000031
Failed          none
Files are in    /tmp/pictures/11
`
	assert.Equal(t, want, sampleReport().table(screen{}))
}

func TestReportFitsNarrowTerminals(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	r.failed.add(failure{7, "1000050_p0", "network", strings.Repeat("a long cause ", 20)})
	for line := range strings.Lines(r.table(screen{terminal: true, width: 40})) {
		if strings.HasPrefix(line, "  ") {
			assert.Less(t, runewidth.StringWidth(line), 41, line)
		}
	}
}

func TestReportBoundsTheList(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	for i := range 500 {
		r.failed.add(failure{7, fmt.Sprint(i), "network", ""})
	}
	text := r.table(screen{})
	assert.Equal(t, maxReported, strings.Count(text, "  network"))
	assert.Contains(t, text, "Failed          500\n")
	assert.Contains(t, text, "  and 480 more; see: pixivoc tasks show 7\n")
}

func TestReportOfNothingNew(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	r.files, r.bytes = 0, 0
	assert.Contains(t, r.table(screen{}), "Saved           nothing new; all 71 files, 45.2 MB, are there\n")
	assert.Equal(t, "nothing new; all 71 files, 45.2 MB, are there; 3 not available, 0 failed; in /tmp/pictures/11\n", r.lastLine())
	r.files, r.bytes = 1, 200_000
	assert.Contains(t, r.table(screen{}), "Saved           1 file, 200 kB in 14s (14.1 kB/s); 71 files, 45.2 MB in all\n")
}

func TestReportOfMissingFiles(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	r.files, r.bytes = 0, 0
	r.missing.add(7, "/s/11/1_p0.jpg", "gone")
	text := r.table(screen{})
	assert.Contains(t, text, "Saved           nothing new; 70 of 71 files are there\n")
	assert.Contains(t, text, "Missing now     1\n  gone          /s/11/1_p0.jpg\n")
	assert.Contains(t, r.lastLine(), "nothing new; 70 of 71 files are there; 3 not available, 0 failed, 1 missing now; in ")
	for range 500 {
		r.missing.add(8, "/s/11/2_p0.jpg", "7 bytes")
	}
	assert.Contains(t, r.table(screen{}), "  7 bytes       /s/11/2_p0.jpg\n  and 481 more\n")
	assert.Equal(t, "To fetch what is missing: pixivoc tasks rm 7 8", advice(r.missing.err())[0])

	r = report{allFiles: 1, allBytes: 2_000_000}
	assert.Equal(t, "nothing new; the file, 2.00 MB, is there", r.savedText())
}

func TestReportOfPreviews(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	r.previews.add("1000023_p0", false)
	assert.False(t, r.previews.asked)
	r.previews.add("1000024_p1", true)
	assert.True(t, r.previews.asked)
	assert.Contains(t, r.table(screen{}), "Previews        2  1000023_p0 1000024_p1\n")
	assert.Contains(t, r.lastLine(), "0 failed, 2 previews; in ")
	for range 500 {
		r.previews.add("1000025_p0", false)
	}
	assert.Contains(t, r.table(screen{}), " and 482 more\n")
}

func TestReportOfAGivenUpTask(t *testing.T) {
	t.Parallel()
	r := report{infos: []pixivoc.TaskInfo{{TypeName: "UserWorks", TaskName: "11", SavePath: "/s", State: pixivoc.StateError}}, saved: []int{0}, pending: 757}
	text := r.table(screen{})
	assert.Contains(t, text, "Saved           nothing\n")
	assert.Contains(t, text, "Not done        757 items left\n")
	assert.NotContains(t, text, "Files are in", "there are none")
	assert.Equal(t, "0 files, 0 B in 0.0s; 0 not available, 0 failed, 757 not done\n", r.lastLine())
}

func TestLastLineForScripts(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "71 files, 45.2 MB in 14s; 3 not available, 0 failed; in /tmp/pictures/11\n", sampleReport().lastLine())
}

func TestManyFoldersAreNotListed(t *testing.T) {
	t.Parallel()
	var r report
	for i := range 6 {
		r.infos = append(r.infos, pixivoc.TaskInfo{TypeName: "SingleWork", TaskName: fmt.Sprint(i), SavePath: "/s"})
		r.saved = append(r.saved, i)
	}
	assert.Equal(t, []string{"/s/1", "/s/2", "/s/3", "/s/4", "/s/5"}, r.folders(), "the first saved nothing")
	r.saved[0] = 1
	assert.Equal(t, []string{"/s, 6 folders"}, r.folders())
	assert.Len(t, report{infos: r.infos[:3], saved: r.saved}.folders(), 3)
}

// TestExitCodes holds what is documented in the help of the commands.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	over := pixivoc.TaskInfo{State: pixivoc.StateOver, Over: true}
	gave := pixivoc.TaskInfo{State: pixivoc.StateError, TaskName: "11", Error: "no progress"}
	stopped := pixivoc.TaskInfo{State: pixivoc.StateStopped}
	one := failures{count: 1}
	cases := []struct {
		name string
		r    report
		want int
	}{
		{"all there", report{infos: []pixivoc.TaskInfo{over}}, ExitComplete},
		{"some not available", report{infos: []pixivoc.TaskInfo{over}, skipped: one}, ExitComplete},
		{"some failed", report{infos: []pixivoc.TaskInfo{over}, failed: one}, ExitPartial},
		{"some taken away", report{infos: []pixivoc.TaskInfo{over}, missing: missing{count: 1, first: []missingFile{{"a", "gone"}}}}, ExitPartial},
		{"cut listing", report{infos: []pixivoc.TaskInfo{over}, cut: []string{"x"}}, ExitPartial},
		{"preview of a work asked for", report{infos: []pixivoc.TaskInfo{over}, previews: previews{count: 1, asked: true}}, ExitPartial},
		{"preview among all works", report{infos: []pixivoc.TaskInfo{over}, previews: previews{count: 1}}, ExitComplete},
		{"gave up", report{infos: []pixivoc.TaskInfo{over, gave}, failed: one}, ExitError},
		{"not ended", report{infos: []pixivoc.TaskInfo{stopped}}, ExitError},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, exitCode(c.r.verdict()))
		})
	}
}

func TestNotAvailable(t *testing.T) {
	t.Parallel()
	cases := []struct {
		kind, stage, reason string
		want                bool
	}{
		{"UserWorks", "DownloadPicture", "deleted", true},
		{"UserWorks", "DownloadPicture", "masked", true},
		{"UserWorks", "DownloadPicture", "forbidden", true},
		{"UserWorks", "DownloadPicture", "network", false},
		{"UserWorks", "DownloadPicture", "content", false},
		{"UserWorks", "GetWorksNumber", "deleted", false}, // the user is gone
		{"UserWorks", "GetPageUrls", "forbidden", false},  // a page of the list is missing
		{"SingleWork", "GetWorkDetails", "deleted", false},
		{"SingleWork", "DownloadPicture", "masked", false},
		{"Links", "DownloadLink", "deleted", false},
		{"Ranking", "DownloadPicture", "deleted", true},
		{"Ranking", "GetPageUrls", "deleted", false},
		{"NovelSeries", "GetNovel", "deleted", true},
		{"SingleNovel", "GetNovel", "deleted", false},
		{"WorkList", "GetWorkDetails", "deleted", false},
		{"Unheard", "DownloadPicture", "deleted", false},
	}
	kinds := newCatalogue(pixiv.Types())
	for _, c := range cases {
		item := pixivoc.ItemStatus{Item: pixivoc.Item{Stage: c.stage}, Reason: c.reason}
		assert.Equal(t, c.want, kinds.notAvailable(pixivoc.TaskInfo{TypeName: c.kind}, item), "%v", c)
	}
}

func TestColumnsAlignWideCharacters(t *testing.T) {
	t.Parallel()
	got := columns(screen{}, []string{"NAME", "N"}, [][]string{{"初音", "1"}, {"ab", "22"}})
	assert.Equal(t, "NAME  N\n初音  1\nab    22\n", got)
	narrow := columns(screen{width: 6}, []string{"NAME", "N"}, [][]string{{"abcdef", "1"}})
	for line := range strings.Lines(narrow) {
		assert.LessOrEqual(t, len(strings.TrimRight(line, "\n")), 6)
	}
}

package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// show writes the report: a table, or with --quiet its last line.
func (a *app) show(r report) {
	if a.events {
		_ = a.printJSON(r.line(time.Now()))
		return
	}
	s := a.screenOf(a.stdout)
	text := r.table(s)
	if a.set.quiet {
		text = r.lastLine()
	}
	_, _ = io.WriteString(a.stdout, text)
}

const tableLabel = 16 // columns of the words at the left

// table is the report for a person.
func (r report) table(s screen) string {
	var b strings.Builder
	row := func(label, text string, st style) {
		lines := strings.Split(hang(pad(label, tableLabel)+text, s.width-1, tableLabel), "\n")
		fmt.Fprintf(&b, "%s%s\n", s.paint(styleStrong, lines[0][:tableLabel]), s.paint(st, lines[0][tableLabel:]))
		for _, line := range lines[1:] {
			fmt.Fprintln(&b, s.paint(st, line))
		}
	}
	if r.unsaved {
		row("Recorded", plural(r.allFiles, "entry", "entries"), stylePlain)
	} else {
		row("Saved", r.savedText(), stylePlain)
	}
	if r.filtered > 0 {
		row("Filtered", plural(r.filtered, "work", "works")+" not wanted", stylePlain)
	}
	row("Not available", countText(r.skipped.count), styleFor(r.skipped.count, styleYellow))
	r.skipped.list(&b, s)
	row("Failed", countText(r.failed.count), styleFor(r.failed.count, styleRed))
	r.failed.list(&b, s)
	if r.previews.count > 0 {
		row("Previews", r.previews.text(), styleYellow)
	}
	if r.missing.count > 0 {
		row("Missing now", fmt.Sprint(r.missing.count), styleRed)
		r.missing.list(&b)
	}
	if r.pending > 0 {
		row("Not done", plural(r.pending, "item", "items")+" left", styleRed)
	}
	for _, cut := range r.cut {
		row("List cut off", cut, styleYellow)
	}
	for i, folder := range r.folders() {
		label := "Files are in"
		if i > 0 {
			label = ""
		}
		row(label, folder, stylePlain)
	}
	return b.String()
}

func (r report) savedText() string {
	files := plural(r.files, "file", "files")
	if r.files == 0 && r.allFiles > 0 {
		return "nothing new; " + r.thereText()
	}
	if r.files == 0 {
		return "nothing"
	}
	if r.bytes == 0 {
		if r.files == 1 {
			return "1 file; it was there already"
		}
		return files + "; they were there already"
	}
	text := fmt.Sprintf("%s, %s in %s", files, bytesText(r.bytes), durationText(r.elapsed))
	if !r.resumed {
		text += " (" + rateText(r.bytes, r.elapsed) + ")"
	}
	if r.allFiles > r.files {
		text += fmt.Sprintf("; %d files, %s in all", r.allFiles, bytesText(r.allBytes))
	}
	return text
}

// thereText says how much of what earlier runs saved is there.
func (r report) thereText() string {
	switch {
	case r.missing.count > 0:
		return fmt.Sprintf("%d of %s are there", r.allFiles-r.missing.count, plural(r.allFiles, "file", "files"))
	case r.allFiles == 1:
		return "the file, " + bytesText(r.allBytes) + ", is there"
	}
	return fmt.Sprintf("all %d files, %s, are there", r.allFiles, bytesText(r.allBytes))
}

func countText(count int) string {
	if count == 0 {
		return "none"
	}
	return fmt.Sprint(count)
}

func styleFor(count int, st style) style {
	if count == 0 {
		return stylePlain
	}
	return st
}

// list writes the first failures, grouped by reason in the order in which the
// reasons came up.
func (f failures) list(b *strings.Builder, s screen) {
	groups := map[string][]failure{}
	var reasons []string
	for _, entry := range f.first {
		if groups[entry.reason] == nil {
			reasons = append(reasons, entry.reason)
		}
		groups[entry.reason] = append(groups[entry.reason], entry)
	}
	for _, reason := range reasons {
		for _, entry := range groups[reason] {
			line := fmt.Sprintf("  %s  %s", pad(reason, tableLabel-4), entry.key)
			if entry.detail != "" {
				line += "  " + entry.detail
			}
			fmt.Fprintln(b, hang(line, s.width-1, tableLabel))
		}
	}
	if more := f.count - len(f.first); more > 0 {
		fmt.Fprintf(b, "  and %d more; see: pixivoc tasks show %d\n", more, f.first[len(f.first)-1].tid)
	}
}

// lastLine is the report for a script.
func (r report) lastLine() string {
	text := fmt.Sprintf("%s, %s in %s", plural(r.files, "file", "files"), bytesText(r.bytes), durationText(r.elapsed))
	if r.files == 0 && r.allFiles > 0 {
		text = "nothing new; " + r.thereText()
	}
	text += fmt.Sprintf("; %d not available, %d failed", r.skipped.count, r.failed.count)
	if r.previews.count > 0 {
		text += ", " + plural(r.previews.count, "preview", "previews")
	}
	if r.pending > 0 {
		text += fmt.Sprintf(", %d not done", r.pending)
	}
	if r.missing.count > 0 {
		text += fmt.Sprintf(", %d missing now", r.missing.count)
	}
	if folders := r.folders(); len(folders) == 1 {
		text += "; in " + folders[0]
	}
	return text + "\n"
}

// folders are the places where files are, each once.
func (r report) folders() []string {
	var folders []string
	seen := map[string]bool{}
	for i, info := range r.infos {
		folder := taskFolder(info)
		if i < len(r.places) {
			folder = r.places[i]
		}
		if folder == "" || seen[folder] || r.saved[i] == 0 {
			continue
		}
		seen[folder] = true
		folders = append(folders, printable(folder))
	}
	if len(folders) > 5 {
		parent := printable(r.infos[0].SavePath)
		return []string{fmt.Sprintf("%s, %d folders", parent, len(folders))}
	}
	return folders
}

// columns lays out rows under a heading, each column as wide as its widest
// cell; the last is cut to the width of the screen.
func columns(s screen, heading []string, rows [][]string) string {
	widths := make([]int, len(heading))
	for _, row := range append([][]string{heading}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], runewidth.StringWidth(cell))
		}
	}
	var b strings.Builder
	line := func(row []string) string {
		var text strings.Builder
		for i, cell := range row {
			if i < len(row)-1 {
				text.WriteString(pad(cell, widths[i]) + "  ")
				continue
			}
			text.WriteString(cell)
		}
		if s.width > 0 {
			return shorten(text.String(), s.width-1, s)
		}
		return text.String()
	}
	fmt.Fprintln(&b, s.paint(styleStrong, line(heading)))
	for _, row := range rows {
		fmt.Fprintln(&b, line(row))
	}
	return b.String()
}

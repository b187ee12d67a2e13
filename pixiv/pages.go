package pixiv

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxSelection is the longest text of a page selection, in bytes.
const maxSelection = 1000

// syntaxError says where in a text something is wrong.
type syntaxError struct {
	at     int // in characters, from 1
	reason string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("at character %d: %s", e.at, e.reason) }

// errorAt makes a syntaxError of a place given in bytes.
func errorAt(text string, place int, format string, values ...any) error {
	return &syntaxError{utf8.RuneCountInString(text[:place]) + 1, fmt.Sprintf(format, values...)}
}

// pageSelection chooses pages of a work. The zero value chooses all.
type pageSelection struct{ ranges []pageRange }

// pageRange goes from the first to the last page, both included and counted
// from 1; a negative number counts from the end, -1 is the last page.
type pageRange struct{ first, last int }

// parsePages reads Options.Pages.
func parsePages(text string) (pageSelection, error) {
	var selection pageSelection
	if strings.TrimSpace(text) == "" {
		return selection, nil
	}
	if len(text) > maxSelection {
		return selection, fmt.Errorf("is longer than %d bytes", maxSelection)
	}
	place := 0
	for term := range strings.SplitSeq(text, ",") {
		blanks := len(term) - len(strings.TrimLeft(term, " \t"))
		found, ok := parsePageRange(strings.ToLower(strings.TrimSpace(term)))
		if !ok {
			return pageSelection{}, errorAt(text, place+blanks,
				`%q is no page selection; want 3, 2-5, -3, 4-, first 3, last 2, LAST or ALL, counted from 1`, clean(strings.TrimSpace(term)))
		}
		selection.ranges = append(selection.ranges, found)
		place += len(term) + 1
	}
	return selection, nil
}

// parsePageRange reads one term in lower case, without blanks around it.
func parsePageRange(term string) (pageRange, bool) {
	switch term {
	case "all":
		return pageRange{1, math.MaxInt}, true
	case "last", "latest":
		return pageRange{-1, -1}, true
	}
	if count, ok := strings.CutPrefix(term, "first"); ok {
		n, ok := pageNumber(count)
		return pageRange{1, n}, ok
	}
	if count, ok := strings.CutPrefix(term, "last"); ok {
		n, ok := pageNumber(count)
		return pageRange{-n, -1}, ok
	}
	from, to, isRange := strings.Cut(term, "-")
	first, okFirst := pageNumber(from)
	if !isRange {
		return pageRange{first, first}, okFirst
	}
	last, okLast := pageNumber(to)
	switch {
	case okFirst && okLast:
		return pageRange{first, last}, first <= last
	case okFirst && strings.TrimSpace(to) == "":
		return pageRange{first, math.MaxInt}, true
	case okLast && strings.TrimSpace(from) == "":
		return pageRange{1, last}, true
	}
	return pageRange{}, false
}

// pageNumber reads a number from 1 that no work comes near the end of.
func pageNumber(text string) (int, bool) {
	const digits = 6
	text = strings.TrimSpace(text)
	if !isDigits(text) || len(text) > digits {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n > 0
}

// has reports whether page, counted from 0, of a work with count pages is
// chosen.
func (s pageSelection) has(page, count int) bool {
	if len(s.ranges) == 0 {
		return true
	}
	number := page + 1
	for _, r := range s.ranges {
		first, last := r.first, r.last
		if first < 0 {
			first += count + 1
		}
		if last < 0 {
			last += count + 1
		}
		if first <= number && number <= last {
			return true
		}
	}
	return false
}

package pixiv

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPages(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text  string
		count int
		want  []int // from 1
	}{
		{"", 3, []int{1, 2, 3}},
		{" ", 2, []int{1, 2}},
		{"ALL", 3, []int{1, 2, 3}},
		{"1", 3, []int{1}},
		{"4", 3, nil},
		{"2-3", 5, []int{2, 3}},
		{"2-30", 5, []int{2, 3, 4, 5}},
		{"-2", 5, []int{1, 2}},
		{"4-", 5, []int{4, 5}},
		{"first 2", 5, []int{1, 2}},
		{"first2", 1, []int{1}},
		{"last 2", 5, []int{4, 5}},
		{"last 9", 2, []int{1, 2}},
		{"LAST", 5, []int{5}},
		{"3,5,LATEST", 7, []int{3, 5, 7}},
		{" 1 , 3 - 4,last 1", 6, []int{1, 3, 4, 6}},
		{"1,1,1-2", 2, []int{1, 2}},
	} {
		selection, err := parsePages(test.text)
		require.NoError(t, err, test.text)
		var got []int
		for page := range test.count {
			if selection.has(page, test.count) {
				got = append(got, page+1)
			}
		}
		assert.Equal(t, test.want, got, "%q of %d", test.text, test.count)
	}
}

func TestPages_Refused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0":                       "at character 1",
		"1,,2":                    "at character 3",
		"1, two":                  "at character 4",
		"5-2":                     "at character 1",
		"é,1":                     "at character 1",
		"1,é,0":                   "at character 3",
		"1,２":                     "at character 3",
		"-":                       "at character 1",
		"1-2-3":                   "at character 1",
		"first":                   "at character 1",
		"last -1":                 "at character 1",
		"9999999":                 "at character 1",
		strings.Repeat("1,", 501): "longer than",
	} {
		_, err := parsePages(text)
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want, text)
	}
}

// A range is the union of its pages.
func TestPages_Ranges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.IntRange(1, 20).Draw(t, "first")
		last := rapid.IntRange(first, 30).Draw(t, "last")
		count := rapid.IntRange(1, 40).Draw(t, "count")
		s := pageSelection{ranges: []pageRange{{first, last}}}
		for page := range count {
			if want := page+1 >= first && page+1 <= last; s.has(page, count) != want {
				t.Fatalf("page %d of %d in %d-%d: %v", page+1, count, first, last, !want)
			}
		}
	})
}

func FuzzPages(f *testing.F) {
	for _, text := range []string{"", "1", "2-5", "first 3", "last 2", "ALL,LAST", "1,,", "-", "é"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		selection, err := parsePages(text)
		if err != nil {
			if len(err.Error()) > 2000 {
				t.Errorf("error of %d bytes", len(err.Error()))
			}
			return
		}
		for page := range 5 {
			selection.has(page, 5)
		}
	})
}

package pixivtest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/pixivtest"
)

// recording reads a recorded answer, without the line feed at its end.
func recording(t *testing.T, name string) (string, bool) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "shared", "pixiv", "fixtures", name))
	if os.IsNotExist(err) {
		return "", false
	}
	require.NoError(t, err)
	return strings.TrimSuffix(string(content), "\n"), true
}

// compareBody compares a body with a recording, where the recordings are at hand.
func compareBody(t *testing.T, name, body string) {
	t.Helper()
	if want, ok := recording(t, name); ok {
		require.Equal(t, want, body)
	} else {
		t.Logf("%s is not here; only the status was checked", name)
	}
}

// shapeOf collects every key path of a JSON value with the kinds of values it has. Numbers of arrays are left out.
func shapeOf(value any, path string, into map[string]map[string]bool) {
	kind := "null"
	switch v := value.(type) {
	case map[string]any:
		kind = "object"
		for key, inner := range v {
			shapeOf(inner, path+"."+key, into)
		}
	case []any:
		kind = "array"
		for _, inner := range v {
			shapeOf(inner, path+"[]", into)
		}
	case string:
		kind = "string"
	case float64:
		kind = "number"
	case bool:
		kind = "bool"
	}
	if into[path] == nil {
		into[path] = map[string]bool{}
	}
	into[path][kind] = true
}

// TestShapesFollowRecordings holds, for every endpoint, that each key of a recording is in the answer with a kind of
// value that fits, and that the answer has no key that is in none of its recordings.
func TestShapesFollowRecordings(t *testing.T) {
	t.Parallel()
	if _, ok := recording(t, "user_detail.json"); !ok {
		t.Skip("the recordings are not beside the repository")
	}
	s := start(t, pixivtest.Config{PageSize: 2})
	u := s.AddUser(pixivtest.User{})
	tagged := []pixivtest.Tag{{Name: "山", Translated: "mountain"}, {Name: "夜"}}
	single := s.AddWork(pixivtest.Work{Tags: tagged, Tools: []string{"Photoshop"}})
	multi := s.AddWork(pixivtest.Work{PageCount: 2, Tags: tagged})
	manga := s.AddWork(pixivtest.Work{PageCount: 8, Type: pixivtest.Manga, Series: &pixivtest.Series{ID: 5, Title: "x"}, Tags: tagged})
	ugoira := s.AddWork(pixivtest.Work{Type: pixivtest.Ugoira, Tags: tagged})
	masked := s.AddWork(pixivtest.Work{Mask: pixivtest.MaskSanityLevel})
	friends := s.AddWork(pixivtest.Work{Mask: pixivtest.MaskMyPixiv})

	listed := fmt.Sprintf("/v1/user/illusts?user_id=%d", u.ID)
	detail := func(w pixivtest.Work) string { return fmt.Sprintf("/v1/illust/detail?illust_id=%d", w.ID) }
	single1, single2 := "illust_detail_single.json", "illust_detail_single_2026.json"
	plain := []string{single1, single2, "illust_detail_multi.json", "illust_detail_manga.json", "illust_detail_ugoira.json"}
	limited := []string{"illust_detail_limit_sanity_level.json", "illust_detail_limit_mypixiv.synthetic.json"}
	lists := []string{"user_illusts_page1.json", "user_illusts_last_page.synthetic.json", "user_illusts_unknown_user.json"}
	inLists := append([]string{"illust_ranking.json", "illust_detail_manga.json"}, lists...)
	users := []string{"user_detail.json", "user_detail_2025.json"}
	frames := []string{"ugoira_metadata.json", "ugoira_metadata_99565513.json"}
	for path, names := range map[string]struct{ must, may []string }{
		detail(single):                {[]string{single1, single2}, plain},
		detail(multi):                 {plain[2:3], plain},
		detail(manga):                 {plain[3:4], append([]string{"illust_ranking.json"}, plain...)},
		detail(ugoira):                {plain[4:], plain},
		detail(masked):                {limited, limited},
		detail(friends):               {limited, limited},
		listed:                        {nil, inLists}, // its two works are masked
		listed + "&offset=2":          {lists[:2], inLists},
		listed + "&offset=4":          {lists[:2], inLists},
		"/v1/user/illusts?user_id=77": {lists[2:], lists[2:]},
		fmt.Sprintf("/v1/user/detail?user_id=%d", u.ID):            {users, users},
		fmt.Sprintf("/v1/ugoira/metadata?illust_id=%d", ugoira.ID): {frames, frames},
	} {
		got := ask(t, s, s.Client(), path)
		require.Equal(t, http.StatusOK, got.status, path)
		compareShape(t, path, shape(t, got.body), names.must, names.may)
	}
}

// compareShape compares an answer with the recordings whose keys it must have and those whose keys it may have.
func compareShape(t *testing.T, path string, have map[string]map[string]bool, must, may []string) {
	t.Helper()
	known := map[string]bool{}
	for _, name := range may {
		body, _ := recording(t, name)
		for key := range shape(t, body) {
			known[lastKeys(key)] = true
		}
	}
	for key := range have {
		require.True(t, known[lastKeys(key)], "%s: key %s is in no recording", path, key)
	}
	for _, name := range must {
		body, _ := recording(t, name)
		for key, kinds := range shape(t, body) {
			if strings.HasPrefix(name, "user_illusts") && key == ".illusts[].total_comments" {
				continue // was in lists until 2021 only
			}
			if have[key] == nil {
				last := strings.LastIndex(key, "[]")
				require.Positive(t, last, "%s: %s has %s, the answer does not", path, name, key)
				require.Nil(t, have[key[:last+2]], "%s: %s has %s, the answer does not", path, name, key)
				continue // the array is empty here
			}
			require.True(t, fits(kinds, have[key]), "%s: %s is %v in %s and %v here", path, key, kinds, name, have[key])
		}
	}
}

func shape(t *testing.T, body string) map[string]map[string]bool {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal([]byte(body), &value))
	into := map[string]map[string]bool{}
	shapeOf(value, "", into)
	return into
}

// lastKeys makes keys of a work alike wherever the work stands.
func lastKeys(key string) string {
	key = strings.TrimPrefix(key, ".illusts[]")
	return strings.TrimPrefix(key, ".illust")
}

// fits says whether two kinds of values can be those of one key; null fits everything.
func fits(want, have map[string]bool) bool {
	for kind := range want {
		if kind == "null" || have[kind] || have["null"] {
			return true
		}
	}
	return false
}

package console_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/pixivoc/pixivoc/server/restapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listed returns the texts of a list in a module, which begins like that.
func listed(t *testing.T, begin string) []string {
	t.Helper()
	text, err := os.ReadFile("assets/js/options.js")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok, begin)
	list, _, ok := strings.Cut(rest, "]")
	require.True(t, ok, begin)
	var found []string
	for _, match := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(list, -1) {
		found = append(found, match[1])
	}
	return found
}

// TestOptions_AreExplained wants each option of package pixiv, and none that it
// does not have.
func TestOptions_AreExplained(t *testing.T) {
	t.Parallel()
	english := words(t, "en")
	for begin, options := range map[string]any{"works: [": pixiv.Options{}, "Search: [": pixiv.SearchOptions{}, "Links: [": pixiv.LinksOptions{}} {
		var keys []string
		for field := range reflect.TypeOf(options).Fields() {
			key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			keys = append(keys, key)
			assert.NotEmpty(t, english["option."+key], "the words option.%s", key)
		}
		assert.ElementsMatch(t, keys, listed(t, begin), begin)
	}
	for _, field := range listed(t, "pathFields = [") {
		assert.True(t, slices.ContainsFunc(pixiv.TemplateFields(), func(f pixiv.TemplateField) bool { return f.Name == field }), field)
	}
	for _, field := range listed(t, "filterFields = [") {
		assert.True(t, slices.ContainsFunc(pixiv.FilterFields(), func(f pixiv.FilterField) bool { return f.Name == field }), field)
	}
}

// TestWords_OfWhatIsRefused wants words for each saying.
func TestWords_OfWhatIsRefused(t *testing.T) {
	t.Parallel()
	english := words(t, "en")
	text, err := os.ReadFile("assets/js/wrong.js")
	require.NoError(t, err)
	sayings := regexp.MustCompile(`(?m)^  \[/.*"([\w.]+)"\],$`).FindAllStringSubmatch(string(text), -1)
	assert.Greater(t, len(sayings), 20)
	for _, saying := range sayings {
		assert.NotEmpty(t, english["wrong."+saying[1]], "wrong.%s", saying[1])
	}
}

// only returns the one task that there is.
func only(t *testing.T, s *site) pixivoc.TaskInfo {
	t.Helper()
	var found []pixivoc.TaskInfo
	for info, err := range s.client.Tasks(t.Context()) {
		require.NoError(t, err)
		found = append(found, info)
	}
	require.Len(t, found, 1)
	return found[0]
}

// TestBrowser_FormFollowsTheLink also fills in options, and wants none of that
// to be left for the next task.
func TestBrowser_FormFollowsTheLink(t *testing.T) {
	program := chromium(t)
	s := newSite(t, func(c *restapi.Config) { c.Resolve = pixiv.Resolve })
	_, err := s.client.Login(t.Context(), pixivoc.RefreshToken(s.pixiv.RefreshToken()))
	require.NoError(t, err)
	artist := s.pixiv.AddUser(pixivtest.User{Name: "Aoi"})
	for range 2 {
		s.pixiv.AddWork(pixivtest.Work{UserID: artist.ID, PageCount: 3})
	}
	b := newBrowser(t, program, s.server.URL)
	b.signIn(s.server.URL)
	b.click("summary")
	b.enter("textarea[name=keyword]", "by hand")
	b.run(chromedp.SetValue(chromedp.CSS("select[name=type]"), pixiv.Following))
	b.do(`document.querySelector("select[name=type]").dispatchEvent(new Event("change"))`)
	assert.False(t, value[bool](b, `document.querySelector("input[name=option-pages]").checkVisibility()`), "lists of users have no pages")

	b.enter("input[name=url]", fmt.Sprintf("https://www.pixiv.net/users/%d", artist.ID))
	b.until(fmt.Sprintf(`document.querySelector("#leads").textContent === "All works of an artist: %d"`, artist.ID))
	assert.True(t, value[bool](b, `document.querySelector("select[name=type]").disabled && document.querySelector("textarea[name=keyword]").disabled`))
	assert.Equal(t, pixiv.UserWorks, value[string](b, `document.querySelector("select[name=type]").value`))
	b.enter("input[name=option-pages]", "some")
	b.enter("input[name=option-path]", "{user.name}/{id}_{page}")
	b.enter("input[name=group]", "favourites")
	b.click("#metadata-json")
	b.enter("textarea[name=options]", `{"path": "x", "file_time": "upload"}`)
	b.shoot("form-link")
	b.click("details.more details summary")
	b.phone()
	b.shoot("phone-form")
	b.fits("the form on a phone")
	b.desktop()
	b.click("#create")
	b.until(`document.querySelector("textarea[name=options]").getAttribute("aria-invalid") === "true"`) // path stands there twice
	b.enter("textarea[name=options]", `{"file_time": "upload"}`)
	b.click("#create")
	b.until(`document.querySelector("input[name=option-pages]").getAttribute("aria-invalid") === "true"`)
	b.enter("input[name=option-pages]", "1")
	b.click("#create")
	b.until(`document.querySelector("tbody .badge")?.textContent === "Finished"`)
	info := only(t, s)
	saved, err := filepath.Glob(filepath.Join(info.SavePath, "Aoi", "*_0.*"))
	require.NoError(t, err)
	assert.Len(t, saved, 4, "%v: the first page of two works, each with a description", saved)
	others, err := filepath.Glob(filepath.Join(info.SavePath, "Aoi", "*_[12].*"))
	require.NoError(t, err)
	assert.Empty(t, others)
	assert.Equal(t, "favourites", info.Group)
	left := `[...document.querySelectorAll("form input:not([type=checkbox]), form textarea")].map((i) => i.value).join("") + [...document.querySelectorAll("[id^=metadata-]:checked")].length`
	assert.Equal(t, "0", value[string](b, left))
	assert.False(t, value[bool](b, `document.querySelector("select[name=type]").disabled`))
	assert.Equal(t, pixiv.Following, value[string](b, `document.querySelector("select[name=type]").value`))

	// The page of the task names the folder of its files.
	b.do(`document.querySelector("tbody a").click()`)
	b.until(fmt.Sprintf(`[...document.querySelectorAll(".facts dd")].some((d) => d.textContent === %q)`, info.SavePath+"/Aoi"))
	b.goTo("#/")
	b.seen("#create")
	b.click("summary")
	b.enter("input[name=group]", "kept")
	b.click("#keep-choices")
	b.enter("input[name=url]", "100000001")
	b.click("#create")
	b.until(`document.querySelectorAll("tbody tr").length === 2`)
	b.until(`document.querySelector("input[name=url]").value === ""`)
	assert.Equal(t, "kept", value[string](b, `document.querySelector("input[name=group]").value`))
	b.clean()
}

// TestBrowser_RefusesInChinese wants what is wrong in the reader's language, and
// what the server said below it.
func TestBrowser_RefusesInChinese(t *testing.T) {
	program := chromium(t)
	s := newSite(t, func(c *restapi.Config) {
		c.Resolve = pixiv.Resolve
		place := c.SavePath
		c.SavePath = func(wish string) (string, error) {
			if wish != "" {
				return "", &pixivoc.FieldError{Field: "SavePath", Reason: "is not below a folder that this server may save in; the setting is save-root"}
			}
			return place(wish)
		}
	})
	b := newBrowser(t, program, s.server.URL)
	b.signIn(s.server.URL)
	b.click("#language")
	b.until(`document.documentElement.lang === "zh-Hans" && document.querySelector("summary")?.textContent.includes("手动")`)
	b.click("summary")
	refused := func(input, want string) {
		t.Helper()
		b.click("#create")
		wrong := fmt.Sprintf(`document.querySelector(%q).closest(".field").querySelector(".wrong")`, input)
		b.until(wrong + ".textContent")
		assert.Contains(t, value[string](b, wrong+".firstChild.textContent"), want, input)
		assert.Regexp(t, `^[\x20-\x7e…]+$`, value[string](b, wrong+`.querySelector(".said").textContent`), input)
	}
	b.enter("input[name=url]", "hello")
	refused("input[name=url]", "无法识别此链接")
	b.shoot("refused-chinese")
	b.enter("input[name=url]", "100000001")
	b.enter("input[name=name]", "a/b")
	refused("input[name=name]", "不能用作文件夹名")
	b.enter("input[name=name]", "fine")
	b.enter("input[name=save_path]", "/etc")
	refused("input[name=save_path]", "不允许保存到此文件夹")
	b.do(`document.querySelector("input[name=save_path]").value = ""`)
	b.enter("input[name=schedule]", "often")
	refused("input[name=schedule]", "不是有效的定时")
	b.do(`document.querySelector("input[name=schedule]").value = ""`)
	b.enter("input[name=option-filter]", "bookmarks >")
	refused("input[name=option-filter]", "条件表达式有误")
	b.do(`document.querySelector("input[name=option-filter]").value = ""`)
	b.enter("textarea[name=options]", `{"colour": 1}`)
	refused("textarea[name=options]", "没有这个选项")
	b.shoot("refused-option-chinese")
	b.goTo("#/settings")
	b.enter("input[name=timeout_ms]", "99999")
	b.do(`document.querySelector("form.sheet.form:has([name=timeout_ms])").noValidate = true`)
	b.click("#save-environment")
	b.until(`document.querySelector("input[name=timeout_ms]").closest(".field").querySelector(".wrong").textContent.startsWith("超时须为")`)
	b.clean()
}

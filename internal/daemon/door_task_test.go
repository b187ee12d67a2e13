package daemon

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/server/taskapi"
)

func TestPathTemplate(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"":                 "",
		"{user.name}/{id}": "{user.name}/{id}",
		"<videoTitle>":     "{title}",
		"<videoTitle>/[P<pageNumberWithZero>]<pageTitle>": "{title}/[P{number:02}]{title}",
		`<ownerName>\<publishDate:yyyy>`:                  "{user.name}/{date}",
		"<aid> {raw} <dfn>":                               "{id} {{raw}} ",
	} {
		got, err := pathTemplate("FilePattern", pattern)
		require.NoError(t, err, pattern)
		assert.Equal(t, want, got, pattern)
	}
	_, err := pathTemplate("MultiFilePattern", "<videoTitle><nonsense>")
	var field *pixivoc.FieldError
	require.ErrorAs(t, err, &field)
	assert.Equal(t, "MultiFilePattern", field.Field)
	assert.Contains(t, field.Reason, "<nonsense>")
}

func TestResolveTask(t *testing.T) {
	t.Parallel()
	const site = "https://www.pixiv.net/"
	for _, test := range []struct {
		address string
		options taskapi.Options
		aid     string
		want    pixivoc.TaskSpec
		ignored []string
	}{
		{address: "59580629", aid: "59580629", want: pixivoc.TaskSpec{Type: pixiv.SingleWork, Name: "59580629", Keyword: "59580629"}},
		{address: site + "users/11", aid: "user:11", want: pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "11", Keyword: "11"}},
		{
			address: site + "artworks/5", aid: "5", options: taskapi.Options{OnlyShowInfo: true, SelectPage: "2"},
			want: pixivoc.TaskSpec{Type: pixiv.WorkDetails, Name: "5", Keyword: "5"},
		},
		{
			address: site + "artworks/5", aid: "5",
			options: taskapi.Options{SelectPage: "1,3", FilePattern: "<aid>", MultiFilePattern: "<aid>/<pageNumber>", DelayPerPage: 1500 * time.Millisecond},
			want: pixivoc.TaskSpec{
				Type: pixiv.SingleWork, Name: "5", Keyword: "5",
				Options: []byte(`{"path":"{id}","multi_path":"{id}/{number}","pages":"1,3","delay_ms":1500}`),
			},
		},
	} {
		got, err := resolveTask(test.address, test.options)
		require.NoError(t, err, test.address)
		assert.Equal(t, taskapi.Resolved{Spec: test.want, Aid: test.aid, Ignored: test.ignored}, got, test.address)
	}
	for _, address := range []string{site + "novel/show.php?id=7", site + "novel/series/7", site + "user/11/series/9", site + "ranking.php?mode=weekly", site + "tags/%E9%A2%A8%E6%99%AF/artworks?s_mode=s_tag"} {
		resolved, err := resolveTask(address, taskapi.Options{SelectPage: "1"})
		require.NoError(t, err, address)
		assert.NotEmpty(t, resolved.Aid, address)
		assert.Contains(t, string(resolved.Spec.Options), `"pages":"1"`, address)
	}
	_, err := resolveTask("https://example.com/1", taskapi.Options{})
	var field *pixivoc.FieldError
	require.ErrorAs(t, err, &field)
	assert.Equal(t, "Url", field.Field)
}

func TestWebhookSecrets(t *testing.T) {
	t.Parallel()
	s := &Settings{Data: t.TempDir()}
	made, err := webhookSecrets(s)
	require.NoError(t, err)
	require.Len(t, made, 1)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(made[0], "whsec_"))
	require.NoError(t, err)
	assert.GreaterOrEqual(t, len(raw), 24)
	info, err := os.Stat(filepath.Join(s.Data, webhookFile))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	again, err := webhookSecrets(s)
	require.NoError(t, err)
	assert.Equal(t, made, again, "kept")

	s.WebhookSecretFile = writeFile(t, "secrets", "whsec_new\nwhsec_old\n", 0o600)
	given, err := webhookSecrets(s)
	require.NoError(t, err)
	assert.Equal(t, []string{"whsec_new", "whsec_old"}, given)
	for name, file := range map[string]string{
		"holds none":   writeFile(t, "empty", " \n", 0o600),
		"every user":   writeFile(t, "open", "whsec_x", 0o644),
		"no such file": filepath.Join(t.TempDir(), "none"),
	} {
		s.WebhookSecretFile = file
		_, err := webhookSecrets(s)
		require.ErrorContains(t, err, name)
	}
}

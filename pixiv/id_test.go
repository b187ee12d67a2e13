package pixiv_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var workTexts = []struct {
	text string
	want pixiv.ID
}{
	{"79468013", 79468013},
	{"  79468013\r\n", 79468013},
	{"0079468013", 79468013},
	{"https://www.pixiv.net/artworks/79468013", 79468013},
	{"http://pixiv.net/artworks/79468013", 79468013},
	{"www.pixiv.net/artworks/79468013", 79468013},
	{"https://www.pixiv.net/en/artworks/79468013", 79468013},
	{"https://www.pixiv.net/en/artworks/79468013#big_5", 79468013},
	{"https://www.pixiv.net/artworks/79468013?ref=feed#1", 79468013},
	{"https://www.pixiv.net/artworks/79468013/", 79468013},
	{"https://www.pixiv.net/i/79468013", 79468013},
	{"https://www.pixiv.net/member_illust.php?mode=medium&illust_id=79468013", 79468013},
	{"https://WWW.PIXIV.NET/member_illust.php?illust_id=79468013&id=2", 79468013},
	{"pixiv://illusts/79468013", 79468013},
	{"https://i.pximg.net/img-original/img/2020/02/15/00/00/02/79468013_p0.png", 79468013},
	{"https://i.pximg.net/img-original/img/2020/02/15/00/00/02/79468013-0123456789abcdef0123456789abcdef_p12.png", 79468013},
	{"https://i.pximg.net/c/600x1200_90_webp/img-master/img/2020/02/15/00/00/02/79468013_p0_master1200.jpg", 79468013},
	{"https://i.pximg.net/img-master/img/2020/02/15/00/00/02/79468013_master1200.jpg", 79468013},
	{"https://i.pximg.net/img-zip-ugoira/img/2020/02/15/00/00/02/79468013_ugoira600x600.zip", 79468013},
	{"https://i.pximg.net/img-original/img/2020/02/15/00/00/02/79468013_ugoira0.jpg", 79468013},
}

var userTexts = []struct {
	text string
	want pixiv.ID
}{
	{"2188232", 2188232},
	{"\t2188232 ", 2188232},
	{"https://www.pixiv.net/users/2188232", 2188232},
	{"https://www.pixiv.net/en/users/2188232/artworks", 2188232},
	{"https://www.pixiv.net/users/2188232/illustrations?p=2#top", 2188232},
	{"pixiv.net/users/2188232", 2188232},
	{"https://www.pixiv.net/u/2188232", 2188232},
	{"https://www.pixiv.net/member.php?id=2188232", 2188232},
	{"https://www.pixiv.net/member_illust.php?id=2188232&type=all", 2188232},
	{"pixiv://users/2188232", 2188232},
}

func TestParseWork(t *testing.T) {
	t.Parallel()
	for _, test := range workTexts {
		id, err := pixiv.ParseWork(test.text)
		require.NoError(t, err, test.text)
		assert.Equal(t, test.want, id, test.text)
	}
}

func TestParseUser(t *testing.T) {
	t.Parallel()
	for _, test := range userTexts {
		id, err := pixiv.ParseUser(test.text)
		require.NoError(t, err, test.text)
		assert.Equal(t, test.want, id, test.text)
	}
}

func TestParseWork_Refused(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		"":                                   "is empty",
		" \t ":                               "is empty",
		"0":                                  "ids begin with 1",
		"-5":                                 "names no work",
		"+5":                                 "names no work",
		"1_000":                              "names no work",
		"１２３":                                "names no work",
		"12 34":                              "neither a number nor an address",
		"9223372036854775808":                "too large",
		strings.Repeat("1", 65):              "more than 64 digits",
		strings.Repeat("a", 3000):            "longer than 2048 bytes",
		"https://www.pixiv.net/users/1":      "address of a user",
		"https://www.pixiv.net/":             "names no work",
		"https://www.pixiv.net/artworks/12x": "names no work",
		"https://www.pixiv.net/novel/show.php?id=12":    "names no work",
		"https://example.com/artworks/12":               "names no work",
		"https://www.pixiv.net.example.com/artworks/12": "names no work",
		"ftp://www.pixiv.net/artworks/12":               "names no work",
		"https://i.pximg.net/user-profile/img/2008/06/17/01/28/01/171098_fc06efd15628e2ee252941ae5298b5ff_170.jpg": "names no work",
		"https://www.pixiv.net/artworks/0":                   "ids begin with 1",
		"https://www.pixiv.net/%zz":                          "neither a number nor an address",
		"https://www.pixiv.net/member_illust.php?illust_id=": "names no work",
	} {
		id, err := pixiv.ParseWork(text)
		field, ok := errors.AsType[*pixivoc.FieldError](err)
		require.True(t, ok, "%q gave %v, %v", text, id, err)
		assert.Equal(t, "Keyword", field.Field)
		assert.Contains(t, field.Reason, reason, "%q", text)
		assert.Zero(t, id)
	}
}

func TestParseUser_Refused(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		"":                                 "is empty",
		"https://www.pixiv.net/artworks/1": "address of a work",
		"https://www.pixiv.net/member_illust.php?illust_id=1":   "address of a work",
		"https://www.pixiv.net/member_illust.php?illust_id=&id": "names no user",
		"somebody": "names no user",
	} {
		_, err := pixiv.ParseUser(text)
		field, ok := errors.AsType[*pixivoc.FieldError](err)
		require.True(t, ok, "%q gave %v", text, err)
		assert.Contains(t, field.Reason, reason, "%q", text)
	}
}

func TestID_JSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]pixiv.ID{`12`: 12, `"12"`: 12, `0`: 0, `null`: 0} {
		var id pixiv.ID
		require.NoError(t, json.Unmarshal([]byte(text), &id), text)
		assert.Equal(t, want, id, text)
	}
	for _, text := range []string{`"x"`, `1.5`, `1e3`, `-1`, `true`, `{}`, `[]`, `""`, `"-1"`, `99999999999999999999`} {
		var id pixiv.ID
		assert.Error(t, json.Unmarshal([]byte(text), &id), text)
	}
	written, err := json.Marshal(pixiv.ID(12))
	require.NoError(t, err)
	assert.Equal(t, "12", string(written))
}

func FuzzParseID(f *testing.F) {
	for _, seed := range workTexts {
		f.Add(seed.text)
	}
	for _, seed := range userTexts {
		f.Add(seed.text)
	}
	f.Add("https://[::1%25]/artworks/1")
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func(string) (pixiv.ID, error){pixiv.ParseWork, pixiv.ParseUser} {
			id, err := parse(text)
			if err != nil {
				if _, ok := errors.AsType[*pixivoc.FieldError](err); !ok || id != 0 {
					t.Fatalf("%q gave %v, %T", text, id, err)
				}
				continue
			}
			again, err := parse(id.String())
			if id <= 0 || err != nil || again != id {
				t.Fatalf("%q gave %d, which gives %d, %v", text, id, again, err)
			}
		}
	})
}

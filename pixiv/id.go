package pixiv

import (
	"encoding/json"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// ID is the number of a work or a user at Pixiv. Valid IDs are positive; Pixiv
// writes 0 for a user that is gone.
type ID int64

// String returns the ID in decimal digits.
func (id ID) String() string { return strconv.FormatInt(int64(id), 10) }

// UnmarshalJSON reads a number or a string of digits: Pixiv's App API writes
// numbers, its token endpoint writes strings (fixtures of 2021 and 2025). Null
// leaves the ID as it is.
func (id *ID) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	digits := string(text)
	if unquoted, err := unquote(text); err == nil {
		digits = unquoted
	}
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || number < 0 {
		return &json.UnmarshalTypeError{Value: describe(text), Type: reflect.TypeFor[ID]()}
	}
	*id = ID(number)
	return nil
}

func unquote(text []byte) (string, error) {
	var value string
	err := json.Unmarshal(text, &value)
	return value, err
}

// describe names a JSON value in an error without repeating all of it.
func describe(text []byte) string {
	const shown = 32
	if len(text) > shown {
		text = append(text[:shown:shown], "..."...)
	}
	return strings.ToValidUTF8(string(text), "?")
}

// fieldKeyword is the field of pixivoc.TaskSpec that holds an ID or a link.
const fieldKeyword = "Keyword"

const (
	// maxLinkBytes bounds what is looked at; Pixiv's own links have some 100.
	maxLinkBytes = 2048
	// maxDigits is how many digits a keyword may have in PixivOC's protocol.
	maxDigits = 64
)

var (
	// workPath: the language in front has been there since 2019.
	workPath = regexp.MustCompile(`^(?:/[a-z]{2}(?:-[a-z]{2})?)?/(?:artworks|i)/([0-9]+)(?:/.*)?$`)
	userPath = regexp.MustCompile(`^(?:/[a-z]{2}(?:-[a-z]{2})?)?/(?:users|u)/([0-9]+)(?:/.*)?$`)
	// picturePath: originals, previews, thumbnails and ugoira archives on
	// i.pximg.net. A hash may stand behind the ID since 2025.
	picturePath = regexp.MustCompile(`/(?:img-original|img-master|img-zip-ugoira|custom-thumb)/img/(?:[^/]+/)*([0-9]+)[-_.][^/]*$`)
)

// ParseWork returns the ID of a work from its digits, from the address of its
// page in any form Pixiv has used, from an address of the app (pixiv://), or
// from the address of one of its pictures. Blanks around it do not matter. The
// error is a *pixivoc.FieldError of the field Keyword.
func ParseWork(text string) (ID, error) {
	return parse(text, "work", "https://www.pixiv.net/artworks/ID", workOf)
}

// ParseUser returns the ID of a user from its digits or from the address of its
// page, as ParseWork does for works.
func ParseUser(text string) (ID, error) {
	return parse(text, "user", "https://www.pixiv.net/users/ID", userOf)
}

func parse(text, what, example string, find func(*url.URL) string) (ID, error) {
	text = strings.TrimSpace(text)
	wanted := "want the id of a " + what + " or an address like " + example
	switch {
	case text == "":
		return 0, refuse("is empty; %s", wanted)
	case len(text) > maxLinkBytes:
		return 0, refuse("is longer than %d bytes; %s", maxLinkBytes, wanted)
	case isDigits(text):
		return parseDigits(text)
	}
	kind := map[string]string{"work": SingleWork, "user": UserWorks}[what]
	if target, err := resolve(text); err == nil && target.kind == kind {
		digits, _, _ := strings.Cut(target.keyword, " ")
		return parseDigits(digits)
	}
	address, err := parseAddress(text)
	if err != nil {
		return 0, refuse("is neither a number nor an address; %s", wanted)
	}
	if digits := find(address); isDigits(digits) {
		return parseDigits(digits)
	}
	switch {
	case what == "user" && isDigits(workOf(address)):
		return 0, refuse("is the address of a work; %s", wanted)
	case what == "work" && isDigits(userOf(address)):
		return 0, refuse("is the address of a user; %s", wanted)
	}
	return 0, refuse("names no %s of Pixiv; %s", what, wanted)
}

func parseDigits(digits string) (ID, error) {
	if len(digits) > maxDigits {
		return 0, refuse("has more than %d digits", maxDigits)
	}
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, refuse("is a number too large for an id")
	}
	if number == 0 {
		return 0, refuse("is 0; ids begin with 1")
	}
	return ID(number), nil
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// parseAddress also takes an address without its scheme, as browsers show it.
func parseAddress(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	return url.Parse(text)
}

func workOf(address *url.URL) string {
	switch {
	case address.Scheme == "pixiv":
		return appID(address, "illusts")
	case !isWeb(address):
		return ""
	case isPixiv(address.Hostname()):
		if path := strings.ToLower(address.Path); path == "/member_illust.php" {
			return address.Query().Get("illust_id")
		}
		return firstGroup(workPath, address.Path)
	case isPictureHost(address.Hostname()):
		return firstGroup(picturePath, address.Path)
	}
	return ""
}

func userOf(address *url.URL) string {
	switch {
	case address.Scheme == "pixiv":
		return appID(address, "users")
	case !isWeb(address) || !isPixiv(address.Hostname()):
		return ""
	}
	switch strings.ToLower(address.Path) {
	case "/member.php":
		return address.Query().Get("id")
	case "/member_illust.php":
		if !address.Query().Has("illust_id") {
			return address.Query().Get("id")
		}
		return ""
	}
	return firstGroup(userPath, address.Path)
}

// appID reads pixiv://illusts/ID and pixiv://users/ID.
func appID(address *url.URL, kind string) string {
	if !strings.EqualFold(address.Host, kind) {
		return ""
	}
	digits, _, _ := strings.Cut(strings.TrimPrefix(address.Path, "/"), "/")
	return digits
}

func isWeb(address *url.URL) bool {
	return address.Scheme == "https" || address.Scheme == "http"
}

func isPixiv(host string) bool {
	host = strings.ToLower(host)
	return host == "pixiv.net" || host == "www.pixiv.net" || host == "touch.pixiv.net"
}

func firstGroup(pattern *regexp.Regexp, text string) string {
	found := pattern.FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	return found[1]
}

func refuse(format string, values ...any) error {
	return fieldError(fieldKeyword, format, values...)
}

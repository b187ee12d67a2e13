package pixiv

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/pixivoc/pixivoc"
)

// fieldURL is the field that Resolve complains of.
const fieldURL = "Url"

// Resolve turns any link to Pixiv, or the bare ID of a work, into the
// specification of the task that a person who pastes it wants: its Type, Name
// and Keyword are set, and Options where the link says more. The other fields
// are the caller's. Nothing is asked of Pixiv.
//
// It knows the pages of works, novels, users with what stands below them,
// series, tags and searches with their filters, rankings, the feed and the
// recommendations, in every form that Pixiv has used, with or without scheme
// and language; addresses of the app (pixiv://) and of pictures on i.pximg.net.
//
// The error is a *pixivoc.FieldError of the field Url. It does not repeat the
// text, which may hold a secret.
func Resolve(text string) (pixivoc.TaskSpec, error) {
	found, err := resolve(text)
	if err != nil {
		reason := err.Error()
		if field, ok := errors.AsType[*pixivoc.FieldError](err); ok {
			reason = field.Reason
		}
		return pixivoc.TaskSpec{}, fieldError(fieldURL, "%s", reason)
	}
	spec := pixivoc.TaskSpec{Type: found.kind, Keyword: found.keyword, Name: found.name()}
	if found.options != nil {
		if spec.Options, err = json.Marshal(found.options); err != nil {
			return pixivoc.TaskSpec{}, fieldError(fieldURL, "gives no options: %v", err)
		}
	}
	return spec, nil
}

// target is what a link leads to.
type target struct {
	kind    string // name of the task type
	keyword string
	options any // TaskSpec.Options, nil when there are none
}

// name is a name for the task that tells it from others and is legal. It is the
// folder of the works too: that of a work or a user is the ID, as the command
// line has it.
func (t target) name() string {
	words := map[string]string{
		SingleNovel: "novel", UserBookmarks: "bookmarks", Following: "following",
		FollowingFeed: "feed", MangaSeries: "series", NovelSeries: "novel series", Ranking: "ranking", Search: "search",
		RecommendedWorks: "recommended", RelatedWorks: "related",
	}[t.kind]
	return pixivoc.CleanName(strings.TrimSpace(words + " " + t.keyword))
}

func resolve(text string) (target, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return target{}, errors.New("is empty; want a link to Pixiv or the id of a work")
	case isDigits(text):
		return numbered(SingleWork, text, "")
	}
	link, err := readLink(text)
	if err != nil {
		return target{}, err
	}
	switch {
	case link.scheme == "pixiv":
		return link.app()
	case link.host == "embed.pixiv.net":
		return numbered(SingleWork, link.query.Get("illust_id"), "")
	case isPixiv(link.host):
		return link.page()
	case isPictureHost(link.host):
		return numbered(SingleWork, firstGroup(picturePath, "/"+strings.Join(link.parts, "/")), "")
	case link.host == "pixiv.me":
		return target{}, errors.New("is a short link; open it in a browser and copy the address that it leads to")
	}
	return target{}, errors.New("leads to a host that is not Pixiv's")
}

// errUnknownPage is for pages of Pixiv that no task type reads.
var errUnknownPage = errors.New("names no work, novel, user, series, tag or ranking of Pixiv")

// numbered is the target of a type whose keyword is an ID and what follows it.
func numbered(kind, digits, rest string) (target, error) {
	if !isDigits(digits) {
		return target{}, errUnknownPage
	}
	id, err := parseDigits(digits)
	if err != nil {
		return target{}, err
	}
	return target{kind: kind, keyword: strings.TrimSpace(id.String() + " " + rest)}, nil
}

// link is the address of a page, taken apart.
type link struct {
	scheme string
	host   string   // in lower case
	parts  []string // of the path, decoded, without the language
	query  url.Values
}

var languagePart = regexp.MustCompile(`^[a-z]{2}(?:-[a-z]{2})?$`)

// readLink takes an address apart and refuses what addresses copied from a
// browser do not have: ports, user names, dots and empty parts in the path,
// control characters, and one parameter with two values.
func readLink(text string) (link, error) {
	if len(text) > maxLinkBytes {
		return link{}, fmt.Errorf("is longer than %d bytes", maxLinkBytes)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || r == '\\' }) {
		return link{}, errors.New("has a blank, a backslash or a control character in it")
	}
	address, err := parseAddress(text)
	switch {
	case err != nil || address.Opaque != "" || address.Host == "":
		return link{}, errors.New("is neither a link nor the id of a work")
	case address.Scheme != "pixiv" && !isWeb(address):
		return link{}, errors.New("is no link that begins with https://, http:// or pixiv://")
	case address.User != nil:
		return link{}, errors.New("has a user name or password in it")
	case address.Host != address.Hostname():
		return link{}, errors.New("has a port in it")
	}
	found := link{scheme: address.Scheme, host: strings.ToLower(address.Host)}
	if found.parts, err = pathParts(address.EscapedPath()); err != nil {
		return link{}, err
	}
	if found.query, err = url.ParseQuery(address.RawQuery); err != nil {
		return link{}, errors.New("has a broken query")
	}
	for name, values := range found.query {
		if slices.ContainsFunc(values, func(value string) bool { return value != values[0] }) {
			return link{}, fmt.Errorf("gives the parameter %s twice", clean(name))
		}
	}
	return found, nil
}

// pathParts decodes each part of a path. Slashes inside of a part, which tags
// have, stay in it.
func pathParts(path string) ([]string, error) {
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	if path == "" {
		return nil, nil
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		decoded, err := url.PathUnescape(part)
		switch {
		case err != nil:
			return nil, errors.New("has a broken path")
		case decoded == "", decoded == ".", decoded == "..":
			return nil, errors.New("has an empty part, . or .. in its path")
		case strings.ContainsFunc(decoded, unicode.IsControl):
			return nil, errors.New("has a control character in its path")
		}
		parts[i] = decoded
	}
	if languagePart.MatchString(parts[0]) {
		parts = parts[1:]
	}
	return parts, nil
}

// part returns the i-th part of the path, or "".
func (l link) part(i int) string {
	if i >= len(l.parts) {
		return ""
	}
	return l.parts[i]
}

// app reads the addresses of Pixiv's app: pixiv://illusts/ID and the like.
func (l link) app() (target, error) {
	if len(l.parts) != 1 {
		return target{}, errUnknownPage
	}
	switch l.host {
	case "illusts":
		return numbered(SingleWork, l.part(0), "")
	case "users":
		return numbered(UserWorks, l.part(0), "")
	case "novels":
		return numbered(SingleNovel, l.part(0), "")
	}
	return target{}, errUnknownPage
}

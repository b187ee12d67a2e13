package daemon

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// placeholder is a placeholder of BBDown's file patterns.
var placeholder = regexp.MustCompile(`<([A-Za-z]+)(?::[^<>]*)?>`)

// placeholders are those of BBDown that mean something for a picture, with the
// fields of a path template that say the same. An empty one is left out.
func placeholders() map[string]string {
	return map[string]string{
		"videoTitle": "{title}", "pageTitle": "{title}",
		"pageNumber": "{number}", "pageNumberWithZero": "{number:02}",
		"aid": "{id}", "bvid": "{id}", "cid": "{id}",
		"ownerName": "{user.name}", "ownerMid": "{user.id}",
		"publishDate": "{date}", "videoDate": "{date}", "pageDate": "{date}",
		"res": "{width}x{height}",
		"dfn": "", "fps": "", "videoCodecs": "", "videoBandwidth": "", "audioCodecs": "", "audioBandwidth": "", "apiType": "",
	}
}

// pathTemplate turns a file pattern of a task API request into a path template.
// One without any placeholder of BBDown is taken for a template already.
func pathTemplate(option, pattern string) (string, error) {
	if !placeholder.MatchString(pattern) {
		return pattern, nil
	}
	known := placeholders()
	var unknown string
	escaped := strings.NewReplacer("{", "{{", "}", "}}").Replace(pattern)
	template := placeholder.ReplaceAllStringFunc(escaped, func(found string) string {
		name := placeholder.FindStringSubmatch(found)[1]
		field, ok := known[name]
		if !ok {
			unknown = name
		}
		return field
	})
	if unknown != "" {
		return "", &pixivoc.FieldError{Field: option, Reason: fmt.Sprintf("holds the unknown placeholder <%s>", unknown)}
	}
	return strings.ReplaceAll(template, `\`, "/"), nil
}

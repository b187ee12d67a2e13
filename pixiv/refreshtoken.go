package pixiv

import (
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
)

const (
	fieldRefreshToken = "RefreshToken"
	// maxTokenText bounds the text of a file that may hold a token.
	maxTokenText = 1 << 20
	// minRefreshToken and maxRefreshToken bound a refresh token in bytes;
	// Pixiv's have 43.
	minRefreshToken = 20
	maxRefreshToken = 512
	// maxTokenDepth bounds how deep a token may lie in a JSON file.
	maxTokenDepth = 64
)

// tokenLine is a setting in a file of any common form:
// refresh_token=..., refresh-token: "...", export PIXIV_REFRESH_TOKEN='...'.
var tokenLine = regexp.MustCompile(`(?im)^[ \t]*(?:export[ \t]+)?["']?(?:[a-z0-9_.-]*[_.-])?refresh[_-]?token["']?[ \t]*[:=][ \t]*["']?([^\s"',;]+)["']?[ \t]*[,;]?[ \t\r]*$`)

// ParseRefreshToken returns the refresh token in a text, usually that of a
// file: the token alone, a line that sets it, or JSON with the key
// refresh_token at any depth. It is not asked whether Pixiv takes the token.
// The error is a *pixivoc.FieldError of the field RefreshToken; it never
// repeats the text.
func ParseRefreshToken(text string) (string, error) {
	if len(text) > maxTokenText {
		return "", fieldError(fieldRefreshToken, "text is longer than %d bytes", maxTokenText)
	}
	text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	if text == "" {
		return "", fieldError(fieldRefreshToken, "is empty")
	}
	var found []string
	switch {
	case text[0] == '{' || text[0] == '[':
		var err error
		if found, err = tokensInJSON(text); err != nil {
			// INI files begin with a bracket as well.
			if found = tokensInLines(text); len(found) == 0 {
				return "", fieldError(fieldRefreshToken, "looks like JSON but is not: %v", err)
			}
		}
	case strings.ContainsAny(text, "=:\n"):
		found = tokensInLines(text)
	default:
		found = []string{strings.Trim(text, "\"'` \t")}
	}
	switch len(found) {
	case 0:
		return "", fieldError(fieldRefreshToken, "text has no refresh_token in it")
	case 1:
		return checkRefreshToken(found[0])
	}
	return "", fieldError(fieldRefreshToken, "text has several different refresh tokens; give the one of Pixiv alone")
}

func checkRefreshToken(token string) (string, error) {
	switch {
	case !isPlain(token):
		return "", fieldError(fieldRefreshToken, "has characters that no token can have")
	case len(token) < minRefreshToken:
		return "", fieldError(fieldRefreshToken, "has %d characters, too few; Pixiv's have 43", len(token))
	case len(token) > maxRefreshToken:
		return "", fieldError(fieldRefreshToken, "has %d characters, too many; Pixiv's have 43", len(token))
	}
	return token, nil
}

// tokensInLines collects the different values of lines that set a token.
func tokensInLines(text string) (found []string) {
	for _, match := range tokenLine.FindAllStringSubmatch(text, -1) {
		found = appendNew(found, match[1])
	}
	return found
}

// tokensInJSON collects the different values of refresh_token keys.
func tokensInJSON(text string) ([]string, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, errors.New("it is cut or broken")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows it")
	}
	return collectTokens(nil, value, maxTokenDepth), nil
}

func collectTokens(found []string, value any, depth int) []string {
	if depth == 0 {
		return found
	}
	switch value := value.(type) {
	case map[string]any:
		for key, member := range value {
			if token, ok := member.(string); ok && token != "" && isTokenKey(key) {
				found = appendNew(found, token)
				continue
			}
			found = collectTokens(found, member, depth-1)
		}
	case []any:
		for _, member := range value {
			found = collectTokens(found, member, depth-1)
		}
	}
	return found
}

func isTokenKey(key string) bool {
	key = strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(key))
	return key == "refreshtoken"
}

// appendNew adds a value that is not in the list. Two are enough to see that
// there are several.
func appendNew(list []string, value string) []string {
	if len(list) > 1 || slices.Contains(list, value) {
		return list
	}
	return append(list, value)
}

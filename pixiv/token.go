package pixiv

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
)

// Bounds of a token's life. Pixiv says 3600 seconds (fixture
// oauth_token_success.json, 2021-02, and clients of 2026).
const (
	usualLife = time.Hour
	minLife   = time.Minute
	maxLife   = 24 * time.Hour
)

// tokenReply is a success of the token endpoint. Pixiv sends its fields twice:
// at the top and again under response.
type tokenReply struct {
	tokenFields
	Response tokenFields `json:"response"`
}

type tokenFields struct {
	AccessToken  string          `json:"access_token"`
	ExpiresIn    json.RawMessage `json:"expires_in"`
	TokenType    string          `json:"token_type"`
	RefreshToken string          `json:"refresh_token"`
	User         struct {
		ID        text   `json:"id"`
		Name      string `json:"name"`
		Account   string `json:"account"`
		IsPremium bool   `json:"is_premium"`
	} `json:"user"`
}

// text is a string, or a number that is kept as it is written.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	value, err := unquote(raw)
	if err == nil {
		*t = text(value)
		return nil
	}
	var number json.Number
	if json.Unmarshal(raw, &number) != nil {
		return &json.UnmarshalTypeError{Value: describe(raw), Type: reflect.TypeFor[string]()}
	}
	*t = text(number)
	return nil
}

// readToken decodes a token that was received at that time.
func readToken(body []byte, now time.Time) (pixivoc.Token, error) {
	if len(body) > maxTokenReply {
		return pixivoc.Token{}, fmt.Errorf("is longer than %d bytes", maxTokenReply)
	}
	var reply tokenReply
	if err := decode(body, &reply); err != nil {
		return pixivoc.Token{}, err
	}
	fields := reply.tokenFields
	if fields.AccessToken == "" {
		fields = reply.Response
	}
	switch {
	case fields.AccessToken == "":
		return pixivoc.Token{}, errors.New("access_token is missing")
	case !isPlain(fields.AccessToken):
		return pixivoc.Token{}, errors.New("access_token has characters that no token can have")
	case fields.RefreshToken != "" && !isPlain(fields.RefreshToken):
		return pixivoc.Token{}, errors.New("refresh_token has characters that no token can have")
	case fields.TokenType != "" && !strings.EqualFold(fields.TokenType, "bearer"):
		return pixivoc.Token{}, fmt.Errorf("token_type is %q, want bearer", clean(fields.TokenType))
	}
	life, err := readLife(fields.ExpiresIn)
	if err != nil {
		return pixivoc.Token{}, err
	}
	// Without the monotonic clock, which stands still while the machine sleeps.
	issued := now.Round(0).UTC()
	return pixivoc.Token{
		Access:  fields.AccessToken,
		Refresh: fields.RefreshToken,
		Issued:  issued,
		Expires: issued.Add(life),
		Account: pixivoc.Account{
			ID:      string(fields.User.ID),
			Name:    fields.User.Name,
			Account: fields.User.Account,
			Premium: fields.User.IsPremium,
		},
	}, nil
}

// readLife reads expires_in, seconds as a number or as a string of one, and
// keeps it in bounds.
func readLife(raw json.RawMessage) (time.Duration, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return usualLife, nil
	}
	digits := string(raw)
	if unquoted, err := unquote(raw); err == nil {
		digits = strings.TrimSpace(unquoted)
	}
	seconds, err := strconv.ParseFloat(digits, 64)
	if err != nil || seconds != seconds { // not a number
		return 0, fmt.Errorf("expires_in is %s, want seconds", clean(describe(raw)))
	}
	seconds = min(max(seconds, minLife.Seconds()), maxLife.Seconds())
	return time.Duration(seconds * float64(time.Second)), nil
}

// isPlain accepts the characters a token may have (RFC 6749 appendix A.12
// without the blank), so that it can stand in a header.
func isPlain(token string) bool {
	return strings.IndexFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

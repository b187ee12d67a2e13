package pixivtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

const htmlType = "text/html; charset=UTF-8"

// nginxPage is an error as the image host and the old origins give it.
func nginxPage(status int) *answer {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	page := "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
		"</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
	a := newAnswer(status, "text/html", text(page))
	a.header.Set("Server", "nginx")
	return a
}

// htmlPage is a page of the web site.
func htmlPage(status int, title, body string) *answer {
	page := "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + title +
		"</title></head>\n<body>" + body + "</body></html>\n"
	a := newAnswer(status, htmlType, text(page))
	a.header.Set("Server", "cloudflare")
	return a
}

// blockPage is what a bot filter in front of the service shows in place of an answer. Its title is one of those seen
// from 2020 to 2026; the text is our own.
func blockPage(status int) *answer {
	a := htmlPage(status, "Attention Required! | Cloudflare",
		"<h1>Sorry, you have been blocked</h1><p>This site is guarded against automated requests.</p>"+
			"<p>Ray: <code>0123456789abcdef</code></p><script>var challenge = 1;</script>")
	a.header.Set("CF-RAY", "0123456789abcdef-NRT")
	a.header.Set("Set-Cookie", "__cf_bm=0; path=/; secure; HttpOnly")
	return a
}

// jsonAnswer is v as the services write it: no escapes for HTML, no line feed at the end. Its header fields were
// recorded in 2019; the name of the server is that of 2026.
func jsonAnswer(status int, v any) *answer {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(fmt.Sprintf("pixivtest: encode %T: %v", v, err)) // our own types
	}
	a := newAnswer(status, "application/json; charset=utf-8", text(strings.TrimSuffix(out.String(), "\n")))
	a.header.Set("Server", "cloudflare")
	a.header.Set("X-Content-Type-Options", "nosniff")
	a.header.Set("Strict-Transport-Security", "max-age=315360000; includeSubDomains; preload")
	a.header.Set("Vary", "X-UserId")
	return a
}

// apiError is an error of the App API. The form was recorded in 2022 to 2025.
func apiError(status int, userMessage, message string) *answer {
	type detail struct {
		UserMessage        string   `json:"user_message"`
		Message            string   `json:"message"`
		Reason             string   `json:"reason"`
		UserMessageDetails struct{} `json:"user_message_details"`
	}
	return jsonAnswer(status, struct {
		Error detail `json:"error"`
	}{detail{UserMessage: userMessage, Message: message}})
}

// oauthError is an error of the token endpoint. The form was recorded in 2020 to 2024.
func oauthError(kind, message string) *answer {
	type system struct {
		Message string `json:"message"`
		Code    int    `json:"code"`
	}
	type errors struct {
		System system `json:"system"`
	}
	return jsonAnswer(http.StatusBadRequest, struct {
		HasError bool   `json:"has_error"`
		Errors   errors `json:"errors"`
		Error    string `json:"error"`
	}{true, errors{system{message, 1508}}, kind})
}

// Messages of errors, as recorded (the year in brackets).
const (
	textInvalidRefreshToken = "Invalid refresh token"                                                           // 2024
	textInvalidGrantType    = "Invalid grant_type parameter or parameter missing"                               // 2021
	textCodeExpired         = "The authorization code has expired"                                              // 2021
	textBadPassword         = "103:pixiv ID、またはメールアドレス、パスワードが正しいかチェックしてください。"                                   // 2020
	textTokenRefused        = "Error occurred at the OAuth process. Please check your Access Token to fix this" // 2022
	textPageNotFound        = "Page not found"                                                                  // 2025
	textRestricted          = "Your access is currently restricted."                                            // 2024
	textRateLimit           = "Rate Limit"                                                                      // 2024
)

// notFound is the answer to a path, a work or a user that is not there.
func notFound() *answer { return apiError(http.StatusNotFound, textPageNotFound, "") }

// badParameter refuses a parameter; the message is JSON in a string.
func badParameter(name, complaint string) *answer {
	var message bytes.Buffer
	encoder := json.NewEncoder(&message)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(map[string][]string{name: {complaint}}); err != nil {
		panic(fmt.Sprintf("pixivtest: encode a complaint: %v", err)) // strings always encode
	}
	return apiError(http.StatusBadRequest, "", strings.TrimSuffix(message.String(), "\n"))
}

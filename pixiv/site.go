package pixiv

import (
	"cmp"
	"net/http"

	"github.com/pixivoc/pixivoc"
)

// SiteOptions says as which app pixivoc presents itself. Zero fields have the
// defaults below. Pixiv has refused very old versions (reports of 2020).
type SiteOptions struct {
	UserAgent    string // default "PixivIOSApp/7.19.1 (iOS 16.7.2; iPhone12,8)"
	AppOS        string // default "ios"
	AppOSVersion string // default "16.7.2"
	AppVersion   string // default "7.19.1"
	// AcceptLanguage is the language of translated tags and of Pixiv's error
	// texts, as in RFC 9110 section 12.5.4; default "en".
	AcceptLanguage string
}

// Site returns Pixiv with default options. See NewSite.
func Site() pixivoc.Site { return NewSite(SiteOptions{}) }

// NewSite returns Pixiv for pixivoc.Config.Site.
//
// Its Exchange takes all three grants. Refusals are errors that are
// pixivoc.ErrTokenRejected and say what to do next; Pixiv refuses every
// password since February 2021. Its Judge knows these answers of the App API:
//
//	400 of the OAuth process, 401             pixivoc.ErrTokenExpired
//	"Rate Limit", 429                         *pixivoc.RateLimitError
//	a page of HTML, 421                       *pixivoc.BlockedError
//	404, 410                                  permanent, pixivoc.ReasonDeleted
//	403, a restricted user                    permanent, pixivoc.ReasonForbidden
//	400 on an offset behind the 5000th entry  permanent, ErrOffsetLimit
//	other 4xx                                 permanent, pixivoc.ReasonRefused
//	5xx, and 4xx that are not Pixiv's own     a passing *pixivoc.StatusError
func NewSite(options SiteOptions) pixivoc.Site {
	options = options.filled()
	return pixivoc.Site{
		Name:      "pixiv",
		Hosts:     []string{apiHost},
		Exchange:  options.exchange,
		Authorize: options.authorize,
		Judge:     judge,
	}
}

// filled returns o with the defaults in place of zero fields: those of
// gallery-dl in August 2026.
func (o SiteOptions) filled() SiteOptions {
	return SiteOptions{
		UserAgent:      cmp.Or(o.UserAgent, "PixivIOSApp/7.19.1 (iOS 16.7.2; iPhone12,8)"),
		AppOS:          cmp.Or(o.AppOS, "ios"),
		AppOSVersion:   cmp.Or(o.AppOSVersion, "16.7.2"),
		AppVersion:     cmp.Or(o.AppVersion, "7.19.1"),
		AcceptLanguage: cmp.Or(o.AcceptLanguage, "en"),
	}
}

// appReferer is the Referer of Pixiv's apps.
const appReferer = apiBase + "/"

func (o SiteOptions) authorize(request *http.Request, token pixivoc.Token) {
	o.present(request.Header)
	request.Header.Set("Referer", appReferer)
	if token.Access != "" {
		request.Header.Set("Authorization", "Bearer "+token.Access)
	}
}

// present sets the headers that name the app.
func (o SiteOptions) present(header http.Header) {
	header.Set("User-Agent", o.UserAgent)
	header.Set("App-OS", o.AppOS)
	header.Set("App-OS-Version", o.AppOSVersion)
	header.Set("App-Version", o.AppVersion)
	header.Set("Accept-Language", o.AcceptLanguage)
}

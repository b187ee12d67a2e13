package pixivtest

// The JSON forms of the App API. Keys and their order follow the recordings of 2021 to 2026, see the fixtures that the
// tests compare with. A pointer or an empty interface is a key whose value may be null.

type imageURLs struct {
	SquareMedium string `json:"square_medium"`
	Medium       string `json:"medium"`
	Large        string `json:"large"`
	Original     string `json:"original,omitempty"`
}

type mediumURL struct {
	Medium string `json:"medium"`
}

// illustUser is the user inside a work. A masked work has only the first four keys.
type illustUser struct {
	ID               int64     `json:"id"`
	Name             string    `json:"name"`
	Account          string    `json:"account"`
	ProfileImageURLs mediumURL `json:"profile_image_urls"`
	IsAcceptRequest  *bool     `json:"is_accept_request,omitempty"`
	IsFollowed       *bool     `json:"is_followed,omitempty"`
}

type tagShape struct {
	Name           string  `json:"name"`
	TranslatedName *string `json:"translated_name"`
}

type seriesShape struct {
	ID    int64  `json:"id"`
	Title string `json:"title"`
}

type singlePage struct {
	OriginalImageURL string `json:"original_image_url,omitempty"`
}

type metaPage struct {
	ImageURLs imageURLs `json:"image_urls"`
}

type illust struct {
	ID                   int64        `json:"id"`
	Title                string       `json:"title"`
	Type                 WorkType     `json:"type"`
	ImageURLs            imageURLs    `json:"image_urls"`
	Caption              string       `json:"caption"`
	Restrict             int          `json:"restrict"`
	User                 illustUser   `json:"user"`
	Tags                 []tagShape   `json:"tags"`
	Tools                []string     `json:"tools"`
	CreateDate           string       `json:"create_date"`
	PageCount            int          `json:"page_count"`
	Width                int          `json:"width"`
	Height               int          `json:"height"`
	SanityLevel          int          `json:"sanity_level"`
	XRestrict            int          `json:"x_restrict"`
	Series               *seriesShape `json:"series"`
	MetaSinglePage       singlePage   `json:"meta_single_page"`
	MetaPages            []metaPage   `json:"meta_pages"`
	TotalView            int          `json:"total_view"`
	TotalBookmarks       int          `json:"total_bookmarks"`
	IsBookmarked         bool         `json:"is_bookmarked"`
	Visible              bool         `json:"visible"`
	IsMuted              bool         `json:"is_muted"`
	TotalComments        *int         `json:"total_comments,omitempty"` // in details only
	IllustAIType         int          `json:"illust_ai_type"`
	IllustBookStyle      int          `json:"illust_book_style"`
	CommentAccessControl int          `json:"comment_access_control"`

	*recentKeys // not in masked works
}

// recentKeys came in 2025.
type recentKeys struct {
	EventBanners                *struct{} `json:"event_banners"`
	Request                     *struct{} `json:"request"`
	SeasonalEffectAnimationURLs *struct{} `json:"seasonal_effect_animation_urls"`
}

// listUser is the user beside a list of works.
type listUser struct {
	ID                   int64     `json:"id"`
	Name                 string    `json:"name"`
	Account              string    `json:"account"`
	ProfileImageURLs     mediumURL `json:"profile_image_urls"`
	IsFollowed           bool      `json:"is_followed"`
	IsAccessBlockingUser bool      `json:"is_access_blocking_user"`
	IsAcceptRequest      bool      `json:"is_accept_request"`
}

type illustList struct {
	User    listUser `json:"user"`
	Illusts []illust `json:"illusts"`
	NextURL *string  `json:"next_url"`
}

type detailUser struct {
	ID                   int64     `json:"id"`
	Name                 string    `json:"name"`
	Account              string    `json:"account"`
	ProfileImageURLs     mediumURL `json:"profile_image_urls"`
	Comment              string    `json:"comment"`
	IsFollowed           bool      `json:"is_followed"`
	IsAccessBlockingUser bool      `json:"is_access_blocking_user"`
}

type userProfile struct {
	Webpage                    *string `json:"webpage"`
	Gender                     string  `json:"gender"`
	Birth                      string  `json:"birth"`
	BirthDay                   string  `json:"birth_day"`
	BirthYear                  int     `json:"birth_year"`
	Region                     string  `json:"region"`
	AddressID                  int     `json:"address_id"`
	CountryCode                string  `json:"country_code"`
	Job                        string  `json:"job"`
	JobID                      int     `json:"job_id"`
	TotalFollowUsers           int     `json:"total_follow_users"`
	TotalMypixivUsers          int     `json:"total_mypixiv_users"`
	TotalIllusts               int     `json:"total_illusts"`
	TotalManga                 int     `json:"total_manga"`
	TotalNovels                int     `json:"total_novels"`
	TotalIllustBookmarksPublic int     `json:"total_illust_bookmarks_public"`
	TotalIllustSeries          int     `json:"total_illust_series"`
	TotalNovelSeries           int     `json:"total_novel_series"`
	BackgroundImageURL         *string `json:"background_image_url"`
	TwitterAccount             string  `json:"twitter_account"`
	TwitterURL                 *string `json:"twitter_url"`
	PawooURL                   *string `json:"pawoo_url"`
	IsPremium                  bool    `json:"is_premium"`
	IsUsingCustomProfileImage  bool    `json:"is_using_custom_profile_image"`
}

type profilePublicity struct {
	Gender    string `json:"gender"`
	Region    string `json:"region"`
	BirthDay  string `json:"birth_day"`
	BirthYear string `json:"birth_year"`
	Job       string `json:"job"`
	Pawoo     bool   `json:"pawoo"`
}

type workspace struct {
	PC                string  `json:"pc"`
	Monitor           string  `json:"monitor"`
	Tool              string  `json:"tool"`
	Scanner           string  `json:"scanner"`
	Tablet            string  `json:"tablet"`
	Mouse             string  `json:"mouse"`
	Printer           string  `json:"printer"`
	Desktop           string  `json:"desktop"`
	Music             string  `json:"music"`
	Desk              string  `json:"desk"`
	Chair             string  `json:"chair"`
	Comment           string  `json:"comment"`
	WorkspaceImageURL *string `json:"workspace_image_url"`
}

type userDetail struct {
	User             detailUser       `json:"user"`
	Profile          userProfile      `json:"profile"`
	ProfilePublicity profilePublicity `json:"profile_publicity"`
	Workspace        workspace        `json:"workspace"`
}

type ugoiraFrame struct {
	File  string `json:"file"`
	Delay int    `json:"delay"` // ms
}

type ugoiraMetadata struct {
	ZipURLs mediumURL     `json:"zip_urls"`
	Frames  []ugoiraFrame `json:"frames"`
}

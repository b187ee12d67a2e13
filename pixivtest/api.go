package pixivtest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// api answers for the App API host. X-UserId and the fields of [jsonAnswer] were recorded in 2019.
func (s *Server) api(r *http.Request) *answer {
	switch r.URL.Path {
	case "/web/v1/login":
		return s.loginPage(r)
	case "/web/v1/users/auth/pixiv/callback":
		return s.loginCallback(r)
	}
	endpoint, known := map[string]func(url.Values) *answer{
		"/v1/illust/detail":   s.illustDetail,
		"/v1/user/detail":     s.userDetail,
		"/v1/ugoira/metadata": s.ugoiraMetadata,
		"/v2/novel/detail":    s.novelDetail,
		"/webview/v2/novel":   s.novelPage,
	}[r.URL.Path]
	if list, listed := s.lists()[r.URL.Path]; listed {
		endpoint, known = func(url.Values) *answer { return list(r) }, true
	}
	if !known || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
		return notFound()
	}
	if refused := s.authorize(r); refused != nil {
		return refused
	}
	a := endpoint(r.URL.Query())
	a.header.Set("X-UserId", strconv.FormatInt(s.config.Account.ID, 10))
	return a
}

// lists are the endpoints that answer with a page of a list.
func (s *Server) lists() map[string]func(*http.Request) *answer {
	return map[string]func(*http.Request) *answer{
		"/v1/user/illusts":          s.userIllusts,
		"/v1/user/novels":           s.userNovels,
		"/v1/user/bookmarks/illust": s.illustBookmarks,
		"/v1/user/bookmarks/novel":  s.novelBookmarks,
		"/v1/user/following":        s.following,
		"/v2/illust/follow":         s.feed,
		"/v1/illust/ranking":        s.ranking,
		"/v1/illust/series":         s.illustSeries,
		"/v2/illust/related":        s.related,
		"/v1/illust/recommended":    s.recommended,
		"/v1/search/illust":         s.search,
		"/v2/novel/series":          s.novelSeries,
	}
}

// authorize is the refusal of a request without a good access token, or nil.
func (s *Server) authorize(r *http.Request) *answer {
	token, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !given || token == "":
		return apiError(http.StatusBadRequest, "", textTokenRefused+". Error Message: invalid_request")
	case !s.tokens.accepts(token):
		return apiError(http.StatusBadRequest, "", textTokenRefused+". Error Message: invalid_grant")
	}
	return nil
}

// number reads a parameter that must be a positive number.
func number(query url.Values, name, title string) (int64, *answer) {
	n, err := strconv.ParseInt(query.Get(name), 10, 64)
	if err != nil || n <= 0 {
		return 0, badParameter(name, title+" contains invalid value")
	}
	return n, nil
}

func (s *Server) illustDetail(query url.Values) *answer {
	id, refused := number(query, "illust_id", "Illust Id")
	if refused != nil {
		return refused
	}
	w, ok := s.catalog.show(id)
	if !ok || !s.catalog.reachable(w) {
		return notFound()
	}
	shape := s.illust(w)
	if w.Mask == Unmasked {
		comments := int(mix(uint64(w.ID), 7) % 60)
		shape.TotalComments = &comments
	}
	return jsonAnswer(http.StatusOK, struct {
		Illust illust `json:"illust"`
	}{shape})
}

// illust is a work as the API shows it.
func (s *Server) illust(w work) illust {
	if w.Mask != Unmasked {
		return maskedIllust(w)
	}
	u, _ := s.User(w.UserID)
	first := w.look(s.config.Seed, 0)
	views := int(mix(uint64(w.ID), 5) % 100_000)
	shape := illust{
		ID: w.ID, Title: w.Title, Type: w.Type, ImageURLs: s.thumbnails(w, 0), Caption: w.Caption,
		User: s.authorShape(u),
		Tags: tagShapes(w.Tags), Tools: append([]string{}, w.Tools...), CreateDate: w.Created.In(japan).Format(time.RFC3339),
		PageCount: w.PageCount, Width: first.Width, Height: first.Height,
		SanityLevel: w.SanityLevel, XRestrict: w.XRestrict, MetaPages: []metaPage{},
		TotalView: views, TotalBookmarks: views / 9, Visible: true, IllustAIType: w.AIType,
		recentKeys: &recentKeys{},
	}
	if w.Series != nil {
		shape.Series = &seriesShape{w.Series.ID, w.Series.Title}
	}
	if w.PageCount == 1 {
		shape.MetaSinglePage.OriginalImageURL = imageURL(w.originalPath(s.config.Seed, 0))
		return shape
	}
	for n := range w.PageCount {
		urls := s.thumbnails(w, n)
		urls.Original = imageURL(w.originalPath(s.config.Seed, n))
		shape.MetaPages = append(shape.MetaPages, metaPage{urls})
	}
	return shape
}

func tagShapes(tags []Tag) []tagShape {
	shapes := []tagShape{}
	for _, tag := range tags {
		shape := tagShape{Name: tag.Name}
		if tag.Translated != "" {
			shape.TranslatedName = &tag.Translated
		}
		shapes = append(shapes, shape)
	}
	return shapes
}

func (s *Server) thumbnails(w work, n int) imageURLs {
	return imageURLs{
		SquareMedium: imageURL(w.masterPath(s.config.Seed, n, "360x360_70", "square1200")),
		Medium:       imageURL(w.masterPath(s.config.Seed, n, "540x540_70", "master1200")),
		Large:        imageURL(w.masterPath(s.config.Seed, n, "600x1200_90", "master1200")),
	}
}

// maskedIllust is a work of which only a placeholder is shown (recorded 2023-12).
func maskedIllust(w work) illust {
	placeholder := staticURL(string(w.Mask) + "_360.png")
	userID := w.UserID
	if w.Mask == MaskUnknown {
		userID = 0
	}
	return illust{
		ID: w.ID, Type: Illust, ImageURLs: imageURLs{SquareMedium: placeholder, Medium: placeholder, Large: placeholder},
		User: illustUser{ID: userID, ProfileImageURLs: mediumURL{staticURL("no_profile.png")}},
		Tags: []tagShape{}, Tools: []string{}, CreateDate: w.Created.In(japan).Format(time.RFC3339),
		PageCount: 1, Width: 100, Height: 100,
		MetaSinglePage: singlePage{placeholder}, MetaPages: []metaPage{},
	}
}

func (s *Server) userIllusts(r *http.Request) *answer {
	query := r.URL.Query()
	id, refused := number(query, "user_id", "User Id")
	if refused != nil {
		return refused
	}
	kind := WorkType(query.Get("type"))
	if kind != "" && kind != Illust && kind != Manga {
		return badParameter("type", "Type contains invalid value")
	}
	offset, refused := s.offset(query)
	if refused != nil {
		return refused
	}
	u, ok := s.User(id)
	if !ok || u.Suspended {
		return jsonAnswer(http.StatusOK, illustList{
			User: listUser{ProfileImageURLs: mediumURL{staticURL("no_profile.png")}}, Illusts: []illust{},
		})
	}
	list := illustList{
		User: listUser{
			ID: u.ID, Name: u.Name, Account: u.Account,
			ProfileImageURLs: mediumURL{imageURL(avatarPath(s.config.Seed, u.ID))},
		},
		Illusts: []illust{},
	}
	length := s.config.PageSize
	shift := min(offset, u.ListShift*(offset/length))
	ids, more := s.catalog.list(id, kind, offset-shift, length)
	for _, workID := range ids {
		if w, there := s.catalog.show(workID); there {
			list.Illusts = append(list.Illusts, s.illust(w))
		}
	}
	if more {
		next := nextURL(r.URL, offset+length)
		list.NextURL = &next
	}
	return jsonAnswer(http.StatusOK, list)
}

// nextURL is the address of the page at an offset: the query as it came, with the offset at its end.
func nextURL(u *url.URL, offset int) string {
	var kept []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		if pair != "" && !strings.HasPrefix(pair, "offset=") {
			kept = append(kept, pair)
		}
	}
	kept = append(kept, "offset="+strconv.Itoa(offset))
	return "https://" + HostAPI + u.Path + "?" + strings.Join(kept, "&")
}

func (s *Server) userDetail(query url.Values) *answer {
	id, refused := number(query, "user_id", "User Id")
	if refused != nil {
		return refused
	}
	u, ok := s.User(id)
	switch {
	case !ok:
		return notFound()
	case u.Suspended:
		return apiError(http.StatusForbidden, textRestricted, "")
	}
	illusts, manga := s.catalog.totals(id)
	var background *string
	if u.Background {
		address := imageURL("/c/1200x600_90_a2_g5" + backgroundPath(s.config.Seed, u.ID))
		background = &address
	}
	novels := len(s.library.all(func(n Novel) bool { return n.UserID == id }))
	return jsonAnswer(http.StatusOK, userDetail{
		User: detailUser{
			ID: u.ID, Name: u.Name, Account: u.Account,
			ProfileImageURLs: mediumURL{imageURL(avatarPath(s.config.Seed, u.ID))}, Comment: u.Comment,
		},
		Profile: userProfile{TotalIllusts: illusts, TotalManga: manga, TotalNovels: novels, BackgroundImageURL: background, IsUsingCustomProfileImage: true},
		ProfilePublicity: profilePublicity{
			Gender: "public", Region: "public", BirthDay: "public", BirthYear: "public", Job: "public", Pawoo: true,
		},
	})
}

func (s *Server) ugoiraMetadata(query url.Values) *answer {
	id, refused := number(query, "illust_id", "Illust Id")
	if refused != nil {
		return refused
	}
	w, ok := s.catalog.work(id)
	if !ok || !s.catalog.reachable(w) || w.Mask != Unmasked || w.Type != Ugoira {
		return notFound()
	}
	metadata := ugoiraMetadata{ZipURLs: mediumURL{imageURL(w.zipPath(s.config.Seed, zipSmall))}}
	for n := range w.Frames {
		metadata.Frames = append(metadata.Frames, ugoiraFrame{File: frameFile(n), Delay: 60 + 10*(n%2)})
	}
	return jsonAnswer(http.StatusOK, struct {
		Metadata ugoiraMetadata `json:"ugoira_metadata"`
	}{metadata})
}

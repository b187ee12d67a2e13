package pixivtest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// japan is the time zone of every date that Pixiv gives out.
var japan = time.FixedZone("JST", 9*60*60)

// imageURL is the address of a path on the image host.
func imageURL(path string) string { return "https://" + HostImages + path }

// date is the part of a picture's path that comes from its time of upload.
func date(t time.Time) string { return t.In(japan).Format("2006/01/02/15/04/05") }

// stem is the file name of a work up to the page.
func (w work) stem(seed uint64) string {
	id := strconv.FormatInt(w.ID, 10)
	if w.HashedNames {
		return id + "-" + hexDigits(32, seed, uint64(w.ID), 0x6e616d65)
	}
	return id
}

// originalPath is the path of an original: page n, or frame n of an animation.
func (w work) originalPath(seed uint64, n int) string {
	mark := "_p"
	if w.Type == Ugoira {
		mark = "_ugoira"
	}
	return fmt.Sprintf("/img-original/img/%s/%s%s%d.%s", date(w.uploaded), w.stem(seed), mark, n, w.describe(n).Format)
}

// zipPath is the path of the frames of an animation, in one of its two sizes.
func (w work) zipPath(seed uint64, size string) string {
	return fmt.Sprintf("/img-zip-ugoira/img/%s/%s_ugoira%s.zip", date(w.uploaded), w.stem(seed), size)
}

// masterPath is the path of a smaller rendition: kind is master1200 or square1200, and box, when not empty, the
// bounds it was made for.
func (w work) masterPath(seed uint64, n int, box, kind string) string {
	page := fmt.Sprintf("_p%d", n)
	if w.Type == Ugoira {
		page = ""
	}
	if box != "" {
		box = "/c/" + box
	}
	return fmt.Sprintf("%s/img-master/img/%s/%s%s_%s.jpg", box, date(w.uploaded), w.stem(seed), page, kind)
}

// avatarPath is the path of a user's picture.
func avatarPath(seed uint64, userID int64) string {
	joined := time.Date(2016, time.August, 11, 12, 0, 0, 0, japan).Add(time.Duration(userID%100_000) * time.Minute)
	return fmt.Sprintf("/user-profile/img/%s/%d_%s_170.jpg", date(joined), userID, hexDigits(32, seed, uint64(userID), 0x66616365))
}

// fullAvatarPath is the path of a user's picture as it was uploaded.
func fullAvatarPath(seed uint64, userID int64) string {
	return strings.Replace(avatarPath(seed, userID), "_170.", ".", 1)
}

// backgroundPath is the path of the picture behind a user's profile as it was uploaded.
func backgroundPath(seed uint64, userID int64) string {
	return strings.Replace(fullAvatarPath(seed, userID), "/user-profile/", "/background/", 1)
}

// leadingNumber is the number that the last element of a path begins with.
func leadingNumber(path string) (int64, bool) {
	name := path[strings.LastIndexByte(path, '/')+1:]
	digits := len(name) - len(strings.TrimLeft(name, "0123456789"))
	n, err := strconv.ParseInt(name[:digits], 10, 64)
	return n, err == nil
}

// numberAfter is the number that stands in s directly behind the last occurrence of mark.
func numberAfter(s, mark string) (int, bool) {
	at := strings.LastIndex(s, mark)
	if at < 0 {
		return 0, false
	}
	rest := s[at+len(mark):]
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	n, err := strconv.Atoi(rest[:digits])
	return n, err == nil
}

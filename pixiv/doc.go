// Package pixiv teaches pixivoc the web site Pixiv: how to log in to it, how to
// read its answers, and the task types that download from it.
//
// A client of Pixiv is a kernel with this package's site and task types:
//
//	client, err := pixivoc.New(pixivoc.Config{
//		Store: store,
//		Site:  pixiv.Site(),
//		Types: pixiv.Types(),
//	})
//
// Login begins with NewLogin: a person opens Login.URL in a browser, logs in,
// and brings back the address the browser ended at. Login.Grant makes a grant
// of it for Client.Login. Who has a refresh token already reads it with
// ParseRefreshToken.
//
// Types returns the task types, named by the constants from SingleWork to
// UserPictures. What they find is written to records, whose contents are
// WorkRecord, FileRecord, LinkRecord, NovelRecord, UserRecord, LimitRecord,
// SkippedRecord, TombstoneRecord and ListedRecord.
// Resolve makes the right task of any link.
//
// API is the App API with typed answers, for programs that ask it themselves.
// It sends its requests through a Client or, inside a stage, through a Runtime,
// and so is paced, logged in and repeated like everything else.
//
// The package uses nothing of pixivoc but its public names. Another site can
// be added in the same way.
package pixiv

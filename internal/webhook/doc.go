// Package webhook tells other servers that something happened: it sends small
// JSON messages by POST, signed, with retries, from a queue that outlives the
// process.
//
// The address of a message comes from whoever made the request, so it is not
// trusted. A connection is made to public addresses only, and that is checked
// on the very address that is being dialled, after the name was looked up;
// receivers on private addresses must be named in Options.Allow. Nothing is
// sent through a proxy, redirects are not followed, and an answer counts by its
// status alone.
//
// A message is signed as Standard Webhooks 1.0 describes it: the header
// webhook-signature has "v1," and the base64 of HMAC-SHA256 over id, timestamp
// and body with dots between them. The receiver checks it, refuses timestamps
// that are more than some minutes off, and remembers the ids it has seen: a
// message may come more than once, but always with the same id.
package webhook

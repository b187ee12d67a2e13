// Package fetch downloads files over HTTP so that what is called done is whole.
//
// A download has two phases. Fetch streams the body of a GET to "name.part",
// resumes it where that is proven to be right, and returns when the bytes are
// complete and checked: their length, the start and the end that the format
// demands, and a CRC-32C of all of them. Finish then gives a group of such files
// their final names: with a sync of each file before its rename and one sync for
// each folder after, so that they survive a power cut; or without any sync, so
// that they survive the death of the process.
//
// # What is resumed
//
// Bytes of an earlier try are used only when the server proves with a 206 that
// they belong to the same representation: a strong ETag, or a Last-Modified
// that is older than the answer, is sent as If-Range, and the Content-Range of
// the answer must begin where the part ends and name the same total. All else
// starts over. What a later process needs for that stands in "name.part.json":
// written once many bytes or some time would be lost, and whenever a transfer ends before
// its time in an orderly way. It holds a checksum of the bytes it vouches for,
// so that what a power cut made of them is noticed; bytes beyond those are
// believed only under the boot they were written in.
//
// # What is refused
//
// An answer other than 200 or 206, an HTML page, an empty body, a body of
// another length than announced, a file that is not a whole picture where a
// picture is wanted, and an answer from an address that the caller refuses are
// never stored under the final name. A good file that is there already stays
// until its successor is whole.
package fetch

package sqlite

import (
	"bytes"
	"slices"

	"github.com/pixivoc/pixivoc"
)

// pageSize is what a query without a limit gets.
const pageSize = 500

func pageLimit(limit int) int {
	if limit <= 0 {
		return pageSize
	}
	return limit
}

// An operation may still run after its caller gave up and uses its memory for
// something else, so it works on copies.

func copyItems(items []pixivoc.Item) []pixivoc.Item {
	items = slices.Clone(items)
	for i := range items {
		items[i].Payload = bytes.Clone(items[i].Payload)
	}
	return items
}

func copyCommits(commits []pixivoc.Commit) []pixivoc.Commit {
	commits = slices.Clone(commits)
	for i := range commits {
		commits[i].Items = copyItems(commits[i].Items)
		records := slices.Clone(commits[i].Records)
		for j := range records {
			records[j].Data = bytes.Clone(records[j].Data)
		}
		commits[i].Records = records
		commits[i].Archive = slices.Clone(commits[i].Archive)
	}
	return commits
}

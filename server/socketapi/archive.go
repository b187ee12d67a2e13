package socketapi

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/pixivoc/pixivoc"
)

func (s *session) addArchive(ctx context.Context, r *request) (any, error) {
	in, err := arguments[addArchiveArguments](r)
	if err != nil {
		return nil, err
	}
	return s.client().ImportArchive(ctx, func(yield func(pixivoc.ArchiveEntry, error) bool) {
		for _, entry := range in.Entries {
			if !yield(entry, nil) {
				return
			}
		}
	})
}

// archive gives a page of the archive.
func (s *session) archive(ctx context.Context, r *request) (any, error) {
	in, err := arguments[archiveArguments](r)
	if err != nil {
		return nil, err
	}
	list := s.client().Archive(ctx, in.After)
	return pageOf(list, in.Limit, func(entry pixivoc.ArchiveEntry) int { return len(entry.Key) })
}

func (s *session) archived(ctx context.Context, r *request) (any, error) {
	in, err := arguments[archivedArguments](r)
	if err != nil {
		return nil, err
	}
	found, err := s.client().Archived(ctx, in.Keys...)
	return archivedKeys{slices.AppendSeq([]string{}, maps.Keys(found))}, err
}

// Archived returns those of the keys that are in the archive, as
// pixivoc.Client.Archived does.
func (c *Conn) Archived(ctx context.Context, keys ...string) (map[string]bool, error) {
	hello, err := c.Hello(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for len(keys) > 0 {
		n := fitting(keys, hello.MaxFrame, func(key string) int { return len(key) })
		var out archivedKeys
		if err := c.invoke(ctx, CommandArchived, archivedArguments{keys[:n]}, &out, isRepeatable); err != nil {
			return nil, err
		}
		for _, key := range out.Keys {
			found[key] = true
		}
		keys = keys[n:]
	}
	return found, nil
}

// timeSize is room for the time and the names of an entry.
const timeSize = 64

// fitting returns how many entries go into one frame, at least one. Escaped as
// JSON a byte may become six.
func fitting[T any](entries []T, maxFrame int, size func(T) int) int {
	room := maxFrame - 512
	for n, entry := range entries {
		room -= 6*size(entry) + timeSize
		if room < 0 {
			return max(n, 1)
		}
	}
	return len(entries)
}

// Archive lists the archive page by page, as pixivoc.Client.Archive does.
func (c *Conn) Archive(ctx context.Context, after string) iter.Seq2[pixivoc.ArchiveEntry, error] {
	in := archiveArguments{After: after, Limit: maxPage}
	return allPages(func() (p page[pixivoc.ArchiveEntry], err error) {
		err = c.invoke(ctx, CommandArchive, in, &p, isRepeatable)
		if len(p.List) > 0 {
			in.After = p.List[len(p.List)-1].Key
		}
		return p, err
	})
}

// ImportArchive adds entries to the archive, as pixivoc.Client.ImportArchive
// does. Entries go to the server in frames of many; what Added counts is short
// by some when a frame had to be sent twice.
func (c *Conn) ImportArchive(ctx context.Context, entries iter.Seq2[pixivoc.ArchiveEntry, error]) (done pixivoc.ArchiveImport, err error) {
	hello, err := c.Hello(ctx)
	if err != nil {
		return done, err
	}
	var gathered []pixivoc.ArchiveEntry
	send := func(least int) error {
		for len(gathered) > least {
			n := fitting(gathered, hello.MaxFrame, func(entry pixivoc.ArchiveEntry) int { return len(entry.Key) })
			var part pixivoc.ArchiveImport
			if err := c.invoke(ctx, CommandAddArchive, addArchiveArguments{gathered[:n]}, &part, isRepeatable); err != nil {
				return err
			}
			done.Read += part.Read
			done.Added += part.Added
			gathered = gathered[n:]
		}
		return nil
	}
	for entry, err := range entries {
		if err != nil {
			if sent := send(0); sent != nil {
				err = sent
			}
			return done, fmt.Errorf("import archive after entry %d: %w", done.Read, err)
		}
		if gathered = append(gathered, entry); len(gathered) == maxPage {
			if err := send(maxPage - 1); err != nil {
				return done, err
			}
		}
	}
	return done, send(0)
}

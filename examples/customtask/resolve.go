package main

import (
	"net/url"
	"strings"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/taskapi"
)

// resolve turns the address of an album into a task, for doors that take
// addresses. People paste them into the console.
func resolve(address string) (pixivoc.TaskSpec, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return pixivoc.TaskSpec{}, &pixivoc.FieldError{Field: "Url", Reason: "is no address"}
	}
	name, isAlbum := strings.CutPrefix(parsed.Path, "/albums/")
	if !isAlbum || pixivoc.CheckName(name) != nil {
		return pixivoc.TaskSpec{}, &pixivoc.FieldError{Field: "Url", Reason: "is no address of an album; it ends in /albums/NAME"}
	}
	return pixivoc.TaskSpec{Type: typeAlbum, Name: name, Keyword: name}, nil
}

// resolveTask does the same for the task API, whose callers also want a short
// name, and to know which of their options mean nothing here.
func resolveTask(address string, options taskapi.Options) (taskapi.Resolved, error) {
	spec, err := resolve(address)
	resolved := taskapi.Resolved{Spec: spec, Aid: "album:" + spec.Keyword}
	if options.SelectPage != "" {
		resolved.Ignored = append(resolved.Ignored, "SelectPage")
	}
	if options.FilePattern != "" {
		resolved.Ignored = append(resolved.Ignored, "FilePattern")
	}
	return resolved, err
}

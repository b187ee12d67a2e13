package pixiv

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// RecordColumns names the members of all records that a task of a type can
// write, in a fixed order: a member of an object inside of another is named
// "illust.user.id". Of what Pixiv sent as it is, the members that Work and Novel
// know are named. Nil when typeName is neither a name nor an alias of Types.
func RecordColumns(typeName string) []string {
	kinds := Types()
	at := slices.IndexFunc(kinds, func(kind pixivoc.TaskType) bool {
		return kind.Name == typeName || slices.Contains(kind.Aliases, typeName)
	})
	if at < 0 {
		return nil
	}
	var names []string
	for _, record := range recordsOf(kinds[at]) {
		for _, name := range appendMembers(nil, "", reflect.TypeOf(record)) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// recordsOf returns a value of each kind of record that a type writes.
func recordsOf(kind pixivoc.TaskType) []any {
	switch kind.Name {
	case Following:
		return []any{UserRecord{}, LimitRecord{}}
	case UserWorksLink:
		return []any{WorkRecord{}, LinkRecord{}, LimitRecord{}, TombstoneRecord{}}
	case NovelSeries:
		return []any{NovelRecord{}, FileRecord{}, LimitRecord{}, TombstoneRecord{}}
	}
	var records []any
	for _, spec := range kind.Stages {
		switch spec.Stage.Name() {
		case StageGetWorkDetails, StageGetWorksNumber, StageGetPageUrls:
			records = append(records, WorkRecord{}, SkippedRecord{}, LimitRecord{}, TombstoneRecord{})
		case StageDownloadPicture, StageDownloadLink, StageSaveNovel, StageDownloadUserPicture:
			records = append(records, FileRecord{}, TombstoneRecord{})
		case StageGetNovel:
			records = append(records, NovelRecord{}, TombstoneRecord{})
		case StageGetUserDetails:
			records = append(records, UserRecord{})
		}
	}
	return records
}

// appendMembers appends the names of the JSON members of a struct. What is no
// object is one column.
func appendMembers(names []string, prefix string, object reflect.Type) []string {
	for i := range object.NumField() {
		field := object.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" || !field.IsExported() {
			continue
		}
		kind := field.Type
		if kind == reflect.TypeFor[json.RawMessage]() {
			kind = sentAs(name)
		}
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		if kind.Kind() == reflect.Struct {
			names = appendMembers(names, prefix+name+".", kind)
			continue
		}
		names = append(names, prefix+name)
	}
	return names
}

// sentAs is what is known of an object that a record has as Pixiv sent it.
func sentAs(name string) reflect.Type {
	if name == "novel" {
		return reflect.TypeFor[Novel]()
	}
	return reflect.TypeFor[Work]()
}

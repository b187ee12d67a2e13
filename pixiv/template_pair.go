package pixiv

import (
	"slices"
)

// pathTemplates are the templates of a task.
type pathTemplates struct {
	single *pathTemplate // of works with one page, and of animations
	many   *pathTemplate
}

// defaultPath is the layout of a task without templates, as a template. It is
// used when a task has Options.MultiPath alone.
const defaultPath = "{task}/{id}_p{page}"

// newPathTemplates reads Options.Path and Options.MultiPath. It returns nil when
// there is neither: pictures then are named as ever.
func newPathTemplates(path, multiPath string) (*pathTemplates, error) {
	if path == "" && multiPath == "" {
		return nil, nil
	}
	single, many := path, multiPath
	if single == "" {
		single = defaultPath
	}
	if many == "" {
		many = single
	}
	one, err := parseTemplate(single)
	if err != nil {
		return nil, fieldError("Options.path", "%v", err)
	}
	several, err := parseTemplate(many)
	if err != nil {
		return nil, fieldError("Options.multi_path", "%v", err)
	}
	one.identify(false)
	several.identify(true)
	if !areApart(&one, &several) {
		one.append(idSuffix(), pageSuffix())
		several.append(idSuffix(), pageSuffix())
	}
	return &pathTemplates{single: one.withTails(), many: several.withTails()}, nil
}

// identify adds to the name of the file what it needs to tell pictures apart.
func (t *template) identify(pages bool) {
	if len(t.anchors("id")) == 0 {
		t.append(idSuffix())
	}
	if pages && len(t.anchors("page", "number")) == 0 {
		t.append(pageSuffix())
	}
	if len(t.anchors("id")) == 0 { // the page now stands behind what told works apart
		t.append(idSuffix(), pageSuffix())
	}
}

func idSuffix() []part   { return []part{{literal: "_"}, {field: fieldNamed("id")}} }
func pageSuffix() []part { return []part{{literal: "_p"}, {field: fieldNamed("page")}} }

func fieldNamed(name string) *TemplateField {
	fields := TemplateFields()
	return &fields[slices.IndexFunc(fields, func(f TemplateField) bool { return f.Name == name })]
}

// append adds parts to the name of the file.
func (t *template) append(suffixes ...[]part) {
	last := len(t.segments) - 1
	for _, p := range slices.Concat(suffixes...) {
		segment := t.segments[last]
		if end := len(segment) - 1; end >= 0 && p.field == nil && segment[end].field == nil {
			segment[end].literal += p.literal
			continue
		}
		t.segments[last] = append(segment, p)
	}
}

// withTails finds what of each name must not be cut off.
func (t *template) withTails() *pathTemplate {
	whole := &pathTemplate{template: *t, tails: make([]int, len(t.segments))}
	for i, segment := range t.segments {
		whole.tails[i] = len(segment)
	}
	for _, a := range t.anchors("id", "page", "number") {
		if at := len(t.segments) - 1 - a.segment; a.right {
			whole.tails[at] = min(whole.tails[at], a.part)
		}
	}
	return whole
}

// of returns the template for a work.
func (t *pathTemplates) of(work *Work) *pathTemplate {
	if work.PageCount > 1 || len(work.MetaPages) > 1 {
		return t.many
	}
	return t.single
}

// needs says whether a template has a field whose value is pinned.
func (t *pathTemplates) needs(field string) bool {
	return t.single.pinned[field] || t.many.pinned[field]
}

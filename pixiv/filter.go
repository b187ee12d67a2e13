package pixiv

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

const (
	maxFilter      = 4000 // bytes
	maxFilterNodes = 500
	maxPattern     = 300 // steps of a pattern for matches
	// maxPatterns bounds the steps of all patterns together; in a loop they count
	// for each turn.
	maxPatterns = 20_000
	// maxFilterMemory counts what an expression makes, in values.
	maxFilterMemory = 10_000
)

// Filter is a condition on works, written as an expression:
//
//	bookmarks >= 500 and tagged("landscape") and ai != "yes" and ratio > 1
//
// FilterFields lists what it can look at. It has the operators of
// github.com/expr-lang/expr (and, or, not, ==, <, in, contains, startsWith,
// endsWith, matches, ?:, + - * / %), the functions len, lower, upper, trim,
// hasPrefix, hasSuffix, abs, ceil, floor, round, int, float, string, min, max,
// date and duration, and all, any, none, one and count over lists. It reads
// nothing else, changes nothing, and its work is bounded: there are no ranges,
// no loops within loops, and no large patterns. A Filter is safe for concurrent use.
type Filter struct {
	text    string
	program *vm.Program
	clauses []clause // what is joined by "and", to tell which one failed
}

type clause struct {
	text    string
	program *vm.Program
}

// ParseFilter reads an expression. An error says at which character it is
// wrong, counted from 1.
func ParseFilter(text string) (*Filter, error) {
	switch {
	case len(text) > maxFilter:
		return nil, fmt.Errorf("is longer than %d bytes", maxFilter)
	case strings.TrimSpace(text) == "":
		return nil, errors.New("is blank")
	}
	tree, err := parser.Parse(text)
	if err != nil {
		return nil, filterError(err)
	}
	if err := checkFilter(tree.Node); err != nil {
		return nil, err
	}
	program, err := compileFilter(text)
	if err != nil {
		return nil, err
	}
	f := &Filter{text: strings.TrimSpace(text), program: program}
	for _, node := range conjuncts(tree.Node, nil) {
		if program, err := compileFilter(node.String()); err == nil {
			f.clauses = append(f.clauses, clause{text: node.String(), program: program})
		}
	}
	// What shows only when it runs, such as a date that is none.
	if _, _, err := f.Match(sampleWork(), time.Unix(0, 0)); err != nil {
		return nil, err
	}
	for what, work := range map[string]*Work{"work without tags": {}, "novel": {Type: TypeNovel, Tags: sampleWork().Tags}} {
		if _, _, err := f.Match(work, time.Unix(0, 0)); err != nil {
			return nil, fmt.Errorf("cannot be told of a %s: %w", what, err)
		}
	}
	return f, nil
}

// String returns the text of the filter.
func (f *Filter) String() string { return f.text }

// Match reports whether the work is wanted, or else the part of the filter that
// it fails. at is when the work was looked at; bookmarks_per_day and age_days
// count to then.
func (f *Filter) Match(work *Work, at time.Time) (wanted bool, rule string, err error) {
	values := newFilterValues(work, at)
	if wanted, err = runFilter(f.program, values); wanted || err != nil {
		return wanted, "", err
	}
	if len(f.clauses) > 1 {
		for _, c := range f.clauses {
			if passed, err := runFilter(c.program, values); err == nil && !passed {
				return false, c.text, nil
			}
		}
	}
	return false, f.text, nil
}

func runFilter(program *vm.Program, values *filterValues) (bool, error) {
	machine := vm.VM{MemoryBudget: maxFilterMemory}
	result, err := machine.Run(program, values)
	if err != nil {
		return false, filterError(err)
	}
	wanted, ok := result.(bool)
	if !ok {
		return false, errors.New("gives no true or false")
	}
	return wanted, nil
}

func compileFilter(text string) (*vm.Program, error) {
	options := []expr.Option{expr.Env(&filterValues{}), expr.AsBool(), expr.MaxNodes(maxFilterNodes), expr.DisableAllBuiltins()}
	for _, name := range filterFunctions() {
		options = append(options, expr.EnableBuiltin(name))
	}
	program, err := expr.Compile(text, options...)
	if err != nil {
		return nil, filterError(err)
	}
	return program, nil
}

func filterFunctions() []string {
	return []string{
		"all", "any", "none", "one", "count", "len", "lower", "upper", "trim", "hasPrefix", "hasSuffix",
		"abs", "ceil", "floor", "round", "int", "float", "string", "min", "max", "date", "duration",
	}
}

// filterError tells where an expression is wrong.
func filterError(err error) error {
	if wrong, ok := errors.AsType[*file.Error](err); ok {
		return &syntaxError{wrong.From + 1, clean(wrong.Message)}
	}
	return errors.New(clean(err.Error()))
}

// checkFilter refuses what could take long.
func checkFilter(node ast.Node) error {
	v := &filterVisitor{}
	ast.Walk(&node, v)
	return v.err
}

type filterVisitor struct {
	err   error
	steps int // of the patterns so far
}

// Visit implements ast.Visitor.
func (v *filterVisitor) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		switch n.Operator {
		case "..":
			v.refuse(n, "there are no ranges")
		case "matches":
			v.checkPattern(n.Right)
			v.spend(n, patternSteps(n))
		}
	case *ast.PredicateNode:
		inner := &predicateFinder{}
		ast.Walk(&n.Node, inner)
		if inner.found {
			v.refuse(n, "a loop within a loop")
		}
		v.spend(n, (maxFilterTags-1)*inner.steps) // one turn is counted by now
	}
}

// checkPattern bounds what a match may cost: its steps are at most the length of
// the text times those of the pattern.
func (v *filterVisitor) checkPattern(node ast.Node) {
	pattern, ok := node.(*ast.StringNode)
	if !ok {
		v.refuse(node, "a pattern is a text in quotes")
		return
	}
	if stepsOf(pattern.Value) > maxPattern {
		v.refuse(node, "the pattern is too large")
	}
}

// stepsOf counts the steps of a pattern; it is 0 for one that is wrong, which
// the compiler tells better.
func stepsOf(pattern string) int {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return maxPattern + 1
	}
	return len(program.Inst)
}

// patternSteps counts the steps of a comparison with a pattern.
func patternSteps(n *ast.BinaryNode) int {
	if pattern, ok := n.Right.(*ast.StringNode); ok && n.Operator == "matches" {
		return stepsOf(pattern.Value)
	}
	return 0
}

// spend bounds the steps of all patterns together.
func (v *filterVisitor) spend(node ast.Node, steps int) {
	if v.steps += steps; v.steps > maxPatterns {
		v.refuse(node, "the patterns together are too large")
	}
}

func (v *filterVisitor) refuse(node ast.Node, reason string) {
	if v.err == nil {
		v.err = &syntaxError{node.Location().From + 1, reason}
	}
}

type predicateFinder struct {
	found bool
	steps int // of the patterns
}

// Visit implements ast.Visitor.
func (f *predicateFinder) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.BinaryNode); ok {
		f.steps += patternSteps(n)
	}
	_, isPredicate := (*node).(*ast.PredicateNode)
	f.found = f.found || isPredicate
}

// conjuncts takes apart what is joined by "and".
func conjuncts(node ast.Node, found []ast.Node) []ast.Node {
	if n, ok := node.(*ast.BinaryNode); ok && (n.Operator == "and" || n.Operator == "&&") {
		return conjuncts(n.Right, conjuncts(n.Left, found))
	}
	return append(found, node)
}

// FilterField is something that a Filter can look at.
type FilterField struct {
	Name string `json:"name"`
	// Type is int, float, string, "list of strings", time, bool or function.
	Type string `json:"type"`
	// Title says what the field is.
	Title string `json:"title"`
}

// FilterFields lists what a Filter can look at.
func FilterFields() []FilterField {
	return []FilterField{
		{"id", "int", "ID of the work"},
		{"title", "string", "title of the work"},
		{"caption", "string", "text of the artist, as HTML"},
		{"type", "string", `"illust", "manga" or "ugoira"`},
		{"tags", "list of strings", "tags and their translations, as Pixiv writes them"},
		{"tagged", "function", `tagged("sky"): has the tag, or one with that translation, in capitals or not`},
		{"bookmarks", "int", "number of bookmarks"},
		{"bookmarks_per_day", "float", "bookmarks for each day since the work was published, of one day at least"},
		{"views", "int", "number of views"},
		{"comments", "int", "number of comments, where Pixiv tells it"},
		{"created", "time", `when the work was published: created > date("2026-01-31T00:00:00+09:00")`},
		{"day", "string", `day of publication in Japan, to be compared as text: day >= "2026-01-31"`},
		{"age_days", "float", "days since the work was published"},
		{"x_restrict", "int", "0 all ages, 1 R-18, 2 R-18G"},
		{"ai", "string", `"yes", "no" or "unknown"`},
		{"pages", "int", "number of pages"},
		{"width", "int", "pixels of the first page"},
		{"height", "int", "pixels of the first page"},
		{"ratio", "float", "width divided by height, 0 when not known"},
		{"user_id", "int", "ID of the artist"},
		{"user_name", "string", "name of the artist"},
		{"user_account", "string", "login name of the artist"},
		{"series_id", "int", "ID of the series, 0 without one"},
		{"series_title", "string", "title of the series"},
		{"sanity_level", "int", "Pixiv's own rating: 2, 4 or 6"},
		{"bookmarked", "bool", "bookmarked by the account"},
		{"followed", "bool", "the artist is followed by the account"},
	}
}

// filterValues are the fields of one work.
type filterValues struct {
	ID              int64             `expr:"id"`
	Title           string            `expr:"title"`
	Caption         string            `expr:"caption"`
	Type            string            `expr:"type"`
	Tags            []string          `expr:"tags"`
	Tagged          func(string) bool `expr:"tagged"`
	Bookmarks       int               `expr:"bookmarks"`
	BookmarksPerDay float64           `expr:"bookmarks_per_day"`
	Views           int               `expr:"views"`
	Comments        int               `expr:"comments"`
	Created         time.Time         `expr:"created"`
	Day             string            `expr:"day"`
	AgeDays         float64           `expr:"age_days"`
	XRestrict       int               `expr:"x_restrict"`
	AI              string            `expr:"ai"`
	Pages           int               `expr:"pages"`
	Width           int               `expr:"width"`
	Height          int               `expr:"height"`
	Ratio           float64           `expr:"ratio"`
	UserID          int64             `expr:"user_id"`
	UserName        string            `expr:"user_name"`
	UserAccount     string            `expr:"user_account"`
	SeriesID        int64             `expr:"series_id"`
	SeriesTitle     string            `expr:"series_title"`
	SanityLevel     int               `expr:"sanity_level"`
	Bookmarked      bool              `expr:"bookmarked"`
	Followed        bool              `expr:"followed"`
}

const (
	maxFilterText = 4000 // bytes of a title or caption that a filter sees
	maxFilterTag  = 400  // bytes of a tag
	maxFilterTags = 100  // tags and translations; Pixiv allows ten tags
)

func newFilterValues(work *Work, at time.Time) *filterValues {
	v := &filterValues{
		ID: int64(work.ID), Title: cutText(work.Title, maxFilterText), Caption: cutText(work.Caption, maxFilterText), Type: work.Type,
		Bookmarks: work.TotalBookmarks, Views: work.TotalView, Comments: work.TotalComments,
		XRestrict: work.XRestrict, AI: aiWord(work.AIType), Pages: max(work.PageCount, 1), Width: work.Width, Height: work.Height,
		UserID: int64(work.User.ID), UserName: cutText(work.User.Name, maxFilterText), UserAccount: cutText(work.User.Account, maxFilterText),
		SeriesID: int64(series(work).ID), SeriesTitle: cutText(series(work).Title, maxFilterText),
		SanityLevel: work.SanityLevel, Bookmarked: work.IsBookmarked, Followed: work.User.IsFollowed,
	}
	for _, tag := range work.Tags {
		for _, name := range []string{tag.Name, tag.TranslatedName} {
			if name != "" && len(v.Tags) < maxFilterTags {
				v.Tags = append(v.Tags, cutText(name, maxFilterTag))
			}
		}
	}
	v.Tagged = func(name string) bool {
		return slices.ContainsFunc(v.Tags, func(tag string) bool { return strings.EqualFold(tag, name) })
	}
	if work.Height > 0 {
		v.Ratio = float64(work.Width) / float64(work.Height)
	}
	if created, err := time.Parse(time.RFC3339, work.CreateDate); err == nil {
		v.Created, v.Day = created, created.Format(time.DateOnly)
		v.AgeDays = max(at.Sub(created).Hours()/24, 0)
		v.BookmarksPerDay = float64(work.TotalBookmarks) / max(v.AgeDays, 1)
	}
	return v
}

// aiWord keeps works of before Pixiv asked apart from those made by hand.
func aiWord(aiType int) string {
	switch aiType {
	case 1:
		return "no"
	case aiMade:
		return "yes"
	}
	return "unknown"
}

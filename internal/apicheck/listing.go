package apicheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// source is what "go list" says of a package.
type source struct {
	ImportPath string
	Name       string
	Dir        string
	GoFiles    []string
	Export     string
	Error      *struct{ Err string }
}

// List returns the exported API of the package at an import path or in a
// folder below dir, one sorted line for each thing that a program can use. It
// builds the package for the system it runs on.
func List(dir, pattern string) ([]string, error) {
	sources, err := load(dir, pattern)
	if err != nil {
		return nil, err
	}
	exports := make(map[string]string, len(sources))
	for _, s := range sources {
		exports[s.ImportPath] = s.Export
	}
	target := sources[len(sources)-1] // go list -deps puts it behind what it needs
	files := token.NewFileSet()
	syntax, err := parse(files, target)
	if err != nil {
		return nil, err
	}
	config := types.Config{Importer: importer.ForCompiler(files, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(exports[path])
	})}
	checked, err := config.Check(target.ImportPath, files, syntax, nil)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", pattern, err)
	}
	return describe(checked), nil
}

// load asks for a package and everything it needs.
func load(dir, pattern string) ([]source, error) {
	command := exec.Command("go", "list", "-deps", "-export", "-json=ImportPath,Name,Dir,GoFiles,Export,Error", pattern)
	command.Dir = dir
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w: %s", pattern, err, bytes.TrimSpace(stderr.Bytes()))
	}
	var sources []source
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var s source
		switch err := decoder.Decode(&s); {
		case errors.Is(err, io.EOF) && len(sources) == 0:
			return nil, fmt.Errorf("go list %s: no packages", pattern)
		case errors.Is(err, io.EOF):
			return sources, nil
		case err != nil:
			return nil, fmt.Errorf("go list %s: %w", pattern, err)
		case s.Error != nil:
			return nil, fmt.Errorf("go list %s: %s", pattern, s.Error.Err)
		}
		sources = append(sources, s)
	}
}

func parse(files *token.FileSet, s source) ([]*ast.File, error) {
	var syntax []*ast.File
	for _, name := range s.GoFiles {
		file, err := parser.ParseFile(files, filepath.Join(s.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		syntax = append(syntax, file)
	}
	return syntax, nil
}

// describe lists a package.
func describe(p *types.Package) []string {
	l := &lister{qualifier: func(other *types.Package) string {
		if other == p {
			return ""
		}
		return other.Path()
	}}
	for _, name := range p.Scope().Names() {
		if object := p.Scope().Lookup(name); object.Exported() {
			l.object(object)
		}
	}
	slices.Sort(l.lines)
	return l.lines
}

// lister collects lines.
type lister struct {
	qualifier types.Qualifier
	lines     []string
}

func (l *lister) add(format string, values ...any) {
	l.lines = append(l.lines, fmt.Sprintf(format, values...))
}

func (l *lister) object(object types.Object) {
	switch o := object.(type) {
	case *types.Const:
		l.add("const %s %s = %s", o.Name(), l.text(o.Type()), o.Val().ExactString())
	case *types.Var:
		l.add("var %s %s", o.Name(), l.text(o.Type()))
	case *types.Func:
		l.add("func %s%s", o.Name(), l.signature(o.Signature()))
	case *types.TypeName:
		l.typeName(o)
	}
}

// typeName lists a type: what it is, its exported fields, and its methods, those
// that are promoted from embedded fields among them.
func (l *lister) typeName(o *types.TypeName) {
	if o.IsAlias() {
		l.add("type %s = %s", o.Name(), l.text(types.Unalias(o.Type())))
		return
	}
	named, _ := o.Type().(*types.Named)
	name := o.Name() + l.parameters(named.TypeParams())
	switch under := named.Underlying().(type) {
	case *types.Struct:
		l.structure(name, under)
	case *types.Interface:
		l.iface(name, under)
		return
	default:
		l.add("type %s %s", name, l.text(under))
	}
	methods := types.NewMethodSet(types.NewPointer(named))
	values := types.NewMethodSet(named)
	for method := range methods.Methods() {
		function, isFunction := method.Obj().(*types.Func)
		if !isFunction || !function.Exported() {
			continue
		}
		receiver := "*" + name
		if values.Lookup(function.Pkg(), function.Name()) != nil {
			receiver = name
		}
		signature, _ := method.Type().(*types.Signature)
		l.add("method (%s) %s%s", receiver, function.Name(), l.signature(signature))
	}
}

// structure lists a struct with its fields. A struct that can be compared, or be
// written without field names, may be used so by somebody.
func (l *lister) structure(name string, s *types.Struct) {
	notes := ""
	if !types.Comparable(s) {
		notes += ", not comparable"
	}
	for field := range s.Fields() {
		if !field.Exported() {
			notes += ", with unexported fields"
			break
		}
	}
	l.add("type %s struct%s", name, notes)
	l.fields(name, s)
}

// fields lists the exported fields of a struct, and those that come from
// embedded structs which have no exported name themselves.
func (l *lister) fields(name string, s *types.Struct) {
	for i := range s.NumFields() {
		field := s.Field(i)
		if !field.Exported() {
			if within, ok := field.Type().Underlying().(*types.Struct); ok && field.Embedded() {
				l.fields(name, within)
			}
			continue
		}
		embedded, tag := "", ""
		if field.Embedded() {
			embedded = "embedded "
		}
		if s.Tag(i) != "" {
			tag = fmt.Sprintf(" %q", s.Tag(i)) // what is written and read as JSON
		}
		l.add("field %s.%s %s%s%s", name, field.Name(), embedded, l.text(field.Type()), tag)
	}
}

// wanted begins the line of a method that an implementation must have.
const wanted = "interface method ("

// iface lists the methods of an interface. One with unexported methods cannot
// be implemented elsewhere, so it may grow.
func (l *lister) iface(name string, i *types.Interface) {
	closed := ""
	for method := range i.Methods() {
		if !method.Exported() {
			closed = ", closed"
		}
	}
	l.add("type %s interface%s", name, closed)
	for method := range i.Methods() {
		if method.Exported() {
			l.add("%s%s) %s%s", wanted, name, method.Name(), l.signature(method.Signature()))
		}
	}
}

// text writes a type without the names of parameters, which anybody may change.
func (l *lister) text(t types.Type) string {
	return types.TypeString(strip(t), l.qualifier)
}

func (l *lister) signature(s *types.Signature) string {
	return l.parameters(s.TypeParams()) + strings.TrimPrefix(l.text(s), "func")
}

func (l *lister) parameters(list *types.TypeParamList) string {
	if list.Len() == 0 {
		return ""
	}
	var texts []string
	for parameter := range list.TypeParams() {
		texts = append(texts, parameter.Obj().Name()+" "+l.text(parameter.Constraint()))
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// strip takes the names of parameters out of a function's type.
func strip(t types.Type) types.Type {
	switch t := t.(type) {
	case *types.Signature:
		return types.NewSignatureType(nil, nil, nil, unnamed(t.Params()), unnamed(t.Results()), t.Variadic())
	case *types.Pointer:
		return types.NewPointer(strip(t.Elem()))
	case *types.Slice:
		return types.NewSlice(strip(t.Elem()))
	case *types.Map:
		return types.NewMap(strip(t.Key()), strip(t.Elem()))
	}
	return t
}

func unnamed(tuple *types.Tuple) *types.Tuple {
	var variables []*types.Var
	for v := range tuple.Variables() {
		variables = append(variables, types.NewParam(token.NoPos, nil, "", strip(v.Type())))
	}
	return types.NewTuple(variables...)
}

package apicheck

import (
	"go/ast"
	"go/token"
)

// Name is something exported, as "Task.Start" or "New".
type Name struct {
	Name string
	// Field says that it is a field of a struct, which may be explained by the
	// comment of its type.
	Field bool
	// Documented says that it has a comment: its own, before it or behind it;
	// in a group of constants or variables, that of the group; for the one
	// method of an interface, that of the interface. Error() string has nothing
	// to say beyond what every error's does.
	Documented bool
}

// Names returns the exported names of a package in the order of its files.
// Fields and methods of types that are not exported are not counted.
func Names(dir, pattern string) ([]Name, error) {
	sources, err := load(dir, pattern)
	if err != nil {
		return nil, err
	}
	syntax, err := parse(token.NewFileSet(), sources[len(sources)-1])
	if err != nil {
		return nil, err
	}
	var c counter
	for _, file := range syntax {
		for _, declaration := range file.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				c.function(d)
			case *ast.GenDecl:
				c.group(d)
			}
		}
	}
	return c.names, nil
}

// counter collects names.
type counter struct{ names []Name }

func (c *counter) add(name string, field bool, comments ...*ast.CommentGroup) {
	n := Name{Name: name, Field: field}
	for _, comment := range comments {
		n.Documented = n.Documented || comment.Text() != ""
	}
	c.names = append(c.names, n)
}

func (c *counter) function(d *ast.FuncDecl) {
	name := d.Name.Name
	if !d.Name.IsExported() {
		return
	}
	if d.Recv != nil {
		receiver := typeName(d.Recv.List[0].Type)
		if !token.IsExported(receiver) {
			return
		}
		name = receiver + "." + name
	}
	c.add(name, false, d.Doc)
	if d.Recv != nil && d.Name.Name == "Error" && d.Type.Params.NumFields() == 0 {
		c.names[len(c.names)-1].Documented = true
	}
}

// typeName returns the name of a receiver's type.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	case *ast.IndexListExpr:
		return typeName(e.X)
	}
	return ""
}

func (c *counter) group(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if name.IsExported() {
					c.add(name.Name, false, d.Doc, s.Doc, s.Comment)
				}
			}
		case *ast.TypeSpec:
			if !s.Name.IsExported() {
				continue
			}
			doc := s.Doc
			if !d.Lparen.IsValid() {
				doc = d.Doc
			}
			c.add(s.Name.Name, false, doc, s.Comment)
			c.members(s, doc)
		}
	}
}

// members counts the fields of a struct and the methods of an interface.
func (c *counter) members(s *ast.TypeSpec, doc *ast.CommentGroup) {
	var list *ast.FieldList
	isField := false
	switch t := s.Type.(type) {
	case *ast.StructType:
		list, isField = t.Fields, true
	case *ast.InterfaceType:
		list = t.Methods
	default:
		return
	}
	if isField || list.NumFields() != 1 {
		doc = nil
	}
	for _, field := range list.List {
		for _, name := range field.Names {
			if name.IsExported() {
				c.add(s.Name.Name+"."+name.Name, isField, doc, field.Doc, field.Comment)
			}
		}
	}
}

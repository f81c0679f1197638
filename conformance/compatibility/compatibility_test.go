package compatibility

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/dynamodb"
)

var rewrite = flag.Bool("rewrite", false, "write the page anew")

const (
	root = "../.."
	page = root + "/docs/COMPATIBILITY.md"
)

// operation is one of the SDK's client.
type operation struct {
	name    string
	members []string // Of its input, in the order of their names.
}

// operations are all of the SDK's client, by their names.
func operations() []operation {
	var out []operation
	for m := range reflect.TypeFor[*sdk.Client]().Methods() {
		if m.Type.NumIn() < 3 || m.Type.In(1) != reflect.TypeFor[context.Context]() {
			continue
		}
		o := operation{name: m.Name}
		for f := range m.Type.In(2).Elem().Fields() {
			if f.IsExported() {
				o.members = append(o.members, f.Name)
			}
		}
		slices.Sort(o.members)
		out = append(out, o)
	}
	return out
}

// code is what the service's own code says.
type code struct {
	built map[string]*dynamodb.Operation
	names map[string]bool // Selectors and texts of package dynamodb.
}

func readCode(t *testing.T) *code {
	t.Helper()
	c := &code{built: map[string]*dynamodb.Operation{}, names: map[string]bool{}}
	for _, o := range dynamodb.New().Operations() {
		c.built[o.Name] = o
	}
	files, err := filepath.Glob(root + "/dynamodb/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				c.names[n.Sel.Name] = true
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					c.names[text] = true
				}
			}
			return true
		})
	}
	return c
}

// decodes reports whether an operation's decoder looks at a member: it refuses
// one or another type of value, which it does not for a name that it skips.
func (c *code) decodes(operation, member string) bool {
	for _, value := range []string{`[[1]]`, `{"a":{"b":1}}`, `true`, `1`} {
		call := &api.Call{Body: fmt.Appendf(nil, `{%q:%s}`, member, value), Header: func(string) []byte { return nil }}
		var e *aws.Error
		if err := c.built[operation].Decode(call); errors.As(err, &e) && e.Code == "SerializationException" {
			return true
		}
	}
	return false
}

// find returns the entry for a place, nil where none is declared.
func find(places ...string) *difference {
	for _, at := range places {
		if i := slices.IndexFunc(differences, func(d difference) bool { return d.at == at }); i >= 0 {
			return &differences[i]
		}
	}
	return nil
}

// TestCompatibility holds what is declared to the code, and the page to both.
func TestCompatibility(t *testing.T) {
	c, all := readCode(t), operations()
	checkDeclared(t, c, all)
	for _, o := range all {
		if c.built[o.name] == nil {
			continue
		}
		for _, m := range o.members {
			if d := find(o.name+"."+m, "*."+m); d != nil && d.state == notYet {
				continue
			}
			named := c.names[m]
			if d := find(o.name); d != nil && d.how == retired {
				named = true
			}
			if !c.decodes(o.name, m) || !named {
				t.Errorf("%s.%s is said to be built; the decoder looks at it: %t; package dynamodb names it: %t", o.name, m, c.decodes(o.name, m), named)
			}
		}
	}
	if c.decodes("GetItem", "NoSuchMember") || c.decodes("CreateTable", "NoSuchMember") {
		t.Error("a decoder looks at a member that there is not")
	}
	old, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	next := replaceTables(t, old, c, all)
	if *rewrite && !bytes.Equal(old, next) {
		if err := os.WriteFile(page, next, 0o644); err != nil { //nolint:gosec // A page for everybody.
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(old, next) {
		t.Errorf("%s is not what code and declarations give: run go test ./conformance/compatibility -rewrite, and read the diff\n%s", page, firstOther(old, next))
	}
}

func firstOther(a, b []byte) string {
	x, y := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d is\n%s\nand should be\n%s", i+1, x[i], y[i])
		}
	}
	return "the page is longer or shorter"
}

// checkDeclared wants each entry to be about something that there is, once, and
// to be shown by something that there is.
func checkDeclared(t *testing.T, c *code, all []operation) {
	t.Helper()
	tests, seen := testNames(t), map[string]bool{}
	for _, d := range differences {
		name, member, _ := strings.Cut(d.at, ".")
		exists := false
		for _, o := range all {
			exists = exists || (name == "*" || name == o.name) && (member == "" || slices.Contains(o.members, member))
		}
		built := c.built[name] != nil || name == "*"
		switch {
		case !exists:
			t.Errorf("%s: there is no such operation or member", d.at)
		case seen[d.at]:
			t.Errorf("%s: declared twice", d.at)
		case d.how == "" || d.state != differs && d.state != notYet && d.state != done:
			t.Errorf("%s: state %q, how %q", d.at, d.state, d.how)
		case !built && (d.state != notYet || member != ""):
			t.Errorf("%s: the operation is not built", d.at)
		case built && member == "" && d.state == notYet:
			t.Errorf("%s is declared as not built, and is", d.at)
		case built && !tests[d.shown]:
			t.Errorf("%s: no test and no known difference has the name %q", d.at, d.shown)
		}
		seen[d.at] = true
	}
}

// testNames are the names of all tests, and the texts of conformance/differential.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root:
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				out[n.Name.Name] = strings.HasPrefix(n.Name.Name, "Test")
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && strings.Contains(path, "differential") {
					out[text] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

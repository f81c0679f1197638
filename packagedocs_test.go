package hortus

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPackageDocs insists that each package says in one sentence what it is
// for: "Package x ..." in one of its files, or "Command x ..." for a program.
func TestPackageDocs(t *testing.T) {
	files, err := treeFiles()
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{} // By directory.
	for _, path := range files {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		documented[dir] = documented[dir] || hasPackageComment(file)
	}
	if len(documented) == 0 {
		t.Fatal("no package found")
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no file has a package comment that begins with \"Package %s\"", dir, filepath.Base(dir))
		}
	}
}

func hasPackageComment(file *ast.File) bool {
	if file.Doc == nil {
		return false
	}
	text := file.Doc.Text()
	if file.Name.Name == "main" {
		return strings.HasPrefix(text, "Command ") || strings.HasPrefix(text, "Program ")
	}
	return strings.HasPrefix(text, "Package "+file.Name.Name+" ")
}

// TestHasPackageComment shows what passes and what does not.
func TestHasPackageComment(t *testing.T) {
	for text, want := range map[string]bool{
		"// Package p does a thing.\npackage p":       true,
		"// Command p does a thing.\npackage main":    true,
		"// Package main does a thing.\npackage main": false,
		"// Package path does a thing.\npackage p":    false,
		"// Package p does a thing.\n\npackage p":     false,
		"package p": false,
		"// Copyright.\n\n// Package p is.\npackage p": true,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "p.go", text, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if got := hasPackageComment(file); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// machinePath matches a path of the machine that a file was written on. Such a
// path means nothing to a reader elsewhere.
var machinePath = regexp.MustCompile(`(^|[^A-Za-z0-9._-])/(` + `work|farm|root)/[a-z.]`)

// TestNoMachinePaths checks that no text of the tree names such a path.
func TestNoMachinePaths(t *testing.T) {
	if !machinePath.MatchString("see /" + "work/main") {
		t.Fatal("the pattern finds nothing")
	}
	files, err := treeFiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if filepath.Base(path) == "go.sum" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if isBinary(text) {
			continue
		}
		for i, line := range strings.Split(string(text), "\n") {
			if machinePath.MatchString(line) {
				t.Errorf("%s:%d: a path of one machine: %s", path, i+1, strings.TrimSpace(line))
			}
		}
	}
}

// isBinary says whether text is not text, as Git judges it: by a zero byte near
// the start.
func isBinary(text []byte) bool {
	return strings.IndexByte(string(text[:min(len(text), 8000)]), 0) >= 0
}

// treeFiles returns the paths of the files that belong to the tree: those that
// Git tracks or would add, or, where there is no Git, all.
func treeFiles() ([]string, error) {
	out, err := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return walkFiles(".")
	}
	var files []string
	for path := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		switch info, err := os.Lstat(path); {
		case errors.Is(err, fs.ErrNotExist): // Deleted, and not yet committed.
		case err != nil:
			return nil, err
		case info.Mode().IsRegular():
			files = append(files, path)
		}
	}
	return files, nil
}

func walkFiles(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case d.Type().IsRegular():
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

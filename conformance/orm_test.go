//go:build conformance

package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// copied puts the files of a directory of the tree where a tool may write next to
// them.
func copied(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestObjectMappersNode runs the programs of orm/node: dynamoose, ElectroDB and
// DynamoDB-Toolbox, as orm/node/package-lock.json pins them.
func TestObjectMappersNode(t *testing.T) {
	t.Parallel()
	needs(t, "node", "npm")
	dir := copied(t, filepath.Join("orm", "node"))
	install := exec.CommandContext(t.Context(), "npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("npm cannot install the object mappers (no registry?): %v: %s", err, out)
	}
	for _, name := range []string{"dynamoose", "electrodb", "toolbox"} {
		t.Run(name, func(t *testing.T) {
			s := inMemory(t)
			script(t, s, dir, "node", name+".mjs", s.URL)
		})
	}
}

// TestObjectMappersGo runs the program of orm/go: guregu/dynamo, in a module of
// its own.
func TestObjectMappersGo(t *testing.T) {
	t.Parallel()
	needs(t, "go")
	dir := copied(t, filepath.Join("orm", "go"))
	program := filepath.Join(dir, "orm")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
	download := exec.CommandContext(t.Context(), "go", "mod", "download")
	download.Dir, download.Env = dir, build.Env
	if out, err := download.CombinedOutput(); err != nil {
		t.Skipf("the modules of guregu/dynamo cannot be had (no proxy?): %v: %s", err, out)
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := inMemory(t)
	script(t, s, dir, program, s.URL)
}

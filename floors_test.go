package hortus

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/hortusdb/hortus"

// TestFloors holds the import graph, as built for Linux, to docs/floors.txt:
// every package has a floor and imports only packages on floors strictly below
// its own, and a package for tests is imported by none but tests and its like.
func TestFloors(t *testing.T) {
	rows, err := readFloors("docs/floors.txt")
	if err != nil {
		t.Fatal(err)
	}
	packages, err := listPackages()
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) == 0 {
		t.Fatal("no package is listed")
	}
	for _, fault := range floorFaults(rows, packages) {
		t.Error(fault)
	}
}

// TestFloorFaults plants one fault of each kind in a small house.
func TestFloorFaults(t *testing.T) {
	rows := map[string]floorRow{
		"low": {number: 0}, "twin": {number: 0}, "high": {number: 1},
		"suite": {number: 1, tests: true}, "sim": {number: 2, tests: true},
	}
	for _, c := range []struct {
		p    packageImports
		want string
	}{
		{packageImports{name: "high", imports: []string{"low", "twin"}}, ""},
		{packageImports{name: "sim", imports: []string{"suite", "high"}}, ""},
		{packageImports{name: "low", imports: []string{"high"}}, "low (floor 0) imports high (floor 1): import downwards only"},
		{packageImports{name: "low", imports: []string{"twin"}}, "low (floor 0) imports twin (floor 0): import downwards only"},
		{packageImports{name: "attic"}, "attic: no floor in docs/floors.txt"},
		{packageImports{name: "high", imports: []string{"attic"}}, "high imports attic, which has no floor in docs/floors.txt"},
		{packageImports{name: "roof", imports: []string{"suite"}}, "roof imports suite, which is for tests alone"},
	} {
		rows := rows
		if c.p.name == "roof" {
			rows = map[string]floorRow{"roof": {number: 3}, "suite": {number: 1, tests: true}}
		}
		if got := strings.Join(floorFaults(rows, []packageImports{c.p}), "; "); got != c.want {
			t.Errorf("%v: faults %q, want %q", c.p, got, c.want)
		}
	}
}

// floorRow is a line of docs/floors.txt.
type floorRow struct {
	number int
	tests  bool
}

// packageImports is a package and what its non-test files import, both as
// paths inside the module.
type packageImports struct {
	name    string
	imports []string
}

// floorFaults returns what is wrong with packages, a sentence each.
func floorFaults(rows map[string]floorRow, packages []packageImports) []string {
	var faults []string
	for _, p := range packages {
		row, ok := rows[p.name]
		if !ok {
			faults = append(faults, p.name+": no floor in docs/floors.txt")
			continue
		}
		for _, name := range p.imports {
			below, ok := rows[name]
			switch {
			case !ok:
				faults = append(faults, fmt.Sprintf("%s imports %s, which has no floor in docs/floors.txt", p.name, name))
			case below.number >= row.number:
				faults = append(faults, fmt.Sprintf("%s (floor %d) imports %s (floor %d): import downwards only", p.name, row.number, name, below.number))
			case below.tests && !row.tests:
				faults = append(faults, fmt.Sprintf("%s imports %s, which is for tests alone", p.name, name))
			}
		}
	}
	return faults
}

// readFloors returns the rows of a file in the form of docs/floors.txt, by
// package.
func readFloors(path string) (map[string]floorRow, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows := map[string]floorRow{}
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		fields := strings.Fields(sc.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) < 2 || len(fields) > 3 || (len(fields) == 3 && fields[2] != "tests") {
			return nil, fmt.Errorf("%s: %q is not `floor package [tests]`", path, sc.Text())
		}
		n, err := strconv.Atoi(fields[0])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if _, ok := rows[fields[1]]; ok {
			return nil, fmt.Errorf("%s: %s is listed twice", path, fields[1])
		}
		rows[fields[1]] = floorRow{number: n, tests: len(fields) == 3}
	}
	return rows, sc.Err()
}

// listPackages returns the packages of the module but its root, which holds
// these tests.
func listPackages() ([]packageImports, error) {
	// -e: what does not compile is for the compiler to report.
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", "./...")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return nil, fmt.Errorf("go list: %w: %s", err, exit.Stderr)
		}
		return nil, err
	}
	var packages []packageImports
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var listed struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&listed); err != nil {
			return nil, err
		}
		if listed.ImportPath == modulePath {
			continue
		}
		p := packageImports{name: strings.TrimPrefix(listed.ImportPath, modulePath+"/")}
		for _, path := range listed.Imports {
			if name, ok := strings.CutPrefix(path, modulePath+"/"); ok {
				p.imports = append(p.imports, name)
			}
		}
		packages = append(packages, p)
	}
	return packages, nil
}

//go:build conformance

package conformance

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const tutorials = "../docs/tutorials"

// TestTutorials runs the commands of pages as they stand, but for the server's
// address. Pages that go on with the tables of another one are run after it.
func TestTutorials(t *testing.T) {
	t.Parallel()
	needs(t, "aws", "bash")
	s := inMemory(t)
	dir := t.TempDir()
	if err := os.Symlink(binary, filepath.Join(dir, "hortus")); err != nil {
		t.Fatal(err)
	}
	commands := pageCommands(t, "multi-account.md", "") +
		pageCommands(t, "losing-permission.md", "## 5.") // From there on the AWS CLI has to be of late 2026.
	ctx, cancel := context.WithTimeout(t.Context(), testWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-e", "-c", strings.ReplaceAll(commands, "http://127.0.0.1:8000", s.URL))
	cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "HORTUS_ENDPOINT="+s.URL)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// What the pages say of what is seen, in its order.
	rest := string(out)
	for _, want := range []string{
		`"N": "42"`, `"Count": 2`, "NOT_AUTHORIZED", `"N": "9"`, `"N": "44"`, // multi-account.md
		"REPLICATION_NOT_AUTHORIZED", "dynamodb:ReadDataForReplication", `"S": "4"`, "ACTIVE", "null", `"Count": 4`, `"S": "5"`,
	} {
		i := strings.Index(rest, want)
		if i < 0 {
			t.Fatalf("%s is not seen, or not there:\n%s", want, out)
		}
		rest = rest[i+len(want):]
	}
}

var refusedLine = regexp.MustCompile(`^(.*\S) +# refused.*$`)

// pageCommands returns the shell commands of a page up to a heading. The server is
// there already, and what the page says is refused must be.
func pageCommands(t *testing.T, page, end string) string {
	t.Helper()
	f, err := os.Open(filepath.Join(tutorials, page))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b strings.Builder
	inside := false
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case end != "" && strings.HasPrefix(line, end):
			return b.String()
		case strings.HasPrefix(line, "```"):
			inside = line == "```sh"
		case inside && !strings.HasPrefix(line, "hortus dev"):
			if m := refusedLine.FindStringSubmatch(line); m != nil {
				line = "if " + m[1] + "; then echo 'was not refused'; exit 9; fi"
			}
			b.WriteString(line + "\n")
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if end != "" {
		t.Fatalf("%s has no heading %q", page, end)
	}
	return b.String()
}

// TestTutorialSDK runs the program of multi-account-sdk.md, which prints what the
// page says.
func TestTutorialSDK(t *testing.T) {
	t.Parallel()
	s := inMemory(t)
	page, err := os.ReadFile(filepath.Join(tutorials, "multi-account-sdk.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(page), "```text\n")
	want, _, found := strings.Cut(want, "```")
	if !found {
		t.Fatal("the page does not say what the program prints")
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", "../docs/tutorials/multiaccount", "-endpoint", s.URL)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || string(out) != want {
		t.Errorf("%v: %s\n%s\nthe page says\n%s", err, stderr.String(), out, want)
	}
}

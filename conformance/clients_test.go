//go:build conformance

package conformance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// script runs a client's script against a fresh server and wants "ok" as the last
// line that it prints. dir is where it runs.
func script(t *testing.T, s *server, dir, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NODE_NO_WARNINGS=1")
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil || !strings.HasSuffix("\n"+text, "\nok") {
		t.Errorf("%s %s: %v\n%s\nthe server's log:\n%s", name, strings.Join(args, " "), err, text, s.log.String())
		return
	}
	if text != "ok" {
		t.Log(text)
	}
}

// needs skips the test where a program is not on the machine.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not on this machine", p)
		}
	}
}

func TestAWSCLI(t *testing.T) {
	t.Parallel()
	needs(t, "aws", "bash")
	s := inMemory(t)
	script(t, s, "cli", "bash", "orders.sh", s.URL, binary)
}

func TestBoto3(t *testing.T) {
	t.Parallel()
	needs(t, "python3")
	if out, err := exec.CommandContext(t.Context(), "python3", "-c", "import boto3").CombinedOutput(); err != nil {
		t.Skipf("boto3 is not on this machine: %s", out)
	}
	s := inMemory(t)
	script(t, s, "py", "python3", "orders.py", s.URL)
}

// TestJavaScriptSDK installs the SDK as js/package-lock.json pins it, outside of
// the tree.
func TestJavaScriptSDK(t *testing.T) {
	t.Parallel()
	needs(t, "node", "npm")
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "orders.mjs"} {
		b, err := os.ReadFile(filepath.Join("js", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.CommandContext(t.Context(), "npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("npm cannot install the SDK (no registry?): %v: %s", err, out)
	}
	file := filepath.Join(dir, "credentials.json")
	text := fmt.Sprintf(`[{"id":"AKIDKNOWN","secret":"secret","account":%q}]`, staging)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, "--memory", "--credentials", file)
	script(t, s, dir, "node", "orders.mjs", s.URL)
}

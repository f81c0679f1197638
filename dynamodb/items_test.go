package dynamodb_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
)

// TestItems runs requests on items whole, without HTTP. A command is an
// operation's name, each line of its body a request, and it prints for each the
// answer or the error with all its members. tables makes the tables that the
// body names, a line each as CreateTable takes it, and prints nothing. large N
// SIZE runs each line, an operation and its body, N times, with $I for the number
// and $TEXT for so many characters, and prints errors alone.
func TestItems(t *testing.T) {
	datadriven.Walk(t, "testdata/items", func(t *testing.T, path string) {
		w := newControlWorld()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			for line := range strings.SplitSeq(d.Input, "\n") {
				switch d.Cmd {
				case "tables":
					if answer := w.item(t, "CreateTable", line); strings.HasPrefix(answer, "!") {
						d.Fatalf(t, "%s", answer)
					}
				case "large":
					out.WriteString(w.large(t, d, line))
				default:
					out.WriteString(w.item(t, d.Cmd, line) + "\n")
				}
			}
			return out.String()
		})
	})
}

// large runs a line of the command of that name.
func (w *controlWorld) large(t *testing.T, d *datadriven.TestData, line string) string {
	t.Helper()
	var args [2]int
	for i := range args {
		var err error
		if args[i], err = strconv.Atoi(d.CmdArgs[i].Key); err != nil {
			d.Fatalf(t, "%v", err)
		}
	}
	operation, body, _ := strings.Cut(line, " ")
	body = strings.ReplaceAll(body, "$TEXT", strings.Repeat("x", args[1]))
	var out strings.Builder
	for i := range args[0] {
		if answer := w.item(t, operation, strings.ReplaceAll(body, "$I", strconv.Itoa(i+1))); strings.HasPrefix(answer, "!") {
			out.WriteString(answer + "\n")
		}
	}
	return out.String()
}

// item runs one request and prints what comes of it in a line.
func (w *controlWorld) item(t *testing.T, operation, body string) string {
	t.Helper()
	home := aws.Cell{Account: "111111111111", Region: "eu-west-1"}
	caller, err := policy.ParsePrincipal(home.Account.Root())
	if err != nil {
		t.Fatal(err)
	}
	c := &api.Call{Caller: caller, Home: home, Owner: home, Body: []byte(body), Header: func(string) []byte { return nil }}
	defer w.api.Release(c)
	err = w.run(t, operation, c)
	e, ok := errors.AsType[*aws.Error](err)
	switch {
	case err == nil:
		return string(c.Out)
	case !ok:
		t.Fatalf("%s %s: %v", operation, body, err)
	}
	out := "! " + e.Code + ": " + e.Message
	for _, m := range e.Members {
		out += fmt.Sprintf(" %s=%s", m.Name, m.JSON)
	}
	return out
}

package dynamodb_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestPartiQL runs statements whole, without HTTP. A command is an operation's
// name, its body the input; it prints the answer, or the error with all its
// members. Arguments are those of TestTransactions.
//
//	run
//	  ExecuteStatement for each line, which is a statement, or with members
//	  behind it: STATEMENT | "Limit":1
//	next
//	  The same with the NextToken that the last page ended with.
//	batch, transact
//	  BatchExecuteStatement and ExecuteTransaction with the lines as statements. A
//	  line that begins with "+" is a further member of the request.
//
// What NextTokens say is printed as TOKEN.
func TestPartiQL(t *testing.T) {
	datadriven.Walk(t, "testdata/partiql", func(t *testing.T, path string) {
		w := newControlWorld()
		token := ""
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			switch d.Cmd {
			case "run", "next":
				for line := range strings.SplitSeq(d.Input, "\n") {
					if d.Cmd == "next" {
						line += ` | "NextToken":"` + token + `"`
					}
					out.WriteString(w.transact(t, d, "ExecuteStatement", statementText(t, line)))
				}
			case "batch":
				out.WriteString(w.transact(t, d, "BatchExecuteStatement", statementsText(t, d.Input, "Statements")))
			case "transact":
				out.WriteString(w.transact(t, d, "ExecuteTransaction", statementsText(t, d.Input, "TransactStatements")))
			default:
				out.WriteString(w.transact(t, d, d.Cmd, d.Input))
			}
			return nextToken.ReplaceAllStringFunc(out.String(), func(s string) string {
				token = nextToken.FindStringSubmatch(s)[1]
				return `"NextToken": "TOKEN"`
			})
		})
	})
}

var nextToken = regexp.MustCompile(`"NextToken": ?"([^"]*)"`)

// statementText makes a request, or a part of one, out of a line.
func statementText(t *testing.T, line string) string {
	t.Helper()
	parts := strings.Split(line, " | ")
	text, err := json.Marshal(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"Statement":%s}`, strings.Join(append([]string{string(text)}, parts[1:]...), ","))
}

func statementsText(t *testing.T, lines, member string) string {
	t.Helper()
	var list, more []string
	for line := range strings.SplitSeq(lines, "\n") {
		if rest, ok := strings.CutPrefix(line, "+"); ok {
			more = append(more, rest)
		} else if line != "" {
			list = append(list, statementText(t, line))
		}
	}
	more = append(more, `"`+member+`":[`+strings.Join(list, ",")+"]")
	return "{" + strings.Join(more, ",") + "}"
}

func FuzzRequestExecuteStatement(f *testing.F) {
	fuzzRequest(f, "ExecuteStatement",
		`{"Statement":"SELECT a, m.k FROM tab WHERE p IN ['a', ?] AND s >= 1 AND a <> ? ORDER BY s DESC","Parameters":[{"S":"b"},{"N":"2"}],"Limit":1,"ConsistentRead":true,"ReturnConsumedCapacity":"INDEXES"}`,
		`{"Statement":"SELECT * FROM tab.loc WHERE p = 'a'","NextToken":"AWIEU9IOoyaLNaTHn984OsYAAAECcGsBAnAz"}`,
		`{"Statement":"INSERT INTO tab VALUE {'p':'a','s':1,'l':[?,<<1>>]}","Parameters":[{"B":"AQ=="}],"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}`,
		`{"Statement":"UPDATE tab SET a = a + 1 REMOVE l[0] WHERE p = 'a' AND s = 1 AND b IS MISSING RETURNING MODIFIED OLD *"}`)
}

func FuzzRequestBatchExecuteStatement(f *testing.F) {
	fuzzRequest(f, "BatchExecuteStatement",
		`{"Statements":[{"Statement":"SELECT * FROM tab WHERE p = ? AND s = 1","Parameters":[{"S":"a"}],"ConsistentRead":true},{"Statement":"SELECT * FROM nope"}],"ReturnConsumedCapacity":"TOTAL"}`,
		`{"Statements":[{"Statement":"DELETE FROM tab WHERE p = 'a' AND s = 1 RETURNING ALL OLD *"},{"Statement":"INSERT INTO tab VALUE {'p':'a'}","ReturnValuesOnConditionCheckFailure":"ALL_OLD"}]}`)
}

func FuzzRequestExecuteTransaction(f *testing.F) {
	fuzzRequest(f, "ExecuteTransaction",
		`{"TransactStatements":[{"Statement":"EXISTS(SELECT * FROM tab WHERE p = 'a' AND s = 1 AND a > 0)"},{"Statement":"INSERT INTO tab VALUE {'p':'a','s':?}","Parameters":[{"N":"1"}]}],"ClientRequestToken":"t","ReturnConsumedCapacity":"INDEXES"}`,
		`{"TransactStatements":[{"Statement":"SELECT a FROM tab WHERE p = 'a' AND s = 1"},{"Statement":"SELECT * FROM tab WHERE p = 'b' AND s = 1"}]}`)
}

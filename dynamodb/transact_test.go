package dynamodb_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/dynamodb"
	"github.com/hortusdb/hortus/policy"
)

// TestTransactions runs transactions whole, without HTTP. A command is an
// operation's name, its body the input; it prints the answer, or the error with
// all its members.
//
//	OPERATION [as=ACCOUNT] [needs]
//	  As another account, or with the leave that the call needs.
//	write [as=ACCOUNT] [needs]
//	  TransactWriteItems with the body's lines as TransactItems. A line that
//	  begins with "+" is a further member of the request.
//	read
//	  The same of TransactGetItems.
//	repeat N LINE
//	  TransactWriteItems with N times that line, with $I for its number.
//	advance DURATION
func TestTransactions(t *testing.T) {
	datadriven.Walk(t, "testdata/transact", func(t *testing.T, path string) {
		w := newControlWorld()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "advance":
				by, err := time.ParseDuration(d.CmdArgs[0].Key)
				if err != nil {
					d.Fatalf(t, "%v", err)
				}
				w.now = w.now.Add(by)
				return ""
			case "write":
				return w.transact(t, d, "TransactWriteItems", transactItems(d.Input))
			case "read":
				return w.transact(t, d, "TransactGetItems", transactItems(d.Input))
			case "repeat":
				var n int
				d.ScanArgs(t, "n", &n)
				lines := make([]string, n)
				for i := range lines {
					lines[i] = strings.ReplaceAll(d.Input, "$I", fmt.Sprint(i))
				}
				return w.transact(t, d, "TransactWriteItems", transactItems(strings.Join(lines, "\n")))
			}
			return w.transact(t, d, d.Cmd, d.Input)
		})
	})
}

// transactItems makes a request out of lines.
func transactItems(lines string) string {
	var items, more []string
	for line := range strings.SplitSeq(lines, "\n") {
		if rest, ok := strings.CutPrefix(line, "+"); ok {
			more = append(more, rest)
		} else if line != "" {
			items = append(items, line)
		}
	}
	more = append(more, `"TransactItems":[`+strings.Join(items, ",")+"]")
	return "{" + strings.Join(more, ",") + "}"
}

func (w *controlWorld) transact(t *testing.T, d *datadriven.TestData, operation, body string) string {
	home := aws.Cell{Account: "111111111111", Region: "eu-west-1"}
	needs := false
	for _, a := range d.CmdArgs {
		switch a.Key {
		case "as":
			home.Account = aws.Account(a.Vals[0])
		case "needs":
			needs = true
		}
	}
	caller, err := policy.ParsePrincipal(home.Account.Root())
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	c := &api.Call{Caller: caller, Home: home, Owner: home, Body: []byte(body), Header: func(string) []byte { return nil }}
	err = w.run(t, operation, c)
	var out strings.Builder
	if needs {
		for _, n := range c.Needs {
			fmt.Fprintf(&out, "needs %s on %s\n", n.Action, n.ARN())
		}
	}
	if e, ok := errors.AsType[*aws.Error](err); ok {
		fmt.Fprintf(&out, "%s\n%s\n", e.Code, e.Message)
		for _, m := range e.Members {
			fmt.Fprintf(&out, "%s %s", m.Name, indent(t, m.JSON))
		}
	} else if err != nil {
		d.Fatalf(t, "%v", err)
	} else {
		out.WriteString(indent(t, c.Out))
	}
	w.api.Release(c)
	return out.String()
}

// FuzzTransact: whatever the body, decoding a transaction ends in an error of
// the API or in at most 100 actions with their needs, twice the same; and the
// memory of the one before shows in neither.
func FuzzTransact(f *testing.F) {
	for _, seed := range []string{
		`{"TransactItems":[{"Put":{"TableName":"Tab","Item":{"pk":{"S":"a"}}}}]}`,
		`{"TransactItems":[{"Delete":{"TableName":"Tab","Key":{"pk":{"S":"a"}},"ConditionExpression":"#a = :v","ExpressionAttributeNames":{"#a":"b"},"ExpressionAttributeValues":{":v":{"N":"1"}}}}],"ClientRequestToken":"t"}`,
		`{"TransactItems":[{"Update":{"TableName":"Tab","Key":{},"UpdateExpression":"SET a=b"},"Put":{}}],"ReturnConsumedCapacity":"TOTAL"}`,
		`{"TransactItems":[{"ConditionCheck":{"TableName":"arn:aws:dynamodb:eu-west-1:222222222222:table/Tab","Key":{"pk":{"N":"1e0"}},"ConditionExpression":"x"}},{}]}`,
		`{"TransactItems":[{"Get":{"TableName":"Tab","Key":{"pk":{"S":"a"}},"ProjectionExpression":"a"}},null]}`,
		`{"TransactItems":[` + strings.Repeat(`{},`, 120) + `{}]}`,
	} {
		f.Add([]byte(seed))
	}
	a := dynamodb.New()
	ops := map[string]*dynamodb.Operation{}
	for _, o := range a.Operations() {
		ops[o.Name] = o
	}
	home := aws.Cell{Account: "111111111111", Region: "eu-west-1"}
	decode := func(t *testing.T, name string, body []byte) string {
		c := &api.Call{Home: home, Owner: home, Body: bytes.Clone(body)}
		err := ops[name].Decode(c)
		if _, ok := errors.AsType[*aws.Error](err); err != nil && !ok {
			t.Fatalf("%s: %v", name, err)
		}
		if len(c.Needs) > 100 {
			t.Fatalf("%s: %d needs", name, len(c.Needs))
		}
		for _, n := range c.Needs {
			if n.Cell != c.Owner {
				t.Fatalf("%s: a need in %v, the owner is %v", name, n.Cell, c.Owner)
			}
		}
		out := fmt.Sprint(err, c.Needs)
		a.Release(c)
		return out
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, name := range []string{"TransactWriteItems", "TransactGetItems"} {
			first := decode(t, name, body)
			if second := decode(t, name, body); first != second {
				t.Fatalf("%s: %s, and then %s", name, first, second)
			}
		}
	})
}

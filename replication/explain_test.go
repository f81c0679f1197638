package replication_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// TestExplainToStrangers: what a table's policy says, and who else is in its global
// table, a cell of another account is told only where the policy lets its account
// associate, or read it; and only in the name of its own account.
func TestExplainToStrangers(t *testing.T) {
	cellD := aws.Cell{Account: "444444444444", Region: "sa-east-1"}
	both := []aws.Cell{cellA, cellB}
	w := newWorld(t, cellA, cellB, cellC, cellD)
	w.create(cellA, grant{members: both, admits: []aws.Cell{cellB}})
	w.mustJoin(cellB, cellA, grant{members: both, admits: []aws.Cell{cellA}})
	const join = `"Action":"dynamodb:AssociateTableReplica"`
	reads := strings.TrimSuffix(grant{self: cellA, members: both}.String(), "]}") +
		fmt.Sprintf(`,{"Sid":"Look","Effect":"Allow","Principal":{"AWS":%q},"Action":"dynamodb:GetResourcePolicy","Resource":%q}]}`, cellC.Account, cellA.TableARN(tableName))
	unread := strings.TrimSuffix(grant{self: cellA, members: both, admits: []aws.Cell{cellC}}.String(), "]}") +
		fmt.Sprintf(`,{"Sid":"Blind","Effect":"Deny","Principal":{"AWS":%q},"Action":"dynamodb:GetResourcePolicy","Resource":%q}]}`, cellC.Account, cellA.TableARN(tableName))
	for _, x := range []struct {
		name         string
		policy       string // Of A's table.
		asks, caller aws.Cell
		shown        bool // A's policy and all members.
		member       bool // All members.
		text         string
	}{
		{"the newcomer without leave", grant{self: cellA, members: both}.String(), cellC, cellC, false, false, "333333333333:root is not authorized"},
		{"the newcomer that may associate", grant{self: cellA, members: both, admits: []aws.Cell{cellC}}.String(), cellC, cellC, true, true, "Nearest is statement 1 (Service0)"},
		{"the newcomer that may read the policy", reads, cellC, cellC, true, true, "Service0"},
		{"the newcomer that may associate, and is denied reading", unread, cellC, cellC, false, false, "is for its own account"},
		{"another account in the newcomer's name", grant{self: cellA, members: both, admits: []aws.Cell{cellC, cellD}}.String(), cellC, cellD, false, false, "is for its own account"},
		{"a member without leave", grant{self: cellA, members: both}.String(), cellB, cellB, false, true, "333333333333:root is not authorized"},
		{"a member that may associate", grant{self: cellA, members: both, admits: []aws.Cell{cellB}}.String(), cellB, cellB, true, true, "Service0"},
		{"another account in a member's name", grant{self: cellA, members: both, admits: both}.String(), cellB, cellD, false, false, "is for its own account"},
		{"its own account", grant{self: cellA, members: both}.String(), cellA, cellA, true, true, "Service0"},
	} {
		t.Run(x.name, func(t *testing.T) {
			w.setPolicyText(cellA, x.policy)
			group := &table.Group{}
			for _, m := range both {
				group.Members = append(group.Members, table.Member{Cell: m})
			}
			q := &replication.Request{Kind: replication.Explain, Table: tableName, Caller: root(x.caller), Member: table.Member{Cell: cellC, Source: cellA}, Group: group}
			a, err := w.members[cellA].repl.Serve(t.Context(), x.asks, q)
			if err != nil {
				t.Fatal(err)
			}
			e := a.Explanation
			if got := len(e.Members) == 2; got != x.member || e.Withheld == x.member {
				t.Errorf("members %v, withheld %t", e.Members, e.Withheld)
			}
			if len(e.Gaps) != 1 || !strings.Contains(e.Gaps[0].Reason, x.text) || e.Gaps[0].Allow == "" {
				t.Fatalf("%+v; want %s", e.Gaps, x.text)
			}
			if got := strings.Contains(e.Gaps[0].Reason, "Service0"); got != x.shown {
				t.Errorf("of the policy it says: %s", e.Gaps[0].Reason)
			}
			if !x.shown && !x.member && !strings.Contains(e.Gaps[0].Allow, join) {
				t.Errorf("it names no statement to add: %s", e.Gaps[0].Allow)
			}
		})
	}
	// Whether the newcomer has such a table is for its own account, too.
	q := &replication.Request{Kind: replication.Explain, Table: tableName, Caller: root(cellA), Member: table.Member{Cell: cellB, Source: cellA}}
	for asks, want := range map[aws.Cell]int{cellA: 0, cellB: 1} {
		q.Caller = root(asks)
		a, err := w.members[cellB].repl.Serve(t.Context(), asks, q)
		if err != nil || len(a.Explanation.Members) != want {
			t.Errorf("to %v: %+v, %v", asks, a, err)
		}
	}
}

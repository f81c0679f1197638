package replication_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/table"
)

// TestRules: what AWS does not have is set at all members by one call, one rule
// at a time; a newcomer inherits it and may not ask for something else.
func TestRules(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: []aws.Cell{cellB, cellC}})
	w.mustJoin(cellB, cellA, grant{members: all, admits: []aws.Cell{cellC}})
	for _, c := range []struct {
		at   aws.Cell
		set  table.Rules
		want table.Rules
	}{
		{cellB, table.Rules{Transactions: table.Together}, table.Rules{Conflict: conflict.LastWriter, Transactions: table.Together}},
		{cellA, table.Rules{Conflict: conflict.Merge}, table.Rules{Conflict: conflict.Merge, Transactions: table.Together}},
		{cellA, table.Rules{Transactions: table.ByItem}, table.Rules{Conflict: conflict.Merge, Transactions: table.ByItem}},
		{cellB, table.Rules{Conflict: conflict.LastWriter, Transactions: table.Together}, table.Rules{Conflict: conflict.LastWriter, Transactions: table.Together}},
	} {
		if err := w.members[c.at].repl.SetRules(t.Context(), tableName, c.set); err != nil {
			t.Fatalf("%+v: %v", c.set, err)
		}
		for _, m := range []aws.Cell{cellA, cellB} {
			if now := w.members[m].table().Def.Rules(); now != c.want {
				t.Errorf("%+v: %v has %+v", c.set, m, now)
			}
		}
	}
	for _, bad := range []table.Rules{{Transactions: "some"}, {Conflict: "first"}} {
		wantCode(t, w.members[cellA].repl.SetRules(t.Context(), tableName, bad), "ValidationException", "")
	}
	for _, bad := range []struct{ tag, value, want string }{
		{table.TransactionsTag, string(table.ByItem), "The tag hortus:transactions is items, and the source table has atomic"},
		{table.ConflictTag, string(conflict.Merge), "The tag hortus:conflict is merge, and the source table has last-writer"},
	} {
		def := table.Definition{
			Name: tableName, Policy: &table.Policy{Document: grant{self: cellC, members: all}.String()},
			Tags: []table.Tag{{Key: bad.tag, Value: bad.value}},
		}
		_, err := w.members[cellC].repl.Join(t.Context(), caller(cellC), cellA.TableARN(tableName), def)
		wantCode(t, err, "ValidationException", bad.want)
		if w.members[cellC].table() != nil || len(w.members[cellA].table().Def.Group.Members) != 2 {
			t.Errorf("%s: something was made of a join that was refused", bad.tag)
		}
	}
	w.mustJoin(cellC, cellA, grant{members: all})
	if now := w.members[cellC].table().Def.Rules(); now.Transactions != table.Together {
		t.Errorf("the newcomer has %+v", now)
	}
}

// add adds to the number n of the item k, and returns what that came to.
func (m *member) add(t *testing.T, by string) string {
	t.Helper()
	e, err := expr.Parse(expr.UpdateKind, "ADD n :by")
	if err != nil {
		t.Fatal(err)
	}
	v, err := item.N(by)
	if err != nil {
		t.Fatal(err)
	}
	q := &table.Write{Kind: table.Update, Item: decodeItem(t, `{"pk":{"S":"k"}}`)}
	if q.Update, err = expr.BindUpdate(e, &expr.Scope{Values: expr.Values{{Placeholder: ":by", Value: v}}}); err != nil {
		t.Fatal(err)
	}
	m.write(t, q)
	sum, _ := q.New.Get("n")
	return sum.Number().String()
}

// TestAddBeyondNumbers: increments whose sum is greater than any number are there
// again once it is less: an ADD answers what the exact sum comes to, and is a write also
// where the item shows the same as before.
func TestAddBeyondNumbers(t *testing.T) {
	w := newPair(t)
	a, b := w.members[cellA], w.members[cellB]
	if err := a.repl.SetRules(t.Context(), tableName, table.Rules{Conflict: conflict.Merge}); err != nil {
		t.Fatal(err)
	}
	zeros := func(n int) string { return strings.Repeat("0", n) }
	a.add(t, "9e125")
	shows := func(sum string) func() bool {
		return func() bool { return a.dump(t) == b.dump(t) && strings.Contains(a.dump(t), `"`+sum+`"`) }
	}
	w.until(time.Minute, "the first sum", shows("9"+zeros(125)))
	w.network.Isolate(cellA.Region, true)
	for _, m := range []*member{a, b} {
		if got := m.add(t, "9e124"); got != "99"+zeros(124) {
			t.Errorf("apart it is %s", got)
		}
	}
	w.network.Isolate(cellA.Region, false)
	most := strings.Repeat("9", 38) + zeros(88)
	w.until(time.Minute, "the greatest number", shows(most)) // Of 1.08e126.
	if got := a.add(t, "-1e124"); got != most {
		t.Errorf("1.07e126 is shown as %s", got)
	}
	w.run(time.Second)
	if got := b.add(t, "-1e125"); got != "97"+zeros(124) {
		t.Errorf("9.7e125 is %s", got)
	}
	w.until(time.Minute, "the last sum", shows("97"+zeros(124)))
}

// TestMergedIsApplied: an increment that is taken into a later version is counted as
// applied, and what a later version left out as outdated.
func TestMergedIsApplied(t *testing.T) {
	w := newPair(t)
	a, b := w.members[cellA], w.members[cellB]
	if err := a.repl.SetRules(t.Context(), tableName, table.Rules{Conflict: conflict.Merge}); err != nil {
		t.Fatal(err)
	}
	w.network.Isolate(cellA.Region, true)
	const each = 10
	for range each {
		a.add(t, "1")
	}
	a.put(t, "l", "earlier")
	w.clock.now = w.clock.now.Add(time.Second)
	for range each {
		b.add(t, "1")
	}
	b.put(t, "l", "later")
	w.network.Isolate(cellA.Region, false)
	w.until(time.Minute, "the same", func() bool {
		return a.dump(t) == b.dump(t) && strings.Contains(a.dump(t), string(item.AppendItemJSON(nil, decodeItem(t, `{"pk":{"S":"k"},"n":{"N":"20"}}`))))
	})
	if s := w.link(cellB, cellA, cellB); s.Written != each || s.Lost != 1 {
		t.Errorf("at B %d are applied, %d outdated", s.Written, s.Lost)
	}
	if s := w.link(cellA, cellB, cellA); s.Written != each+1 || s.Lost != 0 {
		t.Errorf("at A %d are applied, %d outdated", s.Written, s.Lost)
	}
}

package replication_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// TestLeaveDrains: a member that leaves takes its last changes to the others
// first; then nothing is left of it, here or there, and it can join again.
func TestLeaveDrains(t *testing.T) {
	w := newTriple(t)
	b := w.members[cellB]
	w.network.Isolate(cellB.Region, true)
	for i := range 30 {
		b.put(t, key(i), "b")
	}
	if err := b.repl.Leave(t.Context(), b.table()); err != nil {
		t.Fatal(err)
	}
	w.run(2 * time.Second)
	if b.table() == nil || b.table().Def.Status != table.Deleting {
		t.Fatal("the replica went with its last changes")
	}
	w.network.Isolate(cellB.Region, false)
	w.until(20*time.Second, "B is gone", func() bool { return b.table() == nil })
	w.until(5*time.Second, "the others have its last changes", w.settled(30, cellA, cellC))
	for _, c := range []aws.Cell{cellA, cellC} {
		m := w.members[c]
		if g := m.table().Def.Group; g == nil || len(g.Members) != 2 || g.Member(cellB) != nil {
			t.Errorf("%v has the group %+v", c, g)
		}
		readers, err := m.table().Log.Readers(t.Context())
		if err != nil || len(readers) != 1 {
			t.Errorf("%v keeps its log for %v (%v)", c, readers, err)
		}
	}
	if n := len(b.repl.Status()); n != 0 {
		t.Errorf("B still has %d links", n)
	}
	all := []aws.Cell{cellA, cellB, cellC}
	w.setPolicy(cellC, grant{members: all, admits: []aws.Cell{cellB}})
	w.mustJoin(cellB, cellC, grant{members: []aws.Cell{cellA, cellB, cellC}})
	b.put(t, "again", "b")
	w.until(5*time.Second, "B is back", w.settled(31, cellA, cellB, cellC))
}

// TestLeaveDenied: a member that is deleted while a policy keeps it apart goes without
// its last changes, and says at once that they may be lost, and then how many were.
func TestLeaveDenied(t *testing.T) {
	w := newTriple(t)
	b := w.members[cellB]
	b.put(t, "shipped", "b")
	w.until(10*time.Second, "all have it", w.settled(1, cellA, cellB, cellC))
	w.setPolicy(cellB, grant{})
	w.run(6 * time.Second)
	for i := range 30 {
		b.put(t, key(i), "b")
	}
	w.logs.Reset()
	if err := b.repl.Leave(t.Context(), b.table()); err != nil {
		t.Fatal(err)
	}
	w.run(time.Second)
	if b.table() == nil || strings.Count(w.logs.String(), "level=WARN") != 1 || !strings.Contains(w.logs.String(), "they are lost if that lasts") {
		t.Errorf("at first it says: %s", w.logs.String())
	}
	w.until(time.Minute, "B is gone", func() bool { return b.table() == nil })
	got := w.logs.String()
	for _, peer := range []aws.Cell{cellA, cellC} {
		if want := "table=T peer=" + peer.String() + " changes=30\n"; strings.Count(got, want) != 1 {
			t.Errorf("it does not say %q once:\n%s", want, got)
		}
	}
	// Nothing is said where nothing is lost.
	w = newPair(t)
	w.setPolicy(cellB, grant{})
	w.run(6 * time.Second)
	w.logs.Reset()
	if err := w.members[cellB].repl.Leave(t.Context(), w.members[cellB].table()); err != nil {
		t.Fatal(err)
	}
	w.until(time.Minute, "B is gone", func() bool { return w.members[cellB].table() == nil })
	if got := w.logs.String(); strings.Contains(got, "level=ERROR") {
		t.Errorf("nothing was lost: %s", got)
	}
}

// TestLeaveCutShort: the process ended when the others had let a leaving member
// go, and it had not yet deleted its table. After the restart nobody takes
// anything from it any more, and it goes.
func TestLeaveCutShort(t *testing.T) {
	w := newTriple(t)
	b := w.members[cellB]
	for i := range 30 {
		b.put(t, key(i), "b")
	}
	w.until(5*time.Second, "all have it", w.settled(30, cellA, cellB, cellC))
	g := b.table().Def.Group
	w.network.Isolate(cellB.Region, true) // So that it does not get far by itself.
	if err := b.repl.Leave(t.Context(), b.table()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []aws.Cell{cellA, cellC} {
		q := &replication.Request{Kind: replication.Expel, Table: tableName, Member: *g.Member(cellB), Group: g}
		if _, err := w.members[c].repl.Serve(t.Context(), cellB, q); err != nil {
			t.Fatal(err)
		}
	}
	w.restart(cellB)
	w.network.Isolate(cellB.Region, false)
	b = w.members[cellB]
	w.until(20*time.Second, "B is gone", func() bool { return b.table() == nil })
}

// TestLastMemberIsRegional: when all others have left, the table is an ordinary
// one, and its deletes leave no tombstones.
func TestLastMemberIsRegional(t *testing.T) {
	w := newPair(t)
	a, b := w.members[cellA], w.members[cellB]
	a.put(t, "k", "1")
	if err := b.repl.Leave(t.Context(), b.table()); err != nil {
		t.Fatal(err)
	}
	w.until(20*time.Second, "B is gone", func() bool { return b.table() == nil })
	if a.table().Def.Group != nil || a.table().Replicated() {
		t.Error("A is still a member")
	}
	a.remove(t, "k")
	if rows := a.rows(t); rows != "" {
		t.Errorf("A keeps %s", rows)
	}
	if a.table().Def.Stream == nil {
		t.Error("the stream went with the group")
	}
}

// sameAccount is another Region of cellA's account.
var sameAccount = aws.Cell{Account: cellA.Account, Region: "eu-north-1"}

// TestSameAccount adds and deletes replicas within one account, with AWS's
// errors (documented and recorded texts). No policy is asked but for a Deny.
func TestSameAccount(t *testing.T) {
	third := aws.Cell{Account: cellA.Account, Region: "sa-east-1"}
	w := newWorld(t, cellA, sameAccount, third)
	a, b := w.members[cellA], w.members[sameAccount]
	_, err := a.engine.Create(t.Context(), table.Definition{
		Name: tableName, ID: "first", Status: table.Active, CreatedAt: w.clock.now.UnixMicro(),
		Attributes: []table.Attribute{{Name: "pk", Type: "S"}}, Hash: "pk", OnDemand: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	a.put(t, "k", "1")
	add := func(region aws.Region) error {
		return a.repl.AddReplica(t.Context(), caller(cellA), a.table(), region, table.Settings{})
	}
	if err := add(sameAccount.Region); err != nil {
		t.Fatal(err)
	}
	w.until(10*time.Second, "seeded", func() bool { return b.table().Def.Status == table.Active })
	wantCode(t, add(sameAccount.Region), "ValidationException",
		"Failed to create a the new replica of table with name: ‘T’ because one or more replicas already existed as tables.")
	b.put(t, "l", "2")
	w.until(5*time.Second, "both ways", w.settled(2, cellA, sameAccount))
	for _, m := range []*member{a, b} {
		if m.table().Def.SettingsMode != "ENABLED_WITH_OVERRIDES" || m.table().Def.Group.Kind != table.SameAccount {
			t.Errorf("%v: mode %q, kind %q", m.cell, m.table().Def.SettingsMode, m.table().Def.Group.Kind)
		}
	}
	if err := add(third.Region); err != nil {
		t.Fatal(err)
	}
	w.until(10*time.Second, "the third is in", w.settled(2, cellA, sameAccount, third))

	const day = "Replica cannot be deleted because it has acted as a source region for new replica(s) being added to the table in the last 24 hours."
	wantCode(t, a.repl.CheckDelete(a.table()), "ValidationException", day)
	wantCode(t, b.repl.DeleteReplica(t.Context(), b.table(), cellA.Region), "ValidationException", day)
	_, err = b.engine.Alter(t.Context(), tableName, func(d *table.Definition) error { d.DeletionProtection = true; return nil })
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, a.repl.DeleteReplica(t.Context(), a.table(), sameAccount.Region), "ValidationException",
		"Cannot delete table T in region eu-north-1 because it has deletion protection enabled. Disable deletion protection first.")
	wantCode(t, b.repl.CheckDelete(b.table()), "ValidationException",
		"Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
	_, err = b.engine.Alter(t.Context(), tableName, func(d *table.Definition) error { d.DeletionProtection = false; return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []aws.Cell{sameAccount, third} {
		if err := a.repl.DeleteReplica(t.Context(), a.table(), c.Region); err != nil {
			t.Fatal(err)
		}
		w.until(20*time.Second, "deleted", func() bool { return w.members[c].table() == nil })
	}
	if d := a.table().Def; d.Group != nil || d.SettingsMode != "" {
		t.Errorf("the survivor has group %v, mode %q", d.Group, d.SettingsMode)
	}
	// The rule of 24 hours hangs on a replica that is still there (recorded).
	if err := a.repl.CheckDelete(a.table()); err != nil {
		t.Error(err)
	}
}

// TestSourceRuleEnds: after 24 hours the source may go.
func TestSourceRuleEnds(t *testing.T) {
	w := newPair(t)
	a := w.members[cellA]
	if a.repl.CheckDelete(a.table()) == nil {
		t.Error("the source may go at once")
	}
	w.clock.now = w.clock.now.Add(24*time.Hour + time.Second)
	if err := a.repl.CheckDelete(a.table()); err != nil {
		t.Error(err)
	}
}

// TestLeaveBoth: two members that are deleted at once both go.
func TestLeaveBoth(t *testing.T) {
	w := newPair(t)
	w.dates.Advance(24 * time.Hour)
	for _, c := range w.order {
		if err := w.members[c].repl.Leave(t.Context(), w.members[c].table()); err != nil {
			t.Fatal(err)
		}
	}
	w.until(time.Minute, "both are gone", func() bool { return w.members[cellA].table() == nil && w.members[cellB].table() == nil })
}

// mute is a transport by which a cell cannot ask others.
type mute struct {
	replication.Transport
	cell aws.Cell
}

func (m mute) Call(ctx context.Context, from, to aws.Cell, q *replication.Request) (*replication.Response, error) {
	if from == m.cell {
		return nil, replication.ErrUnreachable
	}
	return m.Transport.Call(ctx, from, to, q)
}

// TestLeaveWaits: a member that was started again lets nobody go before it has asked
// around. Who is being deleted waits for that, and logs no error.
func TestLeaveWaits(t *testing.T) {
	w := newTriple(t)
	w.run(time.Second)
	w.transport = mute{w.network, cellA}
	w.restart(cellA)
	b := w.members[cellB]
	if err := b.repl.Leave(t.Context(), b.table()); err != nil {
		t.Fatal(err)
	}
	w.until(20*time.Second, "B waits", func() bool { return strings.Contains(w.logs.String(), "cannot let it go yet") })
	w.run(5 * time.Second)
	if b.table() == nil {
		t.Fatal("B is gone: nothing is tested")
	}
	w.transport = w.network
	w.until(30*time.Second, "B is gone", func() bool { return b.table() == nil })
	if got := w.logs.String(); strings.Contains(got, "level=ERROR") || strings.Count(got, "cannot let it go yet") != 1 {
		t.Errorf("the log says\n%s", got)
	}
}

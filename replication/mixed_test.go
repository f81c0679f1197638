package replication_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// Two more Regions of the account of cellA.
var (
	cellA2 = aws.Cell{Account: cellA.Account, Region: "eu-central-1"}
	cellA3 = aws.Cell{Account: cellA.Account, Region: "sa-east-1"}
)

func (w *world) setTopology(c aws.Cell, to table.Topology) {
	w.t.Helper()
	if err := w.members[c].repl.SetTopology(w.t.Context(), tableName, to); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) addReplica(from aws.Cell, region aws.Region) error {
	m := w.members[from]
	return m.repl.AddReplica(w.t.Context(), caller(from), m.table(), region, table.Settings{})
}

func (w *world) active(cells ...aws.Cell) func() bool {
	return func() bool {
		for _, c := range cells {
			t := w.members[c].table()
			if t == nil || t.Def.Status != table.Active || t.Def.Group == nil || len(t.Def.Group.Members) != len(cells) {
				return false
			}
			for _, m := range t.Def.Group.Members {
				if m.Status != table.Active {
					return false
				}
			}
		}
		return true
	}
}

// newMixed is a world of a mixed group: two Regions of one account, and another
// account.
func newMixed(t *testing.T, more ...aws.Cell) (*world, []aws.Cell) {
	t.Helper()
	all := append([]aws.Cell{cellA, cellA2, cellB}, more...)
	w := newWorld(t, all...)
	w.create(cellA, grant{members: all, admits: all})
	w.setTopology(cellA, table.MixedTopology)
	w.fill(cellA, 0, 10)
	w.mustJoin(cellA2, cellA, grant{members: all, admits: all})
	w.mustJoin(cellB, cellA2, grant{members: all, admits: all})
	w.until(20*time.Second, "all are active", w.active(cellA, cellA2, cellB))
	return w, all
}

// TestMixedGroup: members of several Regions of an account replicate among each
// other and with another account's, also where the newcomer names its own
// account's other Region as the source.
func TestMixedGroup(t *testing.T) {
	w, _ := newMixed(t)
	w.members[cellB].put(t, "b", "1")
	w.members[cellA2].put(t, "a2", "1")
	w.members[cellA].remove(t, key(3))
	w.until(10*time.Second, "all have all", w.settled(11, cellA, cellA2, cellB))
	for _, c := range []aws.Cell{cellA, cellA2, cellB} {
		d := w.members[c].table().Def
		if d.Group.Kind != table.Mixed || d.Topology != table.MixedTopology || d.SettingsMode != "ENABLED" {
			t.Errorf("%v: %s, %s, %s", c, d.Group.Kind, d.Topology, d.SettingsMode)
		}
	}
}

// TestMixedNeedsTopology: without the setting the rules are AWS's.
func TestMixedNeedsTopology(t *testing.T) {
	all := []aws.Cell{cellA, cellA2, cellB}
	w := newWorld(t, all...)
	w.create(cellA, grant{members: all, admits: all})
	wantCode(t, w.join(cellA2, cellA, grant{members: all}), "ValidationException", "must be the ARN of a table of another account")
	w.mustJoin(cellB, cellA, grant{members: all, admits: all})
	wantCode(t, w.join(cellA2, cellA, grant{members: all}), "ValidationException", "must be the ARN of a table of another account")
	wantCode(t, w.join(cellA2, cellB, grant{members: all}), "ValidationException", "has a replica in account 111111111111 already")
}

// TestMixedPolicies: policies decide between accounts alone. Within the account a
// Deny alone stops replication.
func TestMixedPolicies(t *testing.T) {
	w, all := newMixed(t)
	state := func(by, from, to aws.Cell) replication.LinkState { return w.link(by, from, to).State }
	w.setPolicy(cellA, grant{members: []aws.Cell{cellA, cellA2}}) // Nothing for B.
	w.members[cellA].put(t, "x", "1")
	w.until(10*time.Second, "A2 has it", w.settled(11, cellA, cellA2))
	w.until(10*time.Second, "the link to B stops", func() bool { return state(cellA, cellA, cellB) == replication.NotAuthorized })
	if got := state(cellA, cellA, cellA2); got != replication.Flowing {
		t.Errorf("within the account: %s", got)
	}
	if s := state(cellB, cellA2, cellB); s != replication.Flowing {
		t.Errorf("between A2 and B: %s", s)
	}
	w.setPolicyText(cellA, fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Deny","Principal":{"AWS":%q},"Action":"dynamodb:PutItem","Resource":%q}]}`, roleOfA, cellA.TableARN(tableName)))
	w.until(10*time.Second, "a Deny stops the account's own link", func() bool { return state(cellA, cellA, cellA2) == replication.NotAuthorized })
	w.setPolicy(cellA, grant{members: all})
	w.until(20*time.Second, "all have all", w.settled(11, cellA, cellA2, cellB))
}

// TestMixedAddReplica: UpdateTable adds a Region of the account; members of other
// accounts have to let it in, and the replica has a policy that names all.
func TestMixedAddReplica(t *testing.T) {
	w, all := newMixed(t, cellA3)
	three := []aws.Cell{cellA, cellA2, cellB}
	w.setPolicy(cellB, grant{members: three, admits: []aws.Cell{cellA}})
	wantCode(t, w.addReplica(cellA, cellA3.Region), "AccessDeniedException", "AssociateTableReplica")
	w.setPolicy(cellB, grant{members: all})
	wantCode(t, w.addReplica(cellA, cellA3.Region), "AccessDeniedException", "AssociateTableReplica")
	if g := w.members[cellA2].table().Def.Group; len(g.Members) != 3 {
		t.Fatalf("after the refusal A2 counts %v", g.Members)
	}
	w.setPolicy(cellB, grant{members: all, admits: []aws.Cell{cellA}})
	wantCode(t, w.addReplica(cellA, cellB.Region), "ValidationException", "has a replica in Region eu-west-1 already")
	if err := w.addReplica(cellA, cellA3.Region); err != nil {
		t.Fatal(err)
	}
	w.until(20*time.Second, "all are active", w.active(all...))
	w.members[cellA3].put(t, "a3", "1")
	w.members[cellB].put(t, "b", "1")
	w.until(20*time.Second, "all have all", w.settled(12, all...))
	if err := w.members[cellA].repl.DeleteReplica(t.Context(), w.members[cellA].table(), cellA3.Region); err != nil {
		t.Fatal(err)
	}
	w.until(20*time.Second, "it is gone everywhere", w.active(three...))
}

// newSameAccount is a global table in two Regions of an account, made by
// UpdateTable.
func newSameAccount(t *testing.T, more ...aws.Cell) *world {
	t.Helper()
	w := newWorld(t, append([]aws.Cell{cellA, cellA2}, more...)...)
	w.create(cellA, grant{members: []aws.Cell{cellA, cellA2, cellB}, admits: []aws.Cell{cellB}})
	if err := w.addReplica(cellA, cellA2.Region); err != nil {
		t.Fatal(err)
	}
	w.until(20*time.Second, "both are active", w.active(cellA, cellA2))
	return w
}

// TestConvert: a global table of one account becomes mixed in place while it is
// written to, takes in another account, and becomes what it was again once that
// has left.
func TestConvert(t *testing.T) {
	all := []aws.Cell{cellA, cellA2, cellB}
	w := newSameAccount(t, cellB)
	w.fill(cellA, 0, 20)
	id := w.members[cellA2].table().Def.ID
	wantCode(t, w.join(cellB, cellA, grant{members: all}), "ValidationException", "must be ENABLED")
	w.setTopology(cellA2, table.MixedTopology)
	w.fill(cellA2, 20, 40)
	wantCode(t, w.join(cellB, cellA, grant{members: all}), "AccessDeniedException", cellA2.TableARN(tableName)) // A2 has no policy.
	w.setPolicy(cellA2, grant{members: all, admits: []aws.Cell{cellB}})
	w.mustJoin(cellB, cellA, grant{members: all})
	w.fill(cellB, 40, 50)
	w.until(20*time.Second, "all have all", w.settled(50, all...))
	if got := w.members[cellA2].table().Def.ID; got != id {
		t.Error("the replica was made again")
	}
	err := w.members[cellA].repl.SetTopology(t.Context(), tableName, table.AWSTopology)
	wantCode(t, err, "ValidationException", "account 111111111111 has 2 of 3 members")
	b := w.members[cellB]
	if err := b.repl.Leave(t.Context(), b.table()); err != nil {
		t.Fatal(err)
	}
	w.until(20*time.Second, "B is gone", w.active(cellA, cellA2))
	w.setTopology(cellA, table.AWSTopology)
	w.members[cellA2].put(t, "later", "1")
	w.until(10*time.Second, "it flows on", w.settled(51, cellA, cellA2))
	for _, c := range []aws.Cell{cellA, cellA2} {
		if d := w.members[c].table().Def; d.Group.Kind != table.SameAccount || d.SettingsMode != "ENABLED_WITH_OVERRIDES" || d.Topology != "" {
			t.Errorf("%v: %s, %s, %q", c, d.Group.Kind, d.SettingsMode, d.Topology)
		}
	}
}

// TestConvertHalfWay: where the answer of a member is lost the call fails, and the
// change comes to all members all the same; until then nobody joins, and what is
// written flows.
func TestConvertHalfWay(t *testing.T) {
	all := []aws.Cell{cellA, cellA2, cellB}
	w := newSameAccount(t, cellB)
	w.setPolicy(cellA2, grant{members: all, admits: []aws.Cell{cellB}})
	w.transport = tap{Transport: w.network, call: func(r *replication.Request) error {
		if r.Kind == replication.Convert && !r.DryRun {
			return replication.ErrUnreachable // It was heard, and its answer was not.
		}
		return nil
	}}
	if err := w.members[cellA].repl.SetTopology(t.Context(), tableName, table.MixedTopology); err == nil {
		t.Fatal("it is changed")
	}
	w.transport = w.network
	if a, b := w.members[cellA].table().Def.Group.Kind, w.members[cellA2].table().Def.Group.Kind; a != table.SameAccount || b != table.Mixed {
		t.Fatalf("%s, %s", a, b)
	}
	wantCode(t, w.join(cellB, cellA2, grant{members: all}), "ValidationException", "make it again")
	w.fill(cellA, 0, 5)
	w.fill(cellA2, 5, 10)
	w.until(10*time.Second, "both have all", w.settled(10, cellA, cellA2))
	w.until(10*time.Second, "A is converted, too", func() bool { return w.members[cellA].table().Def.Group.Kind == table.Mixed })
	w.mustJoin(cellB, cellA2, grant{members: all})
	w.until(10*time.Second, "all have all", w.settled(10, all...))
}

// TestConvertRefused: what a mixed global table cannot have is named.
func TestConvertRefused(t *testing.T) {
	set := func(w *world, c aws.Cell, fn func(d *table.Definition)) {
		if _, err := w.members[c].engine.Alter(t.Context(), tableName, func(d *table.Definition) error { fn(d); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []struct {
		name       string
		make       func(w *world)
		code, text string
	}{
		{"an override", func(w *world) {
			own := table.Member{Cell: cellA2, Settings: table.Settings{Reads: []table.Reads{{OnDemand: true, Units: 7}}}}
			if err := w.members[cellA].repl.Override(t.Context(), w.members[cellA].table(), []table.Member{own}, 0); err != nil {
				t.Fatal(err)
			}
		}, "ValidationException", "other read throughput"},
		{"the AWS managed key", func(w *world) {
			set(w, cellA2, func(d *table.Definition) { d.Encryption = &table.Encryption{Type: "KMS"} })
		}, "ValidationException", "The replica in eu-central-1 has the AWS managed key"},
		{"a policy", func(w *world) {
			w.setPolicyText(cellA2, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"`+roleOfA+`"},"Action":"dynamodb:UpdateTable","Resource":"*"}]}`)
		}, "AccessDeniedException", "AWSServiceRoleForDynamoDBReplication/replication is not authorized to perform: dynamodb:UpdateTable"},
		{"a member that leaves", func(w *world) {
			set(w, cellA2, func(d *table.Definition) { d.Disassociating = true })
		}, "ResourceInUseException", "in use"},
		{"a member out of reach", func(w *world) { w.network.Isolate(cellA2.Region, true) }, "ServiceUnavailable", "nothing was changed"},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newSameAccount(t)
			x.make(w)
			wantCode(t, w.members[cellA].repl.SetTopology(t.Context(), tableName, table.MixedTopology), x.code, x.text)
			for _, c := range []aws.Cell{cellA, cellA2} {
				if got := w.members[c].table().Def.Group.Kind; got != table.SameAccount {
					t.Errorf("%v is %s", c, got)
				}
			}
		})
	}
}

// TestMixedForgedKind: nobody of another account comes in under the rules of one.
func TestMixedForgedKind(t *testing.T) {
	w := newSameAccount(t, cellB)
	g := w.members[cellA].table().Def.Group
	q := &replication.Request{Kind: replication.Admit, Table: tableName, Caller: root(cellB), Member: table.Member{Cell: cellB, Status: table.Creating, Source: cellA}}
	for _, kind := range []table.GroupKind{table.SameAccount, table.MultiAccount, table.Mixed} {
		q.Group = &table.Group{ID: g.ID, Kind: kind, Members: append(slices.Clone(g.Members), q.Member)}
		if _, err := w.members[cellA].repl.Serve(t.Context(), cellB, q); err == nil {
			t.Errorf("it was taken in as of a %s global table", kind)
		}
	}
}

// TestExplainJoinMixed: it says what mixing needs.
func TestExplainJoinMixed(t *testing.T) {
	w := newSameAccount(t, cellB)
	both := []aws.Cell{cellA, cellA2}
	reasons := func(newcomer aws.Cell) (out []string) {
		gaps, err := w.members[cellA].repl.ExplainJoin(tableName, newcomer, slices.Clone(both))
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range gaps {
			out = append(out, g.Reason)
		}
		return out
	}
	if got := reasons(cellB); len(got) != 1 || !strings.Contains(got[0], "hortus table set T --topology mixed") {
		t.Errorf("before: %q", got)
	}
	w.setTopology(cellA, table.MixedTopology)
	if got := reasons(cellB); len(got) != 0 {
		t.Errorf("after: %q", got)
	}
	if got := reasons(cellA3); len(got) != 0 {
		t.Errorf("another Region of the account: %q", got)
	}
}

// TestAddReplicaGivenUp: a replica that was made, and whose maker did not hear of
// it and gave it up, goes.
func TestAddReplicaGivenUp(t *testing.T) {
	w := newSameAccount(t, cellA3)
	w.transport = tap{Transport: w.network, call: func(r *replication.Request) error {
		if r.Kind == replication.Adopt && !r.DryRun {
			return replication.ErrUnreachable
		}
		return nil
	}}
	if err := w.addReplica(cellA, cellA3.Region); err == nil {
		t.Fatal("it was made")
	}
	w.transport = w.network
	if w.members[cellA3].table() == nil {
		t.Fatal("nothing was made")
	}
	w.until(time.Minute, "it is gone", func() bool { return w.members[cellA3].table() == nil })
	if err := w.addReplica(cellA2, cellA3.Region); err != nil {
		t.Fatal(err)
	}
	w.until(20*time.Second, "all are active", w.active(cellA, cellA2, cellA3))
}

// TestAddReplicaMeetsJoin: two who make the same replica leave one, and nobody
// counts another one.
func TestAddReplicaMeetsJoin(t *testing.T) {
	all := []aws.Cell{cellA, cellA2, cellA3}
	w := newWorld(t, all...)
	w.create(cellA, grant{members: all, admits: all})
	w.setTopology(cellA, table.MixedTopology)
	w.mustJoin(cellA2, cellA, grant{members: all})
	var other error
	w.transport = tap{Transport: w.network, call: func(r *replication.Request) error {
		if r.Kind == replication.Admit && !r.DryRun && r.Member.Source == cellA {
			w.transport = w.network
			w.run(tick)
			other = w.addReplica(cellA2, cellA3.Region) // While A3 joins by A.
		}
		return nil
	}}
	if err := w.join(cellA3, cellA, grant{members: all}); err != nil {
		t.Fatal(err)
	}
	if other == nil {
		t.Error("UpdateTable made it, too")
	}
	w.until(time.Minute, "all are active", w.active(all...))
}

// TestFloorIsBeforeWrites: what a newcomer writes first comes after the floor that
// its source told it, also where the source's clock is ahead and no row tells so.
func TestFloorIsBeforeWrites(t *testing.T) {
	w := newWorld(t, cellA, cellB)
	both := []aws.Cell{cellA, cellB}
	w.ahead[cellA] = 2 * time.Second
	w.create(cellA, grant{members: both, admits: both})
	w.mustJoin(cellB, cellA, grant{members: both})
	b := w.members[cellB]
	floor := b.table().Floor()
	b.put(t, "k", "v")
	for _, r := range b.records(t) {
		if floor.IsZero() || r.Version.Time.Compare(floor) <= 0 {
			t.Errorf("%v is not after %v", r.Version, floor)
		}
	}
}

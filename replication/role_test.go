package replication_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/identity"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// directory is what the node of a cell knows of the cell's account.
func (w *world) directory(c aws.Cell) *identity.Directory {
	return &identity.Directory{
		Account: c.Account, Lock: &w.roles, Clock: w.clock,
		NewID: func() string { w.ids++; return fmt.Sprintf("id-%d", w.ids) },
		Seats: func() []identity.Seat {
			var out []identity.Seat
			for _, o := range w.order {
				if m := w.members[o]; m != nil && (o == c || o.Account == c.Account && !w.apart) {
					out = append(out, identity.Seat{Region: o.Region, Store: identity.NewStore(m.store), Uses: m.repl.Uses})
				}
			}
			return out
		},
	}
}

// rolesFor gives a cell the roles of its account.
func (w *world) rolesFor(c aws.Cell) replication.Roles {
	return func(ctx context.Context, k *identity.Linked, elsewhere *identity.Role) (*identity.Role, error) {
		return w.directory(c).Ensure(ctx, identity.NewStore(w.members[c].store), k, elsewhere)
	}
}

// rolesIn describes the roles that a cell has itself.
func (w *world) rolesIn(c aws.Cell) string {
	w.t.Helper()
	all, err := identity.NewStore(w.members[c].store).Roles(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, r := range all {
		out = append(out, strings.TrimPrefix(r.Kind().Name, "AWSServiceRoleForDynamoDB")+" "+r.ID)
	}
	return strings.Join(out, ", ")
}

// kindsIn is rolesIn without the ids.
func (w *world) kindsIn(c aws.Cell) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(w.rolesIn(c)), func(s string) bool { return strings.HasPrefix(s, "AROA") }), " ")
}

// TestRolesMade: the first replica in a Region of the own account makes the role that
// replicates, and the first one in another account, in each of the two, the one that
// keeps settings (documented). Neither is made for less, nor made again.
func TestRolesMade(t *testing.T) {
	const replicates, settles = "Replication", "GlobalTableSettingsManagement"
	for _, apart := range []bool{false, true} {
		t.Run(fmt.Sprint("apart=", apart), func(t *testing.T) {
			all := []aws.Cell{cellA, cellA2, cellB}
			w := newWorld(t, all...)
			w.apart = apart
			w.create(cellA, grant{members: all, admits: []aws.Cell{cellB}})
			if got := w.kindsIn(cellA); got != "" {
				t.Errorf("a regional table has made %s", got)
			}
			if err := w.addReplica(cellA, cellA2.Region); err != nil {
				t.Fatal(err)
			}
			first := w.rolesIn(cellA)
			if got := w.kindsIn(cellA); got != replicates {
				t.Errorf("the first replica has made %s", got)
			}
			if got := w.rolesIn(cellA2); got != first {
				t.Errorf("the other Region has %s, not %s", got, first)
			}
			w.until(20*time.Second, "both are active", w.active(cellA, cellA2))
			w.setTopology(cellA, table.MixedTopology)
			w.setPolicy(cellA2, grant{members: all, admits: []aws.Cell{cellB}})
			w.mustJoin(cellB, cellA, grant{members: all})
			for c, want := range map[aws.Cell]string{cellA: settles + " " + replicates, cellA2: settles + " " + replicates, cellB: settles} {
				if got := w.kindsIn(c); got != want {
					t.Errorf("%v has %s, not %s", c, got, want)
				}
			}
			if !strings.Contains(w.rolesIn(cellA), first) {
				t.Errorf("%s was made again: %s", first, w.rolesIn(cellA))
			}
		})
	}
}

// TestRoleInUse: a role cannot be deleted while a replica needs it, and a replica that
// is made after its deletion makes another one.
func TestRoleInUse(t *testing.T) {
	w := newPair(t)
	d := w.directory(cellB)
	at := identity.NewStore(w.members[cellB].store)
	one, err := d.Delete(t.Context(), at, identity.Settings.Name)
	if err != nil || len(one.Usage) != 1 || one.Usage[0].Region != cellB.Region || !slices.Equal(one.Usage[0].Resources, []string{cellB.TableARN(tableName)}) {
		t.Fatalf("the deletion came to %+v, %v", one, err)
	}
	before := w.rolesIn(cellB)
	w.detachByWish(cellB)
	if one, err = d.Delete(t.Context(), at, identity.Settings.Name); err != nil || len(one.Usage) != 0 || w.rolesIn(cellB) != "" {
		t.Fatalf("with no replica the deletion came to %+v, %v", one, err)
	}
	both := []aws.Cell{cellA, cellB}
	w.mustJoin(cellB, cellA, grant{members: both})
	if after := w.rolesIn(cellB); after == before || w.kindsIn(cellB) != "GlobalTableSettingsManagement" {
		t.Errorf("a new replica has made %q, after %q", after, before)
	}
}

// detachByWish deletes a member's replica.
func (w *world) detachByWish(c aws.Cell) {
	w.t.Helper()
	m := w.members[c]
	if err := m.repl.Leave(w.t.Context(), m.table()); err != nil {
		w.t.Fatal(err)
	}
	w.until(time.Minute, "it is gone", func() bool { return m.table() == nil })
}

// TestRolesRestored: replicas of a store that has no roles, as one of a version before
// them, have them made when the cell runs.
func TestRolesRestored(t *testing.T) {
	w := newSameAccount(t)
	m := w.members[cellA2]
	role := []byte("ur" + identity.Replication.Service)
	if _, err := m.store.Update(t.Context(), kv.Plan{Write: [][]byte{role}}, func(_ [][]byte, w *kv.Writes) error {
		w.Delete(role)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got := w.rolesIn(cellA2); got != "" {
		t.Fatalf("there is %q still", got)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { m.repl.Run(ctx) })
	defer running.Wait()
	defer stop()
	for want := w.rolesIn(cellA); w.rolesIn(cellA2) != want; { // The test's own time limit ends it.
		if !clock.Wait(ctx, nil, 5*time.Millisecond) {
			t.Fatal(ctx.Err())
		}
	}
}

// TestRoleReattached: the role that was deleted while a replica was detached is made
// when it comes back.
func TestRoleReattached(t *testing.T) {
	w := newTriple(t)
	w.until(20*time.Second, "all are active", w.active(cellA, cellB, cellC))
	w.detach(cellC)
	if d, err := w.directory(cellC).Delete(t.Context(), identity.NewStore(w.members[cellC].store), identity.Settings.Name); err != nil || len(d.Usage) != 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	w.setPolicy(cellC, grant{members: []aws.Cell{cellA, cellB, cellC}})
	w.mustReattach(cellC)
	if got := w.kindsIn(cellC); got != "GlobalTableSettingsManagement" {
		t.Errorf("the replica came back with %q", got)
	}
}

const roleOfA = "arn:aws:iam::111111111111:role/aws-service-role/replication.dynamodb.amazonaws.com/AWSServiceRoleForDynamoDBReplication"

// denying is a policy of one Deny to everybody, with a condition.
func denying(actions, resource, condition string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"Stop","Effect":"Deny","Principal":{"AWS":"*"},"Action":[%s],"Resource":%q,"Condition":%s}]}`, actions, resource, condition)
}

// setStreamPolicy attaches a policy to a member's stream; "" takes it away.
func (w *world) setStreamPolicy(c aws.Cell, text string) {
	w.t.Helper()
	_, err := w.members[c].engine.Alter(w.t.Context(), tableName, func(d *table.Definition) error {
		s := *d.Stream
		d.Stream, s.Policy = &s, nil
		if text != "" {
			s.Policy = &table.Policy{Document: text}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestRoleDenied: between Regions of an account a service-linked role replicates. A
// Deny of anything that it does stops both ways, whether it names the role or leaves
// it out of those that it spares (documented); nothing has to allow it.
func TestRoleDenied(t *testing.T) {
	arn := cellA.TableARN(tableName)
	theRole := fmt.Sprintf(`{"ArnEquals":{"aws:PrincipalArn":%q}}`, roleOfA)
	for name, c := range map[string]struct {
		policy string
		stream func(arn string) string
		stops  bool
	}{
		"as fault injection pauses it": {policy: denying(`"dynamodb:GetItem","dynamodb:PutItem","dynamodb:UpdateItem","dynamodb:DeleteItem","dynamodb:DescribeTable","dynamodb:UpdateTable","dynamodb:Scan","dynamodb:DescribeTimeToLive","dynamodb:UpdateTimeToLive"`, arn, theRole), stops: true},
		"one action of it":             {policy: denying(`"dynamodb:UpdateTable"`, arn, theRole), stops: true},
		"its stream": {stream: func(stream string) string {
			return denying(`"dynamodb:GetRecords","dynamodb:DescribeStream","dynamodb:GetShardIterator"`, stream, theRole)
		}, stops: true},
		"all but an administrator":              {policy: denying(`"dynamodb:*"`, "*", `{"StringNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/Admin"}}`), stops: true},
		"all but an administrator and the role": {policy: denying(`"dynamodb:*"`, "*", fmt.Sprintf(`{"StringNotEquals":{"aws:PrincipalArn":["arn:aws:iam::111111111111:role/Admin",%q]}}`, roleOfA))},
		"what it does not do":                   {policy: denying(`"dynamodb:Query","dynamodb:BatchGetItem"`, arn, theRole)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSameAccount(t)
			both := []aws.Cell{cellA, cellA2}
			before := countLines(w.members[cellA].dump(t))
			if c.policy != "" {
				w.setPolicyText(cellA, c.policy)
			}
			if c.stream != nil {
				w.setStreamPolicy(cellA, c.stream(arn+"/stream/"+w.members[cellA].table().Def.Stream.Label))
			}
			w.members[cellA].put(t, "by A", "1")
			w.members[cellA2].put(t, "by A2", "1")
			if !c.stops {
				w.until(5*time.Second, "it flows", w.settled(before+2, both...))
				return
			}
			w.run(15 * time.Second)
			for _, x := range both {
				if got := w.members[x].dump(t); countLines(got) != before+1 {
					t.Errorf("%v has %s", x, got)
				}
			}
			for _, way := range [][2]aws.Cell{{cellA, cellA2}, {cellA2, cellA}} {
				if s := w.link(cellA, way[0], way[1]); s.State != "NOT_AUTHORIZED" || s.By != cellA || !strings.Contains(s.Reason, "Stop") || !strings.Contains(s.Reason, "AWSServiceRoleForDynamoDBReplication") {
					t.Errorf("%v: %s by %v: %s", way, s.State, s.By, s.Reason)
				}
			}
			if got := w.members[cellA].repl.Standing(w.members[cellA].table()); got != table.ReplicationNotAuthorized {
				t.Errorf("the replica is %q", got)
			}
			w.setPolicyText(cellA, denying(`"dynamodb:Query"`, arn, theRole))
			w.setStreamPolicy(cellA, "")
			w.until(20*time.Second, "it flows again", w.settled(before+2, both...))
		})
	}
}

// TestRoleElsewhere: between accounts the service itself replicates, not the role.
func TestRoleElsewhere(t *testing.T) {
	w := newPair(t)
	both := []aws.Cell{cellA, cellB}
	g := grant{members: both, self: cellA}
	deny := fmt.Sprintf(`{"Effect":"Deny","Principal":"*","Action":"dynamodb:*","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":%q}}},`, roleOfA)
	w.setPolicyText(cellA, strings.Replace(g.String(), `"Statement":[`, `"Statement":[`+deny, 1))
	w.members[cellA].put(t, "k", "1")
	w.until(5*time.Second, "it flows", w.settled(1, both...))
}

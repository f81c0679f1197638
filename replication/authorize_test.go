package replication_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// untouched fails unless a join left nothing behind at any cell.
func (w *world) untouched(newcomer aws.Cell, members int) {
	w.t.Helper()
	if w.members[newcomer].table() != nil {
		w.t.Error("the newcomer has a table")
	}
	for _, c := range w.order {
		m := w.members[c]
		if m.table() == nil {
			continue
		}
		if g := m.table().Def.Group; g != nil && (len(g.Members) != members || g.Member(newcomer) != nil) {
			w.t.Errorf("%v has the group %+v", c, g.Members)
		} else if g == nil && members != 0 {
			w.t.Errorf("%v lost its group", c)
		}
		readers, err := m.table().Log.Readers(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range readers {
			if r.Name == newcomer.String() {
				w.t.Errorf("%v keeps its log for the newcomer", c)
			}
		}
	}
}

const associateText = "is not authorized to perform: dynamodb:AssociateTableReplica on resource: "

// TestJoinNeedsEveryAction takes away each action on each side in turn: the
// join is denied with AWS's error, an explanation names the action, and nothing
// was made (invariant 5).
func TestJoinNeedsEveryAction(t *testing.T) {
	both := []aws.Cell{cellA, cellB}
	for _, missing := range serviceActions {
		rest := slices.DeleteFunc(slices.Clone(serviceActions), func(a string) bool { return a == missing })
		for _, side := range both {
			t.Run(missing+" at "+string(side.Region), func(t *testing.T) {
				w := newWorld(t, cellA, cellB)
				source, newcomer := grant{members: both, admits: []aws.Cell{cellB}}, grant{members: both}
				if side == cellA {
					source.actions = rest
				} else {
					newcomer.actions = rest
				}
				w.create(cellA, source)
				err := w.join(cellB, cellA, newcomer)
				wantCode(t, err, "AccessDeniedException", associateText+side.TableARN(tableName))
				wantCode(t, err, "AccessDeniedException", missing)
				w.untouched(cellB, 0)
			})
		}
	}
}

// TestJoinNeedsAssociate: the caller needs the source's leave.
func TestJoinNeedsAssociate(t *testing.T) {
	w := newWorld(t, cellA, cellB)
	both := []aws.Cell{cellA, cellB}
	w.create(cellA, grant{members: both})
	err := w.join(cellB, cellA, grant{members: both})
	wantCode(t, err, "AccessDeniedException", associateText+cellA.TableARN(tableName)+" because no resource-based policy allows")
	w.untouched(cellB, 0)
}

// TestJoinNeedsEveryMember: any member can refuse a third one, not the source
// alone, and then no other took it in.
func TestJoinNeedsEveryMember(t *testing.T) {
	all := []aws.Cell{cellA, cellB, cellC}
	pair := []aws.Cell{cellA, cellB}
	cases := map[string]struct{ a, b, c grant }{
		"associate at the other member": {
			grant{members: all, admits: []aws.Cell{cellB, cellC}}, grant{members: all}, grant{members: all},
		},
		"the other member does not know the newcomer": {
			grant{members: all, admits: []aws.Cell{cellB, cellC}}, grant{members: pair, admits: []aws.Cell{cellC}}, grant{members: all},
		},
		"the newcomer does not know the other member": {
			grant{members: all, admits: []aws.Cell{cellB, cellC}},
			grant{members: all, admits: []aws.Cell{cellC}},
			grant{members: []aws.Cell{cellA, cellC}},
		},
		"the newcomer does not name itself": {
			grant{members: all, admits: []aws.Cell{cellB, cellC}},
			grant{members: all, admits: []aws.Cell{cellC}},
			grant{members: pair},
		},
		"statements in pairs": { // As recorded: all members stand in one statement, or it does not allow.
			grant{statement: [][]aws.Cell{pair, {cellA, cellC}}, admits: []aws.Cell{cellB, cellC}},
			grant{statement: [][]aws.Cell{pair, {cellB, cellC}}, admits: []aws.Cell{cellC}},
			grant{statement: [][]aws.Cell{{cellA, cellC}, {cellB, cellC}}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, cellA, cellB, cellC)
			w.create(cellA, c.a)
			w.mustJoin(cellB, cellA, c.b)
			wantCode(t, w.join(cellC, cellA, c.c), "AccessDeniedException", associateText)
			w.untouched(cellC, 2)
			w.members[cellA].put(t, "k", "1")
			w.until(5*time.Second, "the pair goes on", w.settled(1, cellA, cellB))
		})
	}
}

// TestJoinErrors: the other ways to refuse a join, in AWS's words where they are
// known.
func TestJoinErrors(t *testing.T) {
	w := newPair(t)
	both := grant{members: []aws.Cell{cellA, cellB}}
	wantCode(t, w.join(cellB, cellA, both), "ResourceInUseException", "Table already exists: T")
	w2 := newWorld(t, cellA, cellB, sameAccount)
	wantCode(t, w2.join(cellB, cellA, both), "ResourceNotFoundException", "Requested resource not found: Table: T not found")
	wantCode(t, w2.join(sameAccount, cellA, both), "ValidationException", "another account")
	w2.create(cellA, grant{members: both.members, admits: []aws.Cell{cellB}})
	w2.network.Isolate(cellB.Region, true)
	wantCode(t, w2.join(cellB, cellA, both), "ServiceUnavailable", "nothing was changed")
	w2.untouched(cellB, 0)
}

// TestJoinsCross: two newcomers at one time never end with different views of
// the group.
func TestJoinsCross(t *testing.T) {
	d := aws.Cell{Account: "444444444444", Region: "ca-central-1"}
	all := []aws.Cell{cellA, cellB, cellC, d}
	w := newWorld(t, all...)
	w.create(cellA, grant{members: all, admits: all[1:]})
	w.mustJoin(cellB, cellA, grant{members: all, admits: all[2:]})
	inner := w.transport
	w.transport = between{inner, func() {
		w.transport = inner
		w.mustJoin(d, cellA, grant{members: all})
	}}
	wantCode(t, w.join(cellC, cellA, grant{members: all}), "ResourceInUseException", "in use")
	for _, c := range []aws.Cell{cellA, cellB, d} {
		if g := w.members[c].table().Def.Group; len(g.Members) != 3 || g.Member(cellC) != nil {
			t.Errorf("%v has the group %+v", c, g.Members)
		}
	}
}

// TestRevoke: one permission that is taken away on one side stops both ways at once
// (documented). It shows as NOT_AUTHORIZED with the statement that it misses. When it
// is given back, all that was pending comes.
func TestRevoke(t *testing.T) {
	both := []aws.Cell{cellA, cellB}
	full := map[aws.Cell]grant{cellA: {members: both, admits: []aws.Cell{cellB}}, cellB: {members: both}}
	for _, at := range both {
		for _, missing := range serviceActions[:2] {
			t.Run(missing+" at "+string(at.Region), func(t *testing.T) {
				w := newPair(t)
				w.members[cellA].put(t, "before", "1")
				w.until(5*time.Second, "flows", w.settled(1, both...))
				g := full[at]
				g.actions = slices.DeleteFunc(slices.Clone(serviceActions), func(a string) bool { return a == missing })
				w.setPolicy(at, g)
				for _, c := range both {
					w.members[c].put(t, "of "+string(c.Region), "1")
				}
				w.run(20 * time.Second)
				for _, c := range both {
					if got := w.members[c].dump(t); countLines(got) != 2 {
						t.Fatalf("%v got what it must not: %s", c, got)
					}
					if s := w.link(c, c, peerOf(c)); s.Pending == 0 {
						t.Errorf("nothing of %v is pending", c)
					}
				}
				for _, way := range [][2]aws.Cell{{cellA, cellB}, {cellB, cellA}} {
					if s := w.link(at, way[0], way[1]); s.State != "NOT_AUTHORIZED" || s.By != at || !strings.Contains(s.Reason, missing) || !strings.Contains(s.Reason, "Service0") {
						t.Errorf("%v shows %v by %v: %s", way, s.State, s.By, s.Reason)
					}
					if s := w.link(peerOf(at), way[0], way[1]); s.State != "NOT_AUTHORIZED" || s.By != at || !strings.Contains(s.Reason, missing) {
						t.Errorf("the other end shows %v as %v by %v: %s", way, s.State, s.By, s.Reason)
					}
				}
				if s := w.members[at].repl.Standing(w.members[at].table()); s != table.ReplicationNotAuthorized {
					t.Errorf("its replica is %q", s)
				}
				w.setPolicy(at, full[at])
				w.members[at].repl.Rouse() // As the call does that puts a policy.
				w.until(3*time.Second, "what was pending has come", w.settled(3, both...))
				for _, way := range [][2]aws.Cell{{cellA, cellB}, {cellB, cellA}} {
					if s := w.link(at, way[0], way[1]); s.State != "FLOWING" || s.Reason != "" {
						t.Errorf("healed, %v shows %s: %s", way, s.State, s.Reason)
					}
				}
			})
		}
	}
}

// peerOf is the other one of a pair.
func peerOf(c aws.Cell) aws.Cell {
	if c == cellA {
		return cellB
	}
	return cellA
}

// TestDeny: within one account nothing is asked, but an explicit Deny in the
// resource policy stops replication (documented).
func TestDeny(t *testing.T) {
	w := newWorld(t, cellA, sameAccount)
	w.create(cellA, grant{members: []aws.Cell{cellA}})
	a := w.members[cellA]
	if err := a.repl.AddReplica(t.Context(), caller(cellA), a.table(), sameAccount.Region, table.Settings{}); err != nil {
		t.Fatal(err)
	}
	a.put(t, "k", "1")
	w.until(5*time.Second, "flows without a policy", w.settled(1, cellA, sameAccount))
	w.setPolicyText(sameAccount, fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"Stop","Effect":"Deny","Principal":"*","Action":"dynamodb:WriteDataForReplication","Resource":%q}]}`, sameAccount.TableARN(tableName)))
	a.put(t, "l", "1")
	w.run(5 * time.Second)
	if got := w.members[sameAccount].dump(t); countLines(got) != 1 {
		t.Errorf("the denied replica got %s", got)
	}
	if s := w.link(sameAccount, cellA, sameAccount); s.State != "NOT_AUTHORIZED" || !strings.Contains(s.Reason, "Stop") {
		t.Errorf("the link shows %s: %s", s.State, s.Reason)
	}
}

// TestConsent: one member that withholds ReplicateSettings from another one keeps
// all from changing settings (documented), but for those who cannot ask it.
func TestConsent(t *testing.T) {
	w := newTriple(t)
	all := []aws.Cell{cellA, cellB, cellC}
	consent := func(c aws.Cell) error {
		return w.members[c].repl.CheckConsent(t.Context(), w.members[c].table())
	}
	w.setPolicy(cellC, grant{statement: [][]aws.Cell{{cellA, cellC}}})
	for _, c := range all {
		wantCode(t, consent(c), "AccessDeniedException", "dynamodb:ReplicateSettings on resource: "+cellC.TableARN(tableName))
	}
	w.network.Isolate(cellC.Region, true)
	wantCode(t, consent(cellC), "AccessDeniedException", cellC.TableARN(tableName))
	for _, c := range all[:2] {
		if err := consent(c); err != nil {
			t.Errorf("%v, which cannot ask: %v", c, err)
		}
	}
	w.network.Isolate(cellC.Region, false)
	w.setPolicy(cellC, grant{members: all})
	for _, c := range all {
		if err := consent(c); err != nil {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// TestJoinCircumstances: a member's policy may ask how the newcomer's call came, to
// whichever cell it did.
func TestJoinCircumstances(t *testing.T) {
	both := []aws.Cell{cellA, cellB}
	g := grant{members: both, admits: []aws.Cell{cellB}, self: cellA}
	office := strings.Replace(g.String(), `"Sid":"Admit",`, `"Sid":"Admit","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"Bool":{"aws:SecureTransport":"true"},"DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"}},`, 1)
	own := grant{members: both, self: cellB}
	for name, c := range map[string]struct {
		came *policy.Circumstances
		ok   bool
	}{
		"from the office":             {&policy.Circumstances{Source: netip.MustParseAddr("10.1.2.3"), Secure: true}, true}, // The time is the member's own.
		"from elsewhere":              {&policy.Circumstances{Source: netip.MustParseAddr("192.0.2.1"), Secure: true}, false},
		"without TLS":                 {&policy.Circumstances{Source: netip.MustParseAddr("10.1.2.3")}, false},
		"from nobody knows where":     {nil, false},
		"without an address, by TLS":  {&policy.Circumstances{Secure: true}, false},
		"too late by the own account": {&policy.Circumstances{Source: netip.MustParseAddr("10.1.2.3"), Secure: true, Time: time.Unix(4e9, 0)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, both...)
			w.create(cellA, g)
			w.setPolicyText(cellA, office)
			def := table.Definition{Name: tableName, Policy: &table.Policy{Document: own.String()}}
			_, err := w.members[cellB].repl.Join(t.Context(), replication.Caller{Principal: root(cellB), Came: c.came}, cellA.TableARN(tableName), def)
			if c.ok && err != nil {
				t.Fatal(err)
			}
			if !c.ok {
				wantCode(t, err, "AccessDeniedException", associateText+cellA.TableARN(tableName))
				w.untouched(cellB, 0)
			}
		})
	}
}

// TestDenialSuggestsWhole: who joins and does, member by member, what the denial
// suggests needs one statement a member.
func TestDenialSuggestsWhole(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all[:2], admits: all})
	w.mustJoin(cellB, cellA, grant{members: all[:2], admits: all})
	w.run(time.Minute)
	for want := range 3 {
		err := w.join(cellC, cellB, grant{members: all})
		if want == 2 {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		var answer *aws.Error
		if !errors.As(err, &answer) || answer.Code != "AccessDeniedException" {
			t.Fatalf("join %d: %v", want, err)
		}
		_, statement, _ := strings.Cut(answer.Message, policy.Suggestion)
		var s struct{ Resource string }
		if err := json.Unmarshal([]byte(statement), &s); err != nil {
			t.Fatalf("join %d suggests %q: %v", want, statement, err)
		}
		for _, c := range all[:2] {
			if s.Resource == c.TableARN(tableName) {
				old := grant{self: c, members: all[:2], admits: all}.String()
				w.setPolicyText(c, strings.TrimSuffix(old, "]}")+","+statement+"]}")
			}
		}
	}
}

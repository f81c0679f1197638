package replication_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// pausing is a member's policy that keeps the service from an action between two
// times.
func pausing(g grant, self aws.Cell, action string, from, to time.Time) string {
	g.self = self
	deny := fmt.Sprintf(`{"Sid":"Pause","Effect":"Deny","Principal":"*","Action":%q,"Resource":%q,"Condition":{"StringEquals":{"aws:PrincipalServiceName":"replication.dynamodb.amazonaws.com"},"DateGreaterThanEquals":{"aws:CurrentTime":%q},"DateLessThan":{"aws:CurrentTime":%q}}},`,
		action, self.TableARN(tableName), from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
	return strings.Replace(g.String(), `"Statement":[`, `"Statement":[`+deny, 1)
}

// TestTimedPolicy: a Deny that begins and ends by the clock of deadlines stops
// replication then and there, with nobody touching a policy.
func TestTimedPolicy(t *testing.T) {
	both := []aws.Cell{cellA, cellB}
	for action, at := range map[string]aws.Cell{serviceActions[0]: cellA, serviceActions[1]: cellB} {
		for _, moved := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, clock moved: %v", action, moved), func(t *testing.T) {
				w := newPair(t)
				pass := func(d time.Duration) {
					if moved {
						w.dates.Advance(d)
					} else {
						w.run(d)
					}
				}
				g := grant{members: both}
				if at == cellA {
					g.admits = []aws.Cell{cellB}
				}
				now := w.dates.Now()
				w.setPolicyText(at, pausing(g, at, action, now.Add(30*time.Second), now.Add(90*time.Second)))
				w.members[cellA].put(t, "before", "1")
				w.until(5*time.Second, "it flows before", w.settled(1, both...))
				pass(30 * time.Second)
				w.members[cellA].put(t, "meanwhile", "1")
				w.run(3 * time.Second)
				if got := w.members[cellB].dump(t); strings.Contains(got, "meanwhile") {
					t.Fatalf("it came through the pause: %s", got)
				}
				if s := w.link(at, cellA, cellB); s.State != "NOT_AUTHORIZED" || !strings.Contains(s.Reason, "Pause") || s.Since.IsZero() {
					t.Errorf("the link shows %s: %s, since %v", s.State, s.Reason, s.Since)
				}
				if got := w.members[at].repl.Standing(w.members[at].table()); got != table.ReplicationNotAuthorized {
					t.Errorf("the replica is %q", got)
				}
				pass(60 * time.Second)
				w.until(20*time.Second, "what waited has come", w.settled(2, both...))
				w.run(3 * time.Second)
				if s := w.link(at, cellA, cellB); s.State != "FLOWING" || w.members[at].table().Def.Inaccessible != nil {
					t.Errorf("the link shows %s: %s; the replica %+v", s.State, s.Reason, w.members[at].table().Def.Inaccessible)
				}
			})
		}
	}
}

// TestTimedAllow: what is allowed until a time is not allowed from then on, and a
// replica that it keeps from replication for 20 hours becomes a regional table.
func TestTimedAllow(t *testing.T) {
	w := newPair(t)
	both := []aws.Cell{cellA, cellB}
	g := grant{members: both, self: cellB}
	until := w.dates.Now().Add(time.Minute).Unix()
	w.setPolicyText(cellB, strings.Replace(g.String(), `"StringEquals":{`, fmt.Sprintf(`"NumericLessThan":{"aws:EpochTime":"%d"},"StringEquals":{`, until), 1))
	w.members[cellA].put(t, "before", "1")
	w.until(5*time.Second, "it flows before", w.settled(1, both...))
	w.run(time.Minute)
	w.members[cellA].put(t, "after", "1")
	w.run(15 * time.Second)
	if got := w.members[cellB].dump(t); countLines(got) != 1 {
		t.Errorf("B has %s", got)
	}
	w.dates.Advance(20 * time.Hour)
	w.until(30*time.Second, "B is regional", func() bool { return w.members[cellB].table().Def.Group == nil })
}

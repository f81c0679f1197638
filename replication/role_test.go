package replication_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

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

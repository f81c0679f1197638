package replication_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// managed gives a table the key that AWS manages.
func managed(d *table.Definition) { d.Encryption = &table.Encryption{Type: "KMS"} }

// TestManagedKey: between accounts no replica has the AWS managed key: with a source
// that has it nobody joins, which is explained, and a replica that was detached does
// not come back with it, nor to one that took it since.
func TestManagedKey(t *testing.T) {
	both := []aws.Cell{cellA, cellC}
	w := newWorld(t, cellA, cellC)
	w.create(cellA, grant{members: both, admits: both})
	a, c := w.members[cellA], w.members[cellC]
	a.alter(t, managed)
	wantCode(t, w.join(cellC, cellA, grant{members: both}), "ValidationException", "The replica in us-east-1 has the AWS managed key")
	if c.table() != nil || a.table().Def.Group != nil {
		t.Error("it was refused, and something is left")
	}
	gaps, err := a.repl.ExplainJoin(tableName, cellC, []aws.Cell{cellA})
	if err != nil || len(gaps) != 1 || !strings.Contains(gaps[0].Reason, "AWS managed key") {
		t.Errorf("it explains %+v, %v", gaps, err)
	}
	a.alter(t, func(d *table.Definition) { d.Encryption = &table.Encryption{Type: "KMS", KeyID: "alias/own"} })
	w.mustJoin(cellC, cellA, grant{members: both})
	w.detach(cellC)
	w.setPolicy(cellC, grant{members: both})
	c.alter(t, managed)
	wantCode(t, w.reattach(cellC), "ValidationException", "The replica in ap-south-1 has the AWS managed key")
	c.alter(t, func(d *table.Definition) { d.Encryption = nil })
	a.alter(t, managed)
	wantCode(t, w.reattach(cellC), "ValidationException", "The replica in us-east-1 has the AWS managed key")
	a.alter(t, func(d *table.Definition) { d.Encryption = nil })
	w.mustReattach(cellC)
	w.until(time.Minute, "both are active", w.active(both...))
}

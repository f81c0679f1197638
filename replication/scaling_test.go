package replication_test

import (
	"fmt"
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/scaling"
)

// scale makes the table's writes scale up to some units at a member, and shares that.
func (m *member) scale(t *testing.T, most int32) {
	t.Helper()
	resource := scaling.Resource(tableName, "")
	err := m.scaling.Change(t.Context(), resource, scaling.TableWrite, func(old *scaling.Target) (*scaling.Target, error) {
		return &scaling.Target{ID: "own", Resource: resource, Dimension: scaling.TableWrite, Min: 1, Max: most}, nil
	})
	if err == nil {
		err = m.repl.ShareScaling(t.Context(), m.table())
	}
	if err != nil {
		t.Error(err)
	}
}

// TestScalingAtOnce: targets that are changed at two members at the same time are the
// same at all afterwards, however far the first change has come.
func TestScalingAtOnce(t *testing.T) {
	for _, order := range [][2]aws.Cell{{cellA, cellB}, {cellB, cellA}, {cellB, cellC}, {cellC, cellA}} {
		for at := range 2 {
			t.Run(fmt.Sprintf("%s %s %d", order[0].Region, order[1].Region, at), func(t *testing.T) {
				w := newTriple(t)
				asked := 0
				w.transport = tap{Transport: w.network, call: func(r *replication.Request) error {
					if r.Kind == replication.Rescale {
						if asked++; asked == at+1 {
							w.members[order[1]].scale(t, 60)
						}
					}
					return nil
				}}
				w.members[order[0]].scale(t, 50)
				var first int32
				for i, c := range w.order {
					target, err := w.members[c].scaling.Get(t.Context(), scaling.Resource(tableName, ""), scaling.TableWrite)
					if err != nil || target == nil {
						t.Fatal(target, err)
					}
					if i == 0 {
						first = target.Max
					}
					if target.Max != first {
						t.Errorf("%v scales up to %d, another up to %d", c, target.Max, first)
					}
				}
			})
		}
	}
}

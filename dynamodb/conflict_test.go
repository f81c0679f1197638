package dynamodb_test

import (
	"context"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/hortusdb/hortus/kv"
)

// committedStore calls the world's committed, once, when an update is committed and
// not yet answered.
type committedStore struct {
	kv.Store
	world *controlWorld
}

func (s *committedStore) Update(ctx context.Context, p kv.Plan, fn func([][]byte, *kv.Writes) error) (kv.Position, error) {
	at, err := s.Store.Update(ctx, p, fn)
	if committed := s.world.committed; committed != nil {
		s.world.committed = nil
		committed()
	}
	return at, err
}

// TestTransactionConflicts runs calls while a transaction is under way: its commit is
// done, and not yet answered. Commands are those of TestTransactions, and
//
//	hold
//	  The transaction, a line an action.
//	beside OPERATION
//	  Runs the transaction, and the call beside it.
//	sums
//	  Prints what was counted.
func TestTransactionConflicts(t *testing.T) {
	datadriven.Walk(t, "testdata/conflicts", func(t *testing.T, path string) {
		w := newControlWorld()
		w.throttled = true
		held := ""
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "hold":
				held = transactItems(d.Input)
				return ""
			case "sums":
				return w.sums(t)
			case "beside":
				var out string
				w.committed = func() { out = w.transact(t, &datadriven.TestData{Pos: d.Pos}, d.CmdArgs[0].Key, d.Input) }
				if answer := w.transact(t, &datadriven.TestData{Pos: d.Pos}, "TransactWriteItems", held); answer != "{}\n" {
					return "the transaction itself: " + answer
				}
				return out
			}
			return w.transact(t, d, d.Cmd, d.Input)
		})
	})
}

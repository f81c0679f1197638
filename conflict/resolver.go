package conflict

import "github.com/hortusdb/hortus/item"

// State is one state of an item: what it holds, and its version. A deleted
// item is a State too: its tombstone.
type State struct {
	Version Version
	Vector  Vector
	Deleted bool
	Item    item.Item // The key attributes alone when Deleted.
}

// Resolver merges two states of one item. It must be commutative, associative
// and idempotent; TestResolverLaws checks these laws for every resolver. The
// result's Item may share memory with a or b.
type Resolver func(a, b State) State

// LastWriterWins keeps the state with the later version, as DynamoDB's global
// tables do (documented).
func LastWriterWins(a, b State) State {
	if a.Version.Compare(b.Version) >= 0 {
		return a
	}
	return b
}

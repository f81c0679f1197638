package conflict

import "github.com/hortusdb/hortus/item"

// State is one state of an item: what it holds, and its version. A deleted
// item is a State too: its tombstone.
type State struct {
	Version Version
	Vector  Vector
	Deleted bool
	Item    item.Item // The key attributes alone when Deleted.
	Parts   []byte    // What the rule Merge knows of the attributes; nil of a state that was written whole.
}

// Resolver merges two states of one item. It must be commutative, associative
// and idempotent; TestResolverLaws checks these laws for every resolver. The
// result's Item may share memory with a or b.
type Resolver func(a, b State) State

// LastWriterWins keeps the content with the later version, as DynamoDB's global
// tables do (documented). Its vector has what is part of either.
func LastWriterWins(a, b State) State {
	if a.Version.Compare(b.Version) < 0 {
		a, b = b, a
	}
	a.Vector = Join(a.Version, &a, &b)
	return a
}

// Rule names a resolver, in the words of the tag that chooses it.
type Rule string

// The rules.
const (
	LastWriter Rule = "last-writer-wins"
	Merge      Rule = "merge"
)

// Known reports whether r is a rule. A user's own function is to come as another
// one, beside these two.
func (r Rule) Known() bool { return r == LastWriter || r == Merge }

// Outcome is what becomes of two states of one item that met.
type Outcome struct {
	State State   // What survives.
	Lost  []State // Of the two those whose writer's content was overwritten by a writer that had not seen it.
}

// Resolve decides between the state that is here and one that comes in. The
// outcome is the same whichever of the two is which. key holds the item's key
// attributes.
//
// It is one function for every rule. A rule says what a table's writes keep
// account of: states that were written whole merge by the last writer, and those
// of updates under Merge attribute by attribute. So members that change the rule
// one after the other agree all the same.
func Resolve(d *Decoder, key item.Item, here, in *State) (Outcome, error) {
	if here.Parts != nil || in.Parts != nil {
		state, lostHere, lostIn, err := merge(d, key, here, in)
		out := Outcome{State: state}
		if lostHere {
			out.Lost = append(out.Lost, *here)
		}
		if lostIn {
			out.Lost = append(out.Lost, *in)
		}
		return out, err
	}
	out := Outcome{State: LastWriterWins(*here, *in)}
	winner, loser := here, in
	if here.Version.Compare(in.Version) < 0 {
		winner, loser = in, here
	}
	if !winner.Covers(loser.Version) && !sameContent(winner, loser) {
		out.Lost = []State{*loser}
	}
	return out, nil
}

// sameContent reports whether it makes no difference to a reader which of two
// states survives.
func sameContent(a, b *State) bool {
	return a.Deleted == b.Deleted && (a.Deleted || string(a.Item) == string(b.Item))
}

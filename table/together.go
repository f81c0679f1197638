package table

import "slices"

// shares names the tables of a transaction whose writes become visible together
// in other members: those that are to, and that get a record in their log. What
// of them is where, the destination knows: a table counts that is replicated
// there, too.
type shares struct {
	names []string // Sorted, each once.
	told  []string // Those whose first record has been made.
}

// gather works out the shares of a transaction that is about to be committed.
func (s *shares) gather(tx *Transaction, olds []row) {
	s.names, s.told = s.names[:0], s.told[:0]
	for i, w := range tx.Writes {
		if w.Table.together && w.makes(&olds[i]) && !slices.Contains(s.names, w.Table.Def.Name) {
			s.names = append(s.names, w.Table.Def.Name)
		}
	}
	slices.Sort(s.names)
}

// tell returns what the next record of a table has to say of the others: their
// names in its first record, and nothing after that.
func (s *shares) tell(t *Table) []string {
	name := t.Def.Name
	if len(s.names) < 2 || !t.together || slices.Contains(s.told, name) {
		return nil
	}
	s.told = append(s.told, name)
	return slices.DeleteFunc(slices.Clone(s.names), func(other string) bool { return other == name })
}

// makes reports whether a write of a transaction makes a version. Unlike a write
// on its own, one that changes nothing does (recorded); a Delete of nothing does
// not.
func (w *Write) makes(old *row) bool {
	return w.Kind != Check && (w.Kind != Delete || old.exists)
}

package table

import "github.com/hortusdb/hortus/conflict"

// The tags of CreateTable that choose settings which AWS does not have. A setting
// is then the definition's; the tag says it where it was given.
const (
	ConflictTag     = "hortus:conflict"     // Which of two concurrent writes survives.
	TransactionsTag = "hortus:transactions" // How transactions become visible in other members.
)

// Visibility says how the writes of a transaction become visible in the other
// members of a global table.
type Visibility string

// The ways of becoming visible.
const (
	ByItem   Visibility = "items"  // As single writes, one by one (as AWS does).
	Together Visibility = "atomic" // All at once; see Transaction.
)

// Known reports whether it is one of the above.
func (v Visibility) Known() bool { return v == ByItem || v == Together }

// Rules are the settings of a table that AWS does not have. All members of a
// global table have the same. An empty one is left as it is where rules are
// changed.
type Rules struct {
	Conflict     conflict.Rule
	Transactions Visibility
}

// Rules returns those of a definition, none empty.
func (d *Definition) Rules() Rules {
	s := Rules{d.Conflict, d.Transactions}
	if s.Conflict == "" {
		s.Conflict = conflict.LastWriter
	}
	if s.Transactions == "" {
		s.Transactions = ByItem
	}
	return s
}

// SetRules changes the rules that s names, and the tags that say them, where
// there are some. The usual ones are kept as empty.
func (d *Definition) SetRules(s Rules) {
	if s.Conflict != "" {
		d.retag(ConflictTag, string(s.Conflict))
		if d.Conflict = s.Conflict; d.Conflict == conflict.LastWriter {
			d.Conflict = ""
		}
	}
	if s.Transactions != "" {
		d.retag(TransactionsTag, string(s.Transactions))
		if d.Transactions = s.Transactions; d.Transactions == ByItem {
			d.Transactions = ""
		}
	}
}

package replication

import (
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/identity"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/scaling"
	"github.com/hortusdb/hortus/table"
)

// RequestKind says what a Request asks of another cell.
type RequestKind uint8

// The kinds of requests.
const (
	Inspect      RequestKind = 1 + iota // May the caller join? Answers with the table's definition.
	Admit                               // Take a member in.
	Expel                               // A member leaves.
	Adopt                               // Make a replica, of a table of the same account.
	Abandon                             // Delete a replica, of a table of the same account.
	Settle                              // Take over settings that are kept in step.
	Confirm                             // Is the cell that is asked a member, or about to be one?
	Drain                               // Has Member all that the cell that is asked wrote up to Position?
	ReadScaling                         // How does the replica scale? Asked within an account.
	Rescale                             // Scale like this.
	Override                            // Member has Member.Settings for itself; asked within an account.
	Digest                              // Sums of rows, for a check for divergence.
	ReadRows                            // Rows as they are stored, for the same.
	MergeRows                           // Rows to take in, to repair it.
	Resow                               // Member is seeded from Member.Source from now on: its first source does not answer.
	Convert                             // Be of a global table of the kind that Group says.
	Rejoin                              // Take back Member, which was detached and kept its data.
	Consent                             // May settings be changed, also those that are not kept in step?
	Permit                              // May Caller, of the asking cell's account, do Actions with the table?
	Reached                             // How far is the log of Member applied at the cell that is asked? Position is how far that cell's log is at Member.
	Renew                               // Count Member anew: its store was put back, or it fell behind.
	ReadSettings                        // What are the settings that members have in step? Answers with the definition.
	Lineage                             // Which runs has the cell that is asked had?
	Underway                            // Which versions of the cell that is asked are still to come to Member?
	Explain                             // What of the table keeps Member from joining the global table of Group by way of Member.Source? Without Group: who are its members?
	Remove                              // Take out the members in Lost, from which nothing is heard any more.
	Found                               // Found the global table of Group anew, of which all members were detached, so that Member can come back. As a DryRun: is the replica detached?
)

// Request is a question of one cell to another that belongs, or is about to
// belong, to the same global table.
type Request struct {
	Kind       RequestKind
	Table      string
	Caller     policy.Principal // Who joins.
	Member     table.Member     // Who joins or leaves.
	Group      *table.Group     // As it will be.
	Definition *table.Definition
	Position   kv.Position      // Of a Drain; zero for now. Of a Rejoin and a Renew: from where on the log of Member is read. Of a Reached: see there. Of an Underway: what Member is known to have applied.
	DryRun     bool             // Check alone.
	Scaling    []scaling.Target // Of an Adopt and a Rescale.
	Hasty      bool             // Of an Expel: the member may not have brought all its changes to all.
	Away       bool             `json:",omitempty"` // Of an Expel: it was detached against its will, and may come back.
	Was        int64            `json:",omitempty"` // Of a Rejoin and a Found: the Since of the member before.
	Compared   *Compared        `json:",omitempty"` // Of a Digest, a ReadRows, a MergeRows and an Underway.
	Actions    []string         `json:",omitempty"` // Of a Permit.
	Runs       *Runs            `json:",omitempty"` // Of a Reached: those of the asking cell.
	Run        uint64           `json:",omitempty"` // Of a Rejoin and a Renew: of Position.

	Roles []identity.Role `json:",omitempty"` // Of an Adopt: those of the account that the replica needs.
	Lost  []aws.Cell      `json:",omitempty"` // Of a Remove.

	Came *policy.Circumstances `json:",omitempty"` // How Caller's call came. Nil where that is not known.

	Overwritten table.Overwritten `json:",omitzero"` // Of a Settle.
	Base        table.Edition     `json:",omitzero"` // Of a Settle and a Convert: of the settings that it changes.
	Edition     table.Edition     `json:",omitzero"` // Of a Settle and a Convert: of those that it makes. Of a Rescale: of the targets. Of a Reached: of those of the asking cell, which leaves.
	SettlesAt   int64             `json:",omitzero"` // Of an Override: until when it shows; microseconds.
}

// Response is the answer.
type Response struct {
	Definition table.Definition // Of an Inspect, of an Admit once the newcomer is taken in, of a Rejoin, of a ReadSettings, and of a dry Convert and a dry Found. Of a dry Renew: the group alone.
	Position   kv.Position      // Of a Drain: what to ask for next time. Of a Rejoin and a Renew: from where on this cell's log is kept. Of a Reached: the cursor.
	Away       bool             `json:",omitempty"` // Of a Confirm and a dry Found: it was one until it was detached, and may come back.
	Since      int64            `json:",omitempty"` // Of a Confirm that is Away: when it had joined.
	Uncounted  bool             `json:",omitempty"` // Of a Confirm: it is one, and Member is none.
	Out        bool             `json:",omitempty"` // Of a Confirm: it is one, and has taken out the member that the request names, which may come back.
	Known      []Known          `json:",omitempty"` // Of a Remove: how much of the logs of those in Lost is here.
	Done       bool             // Of a Drain. Of a Reached: there is a cursor.
	Behind     bool             `json:",omitempty"` // Of a Reached: this cell's log begins after what the asking one has.
	Older      bool             `json:",omitempty"` // Of a Reached: this cell has still to take over the asking one's settings.
	Withheld   bool             `json:",omitempty"` // Of a Reached that is Older: its policy keeps it from that.
	Scaling    []scaling.Target // Of an Admit at the newcomer's source, and of a ReadScaling.
	Comparison *Comparison      `json:",omitempty"` // Of a Digest, a ReadRows and an Underway.
	Runs       *Runs            `json:",omitempty"` // Of a Lineage.
	Run        uint64           `json:",omitempty"` // Of a Rejoin, a Renew and a Reached: of Position.

	Explanation *Explanation `json:",omitempty"` // Of an Explain.

	Roles []identity.Role `json:",omitempty"` // Of an Admit, to a newcomer of the same account: those that this cell's replica needs.
}

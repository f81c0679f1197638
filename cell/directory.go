package cell

import (
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/identity"
)

// Directory returns what the node knows of an account by IAM.
func (n *Node) Directory(a aws.Account) *identity.Directory {
	return &identity.Directory{
		Account: a, Lock: &n.roles, Clock: n.shared.Clock, NewID: n.newID,
		Seats: func() []identity.Seat {
			var out []identity.Seat
			for _, c := range n.Cells() {
				if c.ID.Account == a {
					out = append(out, identity.Seat{Region: c.ID.Region, Store: c.Identity, Uses: c.Replication.Uses})
				}
			}
			return out
		},
	}
}

// AnyCell returns a cell of an account that is there, on this node; false when there
// is none. It is where calls of IAM run, which are in no Region.
func (n *Node) AnyCell(a aws.Account) (aws.Cell, bool) {
	for _, c := range n.Cells() {
		if c.ID.Account == a && c.Broken() == nil {
			return c.ID, true
		}
	}
	return aws.Cell{}, false
}

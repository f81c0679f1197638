package router

import (
	"slices"
	"strings"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/hortusapi"
	"github.com/hortusdb/hortus/replication"
)

// world is what a caller sees and may change of the node by an operation of the
// Hortus service. Of a strict node an account sees its own cells, and changes
// nothing unless the node is there for rehearsals.
func (o *Options) world(operation string, call *api.Call) (hortusapi.World, error) {
	if !o.Strict {
		return o.Node, nil
	}
	looks := strings.HasPrefix(operation, "Describe") || strings.HasPrefix(operation, "Explain")
	if !o.Rehearsal && !looks && !hortusapi.OfAccount(operation) {
		return nil, errNoRehearsal(operation)
	}
	return scoped{o.Node, call.Caller.Account}, nil
}

// scoped is a node as one account sees it.
type scoped struct {
	*cell.Node
	account aws.Account
}

// Nodes returns the other nodes without what is for whoever runs them.
func (s scoped) Nodes() ([]hortusapi.Node, int64) {
	all, refused := s.Node.Nodes()
	for i := range all {
		all[i].Address, all[i].Failure = "", ""
	}
	return all, refused
}

// Replicators returns those of the account's cells.
func (s scoped) Replicators() []*replication.Replicator {
	return slices.DeleteFunc(s.Node.Replicators(), func(r *replication.Replicator) bool { return r.Cell().Account != s.account })
}

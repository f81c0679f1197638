package router

import (
	"bytes"
	"context"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/iam"
	"github.com/hortusdb/hortus/wire"
)

// Calls of IAM come in the query protocol, and are in no Region: they run in any cell
// of the caller's account, which stands for all that are on this node.

// forIAM reports whether a form is a call of IAM: its credential, its host or its
// version says so. Other forms are nobody's here.
func forIAM(w *wire.Call) bool {
	return bytes.Contains(w.Header("authorization"), []byte("/iam/aws4_request")) ||
		bytes.HasPrefix(w.Host, []byte("iam.")) ||
		bytes.Contains(w.Body, []byte("Version="+iam.Version))
}

// route finds the operation of a call, nil where there is none.
func (r *Router) route(w *wire.Call) *route {
	if !w.Form {
		return r.routes[string(w.Target)]
	}
	if !forIAM(w) {
		return nil
	}
	w.Namespace = iam.Namespace
	action := iam.Action(w.Body)
	if way := r.actions[action]; way != nil {
		return way
	}
	return r.action(iam.Unbuilt(action))
}

// action makes the route of an operation of IAM.
func (r *Router) action(op *iam.Operation) *route {
	return &route{
		name: op.Action, creates: op.Creates, global: true, scope: scopeOf("iam"), decode: op.Decode,
		run: func(ctx context.Context, c *cell.Cell, call *api.Call) error {
			return op.Run(ctx, &iam.Service{Directory: r.node.Directory(c.ID.Account), Store: c.Identity}, call)
		},
	}
}

// owner is the cell in which a call runs that names none by an ARN.
func (r *Router) owner(way *route, home aws.Cell) aws.Cell {
	if way.global {
		if c, ok := r.node.AnyCell(home.Account); ok {
			return c
		}
	}
	return home
}

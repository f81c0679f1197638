// Package router is the way that every call takes: authenticate, find the cell,
// authorize, run, answer.
package router

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/autoscaling"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/dynamodb"
	"github.com/hortusdb/hortus/hortusapi"
	"github.com/hortusdb/hortus/iam"
	"github.com/hortusdb/hortus/invariant"
	"github.com/hortusdb/hortus/jsonscan"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/peer"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/sigv4"
	"github.com/hortusdb/hortus/table"
	"github.com/hortusdb/hortus/wire"
)

// Router answers the calls of a node.
type Router struct {
	node     *cell.Node
	moves    bool // Other nodes may move its clock.
	peers    *peer.Peers
	dynamodb *dynamodb.API
	routes   map[string]*route // By target.
	actions  map[string]*route // Of IAM, by action.
	auth     *authenticator
	logger   *slog.Logger
	calls    sync.Pool // *call
}

// Options are those of a router.
type Options struct {
	Node        *cell.Node
	Clock       clock.Clock
	Logger      *slog.Logger
	Peers       *peer.Peers  // The other nodes, to which calls for their cells are passed on; nil where there are none.
	Credentials []Credential // Access keys whose signatures are verified.

	// Strict refuses every other access key, and shows of the Hortus service to
	// each account its own cells. Without Rehearsal nothing of the node may be
	// changed by that service then: its conditions are all accounts'.
	Strict, Rehearsal bool
}

// route is an operation of some service, ready to run in a cell.
type route struct {
	name         string
	creates      bool
	crossAccount bool
	world        bool // It is about the node, not about a cell.
	global       bool // It is about the account, in whichever of its cells.
	scope        sigv4.Scope
	decode       func(*api.Call) error
	run          func(ctx context.Context, c *cell.Cell, call *api.Call) error
}

// call is the memory of one call.
type call struct {
	api.Call
	proof proof
	seen  []byte           // The answer's header of positions.
	run   uint64           // Of the owner's cell, for a call that wrote to a replicated table.
	lost  string           // The position that it was to wait for and that is of a forgotten history.
	last  policy.Principal // The caller before, most often the same again.

	passed bool // Another node has answered it.
}

// New returns a router for the services that are built.
func New(o Options) *Router {
	r := &Router{
		node: o.Node, moves: o.Rehearsal, peers: o.Peers, dynamodb: dynamodb.New(), logger: o.Logger,
		routes: map[string]*route{}, actions: map[string]*route{}, auth: newAuthenticator(o.Credentials, o.Clock, o.Strict),
	}
	r.calls.New = func() any { return new(call) }
	tables, scaling := scopeOf("dynamodb"), scopeOf("application-autoscaling")
	for _, op := range r.dynamodb.Operations() {
		r.routes[dynamodb.TargetPrefix+op.Name] = &route{
			name: op.Action, creates: op.Creates, crossAccount: op.CrossAccount, scope: tables, decode: op.Decode,
			run: func(ctx context.Context, c *cell.Cell, call *api.Call) error { return op.Run(ctx, c.DynamoDB, call) },
		}
	}
	for _, op := range autoscaling.Operations() {
		r.routes[autoscaling.TargetPrefix+op.Name] = &route{
			name: op.Action, scope: scaling, decode: op.Decode,
			run: func(ctx context.Context, c *cell.Cell, call *api.Call) error { return op.Run(ctx, c.AutoScaling, call) },
		}
	}
	for _, op := range iam.Operations() {
		r.actions[op.Name] = r.action(op)
	}
	for _, op := range hortusapi.Operations() {
		r.routes[hortusapi.TargetPrefix+op.Name] = &route{
			name: op.Action, world: true, scope: tables, decode: op.Decode,
			run: func(ctx context.Context, _ *cell.Cell, call *api.Call) error {
				world, err := o.world(op.Name, call)
				if err != nil {
					return err
				}
				return op.Run(ctx, world, call)
			},
		}
	}
	return r
}

// errUnknown is AWS's answer to an operation that it does not know (recorded).
var errUnknown = aws.Errorf("UnknownOperationException", "")

// errDisabled is AWS's answer in a Region that the caller's account has disabled
// (documented of STS's tokens: they are not valid there).
var errDisabled = aws.Errorf("UnrecognizedClientException", "The security token included in the request is invalid.")

// Serve implements wire.Handler.
func (r *Router) Serve(ctx context.Context, w *wire.Call) { r.answer(ctx, w, nil) }

// answer answers a call, or passes it on. One that came by way of another node, as
// via, is not passed on again.
func (r *Router) answer(ctx context.Context, w *wire.Call, via *peer.Forward) {
	c := r.calls.Get().(*call)
	defer r.free(c)
	c.Call = api.Call{
		Body: w.Body, Header: w.Header, Source: w.RemoteAddr.Addr(), Secure: w.Secure,
		Needs: c.Needs[:0], Wrote: c.Wrote[:0], Out: w.Out,
	}
	way := r.route(w)
	switch {
	case way != nil:
	case w.Form:
		w.Disown()
		return
	default:
		w.Fail(wellFormed(w, errUnknown))
		return
	}
	if w.Form {
		c.RequestID = string(w.RequestID)
	}
	if via != nil && via.Caller != nil {
		c.believeNode(via)
	} else {
		err := r.auth.authenticate(w, way.scope, c)
		if where := r.elsewhere(w, c.Home, err); len(where) > 0 && via == nil && !way.world {
			if err = r.passAlong(ctx, w, where); err == nil {
				return
			}
		}
		if err != nil {
			w.Fail(wellFormed(w, err))
			return
		}
	}
	c.Owner = r.owner(way, c.Home)
	if r.node.Disabled(c.Home) && !way.world && !way.global {
		w.Fail(wellFormed(w, errDisabled))
		return
	}
	err := r.serve(ctx, way, w, c, via != nil)
	if p := c.positions(); p != "" {
		w.SetHeader(positionHeader, p)
	}
	if c.lost != "" {
		w.SetHeader(lostHeader, c.lost)
	}
	switch {
	case err != nil:
		w.Fail(r.contract(err, way, c))
	case !c.passed:
		w.Out = c.Out
	}
}

// free gives back what a call used.
func (r *Router) free(c *call) {
	r.dynamodb.Release(&c.Call)
	c.Call, c.seen, c.run, c.lost, c.passed = api.Call{Needs: c.Needs[:0], Wrote: c.Wrote[:0]}, nil, 0, "", false
	r.calls.Put(c)
}

// wellFormed returns err, or the error for a body that is not JSON where it should
// be: AWS looks at that before it looks at the target and at who asks (recorded).
func wellFormed(w *wire.Call, err error) error {
	if !w.Form && !jsonscan.Valid(w.Body) {
		return aws.Serialization("")
	}
	return err
}

// serve decodes, authorizes and runs an authenticated call, or passes it on, unless
// it was already.
func (r *Router) serve(ctx context.Context, way *route, w *wire.Call, c *call, last bool) error {
	if err := way.decode(&c.Call); err != nil {
		return err
	}
	if way.world {
		return way.run(ctx, nil, &c.Call)
	}
	if c.Owner.Account != c.Home.Account && !way.crossAccount {
		return aws.Validation("This action is only supported by accounts that match the resource owner’s account.")
	}
	if c.passed = !last && c.Owner != c.Home && !r.node.Hosts(c.Owner) && r.peers.Has(c.Owner); c.passed {
		return r.pass(ctx, w, c.Owner, c)
	}
	owner, err := r.cell(ctx, c.Owner)
	if err != nil {
		return err
	}
	if err := r.authorize(ctx, owner, c); err != nil {
		return err
	}
	if list := w.HeaderList(waitForHeader); list != nil {
		if err := r.await(ctx, owner, c, string(list), w.HeaderList(timeoutHeader)); err != nil {
			return err
		}
	}
	if way.creates {
		return r.create(ctx, way, c)
	}
	return r.run(ctx, way, owner, c)
}

// create runs a call that may make something in a cell that is not there yet.
func (r *Router) create(ctx context.Context, way *route, c *call) error {
	owner, leave, err := r.node.Enter(ctx, c.Owner)
	if err != nil {
		return err
	}
	made := false
	defer func() { leave(made) }()
	err = r.run(ctx, way, owner, c)
	made = err == nil
	return err
}

// run runs a call, and takes its cell out of service when an invariant turns out
// broken: the other cells go on.
func (r *Router) run(ctx context.Context, way *route, owner *cell.Cell, c *call) error {
	if err := owner.Broken(); err != nil {
		return err
	}
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if _, ok := v.(invariant.Broken); ok {
			owner.Break(v)
		}
		panic(v)
	}()
	err := way.run(ctx, owner, &c.Call)
	return errors.Join(err, c.observe(ctx, owner))
}

// cell returns a cell, an empty one where nothing was made.
func (r *Router) cell(ctx context.Context, id aws.Cell) (*cell.Cell, error) {
	if c := r.node.Cell(id); c != nil {
		return c, nil
	}
	return r.node.Empty(ctx, id)
}

// authorize asks the policies for all that a call needs, those of tables on other
// nodes by way of these.
func (r *Router) authorize(ctx context.Context, owner *cell.Cell, c *call) error {
	var came *policy.Circumstances
	for i := 0; i < len(c.Needs); i++ {
		need := &c.Needs[i]
		if moot(owner, need) {
			continue
		}
		if need.Cell != owner.ID && !r.node.Hosts(need.Cell) && r.peers.Has(need.Cell) {
			actions := alike(c.Needs[i:])
			if err := owner.Replication.AskLeave(ctx, need.Cell, need.Table, replication.Caller{Principal: c.Caller, Came: c.Circumstances(r.node.Dates().Now())}, actions); err != nil {
				return denial(need, err)
			}
			i += len(actions) - 1
			continue
		}
		t, err := r.tableOf(ctx, owner, need)
		if err != nil {
			return err
		}
		if need.Member && (t == nil || t.Def.Group == nil || t.Def.Group.Kind != table.MultiAccount) {
			continue
		}
		if came == nil && t != nil && t.Policy != nil {
			came = c.Circumstances(r.node.Dates().Now())
		}
		req := policy.Request{Principal: c.Caller, Action: need.Action, Resource: need.ARN(), Came: came}
		if d := replication.Leave(t, need.Cell.Account, &req); !d.Allowed() {
			return denial(need, d.AccessDenied())
		}
	}
	return nil
}

// denial is how a call is told that a policy denies what it needs: wrapped, where that
// is the deletion of a replica in another Region (recorded).
func denial(need *api.Need, err error) error {
	known, ok := errors.AsType[*aws.Error](err)
	if !ok || !need.Deletes || known.Code != "AccessDeniedException" {
		return err
	}
	wrapped := *known
	wrapped.Message = "'" + known.Code + "':'" + known.Message + "'."
	return &wrapped
}

// moot reports whether leave to make or to delete a replica elsewhere is not asked
// for: by what is known here there can be none, and the operation says so. That other
// Region need not be reached for it, or be there.
func moot(owner *cell.Cell, need *api.Need) bool {
	if !need.Creates && !need.Deletes {
		return false
	}
	t := owner.Engine.Table(need.Table)
	switch {
	case t == nil:
		return true
	case need.Creates:
		return t.Def.Group != nil && t.Def.Group.Kind == table.MultiAccount
	}
	return t.Def.Group.Member(need.Cell) == nil
}

// tableOf is the table that a need is about; nil where it is not there.
func (r *Router) tableOf(ctx context.Context, owner *cell.Cell, need *api.Need) (*table.Table, error) {
	if need.Cell == owner.ID {
		return owner.Engine.Table(need.Table), nil
	}
	if !r.node.Hosts(need.Cell) {
		return nil, nil //nolint:nilnil // No node has that cell.
	}
	at, err := r.cell(ctx, need.Cell)
	if err != nil {
		return nil, err
	}
	return at.Engine.Table(need.Table), nil
}

// alike are the actions that are needed on the first one's table, up to the first
// need of another.
func alike(needs []api.Need) []string {
	var actions []string
	for _, n := range needs {
		if n.Cell != needs[0].Cell || n.Table != needs[0].Table {
			break
		}
		actions = append(actions, n.Action)
	}
	return actions
}

// contract turns an error into one that the client may see. Others are logged
// once, here.
func (r *Router) contract(err error, way *route, c *call) error {
	var known *aws.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, kv.ErrNoSpace):
		return &aws.Error{Code: "InternalServerError", Status: 500, Message: "The disk of this cell is almost full: writes are refused until there is space again. " + strings.TrimPrefix(err.Error(), "kv: ")}
	case errors.Is(err, kv.ErrTooLarge):
		return aws.Validation("The request writes more at once than a cell takes; write fewer items at a time")
	}
	r.logger.Error("call failed", "operation", way.name, "cell", c.Owner.String(), "error", err)
	return err
}

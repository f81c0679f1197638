package policy

import "github.com/hortusdb/hortus/aws"

// Effect is the outcome of an evaluation.
type Effect uint8

// The outcomes. The zero value denies.
const (
	ImplicitDeny Effect = iota // Nothing denied, but something that must allow did not.
	ExplicitDeny               // A Deny statement spoke.
	Allow
)

func (e Effect) String() string {
	switch e {
	case ImplicitDeny:
		return "implicit deny"
	case ExplicitDeny:
		return "explicit deny"
	case Allow:
		return "allow"
	}
	return "?"
}

// Decision is the answer to a Request, with its reason.
type Decision struct {
	Effect Effect
	// Kind is the kind of policy that decided or, for an ImplicitDeny, the
	// first one whose Allow is missing.
	Kind Kind
	// Statement is the one that denied, or the last whose Allow was needed. It
	// is nil for an ImplicitDeny, and where the root user needs none.
	Statement *StatementRef

	// What a denial has to be explained from.
	request Request
	layers  Layers
	only    bool // Resource policies alone were asked.
}

// Allowed reports whether the request may go on.
func (d *Decision) Allowed() bool { return d.Effect == Allow }

// Layers are all the policies that bear on a request, as the caller's and the
// owner's accounts know them. A nil layer is one that is not there and takes
// nothing away, but for Resource and Identity, whose Allow is needed as AWS's
// evaluation logic says.
type Layers struct {
	// Owner is the account that owns the resource.
	Owner aws.Account
	// SCP are the caller's organization's policies, level by level from the
	// root to the account; every level has to allow. None for a management
	// account or an account outside organizations.
	SCP [][]*Document
	// RCP are the same for the owner's organization.
	RCP [][]*Document
	// Resource are the policies of the resource, and Identity those of the
	// caller: the user's and its groups', or the role's.
	Resource, Identity []*Document
	// Boundary is the permissions boundary and Session the policies of the
	// role session; either is nil where none was set.
	Boundary, Session []*Document
	// MustAllow makes the resource's policy allow explicitly within its own
	// account too, as KMS key policies and role trust policies have to.
	MustAllow bool
}

// Evaluate decides by resource policies alone: an Allow that names the
// principal in any way is enough, and a Deny wins. The result refers to req's
// memory and to docs.
func Evaluate(req *Request, docs ...*Document) Decision {
	if s := findDeny(docs, req); s != nil {
		return Decision{Effect: ExplicitDeny, Kind: s.Kind, Statement: s, request: *req, layers: Layers{Resource: docs}, only: true}
	}
	if s, m := findAllow(docs, req); m != noMatch {
		return Decision{Effect: Allow, Kind: s.Kind, Statement: s}
	}
	d := Decision{request: *req, layers: Layers{Resource: docs}, only: true}
	if len(docs) > 0 {
		d.Kind = docs[0].kind
	}
	return d
}

// Evaluate decides in AWS's order: an explicit Deny anywhere, then the Allows
// that are needed from RCPs, SCPs, the resource's policy, identity policies,
// the permissions boundary and session policies. The result refers to the
// memory of r and l.
func (l *Layers) Evaluate(r *Request) Decision {
	if s := l.denied(r); s != nil {
		return Decision{Effect: ExplicitDeny, Kind: s.Kind, Statement: s, request: *r, layers: *l}
	}
	var need needs
	l.assess(r, &need)
	if need.missing {
		return Decision{Kind: need.first, request: *r, layers: *l}
	}
	d := Decision{Effect: Allow, Statement: need.by}
	if need.by != nil {
		d.Kind = need.by.Kind
	}
	return d
}

// denied looks for an explicit Deny in all layers that bind the principal.
func (l *Layers) denied(r *Request) *StatementRef {
	person := r.Principal.Type != Service
	linked := r.Principal.ServiceLinked
	if person && !linked {
		if s := denyInLevels(l.SCP, r); s != nil {
			return s
		}
	}
	if !linked {
		if s := denyInLevels(l.RCP, r); s != nil {
			return s
		}
	}
	if s := findDeny(l.Resource, r); s != nil || !person {
		return s
	}
	if s := findDeny(l.Identity, r); s != nil {
		return s
	}
	if s := findDeny(l.Boundary, r); s != nil {
		return s
	}
	return findDeny(l.Session, r)
}

// needs collects which kinds of policy had to allow and did not.
type needs struct {
	missing bool
	first   Kind
	kinds   [RCP + 1]bool
	level   [RCP + 1]int // For SCP and RCP: the level that lacks it, from 0.
	by      *StatementRef
}

func (n *needs) lacks(k Kind) {
	if !n.missing {
		n.missing, n.first = true, k
	}
	n.kinds[k] = true
}

// assess goes through the Allows that the request needs.
func (l *Layers) assess(r *Request, n *needs) {
	p := &r.Principal
	if !p.ServiceLinked {
		l.allowInLevels(l.RCP, RCP, r, n)
		if p.Type != Service {
			l.allowInLevels(l.SCP, SCP, r, n)
		}
	}
	by, how := findAllow(l.Resource, r)
	if by != nil {
		n.by = by
	}
	same := p.Type != Service && p.Account == l.Owner
	switch {
	case p.Type == Service || !same:
		if how == noMatch {
			n.lacks(l.resourceKind())
		}
		if p.Type == Service {
			return
		}
	case how == direct:
		// Implicit denies of the caller's own policies do not matter then
		// (documented).
		return
	case l.MustAllow && how == noMatch:
		n.lacks(l.resourceKind())
		return
	}
	l.assessCaller(r, same && how == byRole, n)
}

// assessCaller goes through the Allows that the caller's own account owes. An
// Allow for the role itself, in its own account, stands in for the identity
// policies, not for the boundary and the session's.
func (l *Layers) assessCaller(r *Request, roleAllowed bool, n *needs) {
	if r.Principal.Type == Root {
		return
	}
	if !roleAllowed {
		l.allowIn(l.Identity, Identity, r, n)
	}
	if l.Boundary != nil {
		l.allowIn(l.Boundary, Boundary, r, n)
	}
	if l.Session != nil {
		l.allowIn(l.Session, Session, r, n)
	}
}

func (l *Layers) allowIn(docs []*Document, k Kind, r *Request, n *needs) {
	s, m := findAllow(docs, r)
	if m == noMatch {
		n.lacks(k)
	} else {
		n.by = s
	}
}

func (l *Layers) allowInLevels(levels [][]*Document, k Kind, r *Request, n *needs) {
	for i, docs := range levels {
		s, m := findAllow(docs, r)
		if m == noMatch {
			n.lacks(k)
			n.level[k] = i
			return
		}
		n.by = s
	}
}

// resourceKind is the kind that is missing where the resource has no policy.
func (l *Layers) resourceKind() Kind {
	if len(l.Resource) > 0 {
		return l.Resource[0].kind
	}
	return Resource
}

func denyInLevels(levels [][]*Document, r *Request) *StatementRef {
	for _, docs := range levels {
		if s := findDeny(docs, r); s != nil {
			return s
		}
	}
	return nil
}

// findDeny returns the first Deny that speaks of the request.
func findDeny(docs []*Document, r *Request) *StatementRef {
	for _, d := range docs {
		for i := range d.statements {
			if s := &d.statements[i]; s.deny && s.matches(r) != noMatch {
				return &s.ref
			}
		}
	}
	return nil
}

// findAllow returns the Allow that names the principal most closely.
func findAllow(docs []*Document, r *Request) (*StatementRef, match) {
	var by *StatementRef
	best := noMatch
	for _, d := range docs {
		for i := range d.statements {
			s := &d.statements[i]
			if s.deny {
				continue
			}
			if m := s.matches(r); m > best {
				by, best = &s.ref, m
				if m == direct {
					return by, best
				}
			}
		}
	}
	return by, best
}

package identity

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
)

// Directory is what a node knows of one account: the copies of the account's cells
// there. Of cells on other nodes it knows nothing.
type Directory struct {
	Account aws.Account

	// Seats lists the account's cells as they are now.
	Seats func() []Seat

	// Lock is held while roles are made and deleted.
	Lock *sync.Mutex

	Clock clock.Clock
	NewID func() string // Makes random ids.
}

// Seat is one of the account's cells.
type Seat struct {
	Region aws.Region
	Store  *Store

	// Uses lists the ARNs of what needs a role there. It is asked with the lock held,
	// and must not make roles.
	Uses func(*Linked) []string
}

// errNoRole is AWS's answer (known).
func errNoRole(name string) error {
	return &aws.Error{Code: "NoSuchEntity", Status: http.StatusNotFound, Message: "The role with name " + name + " cannot be found."}
}

// Roles lists the account's roles by their names.
func (d *Directory) Roles(ctx context.Context) ([]Role, error) {
	first := map[*Linked]Role{}
	for _, s := range d.Seats() {
		all, err := s.Store.Roles(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			if k := r.Kind(); k != nil {
				if o, ok := first[k]; !ok || r.before(&o) {
					first[k] = r
				}
			}
		}
	}
	var out []Role
	for _, r := range first {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Role) int { return strings.Compare(a.Kind().Name, b.Kind().Name) })
	return out, nil
}

// Role returns the role of that name.
func (d *Directory) Role(ctx context.Context, name string) (*Role, error) {
	all, err := d.Roles(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Kind().Name == name {
			return &all[i], nil
		}
	}
	return nil, errNoRole(name)
}

// standing returns the account's role of a kind, nil where there is none.
func (d *Directory) standing(ctx context.Context, k *Linked) (*Role, error) {
	var out *Role
	for _, s := range d.Seats() {
		r, err := s.Store.role(ctx, k)
		if err != nil {
			return nil, err
		}
		if r != nil && (out == nil || r.before(out)) {
			out = r
		}
	}
	return out, nil
}

// Ensure has a cell have the account's role of a kind. Where no cell of the node has
// it, it is the one that another node's cell tells of, or, where that is nil, made.
func (d *Directory) Ensure(ctx context.Context, at *Store, k *Linked, elsewhere *Role) (*Role, error) {
	d.Lock.Lock()
	defer d.Lock.Unlock()
	r, err := at.role(ctx, k)
	if err != nil || r != nil {
		return r, err
	}
	if r, err = d.standing(ctx, k); err != nil {
		return nil, err
	}
	switch {
	case r != nil:
	case elsewhere.sound(k):
		r = elsewhere
	default:
		r = d.fresh(k)
	}
	return r, at.keep(ctx, r)
}

func (d *Directory) fresh(k *Linked) *Role {
	return &Role{Service: k.Service, ID: roleID(d.NewID()), Created: d.Clock.Now().UnixMicro(), Description: k.Description}
}

// Create makes a role that nothing needs yet, in one of the account's cells.
func (d *Directory) Create(ctx context.Context, at *Store, k *Linked, description string) (*Role, error) {
	d.Lock.Lock()
	defer d.Lock.Unlock()
	old, err := d.standing(ctx, k)
	if err != nil {
		return nil, err
	}
	if old != nil {
		// The text is known.
		return nil, aws.Errorf("InvalidInput", "Service role name %s has been taken in this account, please try a different suffix.", k.Name)
	}
	r := d.fresh(k)
	if description != "" {
		r.Description = description
	}
	return r, at.keep(ctx, r)
}

// Delete deletes a role, unless something on this node needs it. What came of it is
// remembered in one of the account's cells.
func (d *Directory) Delete(ctx context.Context, at *Store, name string) (*Deletion, error) {
	d.Lock.Lock()
	defer d.Lock.Unlock()
	r, err := d.Role(ctx, name)
	if err != nil {
		return nil, err
	}
	k := r.Kind()
	out := &Deletion{ID: "task" + k.Path() + k.Name + "/" + d.NewID(), At: d.Clock.Now().UnixMicro(), Usage: d.usage(k)}
	if len(out.Usage) == 0 {
		for _, s := range d.Seats() {
			if err := s.Store.forget(ctx, key(rolePrefix, k.Service)); err != nil {
				return nil, err
			}
		}
	}
	return out, at.note(ctx, out)
}

// usage lists what needs a role, by Region.
func (d *Directory) usage(k *Linked) []Usage {
	var out []Usage
	for _, s := range d.Seats() {
		if arns := s.Uses(k); len(arns) > 0 {
			out = append(out, Usage{s.Region, arns})
		}
	}
	return out
}

// Deletion returns what came of a deletion.
func (d *Directory) Deletion(ctx context.Context, id string) (*Deletion, error) {
	for _, s := range d.Seats() {
		if out, err := get[Deletion](ctx, s.Store, key(deletionPrefix, id)); err != nil || out != nil {
			return out, err
		}
	}
	return nil, &aws.Error{Code: "NoSuchEntity", Status: http.StatusNotFound, Message: "The deletion task with id " + id + " cannot be found."}
}

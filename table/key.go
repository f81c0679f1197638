package table

import (
	"strings"

	"github.com/hortusdb/hortus/aws"
)

// KeyKind is whose the key is that a table is encrypted with. All replicas of a
// same-account global table have keys of one kind (documented); which key that is each
// has for its own Region.
type KeyKind string

// The kinds of keys.
const (
	OwnedKey    KeyKind = "" // AWS owns it: the table has no encryption of its own.
	ManagedKey  KeyKind = "managed"
	CustomerKey KeyKind = "customer"
)

// AWSManagedKey is the key that AWS manages, by its alias.
const AWSManagedKey = "alias/aws/dynamodb"

// Managed reports whether the key is the one that AWS manages. No encryption is
// the key that AWS owns.
func (e *Encryption) Managed() bool { return e.Kind() == ManagedKey }

// Kind is whose the key is.
func (e *Encryption) Kind() KeyKind {
	switch {
	case e == nil || e.Type == "":
		return OwnedKey
	case e.KeyID == "" || e.KeyID == AWSManagedKey || strings.HasSuffix(e.KeyID, ":"+AWSManagedKey):
		return ManagedKey
	}
	return CustomerKey
}

// Bound reports whether the key is named in a way that only its own Region knows: by
// its ARN, where it is no multi-Region key. Ids and aliases are those of whichever
// Region they are read in (known from the live service).
func (e *Encryption) Bound() bool {
	return e.Kind() == CustomerKey && strings.HasPrefix(e.KeyID, "arn:") && strings.Contains(e.KeyID, ":key/") && !strings.Contains(e.KeyID, ":key/mrk-")
}

// Elsewhere is the encryption that a replica in another Region takes over.
func (e *Encryption) Elsewhere() *Encryption {
	switch e.Kind() {
	case OwnedKey:
		return nil
	case ManagedKey:
		return &Encryption{Type: e.Type}
	case CustomerKey:
	}
	key := e.KeyID[strings.LastIndex(e.KeyID, ":")+1:]
	return &Encryption{Type: e.Type, KeyID: strings.TrimPrefix(key, "key/")}
}

// FollowKey has the replica in own take over the kind of key that a replica of the same
// account in another Region has, s, and what that knows of the others' keys. A key of
// that kind it keeps.
func (d *Definition) FollowKey(own aws.Cell, s *Definition) {
	if s.Encryption.Kind() == d.Encryption.Kind() {
		return
	}
	d.noteKeys(own, s.Encryption, s.Group)
	d.Encryption = s.Encryption.Elsewhere()
}

// SetKey gives the replica in own another key. Where that is of another kind, all
// others of a same-account global table will have one of that kind, too.
func (d *Definition) SetKey(own aws.Cell, e *Encryption) {
	if e.Kind() != d.Encryption.Kind() {
		d.noteKeys(own, e, nil)
	}
	d.Encryption = e
}

// noteKeys notes that all others have keys of the kind of e: those that a group knows
// of, or else what e is where they are.
func (d *Definition) noteKeys(own aws.Cell, e *Encryption, known *Group) {
	if d.Group == nil || !d.Group.Kind.Overrides() {
		return
	}
	for i := range d.Group.Members {
		m := &d.Group.Members[i]
		if m.Cell == own {
			continue
		}
		m.Settings.Encryption = e.Elsewhere()
		if k := known.Member(m.Cell); k != nil && k.Settings.Encryption.Kind() == e.Kind() {
			m.Settings.Encryption = k.Settings.Encryption
		}
	}
}

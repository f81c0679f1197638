package table_test

import (
	"testing"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// TestKeys: whose a key is, whether only its own Region knows it, and what a replica
// in another Region makes of it.
func TestKeys(t *testing.T) {
	const arn = "arn:aws:kms:us-east-1:111111111111:"
	for _, x := range []struct {
		e     *table.Encryption
		kind  table.KeyKind
		bound bool
		there string // Its name in another Region.
	}{
		{nil, table.OwnedKey, false, ""},
		{&table.Encryption{}, table.OwnedKey, false, ""},
		{&table.Encryption{Type: "KMS"}, table.ManagedKey, false, ""},
		{&table.Encryption{Type: "KMS", KeyID: "alias/aws/dynamodb"}, table.ManagedKey, false, ""},
		{&table.Encryption{Type: "KMS", KeyID: arn + "alias/aws/dynamodb"}, table.ManagedKey, false, ""},
		{&table.Encryption{Type: "KMS", KeyID: "1234"}, table.CustomerKey, false, "1234"},
		{&table.Encryption{Type: "KMS", KeyID: "mrk-1234"}, table.CustomerKey, false, "mrk-1234"},
		{&table.Encryption{Type: "KMS", KeyID: "alias/own"}, table.CustomerKey, false, "alias/own"},
		{&table.Encryption{Type: "KMS", KeyID: arn + "alias/own"}, table.CustomerKey, false, "alias/own"},
		{&table.Encryption{Type: "KMS", KeyID: arn + "key/mrk-1234"}, table.CustomerKey, false, "mrk-1234"},
		{&table.Encryption{Type: "KMS", KeyID: arn + "key/1234"}, table.CustomerKey, true, "1234"},
	} {
		there := x.e.Elsewhere()
		if x.e.Kind() != x.kind || x.e.Bound() != x.bound || there.Kind() != x.kind || (there != nil && there.KeyID != x.there) {
			t.Errorf("%+v: %q, bound %t, elsewhere %+v", x.e, x.e.Kind(), x.e.Bound(), there)
		}
	}
}

// TestFollowKey: a replica of one account takes over the kind of another one's key,
// and what that knows of the third one's; a key of the same kind stays, and one of
// another account's replica is nobody else's matter.
func TestFollowKey(t *testing.T) {
	cells := []aws.Cell{{Account: "111111111111", Region: "eu-west-1"}, {Account: "111111111111", Region: "us-east-1"}, {Account: "111111111111", Region: "us-west-2"}}
	def := func(kind table.GroupKind) *table.Definition {
		return &table.Definition{Group: &table.Group{Kind: kind, Members: []table.Member{{Cell: cells[0]}, {Cell: cells[1]}, {Cell: cells[2]}}}}
	}
	asks, takes := def(table.SameAccount), def(table.SameAccount)
	asks.SetKey(cells[0], &table.Encryption{Type: "KMS", KeyID: "mrk-1"})
	asks.Group.Members[2].Settings.Encryption.KeyID = "third"
	takes.FollowKey(cells[1], asks)
	if e, m := takes.Encryption, takes.Group.Members; e.KeyID != "mrk-1" || m[0].Settings.Encryption.KeyID != "mrk-1" || m[1].Settings.Encryption != nil || m[2].Settings.Encryption.KeyID != "third" {
		t.Errorf("it has %+v, and knows %+v", e, m)
	}
	asks.SetKey(cells[0], &table.Encryption{Type: "KMS", KeyID: "other"})
	takes.FollowKey(cells[1], asks)
	if takes.Encryption.KeyID != "mrk-1" || asks.Group.Members[2].Settings.Encryption.KeyID != "third" {
		t.Errorf("its own key is gone: %+v, %+v", takes.Encryption, asks.Group)
	}
	asks.SetKey(cells[0], nil)
	takes.FollowKey(cells[1], asks)
	if takes.Encryption != nil || takes.Group.Members[2].Settings.Encryption != nil {
		t.Errorf("it has %+v, and knows %+v", takes.Encryption, takes.Group)
	}
	far := def(table.MultiAccount)
	far.SetKey(cells[0], &table.Encryption{Type: "KMS", KeyID: "1"})
	if far.Group.Members[1].Settings.Encryption != nil {
		t.Errorf("the others have its key: %+v", far.Group)
	}
}

package identity

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/kv"
)

const account aws.Account = "111111111111"

type fixedClock struct{ now time.Time }

func (c *fixedClock) Now() time.Time { return c.now }

// world is an account with cells, all on one node.
type world struct {
	directory *Directory
	clock     *fixedClock
	stores    []*kv.Mem
	used      map[*Linked][]int // Which cells use a role.
}

func newWorld(cells int) *world {
	w := &world{clock: &fixedClock{time.Unix(1_800_000_000, 0)}, used: map[*Linked][]int{}}
	for range cells {
		w.stores = append(w.stores, kv.NewMem(kv.MemOptions{Now: func() int64 { return 1 }}))
	}
	ids := 0
	w.directory = &Directory{
		Account: account, Lock: new(sync.Mutex), Clock: w.clock, Seats: w.seats,
		NewID: func() string { ids++; return fmt.Sprint("id-", ids) },
	}
	return w
}

func (w *world) seats() []Seat {
	var out []Seat
	for i := range w.stores {
		region := aws.Regions()[i]
		out = append(out, Seat{region, w.at(i), func(k *Linked) []string {
			if slices.Contains(w.used[k], i) {
				return []string{aws.Cell{Account: account, Region: region}.TableARN("Orders")}
			}
			return nil
		}})
	}
	return out
}

func (w *world) at(i int) *Store { return NewStore(w.stores[i]) }

// names lists the account's roles.
func (w *world) names(t *testing.T) (out []string) {
	t.Helper()
	all, err := w.directory.Roles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		out = append(out, r.Kind().Name)
	}
	return out
}

func wantCode(t *testing.T, err error, code string, status int) {
	t.Helper()
	var e *aws.Error
	if !errors.As(err, &e) || e.Code != code || e.Status != status {
		t.Errorf("got %v, want %s with %d", err, code, status)
	}
}

// TestKinds holds the roles to what is documented and recorded of them.
func TestKinds(t *testing.T) {
	for _, c := range []struct{ k, want string }{
		{Replication.ARN(account), "arn:aws:iam::111111111111:role/aws-service-role/replication.dynamodb.amazonaws.com/AWSServiceRoleForDynamoDBReplication"},
		{Replication.PolicyARN(), "arn:aws:iam::aws:policy/aws-service-role/DynamoDBReplicationServiceRolePolicy"},
		{Settings.ARN(account), "arn:aws:iam::111111111111:role/aws-service-role/globaltablesettingsmanagement.dynamodb.amazonaws.com/AWSServiceRoleForDynamoDBGlobalTableSettingsManagement"},
		{Settings.PolicyARN(), "arn:aws:iam::aws:policy/aws-service-role/DynamoDBGlobalTableSettingsManagementServiceRolePolicy"},
	} {
		if c.k != c.want {
			t.Errorf("got %s, want %s", c.k, c.want)
		}
	}
	for _, k := range Kinds() {
		if LinkedTo(k.Service) != k {
			t.Errorf("the role of %s is not found", k.Service)
		}
	}
	if LinkedTo("es.amazonaws.com") != nil {
		t.Error("a service has a role that it has not")
	}
	if id := roleID("x"); !regexp.MustCompile(`^AROA[A-Z2-7]{17}$`).MatchString(id) || id == roleID("y") {
		t.Errorf("an id is %s", id)
	}
}

// TestMadeOnce: cells that come to need a role at the same time, and later, have the
// same one, also after a crash.
func TestMadeOnce(t *testing.T) {
	w := newWorld(4)
	made := make([]*Role, 3)
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() {
			var err error
			if made[i], err = w.directory.Ensure(t.Context(), w.at(i), Replication, nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.clock.now = w.clock.now.Add(time.Hour)
	w.stores[0] = w.stores[0].Crash()
	late, err := w.directory.Ensure(t.Context(), w.at(3), Replication, nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.directory.Ensure(t.Context(), w.at(0), Replication, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range append(made, late, again) {
		if *r != *made[0] || r.Created != 1_800_000_000_000_000 {
			t.Errorf("roles %+v and %+v", *r, *made[0])
		}
	}
	if got := w.names(t); !slices.Equal(got, []string{Replication.Name}) {
		t.Errorf("the account has %v", got)
	}
}

// TestElsewhere: the role that another node's cell tells of is taken over, where
// there is none yet and it can be one. Of different ones the first is shown.
func TestElsewhere(t *testing.T) {
	w := newWorld(2)
	theirs := &Role{Service: Replication.Service, ID: roleID("theirs"), Created: 5}
	for i, bad := range []*Role{
		{Service: Settings.Service, ID: roleID("x"), Created: 5},
		{Service: Replication.Service, ID: "AROA", Created: 5},
		{Service: Replication.Service, ID: "AIDA" + roleID("x")[4:], Created: 5},
		{Service: Replication.Service, ID: roleID("x")},
	} {
		if bad.sound(Replication) {
			t.Errorf("%d: %+v passes for a role", i, *bad)
		}
	}
	mine, err := w.directory.Ensure(t.Context(), w.at(0), Settings, theirs)
	if err != nil || mine.ID == theirs.ID {
		t.Errorf("the role of another service was taken over: %+v, %v", mine, err)
	}
	got, err := w.directory.Ensure(t.Context(), w.at(0), Replication, theirs)
	if err != nil || *got != *theirs {
		t.Errorf("got %+v, %v", got, err)
	}
	other := &Role{Service: Replication.Service, ID: roleID("other"), Created: 4}
	if got, err = w.directory.Ensure(t.Context(), w.at(1), Replication, other); err != nil || *got != *theirs {
		t.Errorf("beside the account's own, got %+v, %v", got, err)
	}
	if err := w.at(1).keep(t.Context(), other); err != nil { // As nodes that were apart may have it.
		t.Fatal(err)
	}
	if got, err = w.directory.Role(t.Context(), Replication.Name); err != nil || *got != *other {
		t.Errorf("of two, %+v is shown, %v", got, err)
	}
}

// TestCreateAndDelete: a role is made once, and stays while something needs it.
func TestCreateAndDelete(t *testing.T) {
	w := newWorld(3)
	first, err := w.directory.Create(t.Context(), w.at(0), Replication, "mine")
	if err != nil || first.Description != "mine" {
		t.Fatalf("%+v, %v", first, err)
	}
	_, err = w.directory.Create(t.Context(), w.at(1), Replication, "")
	wantCode(t, err, "InvalidInput", 400)
	if r, err := w.directory.Ensure(t.Context(), w.at(1), Replication, nil); err != nil || *r != *first {
		t.Errorf("%+v, %v", r, err)
	}
	w.used[Replication] = []int{1, 2}
	d, err := w.directory.Delete(t.Context(), w.at(0), Replication.Name)
	if err != nil || len(d.Usage) != 2 || d.Usage[0].Region != aws.Regions()[1] || len(d.Usage[1].Resources) != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	if got := w.names(t); len(got) != 1 {
		t.Errorf("in use, it was deleted: %v", got)
	}
	if kept, err := w.directory.Deletion(t.Context(), d.ID); err != nil || fmt.Sprint(*kept) != fmt.Sprint(*d) {
		t.Errorf("remembered is %+v, %v", kept, err)
	}
	w.used = nil
	if d, err = w.directory.Delete(t.Context(), w.at(2), Replication.Name); err != nil || len(d.Usage) != 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	if got := w.names(t); len(got) != 0 {
		t.Errorf("after its deletion there is %v", got)
	}
	if _, err := w.directory.Deletion(t.Context(), d.ID); err != nil {
		t.Error(err)
	}
	_, err = w.directory.Delete(t.Context(), w.at(0), Replication.Name)
	wantCode(t, err, "NoSuchEntity", 404)
	_, err = w.directory.Deletion(t.Context(), d.ID+"x")
	wantCode(t, err, "NoSuchEntity", 404)
	if again, err := w.directory.Ensure(t.Context(), w.at(0), Replication, nil); err != nil || again.ID == first.ID {
		t.Errorf("made anew it is %+v, %v", again, err)
	}
}

// TestDeletionsAreBounded: the oldest are forgotten.
func TestDeletionsAreBounded(t *testing.T) {
	w := newWorld(1)
	w.used[Settings] = []int{0}
	if _, err := w.directory.Create(t.Context(), w.at(0), Settings, ""); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range maxDeletions + 1 {
		w.clock.now = w.clock.now.Add(time.Second)
		d, err := w.directory.Delete(t.Context(), w.at(0), Settings.Name)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.ID)
	}
	_, err := w.directory.Deletion(t.Context(), ids[0])
	wantCode(t, err, "NoSuchEntity", 404)
	for _, id := range ids[1:] {
		if _, err := w.directory.Deletion(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzDecode states that stored bytes are a role that is written the same again, or
// malformed.
func FuzzDecode(f *testing.F) {
	b, err := encode(&Role{Service: Replication.Service, ID: roleID("x"), Created: 1, Description: "d"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{recordFormat + 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decode[Role](b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Error(err)
			}
			return
		}
		again, err := encode(r)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decode[Role](again); err != nil || *back != *r {
			t.Errorf("%+v came back as %+v, %v", *r, back, err)
		}
	})
}

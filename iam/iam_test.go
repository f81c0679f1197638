package iam

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/identity"
	"github.com/hortusdb/hortus/kv"
)

type fixedClock struct{}

func (fixedClock) Now() time.Time { return time.Unix(1_800_000_000, 999_000_000) }

// newService is IAM of an account with one cell. Its roles are needed by what uses
// says.
func newService(uses func(*identity.Linked) []string) *Service {
	store := identity.NewStore(kv.NewMem(kv.MemOptions{Now: func() int64 { return 1 }}))
	ids := 0
	return &Service{Store: store, Directory: &identity.Directory{
		Account: "111111111111", Lock: new(sync.Mutex), Clock: fixedClock{},
		NewID: func() string { ids++; return fmt.Sprint("id-", ids) },
		Seats: func() []identity.Seat { return []identity.Seat{{Region: "eu-west-1", Store: store, Uses: uses}} },
	}}
}

// call runs a form as the router does.
func (s *Service) call(t *testing.T, form string) (string, error) {
	t.Helper()
	op := Unbuilt(Action([]byte(form)))
	for _, o := range Operations() {
		if o.Name == op.Name {
			op = o
		}
	}
	c := &api.Call{Body: []byte(form), RequestID: "R"}
	if err := op.Decode(c); err != nil {
		return "", err
	}
	if err := op.Run(t.Context(), s, c); err != nil {
		return "", err
	}
	return string(c.Out), nil
}

// TestCalls runs testdata/calls: each call is a form, a parameter a line, and its
// answer is shown an element a line, or as the error. "uses" says which tables need
// the role that replicates.
func TestCalls(t *testing.T) {
	var used []string
	s := newService(func(k *identity.Linked) []string {
		if k == identity.Replication {
			return used
		}
		return nil
	})
	datadriven.RunTest(t, "testdata/calls", func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "uses":
			used = strings.Fields(d.Input)
			return ""
		case "call":
			out, err := s.call(t, strings.ReplaceAll(d.Input, "\n", "&"))
			if known, ok := errors.AsType[*aws.Error](err); ok {
				return fmt.Sprintf("%d %s: %s\n", known.Status, known.Code, known.Message)
			}
			if err != nil {
				return "failed: " + err.Error() + "\n"
			}
			return strings.ReplaceAll(out, "><", ">\n<") + "\n"
		}
		d.Fatalf(t, "unknown command %q", d.Cmd)
		return ""
	})
}

// TestLimits: forms that are too large are refused before they are read.
func TestLimits(t *testing.T) {
	for form, want := range map[string]string{
		"Action=ListRoles&x=" + strings.Repeat("x", maxForm):       "RequestEntityTooLarge",
		"Action=ListRoles" + strings.Repeat("&", maxParameters):    "MalformedQueryString",
		"Action=ListRoles&PathPrefix=%zz":                          "MalformedQueryString",
		"Action=ListRoles&PathPrefix=/" + strings.Repeat("x", 512): "ValidationError",
	} {
		_, err := newService(nil).call(t, form)
		var known *aws.Error
		if !errors.As(err, &known) || known.Code != want {
			t.Errorf("a form of %d bytes: %v, want %s", len(form), err, want)
		}
	}
}

// FuzzCalls states that whatever a form holds is answered with well-formed XML or with
// an error of the contract, and that what is read of it is what it says.
func FuzzCalls(f *testing.F) {
	f.Add("Action=ListRoles&Version=2010-05-08&PathPrefix=%2F&MaxItems=1&Marker=QQ")
	f.Add("Action=GetRole&RoleName=AWSServiceRoleForDynamoDBReplication")
	f.Add("Action=CreateServiceLinkedRole&AWSServiceName=" + identity.ReplicationService + "&Description=%00%ff&CustomSuffix=")
	f.Add("Action=DeleteServiceLinkedRole&RoleName=AWSServiceRoleForDynamoDBGlobalTableSettingsManagement")
	f.Add("Action=GetServiceLinkedRoleDeletionStatus&DeletionTaskId=task%2F")
	f.Add("Action=ListAttachedRolePolicies&RoleName=a+b;&&=")
	f.Fuzz(func(t *testing.T, form string) {
		if values, err := parseForm([]byte(form)); err == nil {
			again, err := parseForm([]byte(values.Encode()))
			if err != nil || again.Encode() != values.Encode() {
				t.Errorf("%q is read as %v, and that as %v, %v", form, values, again, err)
			}
		}
		s := newService(func(*identity.Linked) []string { return []string{"arn"} })
		if _, err := s.Directory.Create(t.Context(), s.Store, identity.Settings, ""); err != nil {
			t.Fatal(err)
		}
		out, err := s.call(t, form)
		var known *aws.Error
		switch {
		case err != nil && !errors.As(err, &known):
			t.Errorf("%q: %v", form, err)
		case err == nil:
			wellFormed(t, out)
		}
	})
}

// wellFormed reads XML to its end.
func wellFormed(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		switch _, err := d.Token(); {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			t.Fatalf("%v in %s", err, text)
		}
	}
}

// TestTrustPolicy: the policy is encoded so that decoding a form's way and a path's
// way both give it back.
func TestTrustPolicy(t *testing.T) {
	const document = `{"a":"b c+d","e":["*"]}`
	encoded := escape(document)
	byPath, err := url.PathUnescape(encoded)
	if err != nil || byPath != document || strings.ContainsAny(encoded, ` +"{`) {
		t.Errorf("%s is %s, %v", encoded, byPath, err)
	}
}

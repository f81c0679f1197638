package router_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/hortusapi"
	"github.com/hortusdb/hortus/router"
)

// TestStrict: a strict router lets in known keys alone, and lets them change what
// is all accounts' only where the node is there for rehearsals.
func TestStrict(t *testing.T) {
	now := time.Now()
	stranger := router.Credential{ID: "111111111111", Secret: "any"}
	wrong := router.Credential{ID: known.ID, Secret: "another"}
	const list = "DynamoDB_20120810.ListTables"
	for _, rehearsal := range []bool{false, true} {
		w := newWorldWith(t, router.Options{Credentials: []router.Credential{known}, Strict: true, Rehearsal: rehearsal})
		isolated := "AccessDeniedException"
		if rehearsal {
			isolated = "{}"
		}
		for _, c := range []struct {
			name string
			call call
			want string // Part of the body.
		}{
			{"known", w.signedFor(list, known, "{}", now, false), `{"TableNames":[]}`},
			{"unknown", w.signedFor(list, stranger, "{}", now, false), `UnrecognizedClientException","message":"The security token included in the request is invalid."`},
			{"an account's number, not signed", call{list, "{}", claims("111111111111", "us-east-1"), nil}, "InvalidSignatureException"},
			{"wrong secret", w.signedFor(list, wrong, "{}", now, false), "InvalidSignatureException"},
			{"nobody", call{list, "{}", "", nil}, "MissingAuthenticationToken"},
			{"status", w.signedFor(hortusapi.TargetPrefix+"DescribeReplication", known, "{}", now, false), `{"Links":[]`},
			{"isolate", w.signedFor(hortusapi.TargetPrefix+"IsolateRegion", known, `{"Region":"eu-west-1"}`, now, false), isolated},
		} {
			if _, body := w.do(c.call); !strings.Contains(body, c.want) {
				t.Errorf("rehearsal %t: %s: %s, want %s", rehearsal, c.name, body, c.want)
			}
		}
	}
}

// Package policy is the IAM policy language: parse, evaluate, explain.
//
// A Document is compiled once by Parse and never changes. Evaluate decides by
// resource policies alone; Layers decides as AWS does, with organization,
// identity, boundary and session policies too. A Decision can say in words
// which statement denied, or what is missing, with a statement that would
// allow the request.
package policy

import (
	"strings"

	"github.com/hortusdb/hortus/aws"
)

// Kind says what a policy is attached to. It decides the policy's grammar, its
// size limit and its name in messages.
type Kind uint8

// The kinds of policies.
const (
	Resource  Kind = iota // Attached to a table or stream.
	KeyPolicy             // Attached to a KMS key.
	Trust                 // Attached to a role: who may assume it.
	Identity              // Attached to a user, group or role.
	Boundary              // A permissions boundary.
	Session               // Passed to AssumeRole.
	SCP                   // A service control policy.
	RCP                   // A resource control policy.
)

// String is the kind's name in AWS's access-denied messages (documented).
func (k Kind) String() string {
	switch k {
	case Resource, KeyPolicy:
		return "resource-based policy"
	case Trust:
		return "role trust policy"
	case Identity:
		return "identity-based policy"
	case Boundary:
		return "permissions boundary"
	case Session:
		return "session policy"
	case SCP:
		return "service control policy"
	case RCP:
		return "resource control policy"
	}
	return "policy"
}

// takesPrincipal reports whether statements of this kind name principals; the
// others must not.
func (k Kind) takesPrincipal() bool { return k == Resource || k == KeyPolicy || k == Trust || k == RCP }

// Request is one question: may this principal do this to that?
type Request struct {
	Principal Principal
	Action    string // As in "dynamodb:PutItem".
	Resource  string // An ARN, or "*" where the action takes no resource.
	Context   []Attribute
	Came      *Circumstances // Nil where they are not known: then Context is asked for their keys.
}

// Attribute is a condition key of the request with its values. Keys that
// follow from the principal (aws:PrincipalArn, aws:PrincipalAccount, ...),
// aws:ResourceAccount and what Circumstances tell are derived, and are not taken
// from here.
type Attribute struct {
	Key    string // In any case.
	Values []string
	// Each makes the request stand for one request for each value: an Allow
	// must hold for all of them in one statement, a Deny holds if it holds for
	// any. Replication asks so for a whole group of accounts.
	Each bool
}

// values are what the request has for a condition key, without allocation for
// the derived ones.
type values struct {
	one  string
	many []string
	each bool
}

func (v values) len() int {
	if v.many == nil {
		return 1
	}
	return len(v.many)
}

func (v values) at(i int) string {
	if v.many == nil {
		return v.one
	}
	return v.many[i]
}

// lookup finds the values for a key in lower case. A key without values is
// missing, as in AWS.
func (r *Request) lookup(key string) (values, bool) {
	if strings.HasPrefix(key, "aws:") {
		if v, derived, ok := r.derived(key); derived {
			return values{one: v}, ok
		}
	}
	for i := range r.Context {
		if a := &r.Context[i]; len(a.Key) == len(key) && strings.EqualFold(a.Key, key) {
			return values{many: a.Values, each: a.Each}, len(a.Values) > 0
		}
	}
	return values{}, false
}

// derived answers the keys that are never taken from Context.
func (r *Request) derived(key string) (value string, derived, ok bool) {
	p := &r.Principal
	switch key {
	case "aws:principalarn":
		return p.arnForConditions(), true, p.Type != Service
	case "aws:principalaccount":
		return string(p.Account), true, p.Type != Service
	case "aws:principaltype":
		return p.Type.String(), true, p.Type != Service
	case "aws:principalisawsservice":
		if p.Type == Service {
			return "true", true, true
		}
		return "false", true, true
	case "aws:principalservicename":
		return p.Service, true, p.Type == Service
	case "aws:userid":
		return p.ID, true, p.ID != ""
	case "aws:username":
		return p.ARN[strings.LastIndexByte(p.ARN, '/')+1:], true, p.Type == User
	case "aws:resourceaccount":
		account := arnPart(r.Resource, 4)
		return account, true, account != ""
	}
	return r.Came.value(key)
}

// arnPart returns the part of an ARN between the i-th and the next colon.
func arnPart(arn string, i int) string {
	for range i {
		_, rest, ok := strings.Cut(arn, ":")
		if !ok {
			return ""
		}
		arn = rest
	}
	part, _, _ := strings.Cut(arn, ":")
	return part
}

// malformed is the error for a document that breaks the grammar, with the
// code of the service that takes this kind of policy. The texts for table
// policies begin as DynamoDB's do (recorded); the rest is ours.
func (k Kind) malformed(detail string) error {
	switch k {
	case Resource:
		return aws.Validation("Invalid policy document: %s", detail)
	case KeyPolicy, SCP, RCP:
		return aws.Errorf("MalformedPolicyDocumentException", "%s", detail)
	case Trust, Identity, Boundary, Session:
	}
	return aws.Errorf("MalformedPolicyDocument", "%s", detail)
}

// Size limits in bytes. Those of IAM leave white space out of the count, the
// others do not (documented).
const (
	MaxResourcePolicy = 20480
	MaxKeyPolicy      = 32768
	MaxTrustPolicy    = 4096
	MaxIdentityPolicy = 10240 // Of inline policies of a role; managed ones have 6,144, which IAM checks.
	MaxBoundary       = 6144
	MaxSessionPolicy  = 2048
	MaxSCP            = 10240
	MaxRCP            = 5120
)

func (k Kind) maxSize() (limit int, countSpace bool) {
	switch k {
	case Resource:
		return MaxResourcePolicy, true
	case KeyPolicy:
		return MaxKeyPolicy, true
	case Trust:
		return MaxTrustPolicy, false
	case Identity:
		return MaxIdentityPolicy, false
	case Boundary:
		return MaxBoundary, false
	case Session:
		return MaxSessionPolicy, false
	case SCP:
		return MaxSCP, true
	case RCP:
		return MaxRCP, true
	}
	return 0, true
}

// checkSize holds the text to the kind's limit. Text whose white space would
// not count is still held to four times the limit, before it is read.
func (k Kind) checkSize(text []byte) error {
	limit, countSpace := k.maxSize()
	size := len(text)
	if !countSpace && size <= 4*limit {
		size = 0
		for _, c := range text {
			if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
				size++
			}
		}
	}
	if size <= limit {
		return nil
	}
	switch k {
	case Resource:
		return aws.Validation("Maximum policy size of %d bytes exceeded", limit)
	case KeyPolicy, SCP, RCP:
		return aws.Errorf("LimitExceededException", "Maximum policy size of %d bytes exceeded", limit)
	case Trust, Identity, Boundary, Session:
	}
	return aws.Errorf("LimitExceeded", "Maximum policy size of %d bytes exceeded", limit)
}

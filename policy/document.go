package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hortusdb/hortus/aws"
)

// Document is a compiled policy. It is immutable, so any number of goroutines
// may evaluate it.
type Document struct {
	kind       Kind
	name       string
	id         string
	statements []statement
	timed      bool
}

// Kind returns what the policy is attached to.
func (d *Document) Kind() Kind { return d.kind }

// Name returns the name that decisions give the policy: what Parse was told.
func (d *Document) Name() string { return d.name }

// ID returns the document's Id element, which may be empty.
func (d *Document) ID() string { return d.id }

// Actions lists the actions that statements name, as written.
func (d *Document) Actions() []string {
	var out []string
	for i := range d.statements {
		out = append(out, d.statements[i].actionText...)
	}
	return out
}

// Resources lists the resources that statements name, as written.
func (d *Document) Resources() []string {
	var out []string
	for i := range d.statements {
		out = append(out, d.statements[i].resourceText...)
	}
	return out
}

// StatementRef names a statement.
type StatementRef struct {
	Policy string // The document's name.
	Kind   Kind
	Sid    string // May be empty.
	Index  int    // From 0.
}

// String writes the reference for people, who count from 1.
func (r *StatementRef) String() string {
	s := "statement " + strconv.Itoa(r.Index+1)
	if r.Sid != "" {
		s += " (" + r.Sid + ")"
	}
	return s + " of the " + r.Kind.String() + " " + strconv.Quote(r.Policy)
}

// problem is the detail of a malformed document, in sentences as AWS has them.
type problem string

func (p problem) Error() string { return string(p) }

// missing is a field that a statement has to have. AWS does not say in which
// statement (recorded).
type missing string

func (m missing) Error() string { return "Missing required field " + string(m) }

func broken(format string, args ...any) error { return problem(fmt.Sprintf(format, args...)) }

// errPrincipal is a Principal element that AWS does not know. DynamoDB answers
// it with this text alone (recorded).
const errPrincipal = problem("Invalid principal in policy document.")

// statement is one compiled statement.
type statement struct {
	ref          StatementRef
	deny         bool
	hasPrincipal bool
	notPrincipal bool
	who          principals
	notAction    bool
	actions      []pattern
	actionText   []string
	notResource  bool
	anyResource  bool // A trust policy has no resources.
	resources    []pattern
	resourceText []string
	conditions   []condition
}

// MaxNesting is how deep a policy's JSON may nest; the grammar needs 6.
const MaxNesting = 8

const (
	version2008 = "2008-10-17"
	version2012 = "2012-10-17"
)

// Parse compiles a policy document. name is how decisions call the policy: its
// ARN, or the ARN of what it is attached to. The error is an *aws.Error as the
// service that takes this kind of policy gives it.
func Parse(kind Kind, name string, text []byte) (*Document, error) {
	if err := kind.checkSize(text); err != nil {
		return nil, err
	}
	root, err := readJSON(text)
	if err != nil {
		return nil, kind.unreadable(err)
	}
	d := &Document{kind: kind, name: name}
	if err := d.compile(root); err != nil {
		if errors.Is(err, errPrincipal) && kind == Resource {
			return nil, aws.Validation("%s", string(errPrincipal))
		}
		if errors.Is(err, errNoStatement) && kind == Resource {
			err = syntaxAtEnd(text)
		}
		return nil, kind.malformed(err.Error())
	}
	return d, nil
}

// errNoStatement is a document without a Statement.
const errNoStatement = problem("The policy must have at least one Statement.")

// unreadable words what is not JSON. DynamoDB does not say where (recorded).
func (k Kind) unreadable(err error) error {
	if k == Resource {
		return k.malformed("This policy contains invalid Json")
	}
	return k.malformed("This policy contains invalid Json: " + err.Error())
}

// syntaxAtEnd is DynamoDB's answer to a document that ends before what it has to
// have: the line and column behind it (recorded of "{}").
func syntaxAtEnd(text []byte) error {
	lines := strings.Split(strings.TrimRight(string(text), " \t\r\n"), "\n")
	return broken("Syntax error at position (%d,%d)", len(lines), len(lines[len(lines)-1])+1)
}

func (d *Document) compile(root node) error {
	switch {
	case root.kind == array && d.kind == Resource:
		return broken("This policy contains invalid Json")
	case root.kind != object && d.kind == Resource:
		return broken("This text appears not to be a policy")
	case root.kind != object:
		return broken("The policy must be a JSON object.")
	}
	variables, seen := false, false
	var statements []node
	for _, m := range root.members {
		switch m.name {
		case "Version":
			if m.value.kind != text || m.value.text != version2008 && m.value.text != version2012 {
				return broken("The policy must have Version %s or %s.", version2012, version2008)
			}
			variables = m.value.text == version2012
		case "Id":
			if m.value.kind != text {
				return broken("Id must be a string.")
			}
			d.id = m.value.text
		case "Statement":
			seen = true
			statements = m.value.list()
		default:
			return broken("Syntax errors in policy: %q is not an element of a policy.", m.name)
		}
	}
	if seen && len(statements) == 0 && d.kind == Resource {
		return broken("Could not parse the policy: Statement is empty!")
	}
	if len(statements) == 0 {
		return errNoStatement
	}
	d.statements = make([]statement, len(statements))
	for i, n := range statements {
		s := &d.statements[i]
		s.ref = StatementRef{Policy: d.name, Kind: d.kind, Index: i}
		if err := s.compile(n, variables); err != nil {
			if plain, ok := errors.AsType[missing](err); ok {
				return plain
			}
			if errors.Is(err, errPrincipal) {
				return err
			}
			return broken("Statement %d: %v", i+1, err)
		}
		d.timed = d.timed || s.timed()
		for j := range i {
			if s.ref.Sid != "" && d.statements[j].ref.Sid == s.ref.Sid {
				if d.kind == Resource {
					return broken("The Statement Ids in the policy are not unique")
				}
				return broken("Statement IDs (SID) in a single policy must be unique.")
			}
		}
	}
	return nil
}

// compile reads one statement's elements, then checks that they fit together.
func (s *statement) compile(n node, variables bool) error {
	if n.kind != object {
		return broken("A statement must be a JSON object.")
	}
	var err error
	effect := ""
	for _, m := range n.members {
		switch m.name {
		case "Sid":
			err = s.compileSid(m.value)
		case "Effect":
			effect = effectOf(m.value.text)
		case "Principal", "NotPrincipal":
			if s.hasPrincipal {
				return broken("A statement has either Principal or NotPrincipal.")
			}
			s.hasPrincipal, s.notPrincipal = true, m.name == "NotPrincipal"
			err = s.compilePrincipal(m.value)
		case "Action", "NotAction":
			if s.actions != nil {
				return broken("A statement has either Action or NotAction.")
			}
			s.notAction = m.name == "NotAction"
			err = s.compileActions(m.value)
		case "Resource", "NotResource":
			if s.resources != nil {
				return broken("A statement has either Resource or NotResource.")
			}
			s.notResource = m.name == "NotResource"
			err = s.compileResources(m.value, variables)
		case "Condition":
			err = s.compileConditions(m.value, variables)
		default:
			return broken("Syntax errors in policy: %q is not an element of a statement.", m.name)
		}
		if err != nil {
			return err
		}
	}
	return s.checkWhole(effect)
}

// effectOf takes an effect in any case (recorded).
func effectOf(text string) string {
	for _, e := range []string{"Allow", "Deny"} {
		if strings.EqualFold(text, e) {
			return e
		}
	}
	return text
}

func (s *statement) checkWhole(effect string) error {
	switch effect {
	case "Allow":
	case "Deny":
		s.deny = true
	case "":
		return missing("Effect")
	default:
		return broken("Invalid effect: %s. Effect is Allow or Deny.", effect)
	}
	kind := s.ref.Kind
	if s.actions == nil && kind == Resource {
		return missing("Action")
	}
	if s.actions == nil {
		return broken("Policy statement must contain actions.")
	}
	if kind == Trust {
		if s.resources != nil {
			return broken("Has prohibited field Resource.")
		}
		s.anyResource = true
	} else if s.resources == nil && kind == Resource {
		return missing("Resource")
	} else if s.resources == nil {
		return broken("Policy statement must contain resources.")
	}
	if kind.takesPrincipal() && !s.hasPrincipal {
		return missing("Principal")
	}
	if !kind.takesPrincipal() && s.hasPrincipal {
		return broken("Policy document should not specify a principal.")
	}
	// DynamoDB and RCPs do without NotPrincipal (documented).
	if s.notPrincipal && (kind == Resource || kind == RCP) {
		return broken("NotPrincipal is not supported.")
	}
	if kind == RCP && !s.who.anyone {
		return broken("The Principal of a resource control policy must be \"*\".")
	}
	return nil
}

func (s *statement) compileSid(n node) error {
	if n.kind != text {
		return broken("Sid must be a string.")
	}
	s.ref.Sid = n.text
	if s.ref.Kind == Resource || s.ref.Kind == KeyPolicy {
		return nil
	}
	for i := range len(n.text) {
		if c := lower(n.text[i]); (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return broken("Statement IDs (SID) must be alpha-numeric.")
		}
	}
	return nil
}

func (s *statement) compilePrincipal(n node) error {
	if n.kind == text && n.text == "*" {
		s.who.anyone, s.who.text = true, []string{"*"}
		return nil
	}
	if n.kind != object || len(n.members) == 0 {
		return errPrincipal
	}
	for _, m := range n.members {
		texts, ok := m.value.texts()
		if !ok {
			return errPrincipal
		}
		for _, t := range texts {
			if !s.who.add(m.name, t) {
				return errPrincipal
			}
		}
	}
	return nil
}

func (s *statement) compileActions(n node) error {
	texts, ok := n.texts()
	if !ok {
		return broken("Action must be a string or a list of strings.")
	}
	for _, t := range texts {
		service, action, ok := strings.Cut(t, ":")
		if t != "*" && (!ok || service == "" || action == "" || strings.ContainsAny(t, " ${}")) {
			return broken("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. Got %q.", t)
		}
		p, _ := compilePattern(t, patternSyntax{wildcards: true, fold: true})
		s.actions = append(s.actions, p)
	}
	s.actionText = texts
	return nil
}

func (s *statement) compileResources(n node, variables bool) error {
	texts, ok := n.texts()
	if !ok {
		return broken("Resource must be a string or a list of strings.")
	}
	for _, t := range texts {
		p, ok := compilePattern(t, patternSyntax{wildcards: true, variables: variables})
		if !ok {
			return broken("Resource %s has a policy variable that is not well formed.", t)
		}
		if t != "*" && (!strings.HasPrefix(t, "arn:") || strings.Count(t, ":") < 5) {
			return broken("Resource %s must be in ARN format or \"*\".", t)
		}
		s.resources = append(s.resources, p)
	}
	s.resourceText = texts
	return nil
}

func (s *statement) compileConditions(n node, variables bool) error {
	if n.kind != object {
		return broken("Condition must be a JSON object.")
	}
	for _, op := range n.members {
		if op.value.kind != object {
			return broken("Condition %s must be a JSON object.", op.name)
		}
		for _, m := range op.value.members {
			texts, ok := m.value.scalars()
			if !ok {
				return broken("Condition %s %s must be a value or a list of values.", op.name, m.name)
			}
			c, wrong := compileCondition(op.name, m.name, texts, variables)
			if wrong != "" {
				return problem(wrong)
			}
			s.conditions = append(s.conditions, c)
		}
	}
	return nil
}

// matches reports whether the statement speaks of the request, and how closely
// it names the principal. Statements of kinds without principals speak of
// whoever the policy is attached to.
func (s *statement) matches(r *Request) match {
	if !s.coversAction(r) {
		return noMatch
	}
	m := s.coversPrincipal(r)
	if m == noMatch || !s.coversResource(r) {
		return noMatch
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(r, s.deny) {
			return noMatch
		}
	}
	return m
}

func (s *statement) coversAction(r *Request) bool {
	for i := range s.actions {
		if s.actions[i].matches(r, r.Action) {
			return !s.notAction
		}
	}
	return s.notAction
}

// coversPrincipal: a NotPrincipal that names the caller, its role or its
// account leaves it out. (IAM wants both the principal and its account named
// before a Deny leaves it out; here either does.)
func (s *statement) coversPrincipal(r *Request) match {
	if !s.hasPrincipal {
		return direct
	}
	m := s.who.match(&r.Principal)
	if !s.notPrincipal {
		return m
	}
	if m == noMatch {
		return direct
	}
	return noMatch
}

func (s *statement) coversResource(r *Request) bool {
	if s.anyResource {
		return true
	}
	for i := range s.resources {
		if s.resources[i].matches(r, r.Resource) {
			return !s.notResource
		}
	}
	return s.notResource
}

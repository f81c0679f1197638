package policy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/hortusdb/hortus/aws"
)

// Suggestion is the line of an explanation before the statement that would allow
// the one request which is explained.
const Suggestion = "This statement would allow it:"

// maxNearest is how many statements that nearly allow an explanation names.
const maxNearest = 3

// AccessDenied is the error that tells the caller of a denial, in AWS's
// grammar (documented). The ARN of a managed policy that denied is named.
func (d *Decision) AccessDenied() *aws.Error {
	r := &d.request
	var b strings.Builder
	b.WriteString("User: " + r.Principal.String() + " is not authorized to perform: " + r.Action + " on resource: " + resourceOr(r.Resource))
	if d.Effect != ExplicitDeny {
		b.WriteString(" because no " + d.Kind.String() + " allows the " + r.Action + " action")
	} else {
		b.WriteString(" with an explicit deny in " + article(d.Kind.String()))
		if name := d.Statement.Policy; strings.HasPrefix(name, "arn:") && strings.Contains(name, ":policy/") {
			b.WriteString(": " + name)
		}
	}
	return &aws.Error{Code: "AccessDeniedException", Message: b.String(), Status: 400}
}

func resourceOr(arn string) string {
	if arn == "" {
		return "*"
	}
	return arn
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// Explain says in words why the request was decided so: which statement
// denied or allowed, or which policies lack an Allow, what the nearest
// statements miss, and for each policy a statement, as JSON, that would allow
// the request.
func (d *Decision) Explain() string {
	var b strings.Builder
	switch d.Effect {
	case Allow:
		if d.Statement == nil {
			return "The root user may do everything in its account.\n"
		}
		b.WriteString("Allowed by " + d.Statement.String() + ".\n")
	case ExplicitDeny:
		d.explainDeny(&b)
	case ImplicitDeny:
		d.explainMissing(&b)
	}
	return b.String()
}

func (d *Decision) explainDeny(b *strings.Builder) {
	r := &d.request
	b.WriteString("Denied by " + d.Statement.String() + ": it denies " + r.Action + " on " + resourceOr(r.Resource) +
		" to " + r.Principal.String() + ".\n")
	s := d.find(d.Statement)
	for i := range s.conditions {
		c := &s.conditions[i]
		b.WriteString("  Its condition " + c.String() + " holds: " + c.found(r) + ".\n")
	}
	b.WriteString("No Allow outweighs a Deny: change that statement.\n")
}

// find returns the statement of a reference out of the decision's layers.
func (d *Decision) find(ref *StatementRef) *statement {
	l := &d.layers
	groups := append([][]*Document{l.Resource, l.Identity, l.Boundary, l.Session}, l.SCP...)
	for _, docs := range append(groups, l.RCP...) {
		for _, doc := range docs {
			if ref.Index < len(doc.statements) && &doc.statements[ref.Index].ref == ref {
				return &doc.statements[ref.Index]
			}
		}
	}
	return &statement{}
}

// explainMissing names every kind of policy whose Allow is missing, so that
// one round of changes is enough.
func (d *Decision) explainMissing(b *strings.Builder) {
	var n needs
	if d.only {
		n.lacks(d.Kind)
	} else {
		d.layers.assess(&d.request, &n)
	}
	for _, k := range [...]Kind{RCP, SCP, Resource, KeyPolicy, Trust, Identity, Boundary, Session} {
		if n.kinds[k] {
			d.explainKind(b, k, n.level[k])
		}
	}
}

func (d *Decision) explainKind(b *strings.Builder, k Kind, level int) {
	r := &d.request
	docs, where := d.docsOf(k, level)
	b.WriteString("No " + k.String() + " " + where + "allows " + r.Action + " on " + resourceOr(r.Resource) +
		" to " + r.Principal.String() + ".\n")
	if len(docs) == 0 {
		b.WriteString("  There is none.\n")
	}
	for _, s := range nearest(docs, r) {
		b.WriteString("  Nearest is " + s.ref.String() + ", but:\n")
		for _, why := range s.misses(r) {
			b.WriteString("  - " + why + ".\n")
		}
	}
	b.WriteString(Suggestion + "\n" + Suggest(k, r) + "\n")
}

// docsOf returns the documents of a kind, and for organization policies words
// for the level.
func (d *Decision) docsOf(k Kind, level int) (docs []*Document, where string) {
	l := &d.layers
	var levels [][]*Document
	switch k {
	case Resource, KeyPolicy, Trust:
		return l.Resource, ""
	case Identity:
		return l.Identity, ""
	case Boundary:
		return l.Boundary, ""
	case Session:
		return l.Session, ""
	case SCP:
		levels = l.SCP
	case RCP:
		levels = l.RCP
	}
	return levels[level], "at level " + strconv.Itoa(level+1) + " of " + strconv.Itoa(len(levels)) + " "
}

// nearest returns the Allow statements that miss the request by the fewest
// elements, and that speak of the action or the principal at all.
func nearest(docs []*Document, r *Request) []*statement {
	var found []*statement
	best := 0
	for _, d := range docs {
		for i := range d.statements {
			s := &d.statements[i]
			if s.deny || !s.coversAction(r) && s.coversPrincipal(r) == noMatch {
				continue
			}
			n := len(s.misses(r))
			if len(found) == 0 || n < best {
				found, best = found[:0], n
			}
			if n == best && len(found) < maxNearest {
				found = append(found, s)
			}
		}
	}
	return found
}

// misses says what keeps the statement from speaking of the request.
func (s *statement) misses(r *Request) []string {
	var out []string
	if !s.coversAction(r) {
		out = append(out, element("Action", s.notAction, s.actionText)+r.Action)
	}
	if s.coversPrincipal(r) == noMatch {
		out = append(out, element("Principal", s.notPrincipal, s.who.text)+r.Principal.String())
	}
	if !s.coversResource(r) {
		out = append(out, element("Resource", s.notResource, s.resourceText)+resourceOr(r.Resource))
	}
	for i := range s.conditions {
		if c := &s.conditions[i]; !c.holds(r, false) {
			out = append(out, "its condition "+c.String()+" does not hold: "+c.found(r)+c.remedy(r))
		}
	}
	return out
}

func element(name string, not bool, texts []string) string {
	list := " (" + strings.Join(texts, ", ") + ") "
	if not {
		return "its Not" + name + list + "leaves out "
	}
	return "its " + name + list + "does not cover "
}

// String writes a condition as "StringEquals aws:SourceAccount [a, b]".
func (c *condition) String() string {
	texts := make([]string, len(c.operands))
	for i := range c.operands {
		texts[i] = c.operands[i].text
	}
	return c.name + " " + c.written + " [" + strings.Join(texts, ", ") + "]"
}

// found says what the request has for the condition's key.
func (c *condition) found(r *Request) string {
	v, ok := r.lookup(c.key)
	if !ok {
		return "the request has no " + c.written
	}
	return "the request has " + strings.Join(all(v), ", ")
}

// remedy names the values that a plain positive condition lacks.
func (c *condition) remedy(r *Request) string {
	v, ok := r.lookup(c.key)
	if !ok || c.negate || c.family > famARN {
		return ""
	}
	var lack []string
	for _, value := range all(v) {
		if !c.test(r, value) {
			lack = append(lack, value)
		}
	}
	if len(lack) == 0 {
		return ""
	}
	return "; add " + strings.Join(lack, ", ") + " to it"
}

func all(v values) []string {
	out := make([]string, v.len())
	for i := range out {
		out[i] = v.at(i)
	}
	return out
}

// Suggest writes a statement of the kind, as JSON, that allows the request and
// little more. For a service principal it carries the source keys of the
// request, which keep other customers of the service out.
func Suggest(k Kind, r *Request) string {
	var b strings.Builder
	b.WriteString(`{"Effect":"Allow",`)
	if k.takesPrincipal() {
		b.WriteString(`"Principal":` + suggestPrincipal(k, &r.Principal) + `,`)
	}
	b.WriteString(`"Action":` + quote(r.Action))
	if k != Trust {
		b.WriteString(`,"Resource":` + quote(literal(resourceOr(r.Resource))))
	}
	if k.takesPrincipal() && k != RCP && r.Principal.Type == Service {
		suggestSource(&b, r)
	}
	b.WriteByte('}')
	return b.String()
}

func suggestPrincipal(k Kind, p *Principal) string {
	switch {
	case k == RCP:
		return `"*"`
	case p.Type == Service:
		return `{"Service":` + quote(p.Service) + `}`
	case p.Type == AssumedRole:
		return `{"AWS":` + quote(p.Role) + `}`
	}
	return `{"AWS":` + quote(p.ARN) + `}`
}

// literal keeps wildcards of a resource's name from being read as such; a
// resource of "*" alone is meant.
func literal(s string) string {
	if s == "*" {
		return s
	}
	return strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}").Replace(s)
}

func suggestSource(b *strings.Builder, r *Request) {
	first := true
	for _, key := range [...]string{"aws:SourceAccount", "aws:SourceArn"} {
		v, ok := r.lookup(strings.ToLower(key))
		if !ok {
			continue
		}
		if first {
			b.WriteString(`,"Condition":{"StringEquals":{`)
		} else {
			b.WriteByte(',')
		}
		first = false
		texts := slices.Compact(slices.Sorted(slices.Values(all(v))))
		for i := range texts {
			texts[i] = quote(texts[i])
		}
		b.WriteString(quote(key) + `:`)
		if len(texts) == 1 {
			b.WriteString(texts[0])
		} else {
			b.WriteString(`[` + strings.Join(texts, ",") + `]`)
		}
	}
	if !first {
		b.WriteString(`}}`)
	}
}

// quote writes a JSON string.
func quote(s string) string {
	const hexDigit = "0123456789abcdef"
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c < 0x20:
			b.WriteString(`\u00`)
			b.WriteByte(hexDigit[c>>4])
			b.WriteByte(hexDigit[c&15])
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

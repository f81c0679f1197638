package policy_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
)

var kinds = map[string]policy.Kind{
	"resource": policy.Resource, "key": policy.KeyPolicy, "trust": policy.Trust, "identity": policy.Identity,
	"boundary": policy.Boundary, "session": policy.Session, "scp": policy.SCP, "rcp": policy.RCP,
}

// TestHistories runs the files of testdata. Their commands:
//
//	document NAME [kind=...] [public]  the input is a policy; says what is wrong with it, or
//	       whether it is open to everybody
//	evaluate [NAME ...]          the input is a request; asks resource policies alone
//	layers owner=ACCOUNT [resource=(..)] [identity=(..)] [boundary=(..)] [session=(..)]
//	       [scp=(..)] [rcp=(..)] [must-allow]    of scp and rcp, each is a level, as in a+b
//
// A request has lines "principal ARN" or "service NAME", "action", "resource",
// "id", "role", "service-linked", "came TIME REGION", with "tls", "from=ADDRESS",
// "agent=NAME" and "referer=URL", and "context KEY VALUE ..." or "each KEY VALUE ...". What is denied for want of an Allow is asked again with the
// suggested statements in place, and must be allowed then.
func TestHistories(t *testing.T) {
	datadriven.Walk(t, "testdata/histories", func(t *testing.T, path string) {
		docs := map[string]*policy.Document{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "document":
				name := d.CmdArgs[0].Key
				kind := "resource"
				d.MaybeScanArgs(t, "kind", &kind)
				doc, err := policy.Parse(kinds[kind], name, []byte(d.Input))
				if err != nil {
					return err.Error() + "\n"
				}
				docs[name] = doc
				if open := doc.Public(); open != nil && d.HasArg("public") {
					return "open to everybody: " + open.String() + "\n"
				}
				return "ok\n"
			case "evaluate":
				r := readRequest(t, d)
				var list []*policy.Document
				for _, arg := range d.CmdArgs {
					list = append(list, docs[arg.Key])
				}
				decision := policy.Evaluate(r, list...)
				if decision.Effect == policy.ImplicitDeny {
					kind := policy.Resource
					if len(list) > 0 {
						kind = list[0].Kind()
					}
					list = append(list, suggested(t, kind, r))
					if again := policy.Evaluate(r, list...); !again.Allowed() {
						d.Fatalf(t, "the suggested statement does not allow: %s", policy.Suggest(kind, r))
					}
				}
				return report(&decision)
			case "layers":
				r := readRequest(t, d)
				l := readLayers(t, d, docs)
				decision := l.Evaluate(r)
				out := report(&decision)
				repair(t, d, l, r)
				return out
			}
			d.Fatalf(t, "no command %q", d.Cmd)
			return ""
		})
	})
}

func report(d *policy.Decision) string {
	out := d.Effect.String() + "\n"
	if !d.Allowed() {
		out += d.AccessDenied().Error() + "\n"
	}
	return out + d.Explain()
}

func readRequest(t *testing.T, d *datadriven.TestData) *policy.Request {
	r := &policy.Request{}
	for line := range strings.SplitSeq(strings.TrimSpace(d.Input), "\n") {
		f := strings.Fields(line)
		switch f[0] {
		case "principal":
			p, err := policy.ParsePrincipal(f[1])
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			r.Principal = p
		case "service":
			r.Principal = policy.ServicePrincipal(f[1])
		case "service-linked":
			r.Principal.ServiceLinked = true
		case "role":
			r.Principal.Role = f[1]
		case "id":
			r.Principal.ID = f[1]
		case "action":
			r.Action = f[1]
		case "resource":
			r.Resource = f[1]
		case "came":
			r.Came = readCircumstances(t, d, f[1:])
		case "context", "each":
			r.Context = append(r.Context, policy.Attribute{Key: f[1], Values: f[2:], Each: f[0] == "each"})
		default:
			d.Fatalf(t, "no field %q", f[0])
		}
	}
	return r
}

func readCircumstances(t *testing.T, d *datadriven.TestData, f []string) *policy.Circumstances {
	at, err := time.Parse(time.RFC3339, f[0])
	c := &policy.Circumstances{Time: at, Region: aws.Region(f[1])}
	for _, more := range f[2:] {
		switch name, value, _ := strings.Cut(more, "="); name {
		case "tls":
			c.Secure = true
		case "from":
			var wrong error
			c.Source, wrong = netip.ParseAddr(value)
			err = errors.Join(err, wrong)
		case "agent":
			c.UserAgent = value
		case "referer":
			c.Referer = value
		default:
			d.Fatalf(t, "no circumstance %q", name)
		}
	}
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	return c
}

func readLayers(t *testing.T, d *datadriven.TestData, docs map[string]*policy.Document) *policy.Layers {
	l := &policy.Layers{}
	for _, arg := range d.CmdArgs {
		var list []*policy.Document
		var levels [][]*policy.Document
		for _, names := range arg.Vals {
			var level []*policy.Document
			for name := range strings.SplitSeq(names, "+") {
				if docs[name] == nil && arg.Key != "owner" {
					d.Fatalf(t, "no document %q", name)
				}
				level = append(level, docs[name])
			}
			list = append(list, level...)
			levels = append(levels, level)
		}
		switch arg.Key {
		case "owner":
			l.Owner = aws.Account(arg.Vals[0])
		case "resource":
			l.Resource = list
		case "identity":
			l.Identity = list
		case "boundary":
			l.Boundary = list
		case "session":
			l.Session = list
		case "scp":
			l.SCP = levels
		case "rcp":
			l.RCP = levels
		case "must-allow":
			l.MustAllow = true
		default:
			d.Fatalf(t, "no layer %q", arg.Key)
		}
	}
	return l
}

// repair follows the explanations until the request is allowed.
func repair(t *testing.T, d *datadriven.TestData, l *policy.Layers, r *policy.Request) {
	for range 12 {
		decision := l.Evaluate(r)
		if decision.Effect != policy.ImplicitDeny {
			return
		}
		doc := suggested(t, decision.Kind, r)
		switch decision.Kind {
		case policy.SCP:
			for i := range l.SCP {
				l.SCP[i] = append(slices.Clone(l.SCP[i]), doc)
			}
		case policy.RCP:
			for i := range l.RCP {
				l.RCP[i] = append(slices.Clone(l.RCP[i]), doc)
			}
		case policy.Resource, policy.KeyPolicy, policy.Trust:
			l.Resource = append(l.Resource, doc)
		case policy.Identity:
			l.Identity = append(l.Identity, doc)
		case policy.Boundary:
			l.Boundary = append(l.Boundary, doc)
		case policy.Session:
			l.Session = append(l.Session, doc)
		}
	}
	d.Fatalf(t, "the suggested statements do not lead to an Allow")
}

func suggested(t *testing.T, kind policy.Kind, r *policy.Request) *policy.Document {
	text := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[%s]}`, policy.Suggest(kind, r))
	doc, err := policy.Parse(kind, "suggested", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return doc
}

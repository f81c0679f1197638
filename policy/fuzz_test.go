package policy

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hortusdb/hortus/aws"
)

// FuzzParse: no text makes Parse panic; an error is a contract error; a
// document evaluates and explains without panic, and an Allow for a request
// that stands for nobody does not come out of it.
func FuzzParse(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"dynamodb:*","Resource":"*"}}`)
	f.Add(`{"Statement":[{"Sid":"a","Effect":"Deny","Principal":{"AWS":["111111111111"]},"NotAction":"a:?","NotResource":"arn:a:b:c:d:${aws:username}","Condition":{"ForAllValues:StringLikeIfExists":{"aws:x":["${*}"]},"DateLessThan":{"aws:CurrentTime":5},"IpAddress":{"aws:SourceIp":"1.2.3.0/24"}}}]}`)
	f.Add(`{"Statement":{"Effect":"Allow","Principal":{"Service":"a.b"},"Action":["a:b"],"Resource":["*"],"Condition":{"Null":{"a:b":true}}}}`)
	alice, _ := ParsePrincipal("arn:aws:iam::111111111111:user/alice")
	f.Fuzz(func(t *testing.T, text string) {
		for kind := Resource; kind <= RCP; kind++ {
			doc, err := Parse(kind, "doc", []byte(text))
			if err != nil {
				if _, ok := errors.AsType[*aws.Error](err); !ok {
					t.Fatalf("%T %v", err, err)
				}
				continue
			}
			r := Request{
				Principal: alice, Action: "dynamodb:GetItem", Resource: "arn:aws:dynamodb:eu-west-1:111111111111:table/T",
				Context: []Attribute{{Key: "aws:x", Values: []string{"1", "\xff"}}, {Key: "aws:CurrentTime", Values: []string{"7"}}},
			}
			l := Layers{Owner: "111111111111", Resource: []*Document{doc}, Identity: []*Document{doc}, SCP: [][]*Document{{doc}}}
			d := l.Evaluate(&r)
			if d.Explain() == "" {
				t.Fatal("no explanation")
			}
			if !d.Allowed() && d.AccessDenied() == nil {
				t.Fatal("no error")
			}
			doc.Public()
		}
	})
}

// FuzzGlob: matching agrees with a regular expression.
func FuzzGlob(f *testing.F) {
	f.Add("dynamodb:*Item", "dynamodb:PutItem", false)
	f.Add("a*?c*", "abcé", true)
	f.Add("*é?", "éé", false)
	f.Add("*a*b", "aabab", false)
	f.Fuzz(func(t *testing.T, p, s string, fold bool) {
		if !utf8.ValidString(p) || !utf8.ValidString(s) || len(p) > 40 || len(s) > 200 {
			t.Skip()
		}
		c, ok := compilePattern(p, patternSyntax{wildcards: true, fold: fold})
		if !ok {
			t.Fatal("refused without variables")
		}
		var b strings.Builder
		b.WriteString(`(?s)\A`)
		for _, r := range p {
			switch {
			case r == '*':
				b.WriteString(`.*`)
			case r == '?':
				b.WriteString(`.`)
			case fold && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'):
				b.WriteString("[" + strings.ToLower(string(r)) + strings.ToUpper(string(r)) + "]")
			default:
				b.WriteString(regexp.QuoteMeta(string(r)))
			}
		}
		b.WriteString(`\z`)
		want := regexp.MustCompile(b.String()).MatchString(s)
		if got := c.matches(&Request{}, s); got != want {
			t.Fatalf("pattern %q, %q: %v, want %v", p, s, got, want)
		}
	})
}

// TestVariableIsText: what a variable stands for is never a wildcard, not even
// with bytes that mean one inside.
func TestVariableIsText(t *testing.T) {
	p, _ := compilePattern("x/${a:b}/y", patternSyntax{wildcards: true, variables: true})
	for _, value := range []string{"*", "?", "\xff", "\xfe"} {
		r := Request{Context: []Attribute{{Key: "a:b", Values: []string{value}}}}
		if p.matches(&r, "x/q/y") || p.matches(&r, "x//y") || p.matches(&r, "x/qq/y") {
			t.Errorf("%q matched as a wildcard", value)
		}
	}
}

// TestSize holds each kind to its limit, to the byte.
func TestSize(t *testing.T) {
	for kind := Resource; kind <= RCP; kind++ {
		limit, countSpace := kind.maxSize()
		principal, resource := "", `,"Resource":"*"`
		if kind.takesPrincipal() {
			principal = `"Principal":"*",`
		}
		if kind == Trust {
			resource = ""
		}
		head, tail := `{"Id":"`, `","Statement":{"Effect":"Deny",`+principal+`"Action":"*"`+resource+`}}`
		fits := head + strings.Repeat("x", limit-len(head)-len(tail)) + tail
		if _, err := Parse(kind, "", []byte(fits)); err != nil {
			t.Errorf("%v: %v", kind, err)
		}
		if _, err := Parse(kind, "", []byte(strings.Replace(fits, "x", "xx", 1))); err == nil {
			t.Errorf("%v: a byte more passed", kind)
		}
		if _, err := Parse(kind, "", []byte(fits+" ")); (err != nil) != countSpace {
			t.Errorf("%v: white space: %v", kind, err)
		}
	}
}

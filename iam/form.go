package iam

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hortusdb/hortus/aws"
)

// Limits of a call.
const (
	maxForm       = 1 << 20 // Bytes of the form: more than the longest policies take.
	maxParameters = 1_000
)

// parseForm reads the body of a call in the query protocol. Of a parameter that is
// given more than once, the first counts.
func parseForm(body []byte) (url.Values, error) {
	if len(body) > maxForm {
		return nil, &aws.Error{Code: "RequestEntityTooLarge", Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("The request has %d bytes, over %d", len(body), maxForm)}
	}
	text := string(body)
	if strings.Count(text, "&") >= maxParameters {
		return nil, &aws.Error{Code: "MalformedQueryString", Status: http.StatusNotFound, Message: fmt.Sprintf("The query string contains more than %d parameters", maxParameters)}
	}
	form, err := url.ParseQuery(text)
	if err != nil {
		return nil, &aws.Error{Code: "MalformedQueryString", Status: http.StatusNotFound, Message: "The query string contains a syntax error"}
	}
	return form, nil
}

// Action returns the name of the operation that a form calls; "" where that cannot be
// read.
func Action(body []byte) string {
	form, err := parseForm(body)
	if err != nil {
		return ""
	}
	return form.Get("Action")
}

// parameters reads the parameters of a form, and gathers which break the model's
// constraints.
type parameters struct {
	form url.Values
	bad  []string
	err  error // One that has a text of its own.
}

// text reads a parameter whose length has bounds.
func (p *parameters) text(name string, least, most int) string {
	if !p.form.Has(name) {
		return ""
	}
	s := p.form.Get(name)
	switch n := len([]rune(s)); {
	case n < least:
		p.violates(name, s, "Member must have length greater than or equal to %d", least)
	case n > most:
		p.violates(name, s, "Member must have length less than or equal to %d", most)
	}
	return s
}

// required refuses a form that lacks a parameter.
func (p *parameters) required(name string) {
	if !p.form.Has(name) {
		p.bad = append(p.bad, "Value null at '"+member(name)+"' failed to satisfy constraint: Member must not be null")
	}
}

// name reads a name. The text of the error is known.
func (p *parameters) name(name string, most int) string {
	s := p.text(name, 1, most)
	for _, c := range s {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && !strings.ContainsRune("+=,.@_-", c) && p.err == nil {
			p.err = invalid("The specified value for %s is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-", member(name))
		}
	}
	return s
}

// prose reads what is for people.
func (p *parameters) prose(name string, most int) string {
	s := p.text(name, 0, most)
	if strings.ContainsFunc(s, func(c rune) bool {
		return c < ' ' && !strings.ContainsRune("\t\n\r", c) || c > '~' && c < 0xa1 || c > 0xff
	}) {
		p.violates(name, s, `Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*`)
	}
	return s
}

// prefix reads the beginning of a path.
func (p *parameters) prefix(name string) string {
	const most = 512
	s := p.text(name, 1, most)
	if p.form.Has(name) && !strings.HasPrefix(s, "/") || strings.ContainsFunc(s, func(c rune) bool { return c < '!' || c > 0x7f }) {
		p.violates(name, s, `Member must satisfy regular expression pattern: \u002F[\u0021-\u007F]*`)
	}
	return s
}

// number reads a number that has bounds, other where there is none.
func (p *parameters) number(name string, least, most, other int) int {
	if !p.form.Has(name) {
		return other
	}
	s := p.form.Get(name)
	n, err := strconv.Atoi(s)
	switch {
	case err != nil:
		p.violates(name, s, "Member must be an integer")
	case n < least:
		p.violates(name, s, "Member must have value greater than or equal to %d", least)
	case n > most:
		p.violates(name, s, "Member must have value less than or equal to %d", most)
	}
	return n
}

func (p *parameters) violates(name, value, format string, args ...any) {
	p.bad = append(p.bad, "Value '"+value+"' at '"+member(name)+"' failed to satisfy constraint: "+fmt.Sprintf(format, args...))
}

// member is a parameter as AWS's errors spell it.
func member(name string) string {
	if name == "AWSServiceName" {
		return "aWSServiceName"
	}
	return strings.ToLower(name[:1]) + name[1:]
}

// verdict is the error for the parameters that were read.
func (p *parameters) verdict() error {
	switch len(p.bad) {
	case 0:
		return p.err
	case 1:
		return invalid("1 validation error detected: %s", p.bad[0])
	}
	return invalid("%d validation errors detected: %s", len(p.bad), strings.Join(p.bad, "; "))
}

// invalid is IAM's error for parameters that break the model's constraints.
func invalid(format string, args ...any) error {
	return aws.Errorf("ValidationError", format, args...)
}

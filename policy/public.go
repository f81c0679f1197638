package policy

import "strings"

// minPublicBits is the width below which an IP range counts as everybody
// (documented for Amazon S3's block of public access).
const minPublicBits = 8

// Public returns the first statement that grants access to everybody, or nil:
// an Allow for "*" that no condition binds to fixed accounts, principals,
// organizations, networks or source resources. DynamoDB refuses such policies,
// its block of public access being always on.
func (d *Document) Public() *StatementRef {
	for i := range d.statements {
		s := &d.statements[i]
		if s.deny || !s.who.anyone && !s.notPrincipal {
			continue
		}
		bound := false
		for j := range s.conditions {
			bound = bound || s.conditions[j].binds()
		}
		if !bound {
			return &s.ref
		}
	}
	return nil
}

// binds reports whether the condition holds only for fixed callers.
func (c *condition) binds() bool {
	if c.negate || c.ifExists || c.quantifier == forAll {
		return false
	}
	switch c.key {
	case "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:sourceaccount",
		"aws:sourcearn", "aws:sourceorgid", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceip", "aws:userid":
	default:
		return false
	}
	for i := range c.operands {
		if !c.operands[i].fixed(c) {
			return false
		}
	}
	return true
}

func (o *operand) fixed(c *condition) bool {
	switch c.family {
	case famIP:
		return o.prefix.Bits() >= minPublicBits
	case famString, famStringFold, famLike, famARN:
		if o.pattern.parts != nil {
			return false
		}
		// Of an ARN the account alone has to stand fast.
		if c.key == "aws:principalarn" || c.key == "aws:sourcearn" {
			account := arnPart(o.text, 4)
			return account != "" && !strings.ContainsAny(account, "*?")
		}
		return !o.pattern.wild
	case famBool, famNull, famNumeric, famDate:
	}
	return false
}

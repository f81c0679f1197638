// Package iam holds the operations of IAM that are built: those on service-linked
// roles. They come in AWS's query protocol: a form, answered with XML.
package iam

import (
	"bytes"
	"context"
	"encoding/xml"
	"strings"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/identity"
)

// The version of the API, which every call names, and the namespace of its answers.
const (
	Version   = "2010-05-08"
	Namespace = "https://iam.amazonaws.com/doc/" + Version + "/"
)

// Service is IAM as a node has it for one account. It is in no Region.
type Service struct {
	Directory *identity.Directory
	Store     *identity.Store // Of one of the account's cells: what is made goes there.
}

// Operation is one operation of IAM.
type Operation = api.Operation[*Service]

// Operations lists the operations that are built.
func Operations() []*Operation {
	create := operation("CreateServiceLinkedRole", readCreate, (*Service).createLinked)
	create.Creates = true
	return []*Operation{
		create,
		operation("DeleteServiceLinkedRole", readRoleName, (*Service).deleteLinked),
		operation("GetRole", readRoleName, (*Service).getRole),
		operation("GetServiceLinkedRoleDeletionStatus", readTask, (*Service).deletionStatus),
		operation("ListAttachedRolePolicies", readListPolicies, (*Service).listPolicies),
		operation("ListRoles", readList, (*Service).listRoles),
	}
}

// Unbuilt returns an operation that answers that there is none of that name. AWS's
// text comes first.
func Unbuilt(name string) *Operation {
	return &Operation{Name: name, Action: "iam:" + name, Decode: func(c *api.Call) error {
		if _, err := parseForm(c.Body); err != nil {
			return err
		}
		if name == "" {
			return aws.Errorf("MissingAction", "The request is missing an action")
		}
		var built []string
		for _, op := range Operations() {
			built = append(built, op.Name)
		}
		return aws.Errorf("InvalidAction", "Could not find operation %s for version %s. Of IAM Hortus has these: %s; others are not built", name, Version, strings.Join(built, ", "))
	}}
}

// operation makes an operation of a function from what is read of a form to the result
// of the answer.
func operation[I, O any](name string, read func(*parameters) I, run func(*Service, context.Context, I) (O, error)) *Operation {
	return &Operation{
		Name: name, Action: "iam:" + name,
		Decode: func(c *api.Call) error {
			form, err := parseForm(c.Body)
			if err != nil {
				return err
			}
			p := &parameters{form: form}
			c.Input = read(p)
			return p.verdict()
		},
		Run: func(ctx context.Context, s *Service, c *api.Call) error {
			out, err := run(s, ctx, c.Input.(I))
			if err != nil {
				return err
			}
			c.Out, err = appendAnswer(c.Out, name, out, c.RequestID)
			return err
		},
	}
}

// appendAnswer writes a result as the query protocol has it.
func appendAnswer(dst []byte, name string, result any, requestID string) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	e := xml.NewEncoder(b)
	element := func(name string) xml.StartElement { return xml.StartElement{Name: xml.Name{Local: name}} }
	outer := element(name + "Response")
	outer.Attr = []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: Namespace}}
	metadata := struct{ RequestId string }{requestID}
	for _, write := range []func() error{
		func() error { return e.EncodeToken(outer) },
		func() error { return e.EncodeElement(result, element(name+"Result")) },
		func() error { return e.EncodeElement(metadata, element("ResponseMetadata")) },
		func() error { return e.EncodeToken(outer.End()) },
		e.Flush,
	} {
		if err := write(); err != nil {
			return dst, err
		}
	}
	return b.Bytes(), nil
}

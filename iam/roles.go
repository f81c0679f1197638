package iam

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/identity"
)

// list is a list as the query protocol writes it: there also when it is empty.
type list[T any] struct {
	Member []T `xml:"member"`
}

// role is a role as IAM describes it.
type role struct {
	Path                     string
	RoleName                 string
	RoleId                   string
	Arn                      string
	CreateDate               string
	AssumeRolePolicyDocument string
	Description              string `xml:",omitempty"`
	MaxSessionDuration       int
	RoleLastUsed             *struct{} // Of a GetRole alone. When a role was used is not kept.
}

func (s *Service) describe(r *identity.Role) role {
	k := r.Kind()
	return role{
		Path: k.Path(), RoleName: k.Name, RoleId: r.ID, Arn: k.ARN(s.Directory.Account),
		CreateDate:               time.UnixMicro(r.Created).UTC().Format("2006-01-02T15:04:05Z"),
		AssumeRolePolicyDocument: escape(k.TrustPolicy()),
		Description:              r.Description, MaxSessionDuration: identity.MaxSessionDuration,
	}
}

// escape encodes a policy as IAM's answers do (documented: by RFC 3986).
func escape(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}

const maxName = 64 // Of a role (documented).

func readRoleName(p *parameters) string {
	p.required("RoleName")
	return p.name("RoleName", maxName)
}

type roleResult struct{ Role role }

func (s *Service) getRole(ctx context.Context, name string) (roleResult, error) {
	r, err := s.Directory.Role(ctx, name)
	if err != nil {
		return roleResult{}, err
	}
	out := roleResult{s.describe(r)}
	out.Role.RoleLastUsed = &struct{}{}
	return out, nil
}

// page is which part of a list is asked for.
type page struct {
	prefix string
	after  string // The name that the part before ended with.
	items  int
	role   string // Whose policies are listed.
}

// Limits of a page of a list (documented).
const (
	usualItems = 100
	maxItems   = 1_000
	maxMarker  = 320
)

func readList(p *parameters) page {
	out := page{prefix: p.prefix("PathPrefix"), items: p.number("MaxItems", 1, maxItems, usualItems)}
	if marker := p.text("Marker", 1, maxMarker); marker != "" {
		after, err := base64.RawURLEncoding.DecodeString(marker)
		if err != nil && p.err == nil {
			p.err = invalid("Invalid Marker: it is not one of an answer before") // Ours.
		}
		out.after = string(after)
	}
	return out
}

func readListPolicies(p *parameters) page {
	out := readList(p)
	out.role = readRoleName(p)
	return out
}

// cut takes a page's part of what comes in the order of their names, and says where
// the next one begins, if there is one.
func cut[T any](p *page, all []T, name func(*T) string) (part list[T], truncated bool, marker string) {
	i := slices.IndexFunc(all, func(x T) bool { return name(&x) > p.after })
	if i < 0 {
		return list[T]{}, false, ""
	}
	all = all[i:]
	if len(all) <= p.items {
		return list[T]{all}, false, ""
	}
	all = all[:p.items]
	return list[T]{all}, true, base64.RawURLEncoding.EncodeToString([]byte(name(&all[len(all)-1])))
}

type listRolesResult struct {
	Roles       list[role]
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

func (s *Service) listRoles(ctx context.Context, p page) (listRolesResult, error) {
	all, err := s.Directory.Roles(ctx)
	if err != nil {
		return listRolesResult{}, err
	}
	var found []role
	for i := range all {
		if r := s.describe(&all[i]); strings.HasPrefix(r.Path, p.prefix) {
			found = append(found, r)
		}
	}
	var out listRolesResult
	out.Roles, out.IsTruncated, out.Marker = cut(&p, found, func(r *role) string { return r.RoleName })
	return out, nil
}

type attachedPolicy struct {
	PolicyName string
	PolicyArn  string
}

type listPoliciesResult struct {
	AttachedPolicies list[attachedPolicy]
	IsTruncated      bool
	Marker           string `xml:",omitempty"`
}

func (s *Service) listPolicies(ctx context.Context, p page) (listPoliciesResult, error) {
	r, err := s.Directory.Role(ctx, p.role)
	if err != nil {
		return listPoliciesResult{}, err
	}
	var found []attachedPolicy
	if k := r.Kind(); strings.HasPrefix(k.PolicyPath(), p.prefix) {
		found = append(found, attachedPolicy{k.Policy, k.PolicyARN()})
	}
	var out listPoliciesResult
	out.AttachedPolicies, out.IsTruncated, out.Marker = cut(&p, found, func(a *attachedPolicy) string { return a.PolicyName })
	return out, nil
}

// createInput is that of CreateServiceLinkedRole.
type createInput struct{ service, description, suffix string }

// Limits of a CreateServiceLinkedRole (documented).
const (
	maxService     = 128
	maxDescription = 1_000
)

func readCreate(p *parameters) createInput {
	p.required("AWSServiceName")
	return createInput{
		service: p.name("AWSServiceName", maxService), description: p.prose("Description", maxDescription),
		suffix: p.name("CustomSuffix", maxName),
	}
}

// createLinked: the texts of the errors are known.
func (s *Service) createLinked(ctx context.Context, in createInput) (roleResult, error) {
	k := identity.LinkedTo(in.service)
	switch {
	case k == nil:
		return roleResult{}, &aws.Error{Code: "AccessDenied", Status: http.StatusForbidden, Message: "Cannot find Service Linked Role template for " + in.service}
	case in.suffix != "":
		return roleResult{}, aws.Errorf("InvalidInput", "Custom suffix is not allowed for %s", in.service)
	}
	r, err := s.Directory.Create(ctx, s.Store, k, in.description)
	if err != nil {
		return roleResult{}, err
	}
	return roleResult{s.describe(r)}, nil
}

type deleteResult struct {
	DeletionTaskId string
}

// deleteLinked is over when it is answered; what came of it is told by deletionStatus,
// as on AWS.
func (s *Service) deleteLinked(ctx context.Context, name string) (deleteResult, error) {
	d, err := s.Directory.Delete(ctx, s.Store, name)
	if err != nil {
		return deleteResult{}, err
	}
	return deleteResult{d.ID}, nil
}

const maxTask = 1_000 // Characters of a task's id (documented).

func readTask(p *parameters) string {
	p.required("DeletionTaskId")
	return p.text("DeletionTaskId", 1, maxTask)
}

type usage struct {
	Region    string
	Resources list[string]
}

type reason struct {
	Reason        string
	RoleUsageList list[usage]
}

type statusResult struct {
	Status string
	Reason *reason
}

func (s *Service) deletionStatus(ctx context.Context, task string) (statusResult, error) {
	if !strings.HasPrefix(task, "task/") || len(task) > maxTask {
		return statusResult{}, aws.Errorf("InvalidInput", "The deletion task id %s is not valid", task) // Ours.
	}
	d, err := s.Directory.Deletion(ctx, task)
	if err != nil {
		return statusResult{}, err
	}
	if len(d.Usage) == 0 {
		return statusResult{Status: "SUCCEEDED"}, nil
	}
	why := &reason{Reason: "The role is in use by the replicas of global tables that are listed: delete these first"} // AWS's text is not known.
	for _, u := range d.Usage {
		why.RoleUsageList.Member = append(why.RoleUsageList.Member, usage{string(u.Region), list[string]{u.Resources}})
	}
	return statusResult{Status: "FAILED", Reason: why}, nil
}

package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hortusdb/hortus/aws"
)

// PrincipalType says what kind of principal asks.
type PrincipalType uint8

// The types of principals.
const (
	Root PrincipalType = iota + 1
	User
	AssumedRole
	FederatedUser
	Service
)

// String is the value of aws:PrincipalType.
func (t PrincipalType) String() string {
	switch t {
	case Root:
		return "Account"
	case User:
		return "User"
	case AssumedRole:
		return "AssumedRole"
	case FederatedUser:
		return "FederatedUser"
	case Service:
		return "Service"
	}
	return ""
}

// Principal is who asks. Make one with ParsePrincipal or ServicePrincipal.
type Principal struct {
	Type    PrincipalType
	Account aws.Account // Empty for a service.
	ARN     string      // Of the root user, user, role session or federated user; empty for a service.
	Role    string      // The role's ARN, path and all, for an assumed role.
	ID      string      // aws:userid, as in "AROA...:session"; may be empty.
	Service string      // As in "replication.dynamodb.amazonaws.com".
	// ServiceLinked marks a session of a service-linked role, which
	// organization policies do not bind (documented).
	ServiceLinked bool
}

// ServicePrincipal is an AWS service that acts for itself.
func ServicePrincipal(name string) Principal { return Principal{Type: Service, Service: name} }

// ParsePrincipal reads the ARN of a root user, user, role session or federated
// user. A session's ARN lacks its role's path; a caller that knows it sets
// Role.
func ParsePrincipal(arn string) (Principal, error) {
	p := Principal{ARN: arn, Account: aws.Account(arnPart(arn, 4))}
	service, name := arnPart(arn, 2), arnPart(arn, 5)
	kind, rest, _ := strings.Cut(name, "/")
	switch {
	case !strings.HasPrefix(arn, "arn:") || arnPart(arn, 3) != "" || !p.Account.Valid():
	case service == "iam" && name == "root":
		p.Type, p.ID = Root, string(p.Account)
		return p, nil
	case service == "iam" && kind == "user" && rest != "":
		p.Type = User
		return p, nil
	case service == "sts" && kind == "assumed-role":
		role, session, _ := strings.Cut(rest, "/")
		if role == "" || session == "" {
			break
		}
		p.Type = AssumedRole
		p.Role = "arn:" + arnPart(arn, 1) + ":iam::" + string(p.Account) + ":role/" + role
		return p, nil
	case service == "sts" && kind == "federated-user" && rest != "":
		p.Type = FederatedUser
		return p, nil
	}
	return Principal{}, fmt.Errorf("policy: %q is not the ARN of a principal", arn)
}

// String names the principal as access-denied messages do.
func (p *Principal) String() string {
	if p.Type == Service {
		return p.Service
	}
	return p.ARN
}

// arnForConditions is aws:PrincipalArn: for a session, its role's.
func (p *Principal) arnForConditions() string {
	if p.Type == AssumedRole {
		return p.Role
	}
	return p.ARN
}

// match says how closely a statement names a principal. The order counts: the
// closer, the higher.
type match uint8

const (
	noMatch match = iota
	byAccount
	byRole
	direct
)

// principals is a compiled Principal or NotPrincipal element.
type principals struct {
	anyone   bool
	accounts []string
	arns     []string
	ids      []string
	services []string
	others   []string // Federated providers and canonical users: nobody here is one.
	text     []string // As written, for explanations.
}

func (s *principals) match(p *Principal) match {
	if s.anyone {
		return direct
	}
	if p.Type == Service {
		if slices.Contains(s.services, p.Service) {
			return direct
		}
		return noMatch
	}
	if slices.Contains(s.arns, p.ARN) || p.ID != "" && slices.Contains(s.ids, p.ID) {
		return direct
	}
	if p.Type == AssumedRole {
		id, _, _ := strings.Cut(p.ID, ":")
		if slices.Contains(s.arns, p.Role) || id != "" && slices.Contains(s.ids, id) {
			return byRole
		}
	}
	if !slices.Contains(s.accounts, string(p.Account)) {
		return noMatch
	}
	if p.Type == Root {
		return direct
	}
	return byAccount
}

// add compiles one value of a Principal element.
func (s *principals) add(kind, value string) bool {
	s.text = append(s.text, value)
	switch kind {
	case "AWS":
		return s.addAWS(value)
	case "Service":
		s.services = append(s.services, value)
		return strings.Contains(value, ".") && !strings.ContainsAny(value, "*? :/")
	case "Federated", "CanonicalUser":
		s.others = append(s.others, value)
		return value != ""
	}
	return false
}

func (s *principals) addAWS(value string) bool {
	if value == "*" {
		s.anyone = true
		return true
	}
	if aws.Account(value).Valid() {
		s.accounts = append(s.accounts, value)
		return true
	}
	if len(value) >= 16 && (strings.HasPrefix(value, "AIDA") || strings.HasPrefix(value, "AROA")) {
		s.ids = append(s.ids, value)
		return true
	}
	if strings.ContainsAny(value, "*?") {
		return false
	}
	account := arnPart(value, 4)
	if strings.HasPrefix(value, "arn:") && arnPart(value, 2) == "iam" && aws.Account(account).Valid() {
		if name := arnPart(value, 5); name == "root" {
			s.accounts = append(s.accounts, account)
			return true
		} else if kind, rest, _ := strings.Cut(name, "/"); kind == "role" && rest != "" {
			s.arns = append(s.arns, value)
			return true
		}
	}
	if _, err := ParsePrincipal(value); err != nil {
		return false
	}
	s.arns = append(s.arns, value)
	return true
}

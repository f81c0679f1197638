// Package identity keeps what IAM knows of an account. For now that is the
// service-linked roles by which replication acts.
//
// IAM is one for all Regions of an account. Here each cell of the account has a
// copy of the roles that it needs: the first one that needs a role makes it, and
// those that come to need it take that one over. So a cell asks nobody for its
// roles, and they move with it.
package identity

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"github.com/hortusdb/hortus/aws"
)

// Linked is a kind of service-linked role: there is one of it in an account at most.
type Linked struct {
	Service string // The service principal that the role is linked to, and that assumes it.
	Name    string

	// Policy is the AWS managed policy that is attached to the role (documented).
	// What it allows is not asked: the service does no more than that.
	Policy string

	// Description is that of the policy (documented). What AWS gives the role is
	// UNCONFIRMED.
	Description string
}

// ReplicationService is the service principal that replicates (documented).
const ReplicationService = "replication.dynamodb.amazonaws.com"

// The roles that there are. They do not change.
var (
	// Replication replicates between the Regions of an account. It is made with the
	// first global table there (documented).
	Replication = &Linked{
		Service: ReplicationService, Name: "AWSServiceRoleForDynamoDBReplication",
		Policy: "DynamoDBReplicationServiceRolePolicy", Description: "Permissions required by DynamoDB for cross-region data replication",
	}
	// Settings keeps the settings of replicas in several accounts in step. It is made
	// in an account with the first such replica there (documented, but for the name
	// of its service, which is UNCONFIRMED).
	Settings = &Linked{
		Service: "globaltablesettingsmanagement.dynamodb.amazonaws.com", Name: "AWSServiceRoleForDynamoDBGlobalTableSettingsManagement",
		Policy: "DynamoDBGlobalTableSettingsManagementServiceRolePolicy", Description: "Permissions required by DynamoDB to manage global table replica settings",
	}
)

// Kinds lists the roles that there are.
func Kinds() []*Linked { return []*Linked{Replication, Settings} }

// LinkedTo returns the kind of role that is linked to a service, nil where there is
// none.
func LinkedTo(service string) *Linked {
	for _, k := range Kinds() {
		if k.Service == service {
			return k
		}
	}
	return nil
}

// linkedPath begins the path of every service-linked role, and of the policies that
// are attached to them (documented).
const linkedPath = "/aws-service-role/"

// Path is the path of the role.
func (k *Linked) Path() string { return linkedPath + k.Service + "/" }

// ARN is the role's in an account.
func (k *Linked) ARN(a aws.Account) string {
	return "arn:aws:iam::" + string(a) + ":role" + k.Path() + k.Name
}

// PolicyPath is the path of the attached policy.
func (k *Linked) PolicyPath() string { return linkedPath }

// PolicyARN is the attached policy's. It is AWS's, not the account's.
func (k *Linked) PolicyARN() string { return "arn:aws:iam::aws:policy" + linkedPath + k.Policy }

// TrustPolicy says who may assume the role.
func (k *Linked) TrustPolicy() string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + k.Service + `"},"Action":"sts:AssumeRole"}]}`
}

// MaxSessionDuration is how long a session of a service-linked role lasts at most, in
// seconds (recorded).
const MaxSessionDuration = 3600

// Role is a role of an account.
type Role struct {
	Service     string `json:"service"` // The one that it is linked to.
	ID          string `json:"id"`
	Created     int64  `json:"created"` // Microseconds since 1970.
	Description string `json:"description,omitempty"`
}

// Kind returns the kind of the role, nil for one that this version does not know.
func (r *Role) Kind() *Linked { return LinkedTo(r.Service) }

// What ids of roles look like (known): a prefix, and characters of base 32.
const (
	roleIDPrefix = "AROA"
	roleIDSize   = 21
)

// roleID makes the id of a role out of one that is random.
func roleID(random string) string {
	sum := sha256.Sum256([]byte(random))
	return roleIDPrefix + base32.StdEncoding.EncodeToString(sum[:])[:roleIDSize-len(roleIDPrefix)]
}

// sound reports whether a role that another cell tells of can be one of a kind.
func (r *Role) sound(k *Linked) bool {
	return r != nil && r.Service == k.Service && len(r.ID) == roleIDSize && strings.HasPrefix(r.ID, roleIDPrefix) && r.Created > 0
}

// before reports whether r was made before o: where cells have come to have different
// ones, all Regions show the first.
func (r *Role) before(o *Role) bool {
	return r.Created < o.Created || (r.Created == o.Created && r.ID < o.ID)
}

package dynamodb

import (
	"context"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// join makes this account's replica of another account's table. What all members
// have in common comes from there, and may not be given (ours: AWS documents
// that it is inherited, not what happens when it is sent).
func (s *Service) join(ctx context.Context, c *api.Call, in *sdk.CreateTableInput) (*table.Table, error) {
	for _, m := range []struct {
		name  string
		given bool
	}{
		{"KeySchema", in.KeySchema != nil},
		{"AttributeDefinitions", in.AttributeDefinitions != nil},
		{"LocalSecondaryIndexes", in.LocalSecondaryIndexes != nil},
		{"GlobalSecondaryIndexes", in.GlobalSecondaryIndexes != nil},
		{"BillingMode", in.BillingMode != ""},
		{"ProvisionedThroughput", in.ProvisionedThroughput != nil},
		{"OnDemandThroughput", in.OnDemandThroughput != nil},
		{"WarmThroughput", in.WarmThroughput != nil},
		{"StreamSpecification", in.StreamSpecification != nil},
	} {
		if m.given {
			return nil, aws.InvalidParameter("%s cannot be specified together with GlobalTableSourceArn; the replica inherits it from the source table", m.name)
		}
	}
	if in.GlobalTableSettingsReplicationMode != types.GlobalTableSettingsReplicationModeEnabled {
		return nil, aws.InvalidParameter("GlobalTableSettingsReplicationMode must be ENABLED when GlobalTableSourceArn is specified")
	}
	def := table.Definition{Name: *in.TableName}
	if err := s.setOwn(&def, in); err != nil {
		return nil, err
	}
	if def.Encryption.Managed() {
		return nil, errManagedKey
	}
	return s.Replication.Join(ctx, s.caller(c), *in.GlobalTableSourceArn, def)
}

// caller is who calls, for the policies of tables elsewhere.
func (s *Service) caller(c *api.Call) replication.Caller {
	return replication.Caller{Principal: c.Caller, Came: c.Circumstances(s.Clock.Now())}
}

// needReplicas names what changes of replicas need, on the tables of the Regions
// that they are about. A denial of the data actions is reported first
// (recorded).
func needReplicas(c *api.Call, in *sdk.UpdateTableInput) {
	need := func(region *string, creates bool, actions ...string) {
		to := aws.Cell{Account: c.Owner.Account, Region: aws.Region(*region)}
		if !to.Region.Known() || to == c.Owner {
			return // Run says so.
		}
		for _, a := range actions {
			c.Needs = append(c.Needs, api.Need{Action: "dynamodb:" + a, Table: *in.TableName, Cell: to, Creates: creates, Deletes: !creates})
		}
	}
	if len(in.ReplicaUpdates) == 0 {
		return
	}
	// What follows the first is the same again, or refused.
	switch u := &in.ReplicaUpdates[0]; {
	case u.Create != nil:
		need(u.Create.RegionName, true, "Scan", "Query", "GetItem", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "CreateTable", "CreateTableReplica")
	case u.Delete != nil:
		need(u.Delete.RegionName, false, "DeleteTableReplica", "DeleteTable")
	case u.Disassociate != nil:
		c.Need("dynamodb:DisassociateTableReplica", *in.TableName, "")
	}
}

// checkReplicaUpdates checks the actions that a request holds: one in all, where
// the same Create may be said again (recorded).
func checkReplicaUpdates(updates []types.ReplicationGroupUpdate) error {
	kinds, changes, same := map[string]bool{}, 0, true
	for i := range updates {
		u := &updates[i]
		actions := 0
		for kind, given := range map[string]bool{"Create": u.Create != nil, "Update": u.Update != nil, "Delete": u.Delete != nil, "Disassociate": u.Disassociate != nil} {
			if given {
				actions++
				kinds[kind] = true
			}
		}
		if actions != 1 {
			return aws.InvalidParameter("Each element of ReplicaUpdates must have exactly one of Create, Update, Delete and Disassociate")
		}
		if u.Create != nil || u.Delete != nil {
			changes++
			same = same && u.Create != nil && updates[0].Create != nil && *u.Create.RegionName == *updates[0].Create.RegionName
		}
		if u.Update != nil {
			if err := checkReplicaUpdate(u.Update); err != nil {
				return err
			}
		}
	}
	switch {
	case len(kinds) > 1:
		return aws.Validation("Update table operation with more than one type of replica actions not allowed.")
	case kinds["Disassociate"] && len(updates) > 1:
		return aws.InvalidParameter("Disassociate must be the only replica update in the request")
	case changes > 1 && !same:
		return aws.Validation("Update table operation with more than one create or delete replica actions not allowed")
	}
	return nil
}

// changeReplicas adds a replica in another Region of the account, deletes one, or
// changes what some have for themselves.
func (s *Service) changeReplicas(ctx context.Context, c *api.Call, t *table.Table, in *sdk.UpdateTableInput) (*types.TableDescription, error) {
	u := &in.ReplicaUpdates[0]
	if u.Disassociate != nil {
		return s.disassociate(ctx, t, *u.Disassociate.RegionName)
	}
	if u.Update != nil {
		return s.overrideReplicas(ctx, t, in.ReplicaUpdates)
	}
	name := regionOf(u)
	region := aws.Region(name)
	if region == s.Cell.Region {
		return nil, aws.Validation("Cannot add or delete the local region through ReplicaUpdates. Use CreateTable, DeleteTable, or UpdateTable as required.")
	}
	if name == "" && u.Create != nil {
		return nil, errNoRegion(c, t.Def.Name)
	}
	if !region.Known() {
		return nil, errUnsupportedRegion(name)
	}
	if err := checkSettled(t); err != nil {
		return nil, err
	}
	if u.Delete != nil {
		return s.deleteReplica(ctx, t, region)
	}
	if t.Def.Group != nil && t.Def.Group.Kind == table.MultiAccount {
		return nil, aws.InvalidParameter("A multi-account global table has one replica in each account; a replica in another Region belongs to another account, which makes it with CreateTable and GlobalTableSourceArn")
	}
	if t.Def.Group != nil && in.MultiRegionConsistency != "" {
		return nil, aws.Validation("MultiRegionConsistency parameter is unsupported on existing global table") // Known from the live service.
	}
	own, err := s.newReplica(&t.Def, u.Create)
	if err != nil {
		return nil, err
	}
	if err := s.Replication.CheckScaled(ctx, &t.Def); err != nil {
		return nil, err
	}
	if err := s.Replication.AddReplica(ctx, s.caller(c), t, region, own); err != nil {
		return nil, err
	}
	d := s.describe(s.Engine.Table(t.Def.Name), types.TableStatusUpdating)
	d.Replicas = nil // Not seen yet in the answer (recorded).
	return d, nil
}

// errNoRegion is AWS's answer to a Create whose Region is empty: it asks for leave in
// that Region as in any other, first to scan, which nobody has there (known from the
// live service by its code and its action; the text is that of other denials).
func errNoRegion(c *api.Call, name string) error {
	const action = "dynamodb:Scan"
	to := aws.Cell{Account: c.Owner.Account}
	return aws.Errorf("AccessDeniedException", "User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action",
		c.Caller.String(), action, to.TableARN(name), action)
}

// errUnsupportedRegion names the Regions that there are (recorded).
func errUnsupportedRegion(name string) error {
	var known []string
	for _, r := range aws.Regions() {
		known = append(known, string(r))
	}
	return aws.Validation("Region %s is not supported. The latest version of global tables are only supported in the following regions: [%s]", name, strings.Join(known, ", "))
}

// disassociate makes this cell's replica a regional table that keeps its data.
// That each of these is refused is documented; the words are ours.
func (s *Service) disassociate(ctx context.Context, t *table.Table, region string) (*types.TableDescription, error) {
	switch {
	case t.Def.Group == nil:
		return nil, aws.InvalidParameter("Table %s is not a replica of a global table; there is nothing to disassociate", t.Def.Name)
	case region != string(s.Cell.Region):
		return nil, aws.InvalidParameter("RegionName of Disassociate must be the Region that the request is sent to, %s; send it to %s with credentials of the account that owns the replica there", s.Cell.Region, region)
	}
	if err := checkSettled(t); err != nil {
		return nil, err
	}
	if !t.Def.MayDisassociate {
		return nil, aws.Validation("Replica cannot be disassociated as it is currently protected against disassociation. Disable disassociation protection first.")
	}
	after, err := s.Replication.Disassociate(ctx, t)
	if err != nil {
		return nil, err
	}
	return s.describe(after, types.TableStatusUpdating), nil
}

// regionOf is where the replica is that a Create or a Delete is about.
func regionOf(u *types.ReplicationGroupUpdate) string {
	if u.Delete != nil {
		return *u.Delete.RegionName
	}
	return *u.Create.RegionName
}

// checkSettled refuses changes of replicas while one is being added, or an index
// is being created or deleted.
func checkSettled(t *table.Table) error {
	if t.Def.Changing() != nil || t.Def.Updating() {
		return errChanging
	}
	if m := newcomer(t); m != nil {
		return errAdding(t, m)
	}
	return nil
}

// newcomer is a replica that is being added to a table's global table, nil where
// there is none.
func newcomer(t *table.Table) *table.Member {
	if t.Def.Group == nil {
		return nil
	}
	for i := range t.Def.Group.Members {
		if m := &t.Def.Group.Members[i]; m.Status == table.Creating {
			return m
		}
	}
	return nil
}

// errAdding is known from the live service.
func errAdding(t *table.Table, m *table.Member) error {
	return aws.Validation("Create/Update/Delete of replica is not allowed while the replica is being added to table with name: ‘%s’ in region: ‘%s’.", t.Def.Name, m.Cell.Region)
}

// checkAdding refuses changes of settings while a replica is being added: between
// Regions of one account as the live service does, and elsewhere, where its words are
// not known, as while any other change is under way.
func checkAdding(t *table.Table) error {
	switch m := newcomer(t); {
	case m == nil:
		return nil
	case sameAccount(&t.Def):
		return errAdding(t, m)
	}
	return errChanging
}

func (s *Service) deleteReplica(ctx context.Context, t *table.Table, region aws.Region) (*types.TableDescription, error) {
	to := aws.Cell{Account: s.Cell.Account, Region: region}
	if t.Def.Group.Member(to) == nil {
		return nil, errNotReplica(string(region))
	}
	if err := s.Replication.DeleteReplica(ctx, t, region); err != nil {
		return nil, err
	}
	return s.describe(t, types.TableStatusUpdating), nil
}

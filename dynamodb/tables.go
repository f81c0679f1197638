package dynamodb

import (
	"context"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/table"
)

func (a *API) decodeCreateTable(c *api.Call) error {
	in, err := decode(a.inputs.createTable, c)
	if err != nil {
		return err
	}
	// This operation words a bad name as the data plane does (known).
	name := *in.TableName
	if strings.HasPrefix(name, "arn:") {
		name, err = tableName(c, name)
	} else {
		name, err = c.Table(name)
	}
	if err != nil {
		return err
	}
	in.TableName = &name
	c.Need("dynamodb:CreateTable", name, "")
	if len(in.Tags) > 0 {
		c.Need("dynamodb:TagResource", name, "")
	}
	if in.ResourcePolicy != nil {
		c.Need("dynamodb:PutResourcePolicy", name, "")
	}
	if in.GlobalTableSourceArn != nil {
		c.Need("dynamodb:CreateTableReplica", name, "")
		c.Need("dynamodb:AssociateTableReplica", name, "")
	}
	return nil
}

func createTable(ctx context.Context, s *Service, c *api.Call) error {
	in := c.Input.(*sdk.CreateTableInput)
	if len(in.VectorIndexes) > 0 {
		return errVectorIndexes
	}
	create := s.create
	if in.GlobalTableSourceArn != nil {
		create = s.join
	}
	t, err := create(ctx, c, in)
	if err != nil {
		return err
	}
	d := s.describe(t, types.TableStatusCreating)
	return answerTable(c, d, &sdk.CreateTableOutput{TableDescription: d})
}

// errVectorIndexes is ours: the kind of index is not built yet.
var errVectorIndexes = aws.Validation("Vector indexes are not supported yet")

// create makes a regional table. It is in use at once; the answer says CREATING
// all the same, as clients expect.
func (s *Service) create(ctx context.Context, c *api.Call, in *sdk.CreateTableInput) (*table.Table, error) {
	now := s.Clock.Now().UnixMicro()
	def := table.Definition{Name: *in.TableName, ID: s.NewID(), CreatedAt: now, Status: table.Active}
	if s.Pace.Create > 0 {
		def.Status, def.SettlesAt = table.Creating, settles(s.Clock.Now(), s.Pace.Create)
	}
	if err := checkSchemaGiven(in); err != nil {
		return nil, err
	}
	for _, set := range []func(*table.Definition, *sdk.CreateTableInput) error{
		setCapacity, setAttributes, setKeys, checkSchemas, setLocalIndexes, setGlobalIndexes, sortAttributes, s.setStream, setMode, s.setOwn,
	} {
		if err := set(&def, in); err != nil {
			return nil, err
		}
	}
	if def.OnDemand {
		def.OnDemandSince, def.ToOnDemand = now, []int64{now}
	}
	if err := s.checkOperations(len(def.Indexes) > 0); err != nil {
		return nil, err
	}
	return s.Engine.Create(ctx, def)
}

// checkSchemaGiven: the two are required of a table that has no source.
func checkSchemaGiven(in *sdk.CreateTableInput) error {
	var absent []string
	for _, m := range []struct {
		name  string
		given bool
	}{{"attributeDefinitions", in.AttributeDefinitions != nil}, {"keySchema", in.KeySchema != nil}} {
		if !m.given {
			absent = append(absent, "Value null at '"+m.name+"' failed to satisfy constraint: Member must not be null")
		}
	}
	switch len(absent) {
	case 0:
		return nil
	case 1:
		return aws.Validation("1 validation error detected: %s", absent[0])
	}
	return aws.Validation("%d validation errors detected: %s", len(absent), strings.Join(absent, "; "))
}

func (s *Service) setStream(d *table.Definition, in *sdk.CreateTableInput) error {
	spec := in.StreamSpecification
	switch {
	case spec == nil:
	case *spec.StreamEnabled && spec.StreamViewType == "":
		return aws.InvalidParameter("Table is being created with a stream enabled, UpdateViewType is required")
	case *spec.StreamEnabled:
		s.Replication.EnableStream(d, string(spec.StreamViewType))
	case spec.StreamViewType != "":
		return aws.InvalidParameter("Table is being created with a stream disabled, UpdateViewType should not be specified")
	}
	return nil
}

// errRegionalMode is recorded for UpdateTable.
var errRegionalMode = aws.Validation("Value 'ENABLED_WITH_OVERRIDES' at 'GlobalTableSettingsReplicationMode' failed to satisfy constraint: Only ENABLED and DISABLED settings replication are supported for a Regional Table.")

func setMode(d *table.Definition, in *sdk.CreateTableInput) error {
	if in.GlobalTableSettingsReplicationMode == types.GlobalTableSettingsReplicationModeEnabledWithOverrides {
		return errRegionalMode
	}
	d.SettingsMode = string(in.GlobalTableSettingsReplicationMode)
	return nil
}

// setOwn takes over what each replica of a global table decides for itself.
func (s *Service) setOwn(d *table.Definition, in *sdk.CreateTableInput) error {
	var err error
	if d.Encryption, err = encryption(in.SSESpecification); err != nil {
		return err
	}
	if d.Tags, err = newTags(in.Tags); err != nil {
		return err
	}
	if err = checkTableClass(in.TableClass); err != nil {
		return err
	}
	rule, _ := d.Tag(table.ConflictTag)
	visible, _ := d.Tag(table.TransactionsTag)
	d.SetRules(table.Rules{Conflict: conflict.Rule(rule), Transactions: table.Visibility(visible)})
	if topology, ok := d.Tag(table.TopologyTag); ok {
		d.SetTopology(table.Topology(topology))
	}
	d.TableClass = string(in.TableClass)
	d.DeletionProtection = in.DeletionProtectionEnabled != nil && *in.DeletionProtectionEnabled
	if in.ResourcePolicy != nil {
		if _, err = parsePolicy(s.Cell.TableARN(d.Name), *in.ResourcePolicy); err != nil {
			return err
		}
		d.Policy = s.newPolicy(*in.ResourcePolicy, nil)
	}
	return nil
}

func (a *API) decodeListTables(c *api.Call) error {
	_, err := decode(a.inputs.listTables, c)
	c.Need("dynamodb:ListTables", "*", "")
	return err
}

// listTables goes by the names' bytes (known from the live service).
func listTables(_ context.Context, s *Service, c *api.Call) error {
	in := c.Input.(*sdk.ListTablesInput)
	limit := maxListTables
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	tables := s.Engine.Tables()
	first := 0
	if in.ExclusiveStartTableName != nil {
		at, found := slices.BinarySearchFunc(tables, *in.ExclusiveStartTableName, func(t *table.Table, name string) int {
			return strings.Compare(t.Def.Name, name)
		})
		if first = at; found {
			first++
		}
	}
	out := &sdk.ListTablesOutput{TableNames: []string{}}
	for _, t := range tables[first:min(first+limit, len(tables))] {
		out.TableNames = append(out.TableNames, t.Def.Name)
	}
	if first+limit < len(tables) {
		out.LastEvaluatedTableName = &out.TableNames[limit-1]
	}
	return answer(c, out)
}

func (a *API) decodeDeleteTable(c *api.Call) error {
	in, err := decode(a.inputs.deleteTable, c)
	if err != nil {
		return err
	}
	if *in.TableName, err = tableName(c, *in.TableName); err != nil {
		return err
	}
	c.Need("dynamodb:DeleteTable", *in.TableName, "")
	c.Needs = append(c.Needs, api.Need{Action: "dynamodb:DeleteTableReplica", Table: *in.TableName, Cell: c.Owner, Member: true})
	return nil
}

// deleteTable deletes a regional table at once; a replica first gives the other
// members what they do not have yet.
func deleteTable(ctx context.Context, s *Service, c *api.Call) error {
	name := *c.Input.(*sdk.DeleteTableInput).TableName
	t := s.Engine.Table(name)
	if t == nil {
		return notFound(name)
	}
	if err := checkInUse(t); err != nil && !s.Replication.Stranded(t) {
		return err
	}
	if t.Def.Changing() != nil {
		return inUse(&t.Def, "Cannot delete table while indexes are being created, updated, or deleted.")
	}
	if err := s.Replication.CheckDelete(t); err != nil {
		return err
	}
	if t.Def.Updating() {
		return errInProcess(&t.Def)
	}
	if err := s.checkOperations(false); err != nil {
		return err
	}
	var err error
	switch {
	case t.Def.Group != nil:
		err = s.Replication.Leave(ctx, t)
	case s.Pace.Delete > 0:
		_, err = s.Engine.Alter(ctx, name, func(d *table.Definition) error {
			if d.ID != t.Def.ID || d.Group != nil || d.Status != table.Active {
				return errChanging
			}
			d.Status, d.SettlesAt = table.Deleting, settles(s.Clock.Now(), s.Pace.Delete)
			return nil
		})
	default:
		err = s.Engine.Drop(ctx, name)
	}
	if err != nil {
		return err
	}
	d := s.describe(t, types.TableStatusDeleting)
	return answerTable(c, d, &sdk.DeleteTableOutput{TableDescription: d})
}

// checkInUse refuses a change of a table that is coming or going.
func checkInUse(t *table.Table) error {
	switch t.Def.Status {
	case table.Creating:
		return aws.Errorf("ResourceInUseException", "Attempt to change a resource which is still in use: Table is being created: %s", t.Def.Name)
	case table.Deleting:
		return aws.Errorf("ResourceInUseException", "Attempt to change a resource which is still in use: Table is being deleted: %s", t.Def.Name)
	case table.Active, table.ReplicationNotAuthorized, table.RegionDisabled:
	}
	if t.Def.Disassociating {
		return errChanging
	}
	return nil
}

func (a *API) decodeUpdateTable(c *api.Call) error {
	in, err := decode(a.inputs.updateTable, c)
	if err != nil {
		return err
	}
	if *in.TableName, err = tableName(c, *in.TableName); err != nil {
		return err
	}
	c.Need("dynamodb:UpdateTable", *in.TableName, "")
	needReplicas(c, in)
	return nil
}

func updateTable(ctx context.Context, s *Service, c *api.Call) error {
	in := c.Input.(*sdk.UpdateTableInput)
	if err := checkUpdate(in); err != nil {
		return err
	}
	t := s.Engine.Table(*in.TableName)
	if t == nil {
		return notFound(*in.TableName)
	}
	if err := checkInUse(t); err != nil {
		return err
	}
	if err := checkEmpty(in); err != nil {
		return err
	}
	if err := s.checkOperations(false); err != nil {
		return err
	}
	update := s.changeSettings
	if len(in.ReplicaUpdates) > 0 {
		update = s.changeReplicas
	}
	d, err := update(ctx, c, t, in)
	if err != nil {
		return err
	}
	for i := range d.Replicas {
		d.Replicas[i].WarmThroughput = nil // Recorded: DescribeTable shows it, and this answer does not.
	}
	return answerTable(c, d, &sdk.UpdateTableOutput{TableDescription: d})
}

// changeSettings changes a table, and where all members of its global table keep
// the setting in step, at all of them: when one of them refuses or is out of
// reach, nothing was changed anywhere.
func (s *Service) changeSettings(ctx context.Context, _ *api.Call, t *table.Table, in *sdk.UpdateTableInput) (*types.TableDescription, error) {
	if err := checkAdding(t); err != nil {
		return nil, err
	}
	if err := checkUpdating(&t.Def, in); err != nil {
		return nil, err
	}
	if err := checkPaced(&t.Def, in); err != nil {
		return nil, err
	}
	over := overwritten(in, &t.Def)
	otherKind := changesKeyKind(in.SSESpecification, &t.Def)
	synchronized := otherKind || over.Class || in.BillingMode != "" || in.ProvisionedThroughput != nil || in.OnDemandThroughput != nil || in.WarmThroughput != nil || len(in.GlobalSecondaryIndexUpdates) > 0
	if t.Def.Group != nil {
		if err := s.agree(ctx, t, in, synchronized, otherKind); err != nil {
			return nil, err
		}
	}
	change := func(d *table.Definition) error {
		if changesKeyKind(in.SSESpecification, d) != otherKind {
			return errChanging // Another Region changed the kind of key meanwhile.
		}
		if err := s.apply(in, d); err != nil {
			return err
		}
		d.Overwrite(over)
		return nil
	}
	var after *table.Table
	var err error
	if synchronized {
		after, err = s.Replication.Change(ctx, t, over, change)
	} else {
		after, err = s.Engine.Alter(ctx, t.Def.Name, change)
	}
	if err != nil {
		return nil, err
	}
	if t.Def.Group != nil && t.Def.OnDemand && !after.Def.OnDemand {
		if err := s.Replication.ResetScaling(ctx, &after.Def); err != nil {
			return nil, err
		}
	}
	return s.describeUpdate(t, after, in), nil
}

// agree asks the other members of a table's global table for leave to make a change
// here that is this member's alone: it is refused like the others while any member
// withholds the keeping of settings (documented). Of another key they are told, unless
// it is of another kind, which all take over.
func (s *Service) agree(ctx context.Context, t *table.Table, in *sdk.UpdateTableInput, synchronized, otherKind bool) error {
	next, err := t.Def.Clone()
	if err != nil {
		return err
	}
	if err := s.apply(in, &next); err != nil {
		return err
	}
	newKey := in.SSESpecification != nil && sameAccount(&t.Def) && !otherKind
	if !synchronized && !newKey {
		return s.Replication.CheckConsent(ctx, t)
	}
	if err := s.Replication.CheckSettle(t); err != nil || !newKey {
		return err
	}
	return s.Replication.ShareKey(ctx, t, next.Encryption)
}

// errChanging is recorded for a table that another change is under way on.
var errChanging = aws.Errorf("ResourceInUseException", "The resource which you are attempting to change is in use.")

// apply makes all changes of settings that a request asks for.
func (s *Service) apply(in *sdk.UpdateTableInput, d *table.Definition) error {
	now, onDemand := s.Clock.Now(), d.OnDemand
	if err := applyCapacity(in, d, now); err != nil {
		return err
	}
	if err := applyIndexes(in, d, now); err != nil {
		return err
	}
	if err := applyWarm(in.WarmThroughput, d); err != nil {
		return err
	}
	if in.StreamSpecification != nil {
		if err := s.applyStream(in.StreamSpecification, d); err != nil {
			return err
		}
	}
	if in.SSESpecification != nil {
		if err := s.applyEncryption(in.SSESpecification, d); err != nil {
			return err
		}
	}
	if in.TableClass != "" {
		if err := changeClass(d, string(in.TableClass), now); err != nil {
			return err
		}
	}
	if on := in.DisassociationProtectionEnabled; on != nil {
		if d.Group == nil {
			return aws.InvalidParameter("DisassociationProtectionEnabled can be changed on a replica of a global table only")
		}
		d.MayDisassociate = !*on
	}
	if in.DeletionProtectionEnabled != nil {
		d.DeletionProtection = *in.DeletionProtectionEnabled
	}
	if mode := in.GlobalTableSettingsReplicationMode; mode != "" {
		return applyMode(mode, d)
	}
	s.pace(in, onDemand, d, now)
	return nil
}

func (s *Service) applyStream(spec *types.StreamSpecification, d *table.Definition) error {
	switch {
	case *spec.StreamEnabled && d.Stream != nil:
		return aws.Validation("Table already has an enabled stream: TableName: %s", d.Name)
	case *spec.StreamEnabled:
		s.Replication.EnableStream(d, string(spec.StreamViewType))
	case d.Group != nil:
		return aws.InvalidParameter("Disabling Stream is not allowed for a Global Table replica.")
	case d.Stream == nil:
		return aws.Validation("Table has no stream to disable: TableName: %s", d.Name)
	default:
		d.Stream = nil
	}
	return nil
}

// applyEncryption changes a table's key. Of what changes nothing, only the key's
// own ARN is refused; another name for it is taken (recorded).
func (s *Service) applyEncryption(spec *types.SSESpecification, d *table.Definition) error {
	next, err := encryption(spec)
	if err != nil {
		return err
	}
	switch {
	case next == nil && d.Encryption == nil:
		return aws.InvalidParameter("Table is already encrypted by default")
	case next != nil && d.Encryption != nil && strings.HasPrefix(next.KeyID, "arn:") && next.KeyID == keyARN(s.Cell, d.Encryption.KeyID):
		return aws.InvalidParameter("Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId parameter if you want to change Master Key")
	case next.Managed() && d.Group != nil && !d.Group.Kind.Overrides():
		return errManagedKey
	case changesKeyKind(spec, d) && next.Bound():
		return errReplicaKeys // The other replicas cannot have it.
	}
	if next != nil && !sameKey(next, d.Encryption) { // Back to the AWS owned key always goes (documented).
		if err := countKeyChange(d, s.Clock.Now()); err != nil {
			return err
		}
	}
	d.SetKey(s.Cell, next)
	return nil
}

// changesKeyKind reports whether a replica is to have a key of another kind than it
// has, which all replicas of its account take over (documented).
func changesKeyKind(spec *types.SSESpecification, d *table.Definition) bool {
	next, err := encryption(spec)
	return spec != nil && err == nil && sameAccount(d) && next.Kind() != d.Encryption.Kind()
}

func sameKey(a, b *table.Encryption) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// applyMode makes a regional table fit, or unfit, to be the source of a
// multi-account global table.
func applyMode(mode types.GlobalTableSettingsReplicationMode, d *table.Definition) error {
	switch {
	case d.Group != nil:
		return aws.InvalidParameter("GlobalTableSettingsReplicationMode can be changed on a regional table only")
	case mode == types.GlobalTableSettingsReplicationModeEnabledWithOverrides:
		return errRegionalMode
	}
	d.SettingsMode = string(mode)
	return nil
}

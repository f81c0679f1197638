package dynamodb

import (
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// errOneIndex is known from the live service.
var errOneIndex = aws.Errorf("LimitExceededException", "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table")

// inUse is the answer to a change of a table that another change, still under way,
// rules out. A member of a global table is told no more (recorded).
func inUse(d *table.Definition, format string, args ...any) error {
	if d.Group != nil {
		return errChanging
	}
	return aws.Errorf("ResourceInUseException", "Attempt to change a resource which is still in use: "+format, args...)
}

// checkUpdating refuses what cannot be changed while an index of the table is
// being created or deleted (recorded). From the time when its backfill has begun,
// a new index stands in nobody's way; another index neither comes nor goes until
// it is done, which createIndex and deleteIndex say.
func checkUpdating(d *table.Definition, in *sdk.UpdateTableInput) error {
	x := d.Changing()
	if x == nil || x.Backfilling {
		return nil
	}
	going, change := "created", "creation"
	if x.Status == table.Deleting {
		going, change = "deleted", "deletion"
	}
	for i := range in.GlobalSecondaryIndexUpdates {
		u := in.GlobalSecondaryIndexUpdates[i].Update
		switch {
		case u == nil:
		case *u.IndexName != x.Name:
			return errInProcess(d)
		case x.Status == table.Deleting:
			return inUse(d, "Index is being deleted. Table: %s Index: %s", d.Name, x.Name)
		default:
			return inUse(d, "Index is being created but is not backfilling yet.  Table: %s Index: %s", d.Name, x.Name)
		}
	}
	switches := in.BillingMode != "" && (in.BillingMode == types.BillingModePayPerRequest) != d.OnDemand
	switch {
	case in.ProvisionedThroughput != nil || switches:
		return inUse(d, "Can't change table IOPS when an index is being %s. Table: %s Indexes: [%s]", going, d.Name, x.Name)
	case in.OnDemandThroughput != nil:
		return inUse(d, "OnDemandThroughput cannot be updated while index %s is in progress for indexes: [%s]", change, x.Name)
	case in.StreamSpecification != nil:
		return inUse(d, "Can't change stream status when an index is being %s. Table: %s Indexes: [%s]", going, d.Name, x.Name)
	case in.TableClass != "":
		return errInProcess(d)
	}
	return nil
}

// applyIndexes creates and deletes global indexes, and changes their throughput.
// It comes after the table's billing mode: a table that becomes provisioned
// needs it for each.
func applyIndexes(in *sdk.UpdateTableInput, d *table.Definition, now time.Time) error {
	if len(in.GlobalSecondaryIndexUpdates) > 1 && changesIndexes(in) > 1 {
		return errOneIndex
	}
	for i := range in.GlobalSecondaryIndexUpdates {
		var err error
		switch g := &in.GlobalSecondaryIndexUpdates[i]; {
		case g.Create != nil:
			err = createIndex(g.Create, in.AttributeDefinitions, d)
		case g.Delete != nil:
			err = deleteIndex(*g.Delete.IndexName, d)
		default:
			err = applyIndex(g.Update, d, now)
		}
		if err != nil {
			return err
		}
	}
	for i := range d.Indexes {
		if x := &d.Indexes[i]; !d.OnDemand && !x.Local && x.Throughput == (table.Throughput{}) {
			return aws.InvalidParameter("ProvisionedThroughput must be specified for index: %s", x.Name)
		}
	}
	return nil
}

// createIndex begins the creation of an index. The request has to name the type
// of each of its key attributes, also of those that the table has already; what
// else it defines does not count (recorded).
func createIndex(u *types.CreateGlobalSecondaryIndexAction, given []types.AttributeDefinition, d *table.Definition) error {
	if len(given) == 0 {
		return aws.InvalidParameter("AttributeDefinitions is not specified for index: %s", *u.IndexName)
	}
	if err := checkDuplicates(given); err != nil {
		return err
	}
	if err := checkTableKey(u.KeySchema, definedNames(given)); err != nil {
		return err
	}
	switch {
	case d.OnDemand && u.ProvisionedThroughput != nil:
		return aws.InvalidParameter("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: %s when BillingMode is PAY_PER_REQUEST", *u.IndexName)
	case !d.OnDemand && u.ProvisionedThroughput == nil:
		return aws.InvalidParameter("Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: %s", *u.IndexName)
	}
	x, err := globalIndex(d, *u.IndexName, u.KeySchema, u.ProvisionedThroughput, u.OnDemandThroughput)
	if err != nil {
		return err
	}
	if old := d.Index(*u.IndexName); old != nil && old.Active() {
		return aws.Validation("Attempting to create an index which already exists")
	}
	if d.Changing() != nil {
		return errOneIndex
	}
	if err := project(d, &x, u.Projection); err != nil {
		return err
	}
	if globals(d) >= MaxGlobalIndexes {
		return aws.Errorf("LimitExceededException", "Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of %d", MaxGlobalIndexes)
	}
	if err := addAttributes(u.KeySchema, given, d); err != nil {
		return err
	}
	x.Warm = newWarm(u.WarmThroughput, d.OnDemand, x.Throughput)
	d.AddIndex(x)
	return nil
}

// globals counts the global indexes of a table.
func globals(d *table.Definition) int {
	n := 0
	for i := range d.Indexes {
		if !d.Indexes[i].Local {
			n++
		}
	}
	return n
}

// addAttributes takes over the types of an index's key attributes. The type of
// one that is a key already cannot change (the text is ours).
func addAttributes(schema []types.KeySchemaElement, given []types.AttributeDefinition, d *table.Definition) error {
	for _, a := range given {
		if !slices.ContainsFunc(schema, func(k types.KeySchemaElement) bool { return *k.AttributeName == *a.AttributeName }) {
			continue
		}
		switch was, there := d.Type(*a.AttributeName); {
		case there && was.String() != string(a.AttributeType):
			return aws.InvalidParameter("The type of a key attribute cannot be changed: %s is %s, not %s", *a.AttributeName, was, a.AttributeType)
		case !there:
			d.Attributes = append(d.Attributes, table.Attribute{Name: *a.AttributeName, Type: string(a.AttributeType)})
		}
	}
	return sortAttributes(d, nil)
}

// deleteIndex begins the deletion of an index. One that is being created can be
// deleted once its backfill has begun (recorded).
func deleteIndex(name string, d *table.Definition) error {
	x, busy := d.Index(name), d.Changing()
	switch {
	case x == nil:
		return noIndex(name, d)
	case x.Local:
		return aws.Validation("Cannot delete an index that is not a GlobalSecondaryIndex: %s", name)
	case busy != nil && busy != x:
		return errOneIndex
	case x.Status == table.Deleting:
		return inUse(d, "Index is being deleted. Table: %s Index: %s", d.Name, name)
	case busy != nil && !x.Backfilling:
		return inUse(d, "Index creation is in resource allocation phase. Retry deletion during backfilling phase or when the index is active. Table: %s Index: %s", d.Name, name)
	}
	x.Status, x.Backfilling = table.Deleting, false
	return nil
}

// changesIndexes counts the indexes that a request creates or deletes.
func changesIndexes(in *sdk.UpdateTableInput) int {
	n := 0
	for i := range in.GlobalSecondaryIndexUpdates {
		if in.GlobalSecondaryIndexUpdates[i].Update == nil {
			n++
		}
	}
	return n
}

func noIndex(name string, d *table.Definition) error {
	return aws.Errorf("ResourceNotFoundException", "Requested resource not found: Index %s for table %s", name, d.Name)
}

// checkReadable refuses to read an index before it is complete, or when it goes
// (known from the live service).
func checkReadable(x *table.Index) error {
	switch x.Status {
	case table.Creating:
		return aws.Validation("Cannot read from backfilling global secondary index: %s", x.Name)
	case table.Deleting:
		return aws.Validation("The table does not have the specified index: %s", x.Name)
	case "", table.Active, table.ReplicationNotAuthorized, table.RegionDisabled:
	}
	return nil
}

func applyIndex(u *types.UpdateGlobalSecondaryIndexAction, d *table.Definition, now time.Time) error {
	x := d.Index(*u.IndexName)
	switch {
	case x == nil && u.WarmThroughput != nil:
		return errEmpty // Recorded; it is no answer that AWS means to give.
	case x == nil:
		return noIndex(*u.IndexName, d)
	case x.Local:
		return aws.Validation("Cannot update an index that is not a GlobalSecondaryIndex: %s", x.Name)
	case d.OnDemand && (u.ProvisionedThroughput != nil || u.WarmThroughput == nil && (u.OnDemandThroughput == nil || emptyMaxima(u.OnDemandThroughput))):
		return aws.InvalidParameter("The only Updates for index: %s when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput", x.Name)
	case !d.OnDemand && u.ProvisionedThroughput == nil && u.OnDemandThroughput == nil && u.WarmThroughput == nil:
		return aws.InvalidParameter("Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: %s", x.Name)
	}
	if u.ProvisionedThroughput != nil {
		next, err := throughput(u.ProvisionedThroughput)
		if err != nil {
			return err
		}
		switch {
		case next == x.Throughput:
			return unchanged("the index "+x.Name, "index "+x.Name, next)
		case x.Throughput != (table.Throughput{}): // It was not on demand until now.
			if err := adjustThroughput(&x.Adjusted, x.Throughput, next, now); err != nil {
				return err
			}
		}
		keepWarmIndex(d, x)
		x.Throughput = next
	}
	var err error
	if u.WarmThroughput != nil {
		if x.Warm, err = raised(u.WarmThroughput, warm(d.OnDemand, x.Throughput, x.Warm), "index: "+x.Name); err != nil {
			return err
		}
	}
	x.OnDemand, err = maxima(u.OnDemandThroughput, d.OnDemand, x.Name, x.OnDemand, false)
	return err
}

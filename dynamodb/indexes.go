package dynamodb

import (
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// errOneIndex is known from the live service.
var errOneIndex = aws.Errorf("LimitExceededException", "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table")

// errUpdating is the answer to a change of a table on which another one is under
// way.
func errUpdating(t *table.Table) error {
	return aws.Errorf("ResourceInUseException", "Attempt to change a resource which is still in use: Table is being updated: %s", t.Def.Name)
}

// checkUpdating refuses changes of a table while an index of it is being created
// or deleted. Changes of indexes are judged by themselves.
func checkUpdating(t *table.Table, in *sdk.UpdateTableInput) error {
	if t.Def.Changing() == nil {
		return nil
	}
	for i := range in.GlobalSecondaryIndexUpdates {
		if in.GlobalSecondaryIndexUpdates[i].Update == nil {
			return nil
		}
	}
	return errUpdating(t)
}

// applyIndexes creates and deletes global indexes, and changes their throughput.
// It comes after the table's billing mode: a table that becomes provisioned
// needs it for each.
func applyIndexes(in *sdk.UpdateTableInput, d *table.Definition) error {
	for i := range in.GlobalSecondaryIndexUpdates {
		var err error
		switch g := &in.GlobalSecondaryIndexUpdates[i]; {
		case g.Create != nil:
			err = createIndex(g.Create, in.AttributeDefinitions, d)
		case g.Delete != nil:
			err = deleteIndex(*g.Delete.IndexName, d)
		default:
			err = applyIndex(g.Update, d)
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
// of each of its key attributes, also of those that the table has already
// (documented).
func createIndex(u *types.CreateGlobalSecondaryIndexAction, given []types.AttributeDefinition, d *table.Definition) error {
	if old := d.Index(*u.IndexName); old != nil && old.Active() {
		return aws.Validation("Attempting to create an index which already exists")
	}
	if d.Changing() != nil {
		return errOneIndex
	}
	globals := 0
	for i := range d.Indexes {
		if !d.Indexes[i].Local {
			globals++
		}
	}
	if globals >= MaxGlobalIndexes {
		return aws.Errorf("LimitExceededException", "Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of %d", MaxGlobalIndexes)
	}
	var names []string
	for _, a := range given {
		if slices.Contains(names, *a.AttributeName) {
			return aws.Validation("Attribute Name is duplicated: %s", *a.AttributeName)
		}
		names = append(names, *a.AttributeName)
	}
	if err := addAttributes(u.KeySchema, given, names, d); err != nil {
		return err
	}
	x, err := globalIndex(d, *u.IndexName, u.KeySchema, u.ProvisionedThroughput, u.OnDemandThroughput)
	if err != nil {
		return err
	}
	if err := project(d, &x, u.Projection); err != nil {
		return err
	}
	d.AddIndex(x)
	return checkUsed(d, names)
}

// addAttributes takes over the types of an index's key attributes. The type of
// one that is a key already cannot change (the text is ours).
func addAttributes(schema []types.KeySchemaElement, given []types.AttributeDefinition, names []string, d *table.Definition) error {
	var keys []string
	for _, k := range schema {
		keys = append(keys, *k.AttributeName)
	}
	for _, k := range keys {
		if !slices.Contains(names, k) {
			return aws.InvalidParameter("Some index key attributes are not defined in AttributeDefinitions. Keys: [%s], AttributeDefinitions: [%s]",
				strings.Join(keys, ", "), strings.Join(names, ", "))
		}
	}
	for _, a := range given {
		switch was, there := d.Type(*a.AttributeName); {
		case there && was.String() != string(a.AttributeType):
			return aws.InvalidParameter("The type of a key attribute cannot be changed: %s is %s, not %s", *a.AttributeName, was, a.AttributeType)
		case !there && slices.Contains(keys, *a.AttributeName):
			d.Attributes = append(d.Attributes, table.Attribute{Name: *a.AttributeName, Type: string(a.AttributeType)})
		}
	}
	slices.SortFunc(d.Attributes, func(a, b table.Attribute) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// deleteIndex begins the deletion of an index. One that is being created can be
// deleted once its backfill has begun (documented).
func deleteIndex(name string, d *table.Definition) error {
	x, busy := d.Index(name), d.Changing()
	switch {
	case x == nil:
		return noIndex(name, d)
	case x.Local:
		return aws.Validation("Cannot delete an index that is not a GlobalSecondaryIndex: %s", name)
	case busy != nil && (busy != x || !x.Backfilling):
		return errOneIndex
	}
	x.Status, x.Backfilling = table.Deleting, false
	return nil
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
	case "", table.Active, table.ReplicationNotAuthorized:
	}
	return nil
}

func applyIndex(u *types.UpdateGlobalSecondaryIndexAction, d *table.Definition) error {
	x := d.Index(*u.IndexName)
	switch {
	case x == nil:
		return noIndex(*u.IndexName, d)
	case x.Local:
		return aws.Validation("Cannot update an index that is not a GlobalSecondaryIndex: %s", x.Name)
	case d.OnDemand && u.ProvisionedThroughput != nil:
		return aws.InvalidParameter("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: %s when BillingMode is PAY_PER_REQUEST", x.Name)
	case d.OnDemand && u.WarmThroughput == nil && (u.OnDemandThroughput == nil || *u.OnDemandThroughput == (types.OnDemandThroughput{})):
		return aws.InvalidParameter("The only Updates for index: %s when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput", x.Name)
	case !d.OnDemand && u.ProvisionedThroughput == nil && u.OnDemandThroughput == nil && u.WarmThroughput == nil:
		return aws.InvalidParameter("Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: %s", x.Name)
	}
	if u.ProvisionedThroughput != nil {
		next, err := throughput(u.ProvisionedThroughput)
		if err != nil {
			return err
		}
		if next == x.Throughput {
			return unchanged("index "+x.Name, next)
		}
		x.Throughput = next
	}
	var err error
	x.OnDemand, err = maxima(u.OnDemandThroughput, d.OnDemand, x.Name, x.OnDemand, false)
	return err
}

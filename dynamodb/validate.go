package dynamodb

import (
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// shortestName is the shortest name of a table (documented).
const shortestName = 3

// longestName is the longest name of a table (documented).
const longestName = 255

// tableName reads the TableName of an operation of the control plane, and makes
// the owner of an ARN the owner of the call. Its errors differ from those of the
// data plane (recorded).
func tableName(c *api.Call, parameter string) (string, error) {
	if !strings.HasPrefix(parameter, "arn:") {
		const broken = "1 validation error detected: Value '%s' at 'tableName' failed to satisfy constraint: Member must have length %s than or equal to %d"
		if len(parameter) < shortestName {
			return "", aws.Validation(broken, parameter, "greater", shortestName)
		}
		if len(parameter) > longestName {
			return "", aws.Validation(broken, parameter, "less", longestName)
		}
		return parameter, nil
	}
	cell, _, index, err := api.ParseTableARN(parameter)
	if err != nil {
		return "", err
	}
	if cell.Region != c.Home.Region {
		return "", aws.Validation("1 validation error detected: Invalid AWS region in '%s'", parameter)
	}
	if index != "" {
		return "", aws.Validation("1 validation error detected: Invalid resource type in '%s'", parameter)
	}
	return c.Table(parameter)
}

// notFound is the answer of the control plane for a table that does not exist
// (recorded).
func notFound(name string) error {
	return aws.Errorf("ResourceNotFoundException", "Requested resource not found: Table: %s not found", name)
}

// errUnitsOnDemand is known from the live service for CreateTable and
// UpdateTable.
var errUnitsOnDemand = aws.InvalidParameter("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")

// setCapacity takes over billing mode and throughput of a new table.
func setCapacity(d *table.Definition, in *sdk.CreateTableInput) error {
	d.OnDemand = in.BillingMode == types.BillingModePayPerRequest
	switch {
	case d.OnDemand && in.ProvisionedThroughput != nil:
		return errUnitsOnDemand
	case !d.OnDemand && in.ProvisionedThroughput == nil:
		return aws.InvalidParameter("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
	}
	var err error
	if d.Throughput, err = throughput(in.ProvisionedThroughput); err != nil {
		return err
	}
	if d.OnDemandMax, err = maxima(in.OnDemandThroughput, d.OnDemand, "", nil, true); err != nil {
		return err
	}
	return checkWarm(in.WarmThroughput, d)
}

// throughput reads provisioned units; none of them is zero.
func throughput(p *types.ProvisionedThroughput) (table.Throughput, error) {
	if p == nil {
		return table.Throughput{}, nil
	}
	t := table.Throughput{Read: *p.ReadCapacityUnits, Write: *p.WriteCapacityUnits}
	if t.Read > MaxTableUnits || t.Write > MaxTableUnits {
		return t, aws.Errorf("LimitExceededException", "The requested throughput exceeds the limit of %d ReadCapacityUnits and %d WriteCapacityUnits of a table", MaxTableUnits, MaxTableUnits)
	}
	return t, nil
}

// noMaximum stands for the absence of an on-demand maximum (documented).
const noMaximum = -1

// maxima reads the on-demand maxima of a table, or of an index where one is
// named. What is not given stays as it was; noMaximum ends one that was (known
// from the live service, which refuses it for what is only being created).
func maxima(o *types.OnDemandThroughput, onDemand bool, index string, was *table.Throughput, creating bool) (*table.Throughput, error) {
	if o == nil {
		return was, nil
	}
	if o.MaxReadRequestUnits == nil && o.MaxWriteRequestUnits == nil {
		if index != "" && creating {
			return nil, nil
		}
		return nil, aws.InvalidParameter("OnDemandThroughput must have at least one of MaxReadRequestUnits or MaxWriteRequestUnits")
	}
	of := "table"
	if index != "" {
		of = "index : " + index
	}
	next := table.Throughput{Read: noMaximum, Write: noMaximum}
	if was != nil {
		next = *was
	}
	for _, m := range []struct {
		name  string
		given *int64
		into  *int64
	}{{"MaxReadRequestUnits", o.MaxReadRequestUnits, &next.Read}, {"MaxWriteRequestUnits", o.MaxWriteRequestUnits, &next.Write}} {
		if m.given == nil {
			continue
		}
		if err := checkMaximum(m.name, *m.given, onDemand, of, creating); err != nil {
			return nil, err
		}
		*m.into = *m.given
	}
	if next.Read == noMaximum && next.Write == noMaximum {
		return nil, nil
	}
	return &next, nil
}

func checkMaximum(name string, units int64, onDemand bool, of string, creating bool) error {
	switch {
	case !onDemand && of == "table":
		return aws.InvalidParameter("%s for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED", name)
	case !onDemand:
		return aws.InvalidParameter("%s for OnDemandThroughput for %s cannot be specified when the table BillingMode is PROVISIONED", name, of)
	case units == noMaximum && !creating:
		return nil
	case units < 1:
		return aws.InvalidParameter("Requested %s for OnDemandThroughput for %s is outside of valid range", name, of)
	case units > MaxTableUnits:
		return aws.Errorf("LimitExceededException", "The requested %s of %d exceeds the limit of %d of a table", name, units, MaxTableUnits)
	}
	return nil
}

// checkWarm holds a requested warm throughput to what the table has anyway.
func checkWarm(w *types.WarmThroughput, d *table.Definition) error {
	if w == nil {
		return nil
	}
	least := warm(d.OnDemand, d.Throughput)
	for _, m := range []struct {
		name, provisioned string
		given             *int64
		least             int64
	}{
		{"ReadUnitsPerSecond", "ReadCapacityUnits", w.ReadUnitsPerSecond, least.Read},
		{"WriteUnitsPerSecond", "WriteCapacityUnits", w.WriteUnitsPerSecond, least.Write},
	} {
		switch {
		case m.given == nil || *m.given >= m.least:
		case d.OnDemand:
			return aws.InvalidParameter("Requested %s for WarmThroughput for table is lower than initial throughput for OnDemand. See: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html#on-demand-capacity-mode-initial", m.name)
		default:
			return aws.InvalidParameter("Requested %s for WarmThroughput for table is lower than %s of ProvisionedThroughput", m.name, m.provisioned)
		}
	}
	return nil
}

// warm is the throughput that a table or index takes at once.
func warm(onDemand bool, provisioned table.Throughput) table.Throughput {
	if onDemand {
		return table.Throughput{Read: warmOnDemandRead, Write: warmOnDemandWrite}
	}
	return provisioned
}

// setKeys takes over the attributes and the primary key of a new table.
func setKeys(d *table.Definition, in *sdk.CreateTableInput) error {
	for _, a := range in.AttributeDefinitions {
		if _, twice := d.Type(*a.AttributeName); twice {
			return aws.Validation("Attribute Name is duplicated: %s", *a.AttributeName)
		}
		d.Attributes = append(d.Attributes, table.Attribute{Name: *a.AttributeName, Type: string(a.AttributeType)})
	}
	hash, rng, err := simpleKey(in.KeySchema)
	if err != nil {
		return err
	}
	d.Hash, d.Range = hash, rng
	if err := checkDefined(d, in.KeySchema); err != nil {
		if rng != "" {
			return aws.Validation("Invalid KeySchema: Some index key attribute have no definition")
		}
		return err
	}
	return nil
}

var errFirstKey = aws.Validation("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")

// errSameName is the answer to a key of two attributes that are one.
var errSameName = aws.Validation("Both the Hash Key and the Range Key element in the KeySchema have the same name")

// simpleKey reads the key of a table or a local index: one attribute of each
// kind at most.
func simpleKey(schema []types.KeySchemaElement) (hash, rng string, err error) {
	if schema[0].KeyType != types.KeyTypeHash {
		return "", "", errFirstKey
	}
	hash = *schema[0].AttributeName
	if len(schema) == 1 {
		return hash, "", nil
	}
	if schema[1].KeyType != types.KeyTypeRange {
		return "", "", aws.Validation("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
	}
	if rng = *schema[1].AttributeName; rng == hash {
		return "", "", errSameName
	}
	return hash, rng, nil
}

// globalKey reads the key of a global index: up to four attributes of each kind.
func globalKey(schema []types.KeySchemaElement) (hash, rng []string, err error) {
	if schema[0].KeyType != types.KeyTypeHash {
		return nil, nil, errFirstKey
	}
	for _, k := range schema {
		switch {
		case k.KeyType == types.KeyTypeRange:
			rng = append(rng, *k.AttributeName)
		case len(rng) > 0:
			return nil, nil, aws.InvalidParameter("All HASH key attributes must precede RANGE key attributes in the KeySchema")
		default:
			hash = append(hash, *k.AttributeName)
		}
	}
	if len(hash) > MaxIndexHashKeys {
		return nil, nil, aws.InvalidParameter("The KeySchema exceeds the maximum allowed number of HASH key attributes")
	}
	if len(rng) > MaxIndexRangeKeys {
		return nil, nil, aws.InvalidParameter("The KeySchema exceeds the maximum allowed number of RANGE key attributes")
	}
	names := slices.Concat(hash, rng)
	slices.Sort(names)
	if len(slices.Compact(names)) < len(schema) {
		if len(schema) == 2 {
			return nil, nil, errSameName
		}
		return nil, nil, aws.Validation("The KeySchema contains multiple key attributes with the same name")
	}
	return hash, rng, nil
}

// checkDefined reports the attributes of a key that have no type.
func checkDefined(d *table.Definition, schema []types.KeySchemaElement) error {
	var keys []string
	undefined := false
	for _, k := range schema {
		keys = append(keys, *k.AttributeName)
		_, ok := d.Type(*k.AttributeName)
		undefined = undefined || !ok
	}
	if !undefined {
		return nil
	}
	return aws.InvalidParameter("Some index key attributes are not defined in AttributeDefinitions. Keys: [%s], AttributeDefinitions: [%s]",
		strings.Join(keys, ", "), strings.Join(attributeNames(d), ", "))
}

func attributeNames(d *table.Definition) []string {
	var names []string
	for _, a := range d.Attributes {
		names = append(names, a.Name)
	}
	return names
}

// setLocalIndexes takes over the local indexes of a new table.
func setLocalIndexes(d *table.Definition, in *sdk.CreateTableInput) error {
	if in.LocalSecondaryIndexes == nil {
		return nil
	}
	switch n := len(in.LocalSecondaryIndexes); {
	case n == 0:
		return aws.InvalidParameter("List of LocalSecondaryIndexes is empty")
	case n > MaxLocalIndexes:
		return aws.InvalidParameter("Number of LocalSecondaryIndexes exceeds per-table limit of %d", MaxLocalIndexes)
	case d.Range == "":
		return aws.InvalidParameter("Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex")
	}
	for _, x := range in.LocalSecondaryIndexes {
		if err := checkDefined(d, x.KeySchema); err != nil {
			return err
		}
		hash, rng, err := simpleKey(x.KeySchema)
		if err != nil {
			return err
		}
		if rng == "" {
			return aws.InvalidParameter("Index KeySchema does not have a range key for index: %s", *x.IndexName)
		}
		if hash != d.Hash {
			return aws.InvalidParameter("Index KeySchema does not have the same leading hash key as table KeySchema for index: %s. index hash key: %s, table hash key: %s", *x.IndexName, hash, d.Hash)
		}
		index := table.Index{Name: *x.IndexName, Local: true, Hash: []string{hash}, Range: []string{rng}}
		if err := addIndex(d, index, x.Projection); err != nil {
			return err
		}
	}
	return nil
}

// setGlobalIndexes takes over the global indexes of a new table.
func setGlobalIndexes(d *table.Definition, in *sdk.CreateTableInput) error {
	if in.GlobalSecondaryIndexes == nil {
		return nil
	}
	switch n := len(in.GlobalSecondaryIndexes); {
	case n == 0:
		return aws.InvalidParameter("List of GlobalSecondaryIndexes is empty")
	case n > MaxGlobalIndexes:
		return aws.InvalidParameter("GlobalSecondaryIndex count exceeds the per-table limit of %d", MaxGlobalIndexes)
	}
	for i := range in.GlobalSecondaryIndexes {
		x := &in.GlobalSecondaryIndexes[i]
		if err := checkDefined(d, x.KeySchema); err != nil {
			return err
		}
		index, err := globalIndex(d, *x.IndexName, x.KeySchema, x.ProvisionedThroughput, x.OnDemandThroughput)
		if err != nil {
			return err
		}
		if err := addIndex(d, index, x.Projection); err != nil {
			return err
		}
	}
	return nil
}

// globalIndex reads a new global index, its projection aside.
func globalIndex(d *table.Definition, name string, schema []types.KeySchemaElement, units *types.ProvisionedThroughput, most *types.OnDemandThroughput) (table.Index, error) {
	x := table.Index{Name: name}
	var err error
	if x.Hash, x.Range, err = globalKey(schema); err != nil {
		return x, err
	}
	switch {
	case d.OnDemand && units != nil:
		return x, aws.InvalidParameter("ProvisionedThroughput should not be specified for index: %s when BillingMode is PAY_PER_REQUEST", name)
	case !d.OnDemand && units == nil:
		return x, aws.InvalidParameter("ProvisionedThroughput is not specified for index: %s", name)
	}
	if x.Throughput, err = throughput(units); err != nil {
		return x, err
	}
	x.OnDemand, err = maxima(most, d.OnDemand, name, nil, true)
	return x, err
}

// addIndex checks an index's projection and name, and adds it.
func addIndex(d *table.Definition, x table.Index, p *types.Projection) error {
	err := project(d, &x, p)
	if err == nil {
		d.Indexes = append(d.Indexes, x)
	}
	return err
}

// project checks the projection and the name of an index that is to be added.
func project(d *table.Definition, x *table.Index, p *types.Projection) error {
	if p == nil || p.ProjectionType == "" {
		return aws.InvalidParameter("Unknown ProjectionType: null")
	}
	x.Projection, x.NonKey = table.Projection(p.ProjectionType), p.NonKeyAttributes
	switch {
	case x.Projection == table.Include && len(x.NonKey) == 0:
		return aws.InvalidParameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
	case x.Projection != table.Include && len(x.NonKey) > 0:
		return aws.InvalidParameter("ProjectionType is %s, but NonKeyAttributes is specified", x.Projection)
	case d.Index(x.Name) != nil:
		return aws.InvalidParameter("Duplicate index name: %s", x.Name)
	}
	projected := len(x.NonKey)
	for i, name := range x.NonKey {
		if slices.Contains(x.NonKey[:i], name) {
			return aws.InvalidParameter("Duplicate element in NonKeyAttributes: %s", name)
		}
	}
	for i := range d.Indexes {
		projected += len(d.Indexes[i].NonKey)
	}
	if projected > MaxProjectedNonKey {
		return aws.InvalidParameter("Number of NonKeyAttributes of all indexes together exceeds the per-table limit of %d", MaxProjectedNonKey)
	}
	return nil
}

// checkAttributes refuses attributes that are no key, and puts the others in
// order: they come back sorted by name (recorded).
func checkAttributes(d *table.Definition, in *sdk.CreateTableInput) error {
	if len(d.Indexes) == 0 && len(d.Attributes) != len(in.KeySchema) {
		return aws.InvalidParameter("Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	if err := checkUsed(d, attributeNames(d)); err != nil {
		return err
	}
	slices.SortFunc(d.Attributes, func(a, b table.Attribute) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// checkUsed refuses attributes that are no key of a table or its indexes.
func checkUsed(d *table.Definition, given []string) error {
	var used []string
	use := func(names ...string) {
		for _, n := range names {
			if n != "" && !slices.Contains(used, n) {
				used = append(used, n)
			}
		}
	}
	use(d.Hash, d.Range)
	for i := range d.Indexes {
		use(d.Indexes[i].Hash...)
		use(d.Indexes[i].Range...)
	}
	for _, n := range given {
		if !slices.Contains(used, n) {
			return aws.InvalidParameter("Some AttributeDefinitions are not used. AttributeDefinitions: [%s], keys used: [%s]",
				strings.Join(given, ", "), strings.Join(used, ", "))
		}
	}
	return nil
}

// awsManagedKey is the alias of the key that AWS manages for an account.
const awsManagedKey = "alias/aws/dynamodb"

// encryption reads an SSESpecification. Nil stands for the key that AWS owns.
func encryption(spec *types.SSESpecification) (*table.Encryption, error) {
	if spec == nil {
		return nil, nil
	}
	if spec.Enabled == nil || !*spec.Enabled {
		switch {
		case spec.SSEType != "":
			return nil, aws.InvalidParameter("SSEType can not be specified if Enabled is false")
		case spec.KMSMasterKeyId != nil:
			return nil, aws.InvalidParameter("KMSMasterKeyId can not be specified if Enabled is false")
		}
		return nil, nil
	}
	e := &table.Encryption{Type: string(types.SSETypeKms)}
	switch {
	case spec.SSEType == types.SSETypeAes256:
		return nil, aws.InvalidParameter("SSEType AES256 is not supported")
	case spec.KMSMasterKeyId != nil && spec.SSEType == "":
		return nil, aws.InvalidParameter("SSEType KMS is required if KMSMasterKeyId is specified")
	case spec.KMSMasterKeyId != nil:
		e.KeyID = *spec.KMSMasterKeyId
	}
	return e, nil
}

// managed reports whether the key is the one that AWS manages.
func managed(e *table.Encryption) bool {
	return e != nil && (e.KeyID == "" || e.KeyID == awsManagedKey || strings.HasSuffix(e.KeyID, ":"+awsManagedKey))
}

// errManagedKey: replicas of a multi-account global table have a key that AWS
// owns or one of their own (documented; the text is ours).
var errManagedKey = aws.InvalidParameter("The AWS managed key is not supported for a multi-account global table; use an AWS owned key or a customer managed key")

// checkUpdate checks what an UpdateTable request holds, before the table is
// looked for. That replicas must be changed alone goes before all else
// (recorded).
func checkUpdate(in *sdk.UpdateTableInput) error {
	switch {
	case in.DisassociationProtectionEnabled != nil:
		return aws.Validation("DisassociationProtectionEnabled is not supported yet")
	case len(in.VectorIndexUpdates) > 0:
		return errVectorIndexes
	case len(in.GlobalTableWitnessUpdates) > 0 || in.MultiRegionConsistency == types.MultiRegionConsistencyStrong:
		return aws.Validation("MultiRegionConsistency STRONG is not supported; global tables are eventually consistent across Regions")
	}
	if err := checkCombination(in); err != nil {
		return err
	}
	if in.BillingMode == types.BillingModePayPerRequest && in.ProvisionedThroughput != nil {
		return aws.InvalidParameter("ProvisionedThroughput cannot be specified when BillingMode is PAY_PER_REQUEST")
	}
	if spec := in.StreamSpecification; spec != nil {
		if *spec.StreamEnabled && spec.StreamViewType == "" {
			return aws.InvalidParameter("If stream is being enabled then UpdateViewType is required")
		}
		if !*spec.StreamEnabled && spec.StreamViewType != "" {
			return aws.InvalidParameter("If stream is being disabled, then UpdateViewType must not be specified")
		}
	}
	if err := checkIndexUpdates(in.GlobalSecondaryIndexUpdates); err != nil {
		return err
	}
	return checkReplicaUpdates(in.ReplicaUpdates)
}

// checkCombination holds a request to the kinds of change that go together.
func checkCombination(in *sdk.UpdateTableInput) error {
	const alone = " must be the only operation in the request"
	count := 0
	clash := ""
	for _, kind := range []struct {
		given bool
		alone string // The complaint about company; "" where there are other rules.
	}{
		{len(in.ReplicaUpdates) > 0, "Replica modification" + alone},
		{in.SSESpecification != nil, "Server-Side Encryption modification" + alone},
		{in.TableClass != "", "TableClass modification" + alone},
		{in.DeletionProtectionEnabled != nil, "DeletionProtection modification" + alone},
		{in.WarmThroughput != nil, "WarmThroughput" + alone},
		{in.GlobalTableSettingsReplicationMode != "", "GlobalTableSettingsReplicationMode modification" + alone},
		{in.OnDemandThroughput != nil, ""},
		{in.BillingMode != "" || in.ProvisionedThroughput != nil, ""},
		{len(in.GlobalSecondaryIndexUpdates) > 0, ""},
		{in.StreamSpecification != nil, ""},
	} {
		if kind.given {
			count++
			if clash == "" {
				clash = kind.alone
			}
		}
	}
	switch {
	case count == 0:
		return nothingToUpdate(in)
	case in.GlobalSecondaryIndexUpdates != nil && len(in.GlobalSecondaryIndexUpdates) == 0:
		return aws.InvalidParameter("List of GlobalSecondaryIndexUpdates is empty")
	case count > 1 && clash != "":
		return aws.InvalidParameter("%s", clash)
	case in.OnDemandThroughput != nil && (len(in.GlobalSecondaryIndexUpdates) > 0 || in.StreamSpecification != nil || in.ProvisionedThroughput != nil):
		return aws.InvalidParameter("OnDemandThroughput can only be combined with BillingMode in an UpdateTable request")
	case in.StreamSpecification != nil && in.ProvisionedThroughput != nil:
		return aws.InvalidParameter("You cannot modify stream status while updating table IOPS")
	}
	return nil
}

// nothingToUpdate lists what a request may change, less what it holds. Three of
// the names are in no public model (known from the live service).
func nothingToUpdate(in *sdk.UpdateTableInput) error {
	names := "ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, "
	if in.MultiRegionConsistency == "" {
		names += "MultiRegionConsistency, "
	}
	return aws.Validation("At least one of %sDeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required", names)
}

func checkIndexUpdates(updates []types.GlobalSecondaryIndexUpdate) error {
	var seen []string
	changes := 0
	for _, g := range updates {
		var names []string
		if g.Create != nil {
			names = append(names, *g.Create.IndexName)
		}
		if g.Update != nil {
			names = append(names, *g.Update.IndexName)
		}
		if g.Delete != nil {
			names = append(names, *g.Delete.IndexName)
		}
		switch {
		case len(names) == 0:
			return aws.InvalidParameter("One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null")
		case len(names) > 1:
			return aws.InvalidParameter("Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object")
		case slices.Contains(seen, names[0]):
			return aws.InvalidParameter("Only one global secondary index update per index is allowed simultaneously. Index: %s", names[0])
		}
		seen = append(seen, names[0])
		if g.Update == nil {
			changes++
		}
	}
	if changes > 1 {
		return errOneIndex
	}
	return nil
}

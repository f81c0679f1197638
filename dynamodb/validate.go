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
	d.Warm = newWarm(in.WarmThroughput, d.OnDemand, d.Throughput)
	return checkWarm(in.WarmThroughput, d)
}

// unitsInBounds is the number of units up to which the live service tells of a
// quota; it takes none beyond for a number of units at all.
const unitsInBounds = 1_000_000_000_000

// throughput reads provisioned units; none of them is zero.
func throughput(p *types.ProvisionedThroughput) (table.Throughput, error) {
	if p == nil {
		return table.Throughput{}, nil
	}
	t := table.Throughput{Read: *p.ReadCapacityUnits, Write: *p.WriteCapacityUnits}
	for _, u := range []struct {
		name  string
		units int64
	}{{"ReadCapacityUnits", t.Read}, {"WriteCapacityUnits", t.Write}} {
		if u.units > unitsInBounds {
			return t, aws.Validation("Given value %d for %s is out of bounds", u.units, u.name)
		}
	}
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
	if o == nil || emptyMaxima(o) {
		return was, nil
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
	least := warm(d.OnDemand, d.Throughput, nil)
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

// setKeys takes over the primary key of a new table.
func setKeys(d *table.Definition, in *sdk.CreateTableInput) error {
	if err := checkTableKey(in.KeySchema, definedNames(in.AttributeDefinitions)); err != nil {
		return err
	}
	var err error
	d.Hash, d.Range, err = simpleKey(in.KeySchema)
	return err
}

var errFirstKey = aws.Validation("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")

// errSameName is the answer to a key of two attributes that are one.
var errSameName = aws.Validation("Both the Hash Key and the Range Key element in the KeySchema have the same name")

// simpleKey reads the key of a table or a local index: one attribute of each
// kind at most. That both are one attribute is told first (known).
func simpleKey(schema []types.KeySchemaElement) (hash, rng string, err error) {
	hash = *schema[0].AttributeName
	switch {
	case len(schema) > 1 && *schema[1].AttributeName == hash:
		return "", "", errSameName
	case schema[0].KeyType != types.KeyTypeHash:
		return "", "", errFirstKey
	case len(schema) == 1:
		return hash, "", nil
	case schema[1].KeyType != types.KeyTypeRange:
		return "", "", aws.Validation("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
	}
	return hash, *schema[1].AttributeName, nil
}

// globalKey reads the key of a global index: up to four attributes of each kind.
func globalKey(schema []types.KeySchemaElement) (hash, rng []string, err error) {
	if len(schema) == 2 && *schema[0].AttributeName == *schema[1].AttributeName {
		return nil, nil, errSameName
	}
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
		return nil, nil, aws.Validation("The KeySchema contains multiple key attributes with the same name")
	}
	return hash, rng, nil
}

// setLocalIndexes takes over the local indexes of a new table.
func setLocalIndexes(d *table.Definition, in *sdk.CreateTableInput) error {
	for _, x := range in.LocalSecondaryIndexes {
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
	if len(in.LocalSecondaryIndexes) > MaxLocalIndexes {
		return aws.InvalidParameter("Number of LocalSecondaryIndexes exceeds per-table limit of %d", MaxLocalIndexes)
	}
	return nil
}

// setGlobalIndexes takes over the global indexes of a new table.
func setGlobalIndexes(d *table.Definition, in *sdk.CreateTableInput) error {
	for i := range in.GlobalSecondaryIndexes {
		x := &in.GlobalSecondaryIndexes[i]
		switch {
		case d.OnDemand && x.ProvisionedThroughput != nil:
			return aws.InvalidParameter("ProvisionedThroughput should not be specified for index: %s when BillingMode is PAY_PER_REQUEST", *x.IndexName)
		case !d.OnDemand && x.ProvisionedThroughput == nil:
			return aws.InvalidParameter("ProvisionedThroughput is not specified for index: %s", *x.IndexName)
		}
		index, err := globalIndex(d, *x.IndexName, x.KeySchema, x.ProvisionedThroughput, x.OnDemandThroughput)
		if err != nil {
			return err
		}
		index.Warm = newWarm(x.WarmThroughput, d.OnDemand, index.Throughput)
		if err := addIndex(d, index, x.Projection); err != nil {
			return err
		}
	}
	if len(in.GlobalSecondaryIndexes) > MaxGlobalIndexes {
		return aws.InvalidParameter("GlobalSecondaryIndex count exceeds the per-table limit of %d", MaxGlobalIndexes)
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

// encryption reads an SSESpecification. Nil stands for the key that AWS owns.
func encryption(spec *types.SSESpecification) (*table.Encryption, error) {
	if spec == nil {
		return nil, nil
	}
	kms := spec.Enabled == nil && spec.SSEType == types.SSETypeKms // This alone enables it (recorded).
	if !kms && (spec.Enabled == nil || !*spec.Enabled) {
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

// errManagedKey: replicas of a multi-account global table have a key that AWS
// owns or one of their own (documented; the text is ours).
var errManagedKey = aws.InvalidParameter("The AWS managed key is not supported for a multi-account global table; use an AWS owned key or a customer managed key")

// checkUpdate checks what an UpdateTable request holds, before the table is
// looked for. That some changes must be made alone goes before all else
// (recorded).
func checkUpdate(in *sdk.UpdateTableInput) error {
	if len(in.VectorIndexUpdates) > 0 {
		return errVectorIndexes
	}
	if err := checkTableClass(in.TableClass); err != nil {
		return err
	}
	if err := checkWarmIndexes(in.GlobalSecondaryIndexUpdates); err != nil {
		return err
	}
	if len(in.GlobalTableWitnessUpdates) > 0 {
		if err := checkConsistency(in); err != nil {
			return err
		}
	}
	if err := checkCombination(in); err != nil {
		return err
	}
	if err := checkConsistency(in); err != nil {
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

// checkConsistency checks what goes with the consistency of several Regions
// (known from the live service), and refuses the strong one, which is not built.
func checkConsistency(in *sdk.UpdateTableInput) error {
	strong := in.MultiRegionConsistency == types.MultiRegionConsistencyStrong
	switch {
	case len(in.GlobalTableWitnessUpdates) > 0 && !strong:
		return aws.Validation("MultiRegionConsistency must be set as STRONG when GlobalTableWitnessUpdates parameter is present.")
	case in.MultiRegionConsistency != "" && slices.ContainsFunc(in.ReplicaUpdates, func(u types.ReplicationGroupUpdate) bool { return u.Create == nil }):
		return aws.Validation("Only Replica Create actions are supported when MultiRegionConsistency parameter is provided.")
	case strong:
		return aws.Validation("MultiRegionConsistency STRONG is not supported; global tables are eventually consistent across Regions")
	}
	return nil
}

// checkTableClass: the frame does not check this enumeration, and the service has
// words of its own (recorded).
func checkTableClass(c types.TableClass) error {
	switch c {
	case "", types.TableClassStandard, types.TableClassStandardInfrequentAccess:
		return nil
	}
	return aws.Validation("Invalid table-class parameter provided. Please try again with a valid table-class value: [STANDARD, STANDARD_INFREQUENT_ACCESS].")
}

// checkWarmIndexes refuses an empty warm throughput of an index; that is told
// before anything else (recorded).
func checkWarmIndexes(updates []types.GlobalSecondaryIndexUpdate) error {
	for _, g := range updates {
		if u := g.Update; u != nil && emptyWarm(u.WarmThroughput) {
			return aws.InvalidParameter("WarmThroughput must have at least one of ReadUnitsPerSecond or WriteUnitsPerSecond specified for index: %s", *u.IndexName)
		}
	}
	return nil
}

func emptyWarm(w *types.WarmThroughput) bool {
	return w != nil && w.ReadUnitsPerSecond == nil && w.WriteUnitsPerSecond == nil
}

func emptyMaxima(o *types.OnDemandThroughput) bool {
	return o != nil && o.MaxReadRequestUnits == nil && o.MaxWriteRequestUnits == nil
}

// errEmpty is the live service's answer to an UpdateTable of nothing but an empty
// structure (recorded). Next to anything else such a structure does not count.
var errEmpty = &aws.Error{Code: "InternalFailure", Status: 500}

// updates is which kinds of change a request holds. An empty structure is none.
type updates struct {
	replicas, encryption, class, protection, staying, maxima, warm, mode bool
	throughput, stream, creates, indexes                                 bool
}

func kindsOf(in *sdk.UpdateTableInput) updates {
	return updates{
		replicas: len(in.ReplicaUpdates) > 0, encryption: in.SSESpecification != nil,
		class: in.TableClass != "", protection: in.DeletionProtectionEnabled != nil,
		staying: in.DisassociationProtectionEnabled != nil,
		maxima:  in.OnDemandThroughput != nil && !emptyMaxima(in.OnDemandThroughput),
		warm:    in.WarmThroughput != nil && !emptyWarm(in.WarmThroughput),
		mode:    in.GlobalTableSettingsReplicationMode != "",
		// A switch to on-demand mode may go with a change of the stream or of an
		// index; one to provisioned mode may not (recorded).
		throughput: in.ProvisionedThroughput != nil || in.BillingMode == types.BillingModeProvisioned,
		stream:     in.StreamSpecification != nil,
		creates:    changesIndexes(in) > 0, indexes: len(in.GlobalSecondaryIndexUpdates) > 0,
	}
}

// count counts the kinds of change.
func (u updates) count(in *sdk.UpdateTableInput) int {
	n := 0
	for _, given := range []bool{u.replicas, u.encryption, u.class, u.protection, u.staying, u.maxima, u.warm, u.mode, u.throughput || in.BillingMode != "", u.stream, u.indexes} {
		if given {
			n++
		}
	}
	return n
}

// checkCombination holds a request to the kinds of change that go together. Which
// of several complaints is made is recorded.
func checkCombination(in *sdk.UpdateTableInput) error {
	u := kindsOf(in)
	n := u.count(in)
	const alone = " must be the only operation in the request"
	switch {
	case n == 0 && (in.WarmThroughput != nil || in.OnDemandThroughput != nil):
		return nil // Told when the table is there: checkEmpty.
	case n == 0:
		return nothingToUpdate(in)
	case in.GlobalSecondaryIndexUpdates != nil && !u.indexes:
		return aws.InvalidParameter("List of GlobalSecondaryIndexUpdates is empty")
	case n == 1:
		return nil
	case u.replicas:
		return aws.InvalidParameter("Replica modification" + alone)
	case u.encryption:
		return aws.InvalidParameter("Server-Side Encryption modification" + alone)
	case u.class:
		return aws.InvalidParameter("TableClass modification" + alone)
	case u.protection:
		return aws.InvalidParameter("DeletionProtection modification" + alone)
	case u.staying:
		return aws.InvalidParameter("DisassociationProtection modification" + alone)
	case u.maxima && (u.indexes || u.stream || in.ProvisionedThroughput != nil || u.warm):
		return aws.InvalidParameter("OnDemandThroughput can only be combined with BillingMode in an UpdateTable request")
	case u.warm && u.creates:
		return aws.InvalidParameter("Create global secondary index cannot be specified when updating WarmThroughput")
	case u.warm:
		return aws.InvalidParameter("WarmThroughput" + alone)
	case u.mode:
		return aws.InvalidParameter("GlobalTableSettingsReplicationMode modification" + alone)
	case u.stream && u.throughput:
		return aws.InvalidParameter("You cannot modify stream status while updating table IOPS")
	case u.creates && in.ProvisionedThroughput != nil:
		return aws.InvalidParameter("You cannot create or delete index while updating table IOPS")
	case u.creates && u.stream:
		return aws.InvalidParameter("You cannot create or delete index while changing stream status")
	}
	return nil
}

// checkEmpty answers a request that holds an empty structure and nothing else.
func checkEmpty(in *sdk.UpdateTableInput) error {
	if kindsOf(in).count(in) == 0 {
		return errEmpty
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
	}
	return nil
}

package dynamodb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/shape"
	"github.com/hortusdb/hortus/table"
)

// globalTableVersion is the version of global tables that there is (recorded).
const globalTableVersion = "2019.11.21"

func (a *API) decodeDescribeTable(c *api.Call) error {
	in, err := decode(a.inputs.describeTable, c)
	if err != nil {
		return err
	}
	if *in.TableName, err = tableName(c, *in.TableName); err != nil {
		return err
	}
	c.Need("dynamodb:DescribeTable", *in.TableName, "")
	return nil
}

func describeTable(_ context.Context, s *Service, c *api.Call) error {
	name := *c.Input.(*sdk.DescribeTableInput).TableName
	t := s.Engine.Table(name)
	if t == nil {
		return notFound(name)
	}
	d := s.describe(t, s.status(t))
	return answerTable(c, d, &sdk.DescribeTableOutput{Table: d})
}

// status is what a table shows: its own status, unless its policy withholds
// from the service what replication needs (documented).
func (s *Service) status(t *table.Table) types.TableStatus {
	if t.Def.Status == table.Active {
		x := t.Def.Changing()
		switch {
		case t.Def.Disassociating, t.Def.Returning():
			return types.TableStatusUpdating
		case s.Replication.Standing(t) == table.ReplicationNotAuthorized:
			return types.TableStatusReplicationNotAuthorized
		case x != nil && !x.Backfilling:
			return types.TableStatusUpdating // A table whose new index is being filled is active (recorded).
		case t.Def.Updating():
			return types.TableStatusUpdating
		}
	}
	return types.TableStatus(t.Def.Status)
}

// answerTable encodes an output that holds a table's description. On the wire
// that has a member which the SDK leaves out (recorded); it says under other
// names what BillingModeSummary says.
func answerTable(c *api.Call, d *types.TableDescription, out smithy.Serializable) error {
	e := shape.Encoder{Extra: func(structure string) []byte {
		if structure != "TableDescription" || d.BillingModeSummary == nil {
			return nil
		}
		b := shape.Encode([]byte(`"TableThroughputModeSummary":`), d.BillingModeSummary)
		return bytes.Replace(b, []byte(`"BillingMode":`), []byte(`"TableThroughputMode":`), 1)
	}}
	c.Out = e.Encode(c.Out, out)
	return nil
}

// describe tells what a client sees of a table that has the given status. The
// figures are those of the last count, as on AWS.
func (s *Service) describe(t *table.Table, status types.TableStatus) *types.TableDescription {
	def := &t.Def
	creating := status == types.TableStatusCreating
	figures := s.Engine.Figures(t)
	d := &types.TableDescription{
		TableName: &def.Name, TableArn: &t.ARN, TableId: &def.ID, TableStatus: status,
		ItemCount: &figures.Table.Items, TableSizeBytes: &figures.Table.Bytes,
		ProvisionedThroughput:     describeThroughput(def.Throughput, &def.Adjusted, s.Clock.Now()),
		OnDemandThroughput:        describeMaxima(def.OnDemandMax),
		DeletionProtectionEnabled: sdkaws.Bool(def.DeletionProtection),
		BillingModeSummary:        describeBilling(def, creating),
	}
	if def.LastStreamLabel != "" {
		d.LatestStreamLabel = &def.LastStreamLabel
		d.LatestStreamArn = sdkaws.String(t.ARN + "/stream/" + def.LastStreamLabel)
	}
	if status == types.TableStatusDeleting {
		return d // All the rest is gone from view (recorded).
	}
	for _, a := range def.Attributes {
		d.AttributeDefinitions = append(d.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: sdkaws.String(a.Name), AttributeType: types.ScalarAttributeType(a.Type),
		})
	}
	d.KeySchema = describeKey([]string{def.Hash}, rangeOf(def))
	d.CreationDateTime = instant(def.CreatedAt)
	if def.Stream != nil {
		d.StreamSpecification = &types.StreamSpecification{StreamEnabled: sdkaws.Bool(true), StreamViewType: types.StreamViewType(def.Stream.View)}
	}
	if def.TableClass != "" {
		d.TableClassSummary = &types.TableClassSummary{TableClass: types.TableClass(def.TableClass), LastUpdateDateTime: instant(def.TableClassSince)}
	}
	if e := def.Encryption; e != nil {
		d.SSEDescription = &types.SSEDescription{Status: types.SSEStatusEnabled, SSEType: types.SSEType(e.Type), KMSMasterKeyArn: sdkaws.String(keyARN(s.Cell, e.KeyID))}
	}
	if !creating {
		w := warm(def.OnDemand, def.Throughput, def.Warm)
		d.WarmThroughput = &types.TableWarmThroughputDescription{ReadUnitsPerSecond: &w.Read, WriteUnitsPerSecond: &w.Write, Status: s.warmStatus(def.WarmingUntil)}
	}
	s.describeIndexes(d, t, &figures, creating)
	d.GlobalTableSettingsReplicationMode = types.GlobalTableSettingsReplicationMode(def.SettingsMode)
	if def.Group != nil {
		d.GlobalTableVersion = sdkaws.String(globalTableVersion)
		d.DisassociationProtectionEnabled = sdkaws.Bool(!def.MayDisassociate)
		d.Replicas = s.describeReplicas(def)
	}
	return d
}

// instant is a stored time, in microseconds, or nil for 0.
func instant(micros int64) *time.Time {
	if micros == 0 {
		return nil
	}
	at := time.UnixMicro(micros).UTC()
	return &at
}

func rangeOf(def *table.Definition) []string {
	if def.Range == "" {
		return nil
	}
	return []string{def.Range}
}

func describeKey(hash, rng []string) []types.KeySchemaElement {
	var out []types.KeySchemaElement
	for _, n := range hash {
		out = append(out, types.KeySchemaElement{AttributeName: sdkaws.String(n), KeyType: types.KeyTypeHash})
	}
	for _, n := range rng {
		out = append(out, types.KeySchemaElement{AttributeName: sdkaws.String(n), KeyType: types.KeyTypeRange})
	}
	return out
}

func describeThroughput(t table.Throughput, a *table.Adjusted, now time.Time) *types.ProvisionedThroughputDescription {
	return &types.ProvisionedThroughputDescription{
		NumberOfDecreasesToday: sdkaws.Int64(a.DecreasesOn(now)), ReadCapacityUnits: &t.Read, WriteCapacityUnits: &t.Write,
		LastIncreaseDateTime: instant(a.LastIncrease), LastDecreaseDateTime: instant(a.LastDecrease),
	}
}

// describeMaxima leaves out a maximum that there is not (recorded).
func describeMaxima(t *table.Throughput) *types.OnDemandThroughput {
	if t == nil {
		return nil
	}
	o := &types.OnDemandThroughput{}
	if t.Read != noMaximum {
		o.MaxReadRequestUnits = &t.Read
	}
	if t.Write != noMaximum {
		o.MaxWriteRequestUnits = &t.Write
	}
	return o
}

// describeBilling is absent from a table that was never on demand, and has no
// time while the table is being created (recorded).
func describeBilling(def *table.Definition, creating bool) *types.BillingModeSummary {
	if !def.OnDemand && def.OnDemandSince == 0 {
		return nil
	}
	b := &types.BillingModeSummary{BillingMode: types.BillingModeProvisioned}
	if def.OnDemand {
		b.BillingMode = types.BillingModePayPerRequest
	}
	if !creating {
		b.LastUpdateToPayPerRequestDateTime = instant(def.OnDemandSince)
	}
	return b
}

func (s *Service) describeIndexes(d *types.TableDescription, t *table.Table, figures *table.Figures, creating bool) {
	now := s.Clock.Now()
	for i := range t.Def.Indexes {
		x := &t.Def.Indexes[i]
		arn := sdkaws.String(t.ARN + "/index/" + x.Name)
		projection := &types.Projection{ProjectionType: types.ProjectionType(x.Projection), NonKeyAttributes: slices.Sorted(slices.Values(x.NonKey))}
		f := figures.Indexes[x.Number]
		if x.Local {
			d.LocalSecondaryIndexes = append(d.LocalSecondaryIndexes, types.LocalSecondaryIndexDescription{
				IndexName: &x.Name, IndexArn: arn, KeySchema: describeKey(x.Hash, x.Range), Projection: projection,
				IndexSizeBytes: &f.Bytes, ItemCount: &f.Items,
			})
			continue
		}
		g := types.GlobalSecondaryIndexDescription{
			IndexName: &x.Name, IndexArn: arn, KeySchema: describeKey(x.Hash, x.Range), Projection: projection,
			IndexSizeBytes: &f.Bytes, ItemCount: &f.Items,
			ProvisionedThroughput: describeThroughput(x.Throughput, &x.Adjusted, now), OnDemandThroughput: describeMaxima(x.OnDemand),
		}
		switch {
		case creating:
			g.IndexStatus = types.IndexStatusCreating
		case x.Active():
			g.IndexStatus, g.WarmThroughput = types.IndexStatusActive, s.warmIndex(&t.Def, x)
			if now.Before(time.UnixMicro(x.UpdatingUntil)) {
				g.IndexStatus = types.IndexStatusUpdating
			}
		default:
			g.IndexStatus = types.IndexStatus(x.Status)
			if x.Status == table.Creating {
				g.Backfilling = &x.Backfilling
			}
			if x.Backfilling { // It comes into view on the way (recorded).
				g.WarmThroughput = s.warmIndex(&t.Def, x)
				g.WarmThroughput.Status = types.IndexStatusUpdating
			}
		}
		d.GlobalSecondaryIndexes = append(d.GlobalSecondaryIndexes, g)
	}
}

func (s *Service) warmIndex(def *table.Definition, x *table.Index) *types.GlobalSecondaryIndexWarmThroughputDescription {
	w := warm(def.OnDemand, x.Throughput, x.Warm)
	return &types.GlobalSecondaryIndexWarmThroughputDescription{
		ReadUnitsPerSecond: &w.Read, WriteUnitsPerSecond: &w.Write, Status: types.IndexStatus(s.warmStatus(x.WarmingUntil)),
	}
}

// describeReplicas lists the other members; a member does not list itself. One
// that is being created has its name and status (recorded), and how far it has come
// (documented; a recording of a table with one item lacks it).
func (s *Service) describeReplicas(def *table.Definition) []types.ReplicaDescription {
	var out []types.ReplicaDescription
	troubles, seeding := s.Replication.Troubles(def.Name), s.Replication.Seeding(def.Name)
	for i := range def.Group.Members {
		m := &def.Group.Members[i]
		if m.Cell == s.Cell {
			continue
		}
		r := types.ReplicaDescription{
			RegionName: sdkaws.String(string(m.Cell.Region)), ReplicaArn: sdkaws.String(m.Cell.TableARN(def.Name)),
			ReplicaStatus: types.ReplicaStatus(m.Status),
		}
		if trouble, ok := troubles[m.Cell]; ok && (m.Status == table.Active || m.Status == table.Creating) {
			r.ReplicaStatus = types.ReplicaStatus(trouble.Status)
			r.ReplicaInaccessibleDateTime = instant(trouble.Since)
			r.ReplicaStatusDescription = describeTrouble(&trouble, m.Status)
		}
		switch percent, said := seeding[m.Cell]; {
		case m.Status != table.Creating:
			s.describeReplica(def, m, &r)
		case said:
			r.ReplicaStatusPercentProgress = sdkaws.String(strconv.Itoa(percent))
		}
		out = append(out, r)
	}
	return out
}

// describeTrouble says why a replica takes no part in replication, as it said itself,
// and what comes of it. The words are ours.
func describeTrouble(t *replication.Trouble, status table.Status) *string {
	at := ""
	if t := t.Detaches(); !t.IsZero() {
		becomes := "becomes a single-Region table at "
		if status == table.Creating {
			becomes = "is given up at "
		}
		at = "the replica " + becomes + t.UTC().Format(time.RFC3339) + "."
	}
	reason := strings.TrimSuffix(t.Reason, ".") + "."
	switch {
	case t.Reason == "" && at == "":
		return nil
	case t.Reason == "": // It may have its leave back already.
		return sdkaws.String("Unless it takes part in replication again, " + at)
	case at == "":
		return &reason
	}
	return sdkaws.String(reason + " If that does not change, " + at)
}

// keyARN is the ARN of a key that a table names by id, alias or ARN. An alias is
// resolved, as on AWS, to the key that it stands for: there is no KMS here that
// knows it, so its id is derived from the alias.
func keyARN(c aws.Cell, key string) string {
	if strings.HasPrefix(key, "arn:") && !strings.Contains(key, ":alias/") {
		return key
	}
	if key == "" {
		key = table.AWSManagedKey
	}
	if alias := strings.Index(key, "alias/"); alias >= 0 {
		h := sha256.Sum256([]byte(string(c.Account) + "/" + string(c.Region) + "/" + key[alias:]))
		h[6], h[8] = h[6]&0x0f|0x40, h[8]&0x3f|0x80
		key = fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
	}
	return "arn:aws:kms:" + string(c.Region) + ":" + string(c.Account) + ":key/" + key
}

package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/demo/dataset"
)

// The global secondary index: the airports of a region, by their names. Only
// airports, and what is noted on them, have its keys.
const (
	indexName      = "byRegion"
	indexPartition = "region"
	indexSort      = "name"
)

// policyFor is the resource policy of a member: replication may work between
// the three tables, and the three accounts may join.
func (s *story) policyFor(member *cell) string {
	var accounts, arns []string
	for _, c := range s.cells() {
		accounts = append(accounts, string(c.id.Account))
		arns = append(arns, c.id.TableARN(dataset.TableName))
	}
	type object = map[string]any
	b, err := json.Marshal(object{
		"Version": "2012-10-17",
		"Statement": []object{
			{
				"Sid": "Replicate", "Effect": "Allow",
				"Principal": object{"Service": "replication.dynamodb.amazonaws.com"},
				"Action":    []string{"dynamodb:ReadDataForReplication", "dynamodb:WriteDataForReplication", "dynamodb:ReplicateSettings"},
				"Resource":  member.id.TableARN(dataset.TableName),
				"Condition": object{"StringEquals": object{"aws:SourceAccount": accounts, "aws:SourceArn": arns}},
			},
			{
				"Sid": "Join", "Effect": "Allow",
				"Principal": object{"AWS": accounts},
				"Action":    "dynamodb:AssociateTableReplica",
				"Resource":  member.id.TableARN(dataset.TableName),
			},
		},
	})
	if err != nil {
		return "" // Maps of strings always have a JSON form.
	}
	return string(b)
}

// create makes the table in staging, and lets a stranger try to join.
func (s *story) create(ctx context.Context) error {
	began := time.Now()
	attribute := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: awssdk.String(name), AttributeType: types.ScalarAttributeTypeS}
	}
	key := func(name string, kind types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: awssdk.String(name), KeyType: kind}
	}
	_, err := s.staging.db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: awssdk.String(dataset.TableName),
		AttributeDefinitions: []types.AttributeDefinition{
			attribute(dataset.PartitionKey), attribute(dataset.SortKey), attribute(indexPartition), attribute(indexSort),
		},
		KeySchema: []types.KeySchemaElement{key(dataset.PartitionKey, types.KeyTypeHash), key(dataset.SortKey, types.KeyTypeRange)},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName:  awssdk.String(indexName),
			KeySchema:  []types.KeySchemaElement{key(indexPartition, types.KeyTypeHash), key(indexSort, types.KeyTypeRange)},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		}},
		BillingMode:                        types.BillingModePayPerRequest,
		StreamSpecification:                &types.StreamSpecification{StreamEnabled: awssdk.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages},
		GlobalTableSettingsReplicationMode: types.GlobalTableSettingsReplicationModeEnabled,
		ResourcePolicy:                     awssdk.String(s.policyFor(s.staging)),
	})
	if err != nil {
		return fmt.Errorf("CreateTable in staging: %w", err)
	}
	d, err := s.active(ctx, s.staging, nil)
	if err != nil {
		return err
	}
	s.report.verify(len(d.GlobalSecondaryIndexes) == 1 && len(d.Replicas) == 0,
		fmt.Sprintf("staging has table %s with index %s and a policy for three accounts (%s)", dataset.TableName, indexName, duration(time.Since(began))),
		"1 index, 0 replicas", fmt.Sprintf("%d index, %d replicas", len(d.GlobalSecondaryIndexes), len(d.Replicas)))
	return s.refuse(ctx)
}

// refuse has an account join that no policy names.
func (s *story) refuse(ctx context.Context) error {
	c := s.stranger
	err := s.join(ctx, c)
	code := errorCode(err)
	s.report.verify(code == "AccessDeniedException",
		fmt.Sprintf("account %s, which the policy does not name, may not join: %s", c.id.Account, code),
		"AccessDeniedException", text(err))
	if err != nil {
		s.report.note("%s", errorMessage(err))
	}
	tables, err := c.db.ListTables(ctx, &dynamodb.ListTablesInput{})
	if err != nil {
		return fmt.Errorf("ListTables of the stranger: %w", err)
	}
	d, err := s.describe(ctx, s.staging)
	if err != nil {
		return err
	}
	s.report.verify(len(tables.TableNames) == 0 && len(d.Replicas) == 0, "the refused join created nothing, there or here",
		"no table there, no replica here", fmt.Sprintf("tables %v there, %d replicas here", tables.TableNames, len(d.Replicas)))
	return nil
}

// join has a cell create its replica of staging's table.
func (s *story) join(ctx context.Context, c *cell) error {
	_, err := c.db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:                          awssdk.String(dataset.TableName),
		GlobalTableSourceArn:               awssdk.String(s.staging.id.TableARN(dataset.TableName)),
		GlobalTableSettingsReplicationMode: types.GlobalTableSettingsReplicationModeEnabled,
		ResourcePolicy:                     awssdk.String(s.policyFor(c)),
	})
	return err
}

func (s *story) describe(ctx context.Context, c *cell) (*types.TableDescription, error) {
	out, err := c.db.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: awssdk.String(dataset.TableName)})
	if err != nil {
		return nil, fmt.Errorf("DescribeTable in %s: %w", c, err)
	}
	return out.Table, nil
}

// describeEvery is how often active looks.
const describeEvery = 5 * time.Millisecond

// active waits until a cell's table is ACTIVE. Look, if not nil, is called
// between.
func (s *story) active(ctx context.Context, c *cell, look func() error) (*types.TableDescription, error) {
	for until := time.Now().Add(activeWithin); ; {
		d, err := s.describe(ctx, c)
		if err != nil || d.TableStatus == types.TableStatusActive {
			return d, err
		}
		if time.Now().After(until) {
			return nil, fmt.Errorf("the table in %s is %s, and not ACTIVE, after %s", c, d.TableStatus, clock.Words(activeWithin))
		}
		if look != nil {
			if err := look(); err != nil {
				return nil, err
			}
		}
		if err := pause(ctx, describeEvery); err != nil {
			return nil, err
		}
	}
}

// verifyReplicas looks whether each of some cells sees all the others as ACTIVE
// replicas, by their ARNs. A member learns of another's state by a message, so
// this waits a little.
func (s *story) verifyReplicas(ctx context.Context, members ...*cell) error {
	want := map[string]string{}
	for _, c := range members {
		var others []string
		for _, o := range members {
			if o != c {
				others = append(others, o.id.TableARN(dataset.TableName)+" ACTIVE")
			}
		}
		slices.Sort(others)
		want[c.name] = strings.Join(others, ", ")
	}
	var got map[string]string
	for until := time.Now().Add(activeWithin); ; {
		got = map[string]string{}
		for _, c := range members {
			d, err := s.describe(ctx, c)
			if err != nil {
				return err
			}
			got[c.name] = replicas(d)
		}
		if maps.Equal(got, want) || time.Now().After(until) {
			break
		}
		if err := pause(ctx, describeEvery); err != nil {
			return err
		}
	}
	s.report.verify(maps.Equal(got, want),
		fmt.Sprintf("each of the %d replicas lists the others, in their accounts and Regions, as ACTIVE", len(members)),
		fmt.Sprint(want), fmt.Sprint(got))
	return nil
}

func replicas(d *types.TableDescription) string {
	var out []string
	for _, r := range d.Replicas {
		out = append(out, awssdk.ToString(r.ReplicaArn)+" "+string(r.ReplicaStatus))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// errorCode is AWS's name of an error.
func errorCode(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return text(err)
}

func errorMessage(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorMessage()
	}
	return text(err)
}

// shorten cuts s to n columns.
func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

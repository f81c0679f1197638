//go:build conformance

package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// indexed is the request for a sorted table with a local and a global index.
func indexed(name string) *dynamodb.CreateTableInput {
	in := simple(name, true)
	for _, a := range []string{"buyer", "weight"} {
		kind := types.ScalarAttributeTypeS
		if a == "weight" {
			kind = types.ScalarAttributeTypeN
		}
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String(a), AttributeType: kind})
	}
	in.LocalSecondaryIndexes = []types.LocalSecondaryIndex{{
		IndexName:  aws.String("by-weight"),
		KeySchema:  []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("weight"), KeyType: types.KeyTypeRange}},
		Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
	}}
	in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{
		IndexName:  aws.String("by-buyer"),
		KeySchema:  []types.KeySchemaElement{{AttributeName: aws.String("buyer"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("seq"), KeyType: types.KeyTypeRange}},
		Projection: &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{"note"}},
	}}
	return in
}

func TestSDKTables(t *testing.T) {
	ctx := deadline(t)
	c := inMemory(t).client(staging, virginia)
	in := indexed("Orders")
	in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("orders")}}
	d := createTable(ctx, t, c, in)
	if d.TableStatus != types.TableStatusCreating || d.CreationDateTime == nil || time.Since(*d.CreationDateTime).Abs() > time.Hour {
		t.Errorf("CreateTable answers status %s, created %v", d.TableStatus, d.CreationDateTime)
	}
	out, err := c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Orders")})
	if err != nil {
		t.Fatal(err)
	}
	d = out.Table
	arn := "arn:aws:dynamodb:us-east-1:111111111111:table/Orders"
	if *d.TableArn != arn || d.TableStatus != types.TableStatusActive || len(*d.TableId) != 36 {
		t.Errorf("DescribeTable: %s %s %s", *d.TableArn, d.TableStatus, *d.TableId)
	}
	if d.BillingModeSummary == nil || d.BillingModeSummary.BillingMode != types.BillingModePayPerRequest {
		t.Errorf("DescribeTable: billing mode %+v", d.BillingModeSummary)
	}
	if len(d.LocalSecondaryIndexes) != 1 || *d.LocalSecondaryIndexes[0].IndexArn != arn+"/index/by-weight" {
		t.Errorf("DescribeTable: local indexes %+v", d.LocalSecondaryIndexes)
	}
	if len(d.GlobalSecondaryIndexes) != 1 || d.GlobalSecondaryIndexes[0].IndexStatus != types.IndexStatusActive ||
		!slices.Equal(d.GlobalSecondaryIndexes[0].Projection.NonKeyAttributes, []string{"note"}) {
		t.Errorf("DescribeTable: global indexes %+v", d.GlobalSecondaryIndexes)
	}
	byARN, err := c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &arn})
	if err != nil || *byARN.Table.TableId != *d.TableId {
		t.Errorf("DescribeTable by ARN: %v", err)
	}
	_, err = c.CreateTable(ctx, in)
	if _, ok := errors.AsType[*types.ResourceInUseException](err); !ok {
		t.Errorf("CreateTable of a table that exists: %v", err)
	}
	_, err = c.CreateTable(ctx, &dynamodb.CreateTableInput{TableName: aws.String("Bad")})
	wantError(t, err, "ValidationException", "")
}

func TestSDKListTables(t *testing.T) {
	ctx := deadline(t)
	s := inMemory(t)
	c := s.client(staging, virginia)
	var want []string
	for i := range 7 {
		name := fmt.Sprintf("Table-%d", i)
		want = append(want, name)
		createTable(ctx, t, c, simple(name, false))
	}
	var got []string
	pages := 0
	for p := dynamodb.NewListTablesPaginator(c, &dynamodb.ListTablesInput{Limit: aws.Int32(3)}); p.HasMorePages(); pages++ {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page.TableNames...)
	}
	if !slices.Equal(got, want) || pages != 3 {
		t.Errorf("ListTables: %v in %d pages, want %v in 3", got, pages, want)
	}
	for _, other := range []*dynamodb.Client{s.client(staging, ireland), s.client(prod, virginia)} {
		out, err := other.ListTables(ctx, &dynamodb.ListTablesInput{})
		if err != nil || len(out.TableNames) != 0 {
			t.Errorf("ListTables in another cell: %v, %v", out, err)
		}
	}
}

func TestSDKUpdateTable(t *testing.T) {
	ctx := deadline(t)
	c := inMemory(t).client(staging, virginia)
	createTable(ctx, t, c, simple("Orders", false))
	name := aws.String("Orders")
	for _, change := range []struct {
		what  string
		in    dynamodb.UpdateTableInput
		holds func(*types.TableDescription) bool
	}{
		{
			"provisioned",
			dynamodb.UpdateTableInput{
				BillingMode: types.BillingModeProvisioned, ProvisionedThroughput: &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(7), WriteCapacityUnits: aws.Int64(8)},
			},
			func(d *types.TableDescription) bool {
				return *d.ProvisionedThroughput.ReadCapacityUnits == 7 && *d.ProvisionedThroughput.WriteCapacityUnits == 8
			},
		},
		{
			"on demand",
			dynamodb.UpdateTableInput{BillingMode: types.BillingModePayPerRequest},
			func(d *types.TableDescription) bool {
				return d.BillingModeSummary.BillingMode == types.BillingModePayPerRequest
			},
		},
		{
			"stream",
			dynamodb.UpdateTableInput{StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage}},
			func(d *types.TableDescription) bool {
				return *d.StreamSpecification.StreamEnabled && strings.HasPrefix(*d.LatestStreamArn, *d.TableArn+"/stream/")
			},
		},
		{
			"protected",
			dynamodb.UpdateTableInput{DeletionProtectionEnabled: aws.Bool(true)},
			func(d *types.TableDescription) bool { return *d.DeletionProtectionEnabled },
		},
	} {
		change.in.TableName = name
		if _, err := c.UpdateTable(ctx, &change.in); err != nil {
			t.Errorf("UpdateTable %s: %v", change.what, err)
			continue
		}
		awaitTable(ctx, t, c, *name)
		out, err := c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: name})
		if err != nil || !change.holds(out.Table) {
			t.Errorf("UpdateTable %s: %v, now %+v", change.what, err, out.Table)
		}
	}
	_, err := c.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: name})
	wantError(t, err, "ValidationException", "protected against deletion")
	if _, err = c.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: name, DeletionProtectionEnabled: aws.Bool(false)}); err != nil {
		t.Fatal(err)
	}
	deleteTable(ctx, t, c, *name)
	_, err = c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: name})
	wantError(t, err, "ResourceNotFoundException", "Orders")
	_, err = c.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: name, BillingMode: types.BillingModePayPerRequest})
	wantError(t, err, "ResourceNotFoundException", "")
}

// deleteTable deletes a table and waits until it is gone, by the SDK's waiter.
func deleteTable(ctx context.Context, t *testing.T, c *dynamodb.Client, name string) {
	t.Helper()
	out, err := c.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name})
	if err != nil {
		t.Fatalf("DeleteTable: %v", err)
	}
	if out.TableDescription.TableStatus != types.TableStatusDeleting {
		t.Errorf("DeleteTable answers status %s", out.TableDescription.TableStatus)
	}
	waiter := dynamodb.NewTableNotExistsWaiter(c, func(o *dynamodb.TableNotExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second
	})
	if err := waiter.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, testWithin); err != nil {
		t.Fatalf("table %s does not go: %v", name, err)
	}
}

func TestSDKTags(t *testing.T) {
	ctx := deadline(t)
	c := inMemory(t).client(staging, virginia)
	arn := createTable(ctx, t, c, simple("Orders", false)).TableArn
	tag := func(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }
	_, err := c.TagResource(ctx, &dynamodb.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{tag("team", "orders"), tag("stage", "test")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.TagResource(ctx, &dynamodb.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{tag("stage", "prod")}}); err != nil {
		t.Fatal(err)
	}
	if _, err = c.UntagResource(ctx, &dynamodb.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team"}}); err != nil {
		t.Fatal(err)
	}
	out, err := c.ListTagsOfResource(ctx, &dynamodb.ListTagsOfResourceInput{ResourceArn: arn})
	if err != nil || len(out.Tags) != 1 || *out.Tags[0].Key != "stage" || *out.Tags[0].Value != "prod" {
		t.Errorf("ListTagsOfResource: %+v, %v", out, err)
	}
	_, err = c.ListTagsOfResource(ctx, &dynamodb.ListTagsOfResourceInput{ResourceArn: aws.String(*arn + "x")})
	wantError(t, err, "ResourceNotFoundException", "")
}

func TestSDKResourcePolicy(t *testing.T) {
	ctx := deadline(t)
	c := inMemory(t).client(staging, virginia)
	arn := createTable(ctx, t, c, simple("Orders", false)).TableArn
	_, err := c.GetResourcePolicy(ctx, &dynamodb.GetResourcePolicyInput{ResourceArn: arn})
	var none *types.PolicyNotFoundException
	if !errors.As(err, &none) {
		t.Errorf("GetResourcePolicy where there is none: %v", err)
	}
	document := allow(prod, *arn, "dynamodb:GetItem")
	was, err := c.PutResourcePolicy(ctx, &dynamodb.PutResourcePolicyInput{ResourceArn: arn, Policy: &document})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.GetResourcePolicy(ctx, &dynamodb.GetResourcePolicyInput{ResourceArn: arn})
	if err != nil || *got.Policy != document || *got.RevisionId != *was.RevisionId {
		t.Errorf("GetResourcePolicy: %+v, %v", got, err)
	}
	_, err = c.PutResourcePolicy(ctx, &dynamodb.PutResourcePolicyInput{ResourceArn: arn, Policy: &document, ExpectedRevisionId: aws.String("1")})
	wantError(t, err, "PolicyNotFoundException", "")
	_, err = c.PutResourcePolicy(ctx, &dynamodb.PutResourcePolicyInput{ResourceArn: arn, Policy: aws.String("{}")})
	wantError(t, err, "ValidationException", "")
	if _, err = c.DeleteResourcePolicy(ctx, &dynamodb.DeleteResourcePolicyInput{ResourceArn: arn}); err != nil {
		t.Error(err)
	}
	if _, err = c.GetResourcePolicy(ctx, &dynamodb.GetResourcePolicyInput{ResourceArn: arn}); !errors.As(err, &none) {
		t.Errorf("GetResourcePolicy after DeleteResourcePolicy: %v", err)
	}
}

func TestSDKEndpointsAndLimits(t *testing.T) {
	ctx := deadline(t)
	s := inMemory(t)
	c := s.client(staging, virginia)
	endpoints, err := c.DescribeEndpoints(ctx, &dynamodb.DescribeEndpointsInput{})
	if err != nil || len(endpoints.Endpoints) != 1 || "http://"+*endpoints.Endpoints[0].Address != s.URL {
		t.Errorf("DescribeEndpoints: %+v, %v", endpoints, err)
	}
	limits, err := c.DescribeLimits(ctx, &dynamodb.DescribeLimitsInput{})
	if err != nil || *limits.TableMaxReadCapacityUnits != 40000 || *limits.AccountMaxWriteCapacityUnits != 80000 {
		t.Errorf("DescribeLimits: %+v, %v", limits, err)
	}
	// With endpoint discovery on, the client calls the endpoint that it was told.
	o := s.options(staging, virginia)
	o.EndpointDiscovery.EnableEndpointDiscovery = aws.EndpointDiscoveryEnabled
	if _, err = dynamodb.New(o).ListTables(ctx, &dynamodb.ListTablesInput{}); err != nil {
		t.Errorf("with endpoint discovery: %v", err)
	}
}

// TestSDKUnknownOperation calls what the SDK knows and Hortus does not yet.
func TestSDKUnknownOperation(t *testing.T) {
	ctx := deadline(t)
	c := inMemory(t).client(staging, virginia)
	_, err := c.ListExports(ctx, &dynamodb.ListExportsInput{})
	wantError(t, err, "UnknownOperationException", "")
}

// allow is the document of a policy that lets an account's root user do an
// action.
func allow(account, resource, action string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":%q,"Resource":%q}]}`, account, action, resource)
}

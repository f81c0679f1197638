package shape

import (
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/schemas"
	"github.com/aws/smithy-go"
)

// operation is one of the SDK's, with its types.
type operation struct {
	name          string
	schema        *smithy.OperationSchema
	input, output func() any // Pointers to new ones.
	decode        func(body []byte) (any, error)
	read          func(body []byte) (any, error) // decode, constraints left aside.
	plan          *plan
}

func newOperation[In, Out any](m *Model, op, in, out *smithy.Schema) operation {
	input := NewInput[In](m, in)
	return operation{
		name:   op.ID().Name,
		schema: smithy.NewOperationSchema(op, in, out),
		input:  func() any { return new(In) },
		output: func() any { return new(Out) },
		decode: func(body []byte) (any, error) {
			v := new(In)
			err := input.Decode(body, v)
			return v, err
		},
		read: func(body []byte) (any, error) {
			v := new(In)
			root, err := parse(body, input.plan)
			root.fill(reflect.ValueOf(v).Elem())
			return v, err
		},
		plan: input.plan,
	}
}

// operations lists all that the SDK has; TestOperations holds it to that.
func operations() []operation {
	m := DynamoDB()
	return []operation{
		newOperation[dynamodb.BatchExecuteStatementInput, dynamodb.BatchExecuteStatementOutput](m, schemas.BatchExecuteStatement, schemas.BatchExecuteStatementInput, schemas.BatchExecuteStatementOutput),
		newOperation[dynamodb.BatchGetItemInput, dynamodb.BatchGetItemOutput](m, schemas.BatchGetItem, schemas.BatchGetItemInput, schemas.BatchGetItemOutput),
		newOperation[dynamodb.BatchWriteItemInput, dynamodb.BatchWriteItemOutput](m, schemas.BatchWriteItem, schemas.BatchWriteItemInput, schemas.BatchWriteItemOutput),
		newOperation[dynamodb.CancelBulkOperationInput, dynamodb.CancelBulkOperationOutput](m, schemas.CancelBulkOperation, schemas.CancelBulkOperationInput, schemas.CancelBulkOperationOutput),
		newOperation[dynamodb.CreateBackupInput, dynamodb.CreateBackupOutput](m, schemas.CreateBackup, schemas.CreateBackupInput, schemas.CreateBackupOutput),
		newOperation[dynamodb.CreateGlobalTableInput, dynamodb.CreateGlobalTableOutput](m, schemas.CreateGlobalTable, schemas.CreateGlobalTableInput, schemas.CreateGlobalTableOutput),
		newOperation[dynamodb.CreateTableInput, dynamodb.CreateTableOutput](m, schemas.CreateTable, schemas.CreateTableInput, schemas.CreateTableOutput),
		newOperation[dynamodb.DeleteBackupInput, dynamodb.DeleteBackupOutput](m, schemas.DeleteBackup, schemas.DeleteBackupInput, schemas.DeleteBackupOutput),
		newOperation[dynamodb.DeleteItemInput, dynamodb.DeleteItemOutput](m, schemas.DeleteItem, schemas.DeleteItemInput, schemas.DeleteItemOutput),
		newOperation[dynamodb.DeleteResourcePolicyInput, dynamodb.DeleteResourcePolicyOutput](m, schemas.DeleteResourcePolicy, schemas.DeleteResourcePolicyInput, schemas.DeleteResourcePolicyOutput),
		newOperation[dynamodb.DeleteTableInput, dynamodb.DeleteTableOutput](m, schemas.DeleteTable, schemas.DeleteTableInput, schemas.DeleteTableOutput),
		newOperation[dynamodb.DescribeBackupInput, dynamodb.DescribeBackupOutput](m, schemas.DescribeBackup, schemas.DescribeBackupInput, schemas.DescribeBackupOutput),
		newOperation[dynamodb.DescribeBulkOperationInput, dynamodb.DescribeBulkOperationOutput](m, schemas.DescribeBulkOperation, schemas.DescribeBulkOperationInput, schemas.DescribeBulkOperationOutput),
		newOperation[dynamodb.DescribeContinuousBackupsInput, dynamodb.DescribeContinuousBackupsOutput](m, schemas.DescribeContinuousBackups, schemas.DescribeContinuousBackupsInput, schemas.DescribeContinuousBackupsOutput),
		newOperation[dynamodb.DescribeContributorInsightsInput, dynamodb.DescribeContributorInsightsOutput](m, schemas.DescribeContributorInsights, schemas.DescribeContributorInsightsInput, schemas.DescribeContributorInsightsOutput),
		newOperation[dynamodb.DescribeEndpointsInput, dynamodb.DescribeEndpointsOutput](m, schemas.DescribeEndpoints, schemas.DescribeEndpointsRequest, schemas.DescribeEndpointsResponse),
		newOperation[dynamodb.DescribeExportInput, dynamodb.DescribeExportOutput](m, schemas.DescribeExport, schemas.DescribeExportInput, schemas.DescribeExportOutput),
		newOperation[dynamodb.DescribeGlobalTableInput, dynamodb.DescribeGlobalTableOutput](m, schemas.DescribeGlobalTable, schemas.DescribeGlobalTableInput, schemas.DescribeGlobalTableOutput),
		newOperation[dynamodb.DescribeGlobalTableSettingsInput, dynamodb.DescribeGlobalTableSettingsOutput](m, schemas.DescribeGlobalTableSettings, schemas.DescribeGlobalTableSettingsInput, schemas.DescribeGlobalTableSettingsOutput),
		newOperation[dynamodb.DescribeImportInput, dynamodb.DescribeImportOutput](m, schemas.DescribeImport, schemas.DescribeImportInput, schemas.DescribeImportOutput),
		newOperation[dynamodb.DescribeKinesisStreamingDestinationInput, dynamodb.DescribeKinesisStreamingDestinationOutput](m, schemas.DescribeKinesisStreamingDestination, schemas.DescribeKinesisStreamingDestinationInput, schemas.DescribeKinesisStreamingDestinationOutput),
		newOperation[dynamodb.DescribeLimitsInput, dynamodb.DescribeLimitsOutput](m, schemas.DescribeLimits, schemas.DescribeLimitsInput, schemas.DescribeLimitsOutput),
		newOperation[dynamodb.DescribeTableInput, dynamodb.DescribeTableOutput](m, schemas.DescribeTable, schemas.DescribeTableInput, schemas.DescribeTableOutput),
		newOperation[dynamodb.DescribeTableReplicaAutoScalingInput, dynamodb.DescribeTableReplicaAutoScalingOutput](m, schemas.DescribeTableReplicaAutoScaling, schemas.DescribeTableReplicaAutoScalingInput, schemas.DescribeTableReplicaAutoScalingOutput),
		newOperation[dynamodb.DescribeTimeToLiveInput, dynamodb.DescribeTimeToLiveOutput](m, schemas.DescribeTimeToLive, schemas.DescribeTimeToLiveInput, schemas.DescribeTimeToLiveOutput),
		newOperation[dynamodb.DisableKinesisStreamingDestinationInput, dynamodb.DisableKinesisStreamingDestinationOutput](m, schemas.DisableKinesisStreamingDestination, schemas.KinesisStreamingDestinationInput, schemas.KinesisStreamingDestinationOutput),
		newOperation[dynamodb.EnableKinesisStreamingDestinationInput, dynamodb.EnableKinesisStreamingDestinationOutput](m, schemas.EnableKinesisStreamingDestination, schemas.KinesisStreamingDestinationInput, schemas.KinesisStreamingDestinationOutput),
		newOperation[dynamodb.ExecuteStatementInput, dynamodb.ExecuteStatementOutput](m, schemas.ExecuteStatement, schemas.ExecuteStatementInput, schemas.ExecuteStatementOutput),
		newOperation[dynamodb.ExecuteTransactionInput, dynamodb.ExecuteTransactionOutput](m, schemas.ExecuteTransaction, schemas.ExecuteTransactionInput, schemas.ExecuteTransactionOutput),
		newOperation[dynamodb.ExportTableToPointInTimeInput, dynamodb.ExportTableToPointInTimeOutput](m, schemas.ExportTableToPointInTime, schemas.ExportTableToPointInTimeInput, schemas.ExportTableToPointInTimeOutput),
		newOperation[dynamodb.GetItemInput, dynamodb.GetItemOutput](m, schemas.GetItem, schemas.GetItemInput, schemas.GetItemOutput),
		newOperation[dynamodb.GetResourcePolicyInput, dynamodb.GetResourcePolicyOutput](m, schemas.GetResourcePolicy, schemas.GetResourcePolicyInput, schemas.GetResourcePolicyOutput),
		newOperation[dynamodb.ImportTableInput, dynamodb.ImportTableOutput](m, schemas.ImportTable, schemas.ImportTableInput, schemas.ImportTableOutput),
		newOperation[dynamodb.ListBackupsInput, dynamodb.ListBackupsOutput](m, schemas.ListBackups, schemas.ListBackupsInput, schemas.ListBackupsOutput),
		newOperation[dynamodb.ListBulkOperationsInput, dynamodb.ListBulkOperationsOutput](m, schemas.ListBulkOperations, schemas.ListBulkOperationsInput, schemas.ListBulkOperationsOutput),
		newOperation[dynamodb.ListContributorInsightsInput, dynamodb.ListContributorInsightsOutput](m, schemas.ListContributorInsights, schemas.ListContributorInsightsInput, schemas.ListContributorInsightsOutput),
		newOperation[dynamodb.ListExportsInput, dynamodb.ListExportsOutput](m, schemas.ListExports, schemas.ListExportsInput, schemas.ListExportsOutput),
		newOperation[dynamodb.ListGlobalTablesInput, dynamodb.ListGlobalTablesOutput](m, schemas.ListGlobalTables, schemas.ListGlobalTablesInput, schemas.ListGlobalTablesOutput),
		newOperation[dynamodb.ListImportsInput, dynamodb.ListImportsOutput](m, schemas.ListImports, schemas.ListImportsInput, schemas.ListImportsOutput),
		newOperation[dynamodb.ListTablesInput, dynamodb.ListTablesOutput](m, schemas.ListTables, schemas.ListTablesInput, schemas.ListTablesOutput),
		newOperation[dynamodb.ListTagsOfResourceInput, dynamodb.ListTagsOfResourceOutput](m, schemas.ListTagsOfResource, schemas.ListTagsOfResourceInput, schemas.ListTagsOfResourceOutput),
		newOperation[dynamodb.PutItemInput, dynamodb.PutItemOutput](m, schemas.PutItem, schemas.PutItemInput, schemas.PutItemOutput),
		newOperation[dynamodb.PutResourcePolicyInput, dynamodb.PutResourcePolicyOutput](m, schemas.PutResourcePolicy, schemas.PutResourcePolicyInput, schemas.PutResourcePolicyOutput),
		newOperation[dynamodb.QueryInput, dynamodb.QueryOutput](m, schemas.Query, schemas.QueryInput, schemas.QueryOutput),
		newOperation[dynamodb.RestoreTableFromBackupInput, dynamodb.RestoreTableFromBackupOutput](m, schemas.RestoreTableFromBackup, schemas.RestoreTableFromBackupInput, schemas.RestoreTableFromBackupOutput),
		newOperation[dynamodb.RestoreTableToPointInTimeInput, dynamodb.RestoreTableToPointInTimeOutput](m, schemas.RestoreTableToPointInTime, schemas.RestoreTableToPointInTimeInput, schemas.RestoreTableToPointInTimeOutput),
		newOperation[dynamodb.ScanInput, dynamodb.ScanOutput](m, schemas.Scan, schemas.ScanInput, schemas.ScanOutput),
		newOperation[dynamodb.SearchVectorsInput, dynamodb.SearchVectorsOutput](m, schemas.SearchVectors, schemas.SearchVectorsInput, schemas.SearchVectorsOutput),
		newOperation[dynamodb.StartBulkPutItemsInput, dynamodb.StartBulkPutItemsOutput](m, schemas.StartBulkPutItems, schemas.StartBulkPutItemsInput, schemas.StartBulkPutItemsOutput),
		newOperation[dynamodb.TagResourceInput, dynamodb.TagResourceOutput](m, schemas.TagResource, schemas.TagResourceInput, nil),
		newOperation[dynamodb.TransactGetItemsInput, dynamodb.TransactGetItemsOutput](m, schemas.TransactGetItems, schemas.TransactGetItemsInput, schemas.TransactGetItemsOutput),
		newOperation[dynamodb.TransactWriteItemsInput, dynamodb.TransactWriteItemsOutput](m, schemas.TransactWriteItems, schemas.TransactWriteItemsInput, schemas.TransactWriteItemsOutput),
		newOperation[dynamodb.UntagResourceInput, dynamodb.UntagResourceOutput](m, schemas.UntagResource, schemas.UntagResourceInput, nil),
		newOperation[dynamodb.UpdateContinuousBackupsInput, dynamodb.UpdateContinuousBackupsOutput](m, schemas.UpdateContinuousBackups, schemas.UpdateContinuousBackupsInput, schemas.UpdateContinuousBackupsOutput),
		newOperation[dynamodb.UpdateContributorInsightsInput, dynamodb.UpdateContributorInsightsOutput](m, schemas.UpdateContributorInsights, schemas.UpdateContributorInsightsInput, schemas.UpdateContributorInsightsOutput),
		newOperation[dynamodb.UpdateGlobalTableInput, dynamodb.UpdateGlobalTableOutput](m, schemas.UpdateGlobalTable, schemas.UpdateGlobalTableInput, schemas.UpdateGlobalTableOutput),
		newOperation[dynamodb.UpdateGlobalTableSettingsInput, dynamodb.UpdateGlobalTableSettingsOutput](m, schemas.UpdateGlobalTableSettings, schemas.UpdateGlobalTableSettingsInput, schemas.UpdateGlobalTableSettingsOutput),
		newOperation[dynamodb.UpdateItemInput, dynamodb.UpdateItemOutput](m, schemas.UpdateItem, schemas.UpdateItemInput, schemas.UpdateItemOutput),
		newOperation[dynamodb.UpdateKinesisStreamingDestinationInput, dynamodb.UpdateKinesisStreamingDestinationOutput](m, schemas.UpdateKinesisStreamingDestination, schemas.UpdateKinesisStreamingDestinationInput, schemas.UpdateKinesisStreamingDestinationOutput),
		newOperation[dynamodb.UpdateTableInput, dynamodb.UpdateTableOutput](m, schemas.UpdateTable, schemas.UpdateTableInput, schemas.UpdateTableOutput),
		newOperation[dynamodb.UpdateTableReplicaAutoScalingInput, dynamodb.UpdateTableReplicaAutoScalingOutput](m, schemas.UpdateTableReplicaAutoScaling, schemas.UpdateTableReplicaAutoScalingInput, schemas.UpdateTableReplicaAutoScalingOutput),
		newOperation[dynamodb.UpdateTimeToLiveInput, dynamodb.UpdateTimeToLiveOutput](m, schemas.UpdateTimeToLive, schemas.UpdateTimeToLiveInput, schemas.UpdateTimeToLiveOutput),
	}
}

func operationNamed(t testing.TB, ops []operation, name string) operation {
	t.Helper()
	for _, op := range ops {
		if op.name == name {
			return op
		}
	}
	t.Fatalf("no operation %q", name)
	return operation{}
}

// TestOperations finds an operation of a newer SDK that the tests leave out.
func TestOperations(t *testing.T) {
	listed := map[string]bool{}
	for _, op := range operations() {
		listed[op.name] = true
	}
	client := reflect.TypeFor[*dynamodb.Client]()
	for m := range client.Methods() {
		if m.Type.NumOut() != 2 || !strings.HasSuffix(m.Type.Out(0).String(), "Output") {
			continue
		}
		if !listed[m.Name] {
			t.Errorf("operation %s is not tested", m.Name)
		}
		delete(listed, m.Name)
	}
	for name := range listed {
		t.Errorf("operation %s is not in the SDK", name)
	}
}

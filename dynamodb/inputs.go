package dynamodb

import (
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/schemas"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/shape"
)

// inputs are the decoders of the control plane, made once.
type inputs struct {
	createTable          *shape.Input[sdk.CreateTableInput]
	describeTable        *shape.Input[sdk.DescribeTableInput]
	listTables           *shape.Input[sdk.ListTablesInput]
	updateTable          *shape.Input[sdk.UpdateTableInput]
	deleteTable          *shape.Input[sdk.DeleteTableInput]
	describeEndpoints    *shape.Input[sdk.DescribeEndpointsInput]
	describeLimits       *shape.Input[sdk.DescribeLimitsInput]
	tagResource          *shape.Input[sdk.TagResourceInput]
	untagResource        *shape.Input[sdk.UntagResourceInput]
	listTagsOfResource   *shape.Input[sdk.ListTagsOfResourceInput]
	putResourcePolicy    *shape.Input[sdk.PutResourcePolicyInput]
	getResourcePolicy    *shape.Input[sdk.GetResourcePolicyInput]
	deleteResourcePolicy *shape.Input[sdk.DeleteResourcePolicyInput]
	updateTimeToLive     *shape.Input[sdk.UpdateTimeToLiveInput]
	describeTimeToLive   *shape.Input[sdk.DescribeTimeToLiveInput]

	describeContinuousBackups *shape.Input[sdk.DescribeContinuousBackupsInput]

	describeTableReplicaAutoScaling *shape.Input[sdk.DescribeTableReplicaAutoScalingInput]
	updateTableReplicaAutoScaling   *shape.Input[sdk.UpdateTableReplicaAutoScalingInput]
}

func newInputs(m *shape.Model) inputs {
	return inputs{
		createTable:          shape.NewInput[sdk.CreateTableInput](m, schemas.CreateTableInput),
		describeTable:        shape.NewInput[sdk.DescribeTableInput](m, schemas.DescribeTableInput),
		listTables:           shape.NewInput[sdk.ListTablesInput](m, schemas.ListTablesInput),
		updateTable:          shape.NewInput[sdk.UpdateTableInput](m, schemas.UpdateTableInput),
		deleteTable:          shape.NewInput[sdk.DeleteTableInput](m, schemas.DeleteTableInput),
		describeEndpoints:    shape.NewInput[sdk.DescribeEndpointsInput](m, schemas.DescribeEndpointsRequest),
		describeLimits:       shape.NewInput[sdk.DescribeLimitsInput](m, schemas.DescribeLimitsInput),
		tagResource:          shape.NewInput[sdk.TagResourceInput](m, schemas.TagResourceInput),
		untagResource:        shape.NewInput[sdk.UntagResourceInput](m, schemas.UntagResourceInput),
		listTagsOfResource:   shape.NewInput[sdk.ListTagsOfResourceInput](m, schemas.ListTagsOfResourceInput),
		putResourcePolicy:    shape.NewInput[sdk.PutResourcePolicyInput](m, schemas.PutResourcePolicyInput),
		getResourcePolicy:    shape.NewInput[sdk.GetResourcePolicyInput](m, schemas.GetResourcePolicyInput),
		deleteResourcePolicy: shape.NewInput[sdk.DeleteResourcePolicyInput](m, schemas.DeleteResourcePolicyInput),
		updateTimeToLive:     shape.NewInput[sdk.UpdateTimeToLiveInput](m, schemas.UpdateTimeToLiveInput),
		describeTimeToLive:   shape.NewInput[sdk.DescribeTimeToLiveInput](m, schemas.DescribeTimeToLiveInput),

		describeContinuousBackups: shape.NewInput[sdk.DescribeContinuousBackupsInput](m, schemas.DescribeContinuousBackupsInput),

		describeTableReplicaAutoScaling: shape.NewInput[sdk.DescribeTableReplicaAutoScalingInput](m, schemas.DescribeTableReplicaAutoScalingInput),
		updateTableReplicaAutoScaling:   shape.NewInput[sdk.UpdateTableReplicaAutoScalingInput](m, schemas.UpdateTableReplicaAutoScalingInput),
	}
}

// controlPlane lists the operations on tables as a whole. Which of them another
// account may call is documented.
func (a *API) controlPlane() []*Operation {
	return []*Operation{
		{Name: "CreateTable", Creates: true, Decode: a.decodeCreateTable, Run: createTable},
		{Name: "DescribeTable", CrossAccount: true, Decode: a.decodeDescribeTable, Run: describeTable},
		{Name: "ListTables", Decode: a.decodeListTables, Run: listTables},
		{Name: "UpdateTable", CrossAccount: true, Decode: a.decodeUpdateTable, Run: updateTable},
		{Name: "DeleteTable", CrossAccount: true, Decode: a.decodeDeleteTable, Run: deleteTable},
		{Name: "DescribeEndpoints", Decode: a.decodeDescribeEndpoints, Run: describeEndpoints},
		{Name: "DescribeLimits", Decode: a.decodeDescribeLimits, Run: describeLimits},
		{Name: "TagResource", CrossAccount: true, Decode: a.decodeTagResource, Run: tagResource},
		{Name: "UntagResource", CrossAccount: true, Decode: a.decodeUntagResource, Run: untagResource},
		{Name: "ListTagsOfResource", CrossAccount: true, Decode: a.decodeListTagsOfResource, Run: listTagsOfResource},
		{Name: "PutResourcePolicy", Decode: a.decodePutResourcePolicy, Run: putResourcePolicy},
		{Name: "GetResourcePolicy", Decode: a.decodeGetResourcePolicy, Run: getResourcePolicy},
		{Name: "DeleteResourcePolicy", Decode: a.decodeDeleteResourcePolicy, Run: deleteResourcePolicy},
		{Name: "UpdateTimeToLive", Decode: a.decodeUpdateTimeToLive, Run: updateTimeToLive},
		{Name: "DescribeTimeToLive", Decode: a.decodeDescribeTimeToLive, Run: describeTimeToLive},
		{Name: "DescribeContinuousBackups", Decode: a.decodeDescribeContinuousBackups, Run: describeContinuousBackups},
		{Name: "DescribeTableReplicaAutoScaling", Decode: a.decodeDescribeTableReplicaAutoScaling, Run: describeTableReplicaAutoScaling},
		{Name: "UpdateTableReplicaAutoScaling", Decode: a.decodeUpdateTableReplicaAutoScaling, Run: updateTableReplicaAutoScaling},
	}
}

// decode reads the body into a new input, which becomes the call's.
func decode[T any](in *shape.Input[T], c *api.Call) (*T, error) {
	v := new(T)
	if err := in.Decode(c.Body, v); err != nil {
		return nil, err
	}
	c.Input = v
	return v, nil
}

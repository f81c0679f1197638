package shape

import (
	_ "embed" // For the model.

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/invariant"
)

//go:embed dynamodb.model
var dynamodbModel string

// DynamoDB returns the constraints of DynamoDB's operations. Each call reads
// them anew: keep the result.
func DynamoDB() *Model {
	m, err := ParseModel(dynamodbModel)
	invariant.Assert(err == nil, "the model of DynamoDB parses", "error", err)
	m.Union("AttributeValue",
		(*types.AttributeValueMemberB)(nil), (*types.AttributeValueMemberBOOL)(nil), (*types.AttributeValueMemberBS)(nil),
		(*types.AttributeValueMemberL)(nil), (*types.AttributeValueMemberM)(nil), (*types.AttributeValueMemberN)(nil),
		(*types.AttributeValueMemberNS)(nil), (*types.AttributeValueMemberNULL)(nil), (*types.AttributeValueMemberS)(nil),
		(*types.AttributeValueMemberSS)(nil))
	return m
}

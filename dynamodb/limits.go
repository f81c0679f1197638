package dynamodb

import (
	"context"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/table"
)

// Limits of tables and what belongs to them (documented).
const (
	MaxLocalIndexes    = 5
	MaxGlobalIndexes   = 20
	MaxIndexHashKeys   = 4   // Attributes in the partition key of a global index.
	MaxIndexRangeKeys  = 4   // Attributes in the sort key of a global index.
	MaxProjectedNonKey = 100 // NonKeyAttributes of all indexes of a table together.
	MaxTags            = 50
	MaxTagKey          = 128 // Characters.
	MaxTagValue        = 256 // Characters.

	// Capacity units a second of a table or index, and of all tables of a cell.
	MaxTableUnits   = table.MaxTableUnits
	MaxAccountUnits = table.MaxCellUnits

	maxListTables = 100
)

// The throughput that a new on-demand table takes at once (documented).
const (
	warmOnDemandRead  = 12000
	warmOnDemandWrite = 4000
)

// endpointMinutes is how long clients may keep an endpoint (recorded).
const endpointMinutes = 1440

func (a *API) decodeDescribeLimits(c *api.Call) error {
	_, err := decode(a.inputs.describeLimits, c)
	c.Need("dynamodb:DescribeLimits", "", "")
	return err
}

func describeLimits(_ context.Context, _ *Service, c *api.Call) error {
	return answer(c, &sdk.DescribeLimitsOutput{
		AccountMaxReadCapacityUnits:  sdkaws.Int64(MaxAccountUnits),
		AccountMaxWriteCapacityUnits: sdkaws.Int64(MaxAccountUnits),
		TableMaxReadCapacityUnits:    sdkaws.Int64(MaxTableUnits),
		TableMaxWriteCapacityUnits:   sdkaws.Int64(MaxTableUnits),
	})
}

func (a *API) decodeDescribeEndpoints(c *api.Call) error {
	_, err := decode(a.inputs.describeEndpoints, c)
	c.Need("dynamodb:DescribeEndpoints", "", "")
	return err
}

// describeEndpoints names the endpoint that was called: there is no other way
// to this cell.
func describeEndpoints(_ context.Context, s *Service, c *api.Call) error {
	address := c.HeaderText("host")
	if address == "" {
		address = "dynamodb." + string(s.Cell.Region) + ".amazonaws.com"
	}
	return answer(c, &sdk.DescribeEndpointsOutput{
		Endpoints: []types.Endpoint{{Address: &address, CachePeriodInMinutes: endpointMinutes}},
	})
}

package dynamodb

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/schemas"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/shape"
)

// Global tables of 2017 are retired: the service makes none and knows none, and
// answers their calls as recorded. Those of 2019 are not among them.

// retiredInputs are the decoders of the calls of 2017.
type retiredInputs struct {
	create           *shape.Input[sdk.CreateGlobalTableInput]
	update           *shape.Input[sdk.UpdateGlobalTableInput]
	describe         *shape.Input[sdk.DescribeGlobalTableInput]
	list             *shape.Input[sdk.ListGlobalTablesInput]
	describeSettings *shape.Input[sdk.DescribeGlobalTableSettingsInput]
	updateSettings   *shape.Input[sdk.UpdateGlobalTableSettingsInput]
}

func newRetiredInputs(m *shape.Model) retiredInputs {
	return retiredInputs{
		create:           shape.NewInput[sdk.CreateGlobalTableInput](m, schemas.CreateGlobalTableInput),
		update:           shape.NewInput[sdk.UpdateGlobalTableInput](m, schemas.UpdateGlobalTableInput),
		describe:         shape.NewInput[sdk.DescribeGlobalTableInput](m, schemas.DescribeGlobalTableInput),
		list:             shape.NewInput[sdk.ListGlobalTablesInput](m, schemas.ListGlobalTablesInput),
		describeSettings: shape.NewInput[sdk.DescribeGlobalTableSettingsInput](m, schemas.DescribeGlobalTableSettingsInput),
		updateSettings:   shape.NewInput[sdk.UpdateGlobalTableSettingsInput](m, schemas.UpdateGlobalTableSettingsInput),
	}
}

// retired lists the calls of 2017.
func (a *API) retired() []*Operation {
	in := newRetiredInputs(a.model)
	return []*Operation{
		{Name: "CreateGlobalTable", Decode: in.decodeCreate, Run: createGlobalTable},
		{Name: "UpdateGlobalTable", Decode: in.decodeUpdate, Run: updateGlobalTable},
		{Name: "DescribeGlobalTable", Decode: in.decodeDescribe, Run: noGlobalTable},
		{Name: "ListGlobalTables", Decode: in.decodeList, Run: listGlobalTables},
		{Name: "DescribeGlobalTableSettings", Decode: in.decodeDescribeSettings, Run: noGlobalTable},
		{Name: "UpdateGlobalTableSettings", Decode: in.decodeUpdateSettings, Run: noGlobalTable},
	}
}

// needGlobal names the leave that a call about a global table needs: on it, and
// on the table in each Region that the call is about (recorded).
func needGlobal(c *api.Call, action, name string, regions ...*string) {
	c.Needs = append(c.Needs, api.Need{Action: "dynamodb:" + action, Global: name, Cell: c.Owner})
	for _, r := range regions {
		if r == nil {
			continue
		}
		if at := (aws.Cell{Account: c.Owner.Account, Region: aws.Region(*r)}); at.Region.Known() {
			c.Needs = append(c.Needs, api.Need{Action: "dynamodb:" + action, Table: name, Cell: at})
		}
	}
}

func (r retiredInputs) decodeCreate(c *api.Call) error {
	in, err := decode(r.create, c)
	if err != nil {
		return err
	}
	var regions []*string
	for _, m := range in.ReplicationGroup {
		regions = append(regions, m.RegionName)
	}
	needGlobal(c, "CreateGlobalTable", *in.GlobalTableName, regions...)
	return nil
}

func (r retiredInputs) decodeUpdate(c *api.Call) error {
	in, err := decode(r.update, c)
	if err != nil {
		return err
	}
	var regions []*string
	for _, u := range in.ReplicaUpdates {
		if u.Create != nil {
			regions = append(regions, u.Create.RegionName)
		}
		if u.Delete != nil {
			regions = append(regions, u.Delete.RegionName)
		}
	}
	needGlobal(c, "UpdateGlobalTable", *in.GlobalTableName, regions...)
	return nil
}

func (r retiredInputs) decodeDescribe(c *api.Call) error {
	in, err := decode(r.describe, c)
	if err == nil {
		needGlobal(c, "DescribeGlobalTable", *in.GlobalTableName)
	}
	return err
}

func (r retiredInputs) decodeList(c *api.Call) error {
	_, err := decode(r.list, c)
	if err == nil {
		needGlobal(c, "ListGlobalTables", "*")
	}
	return err
}

func (r retiredInputs) decodeDescribeSettings(c *api.Call) error {
	in, err := decode(r.describeSettings, c)
	if err == nil {
		needGlobal(c, "DescribeGlobalTableSettings", *in.GlobalTableName)
	}
	return err
}

func (r retiredInputs) decodeUpdateSettings(c *api.Call) error {
	in, err := decode(r.updateSettings, c)
	if err == nil {
		needGlobal(c, "UpdateGlobalTableSettings", *in.GlobalTableName)
	}
	return err
}

// errRetired is the live service's answer to the making of a global table of 2017
// (recorded).
var errRetired = aws.InvalidParameter("DynamoDB global tables version 2017.11.29 is not supported. We recommend using DynamoDB global tables version 2019.11.21, instead of version 2017.11.29 (Legacy).")

func createGlobalTable(_ context.Context, _ *Service, c *api.Call) error {
	in := c.Input.(*sdk.CreateGlobalTableInput)
	if len(in.ReplicationGroup) == 0 {
		return aws.InvalidParameter("Global table must have atleast one replica")
	}
	for _, m := range in.ReplicationGroup {
		if m.RegionName != nil && !aws.Region(*m.RegionName).Known() {
			return errUnsupportedRegion(*m.RegionName)
		}
	}
	return errRetired
}

// updateGlobalTable is about a global table that is not there, and is told so
// unless it would make a replica.
func updateGlobalTable(_ context.Context, _ *Service, c *api.Call) error {
	in := c.Input.(*sdk.UpdateGlobalTableInput)
	creates := false
	for _, u := range in.ReplicaUpdates {
		if u.Create != nil && u.Delete != nil {
			return aws.InvalidParameter("A ReplicaUpdate structure cannot contain both a create replica action and a delete replica action")
		}
		creates = creates || u.Create != nil
	}
	if creates {
		return errRetired
	}
	return errNoGlobalTable(*in.GlobalTableName)
}

func errNoGlobalTable(name string) error {
	return aws.Errorf("GlobalTableNotFoundException", "Global table not found: Global table with name: '%s' does not exist.", name)
}

// noGlobalTable answers what describes or changes a global table of 2017.
func noGlobalTable(_ context.Context, _ *Service, c *api.Call) error {
	return errNoGlobalTable(c.Needs[0].Global)
}

// listGlobalTables has none to list. A Region that is none is a failure of the
// service (recorded).
func listGlobalTables(_ context.Context, _ *Service, c *api.Call) error {
	in := c.Input.(*sdk.ListGlobalTablesInput)
	if in.RegionName != nil && !aws.Region(*in.RegionName).Known() {
		return &aws.Error{Code: "InternalServerError", Message: "Internal server error", Status: 500}
	}
	return answer(c, &sdk.ListGlobalTablesOutput{GlobalTables: []types.GlobalTable{}})
}

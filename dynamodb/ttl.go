package dynamodb

import (
	"context"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// timeToLiveInterval is how long a change of a table's time to live keeps another
// one away: an hour at most by the documentation; the live service refused one
// after 1,811 seconds and took one after 1,871.
const timeToLiveInterval = 31 * time.Minute

func (a *API) decodeUpdateTimeToLive(c *api.Call) error {
	in, err := decode(a.inputs.updateTimeToLive, c)
	if err != nil {
		return err
	}
	if *in.TableName, err = tableName(c, *in.TableName); err != nil {
		return err
	}
	c.Need("dynamodb:UpdateTimeToLive", *in.TableName, "")
	return nil
}

// updateTimeToLive changes the setting in every member of a global table. It holds
// at once; on AWS that takes up to an hour.
func updateTimeToLive(ctx context.Context, s *Service, c *api.Call) error {
	in := c.Input.(*sdk.UpdateTimeToLiveInput)
	t := s.Engine.Table(*in.TableName)
	if t == nil {
		return notFound(*in.TableName)
	}
	if t.Def.Status == table.Creating {
		return inUse(&t.Def, "Table %s is being created", t.Def.Name) // Recorded, in this order of words.
	}
	if err := checkInUse(t); err != nil {
		return err
	}
	if err := checkAdding(t); err != nil {
		return err
	}
	spec := in.TimeToLiveSpecification
	if _, err := s.Replication.Change(ctx, t, table.Overwritten{}, func(d *table.Definition) error { return s.applyTimeToLive(spec, d) }); err != nil {
		return err
	}
	return answer(c, &sdk.UpdateTimeToLiveOutput{TimeToLiveSpecification: spec})
}

// applyTimeToLive changes the setting. Its texts are known from the live
// service.
func (s *Service) applyTimeToLive(spec *types.TimeToLiveSpecification, d *table.Definition) error {
	now, was := s.Clock.Now(), d.TimeToLive
	switch {
	case was != nil && was.Attribute != *spec.AttributeName:
		return aws.Validation("TimeToLive is active on a different AttributeName: current AttributeName is %s", was.Attribute)
	case was != nil && *spec.Enabled:
		return aws.Validation("TimeToLive is already enabled")
	case was == nil && !*spec.Enabled:
		return aws.Validation("TimeToLive is already disabled")
	case d.TimeToLiveSince != 0 && now.Sub(time.UnixMicro(d.TimeToLiveSince)) < timeToLiveInterval:
		return aws.Validation("Time to live has been modified multiple times within a fixed interval")
	}
	d.TimeToLive, d.TimeToLiveSince, d.TimeToLiveSettles = nil, now.UnixMicro(), nil
	if s.Pace.TimeToLive > 0 {
		d.TimeToLiveSettles = &table.TimeToLiveSettles{At: settles(now, s.Pace.TimeToLive), Attribute: *spec.AttributeName}
	}
	if *spec.Enabled {
		d.TimeToLive = &table.TimeToLive{Attribute: *spec.AttributeName}
	}
	return nil
}

func (a *API) decodeDescribeTimeToLive(c *api.Call) error {
	in, err := decode(a.inputs.describeTimeToLive, c)
	if err != nil {
		return err
	}
	if *in.TableName, err = tableName(c, *in.TableName); err != nil {
		return err
	}
	c.Need("dynamodb:DescribeTimeToLive", *in.TableName, "")
	return nil
}

func describeTimeToLive(_ context.Context, s *Service, c *api.Call) error {
	name := *c.Input.(*sdk.DescribeTimeToLiveInput).TableName
	t := s.Engine.Table(name)
	if t == nil {
		return notFound(name)
	}
	if now := s.status(t); now == types.TableStatusCreating || now == types.TableStatusDeleting {
		return aws.Validation("Cannot describe time to live while table is in %[1]s state: Current table state is %[1]s", now)
	}
	return answer(c, &sdk.DescribeTimeToLiveOutput{TimeToLiveDescription: s.timeToLiveStatus(&t.Def)})
}

func (a *API) decodeDescribeContinuousBackups(c *api.Call) error {
	in, err := decode(a.inputs.describeContinuousBackups, c)
	if err != nil {
		return err
	}
	if *in.TableName, err = tableName(c, *in.TableName); err != nil {
		return err
	}
	c.Need("dynamodb:DescribeContinuousBackups", *in.TableName, "")
	return nil
}

// describeContinuousBackups says of every table what AWS says of one without
// point-in-time recovery: there is none yet that could be enabled. A table that
// is being created has no backups to describe (recorded).
func describeContinuousBackups(_ context.Context, s *Service, c *api.Call) error {
	name := *c.Input.(*sdk.DescribeContinuousBackupsInput).TableName
	if t := s.Engine.Table(name); t == nil || t.Def.Status == table.Creating {
		return aws.Errorf("TableNotFoundException", "Table not found: %s", name)
	}
	return answer(c, &sdk.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: &types.ContinuousBackupsDescription{
		ContinuousBackupsStatus: types.ContinuousBackupsStatusEnabled,
		PointInTimeRecoveryDescription: &types.PointInTimeRecoveryDescription{
			PointInTimeRecoveryStatus: types.PointInTimeRecoveryStatusDisabled,
		},
	}})
}

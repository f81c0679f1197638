package main

import (
	"context"
	"fmt"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/hortusapi"
)

type tableSetCommand struct {
	client   `embed:""`
	Table    string `arg:"" help:"The table, of the account whose access key calls."`
	Region   string `help:"The Region, where the account has several tables of that name."`
	Conflict string `required:"" help:"Which of two concurrent writes survives: last-writer-wins, or merge."`
}

func (s *tableSetCommand) Run(ctx context.Context) error {
	var out hortusapi.SettingsOutput
	in := hortusapi.SettingsInput{Table: s.Table, Region: aws.Region(s.Region), Conflict: conflict.Rule(s.Conflict)}
	if err := s.call(ctx, "UpdateTableSettings", in, &out); err != nil {
		return err
	}
	fmt.Printf("%s: concurrent writes are decided by %s, in all its replicas\n", out.Table, out.Conflict)
	return nil
}

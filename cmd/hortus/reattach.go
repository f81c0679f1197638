package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/hortusapi"
)

type reattachCommand struct {
	client `embed:""`
	Table  string `arg:"" help:"The table, of the account whose access key calls."`
	Region string `help:"The Region of the replica, where the account has several tables of that name."`
}

func (r *reattachCommand) Run(ctx context.Context) error {
	var out hortusapi.ReattachOutput
	in := hortusapi.ReattachInput{Table: r.Table, Region: aws.Region(r.Region)}
	if err := r.call(ctx, "ReattachReplica", in, &out); err != nil {
		return err
	}
	fmt.Printf("%s: %s is a member again, of %s\n", out.Table, out.Replica, strings.Join(out.Members, ", "))
	fmt.Println("What they missed of each other goes both ways; DescribeTable says ACTIVE when that is done.")
	return nil
}

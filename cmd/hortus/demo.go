package main

import (
	"context"
	"os"

	"github.com/hortusdb/hortus/demo"
)

type demoCommand struct {
	Plain bool `help:"No colours."`
}

func (d *demoCommand) Run(ctx context.Context) error {
	return demo.Run(ctx, demo.Options{Out: os.Stdout, Plain: d.Plain || os.Getenv("NO_COLOR") != "", Start: startDemo})
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/hortusapi"
)

type conflictsCommand struct {
	client `embed:""`
	Table  string `help:"Only this table."`
	Region string `help:"Only this Region; all of the account's otherwise."`
	Key    string `help:"Only this item: its key attributes, as in '{\"pk\":{\"S\":\"a\"}}'. Needs --table."`
	Since  string `help:"Only what was noted since: a time as in 2026-11-22T10:00:00Z, or how long ago, as in 15m."`
	Until  string `help:"Only what was noted before."`
	JSON   bool   `name:"json" help:"Export everything: a JSON object on each line, images included."`
}

// Run lists the conflict journals of the account whose access key calls.
func (l *conflictsCommand) Run(ctx context.Context) error {
	in := hortusapi.ConflictsInput{Table: l.Table, Region: aws.Region(l.Region)}
	if l.Key != "" {
		if !json.Valid([]byte(l.Key)) {
			return fmt.Errorf("--key is not JSON: %s", l.Key)
		}
		in.Key = json.RawMessage(l.Key)
	}
	var err error
	now := time.Now()
	if in.Since, err = moment(l.Since, now); err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	if in.Until, err = moment(l.Until, now); err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	lines := json.NewEncoder(os.Stdout)
	lines.SetEscapeHTML(false)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	count := 0
	for {
		var out hortusapi.ConflictsOutput
		if err := l.call(ctx, "ListConflicts", in, &out); err != nil {
			return err
		}
		for i := range out.Conflicts {
			c := &out.Conflicts[i]
			if l.JSON {
				if err := lines.Encode(c); err != nil {
					return err
				}
				continue
			}
			if count == 0 {
				fmt.Fprintln(w, "NOTED\tTABLE\tIN\tKEY\tLOST\tWRITTEN BY\tKEPT\tWRITTEN BY")
			}
			count++
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.At.Format(time.RFC3339Nano), c.Table, c.Cell, c.Key, image(&c.Lost), c.Lost.Cell, image(&c.Kept), c.Kept.Cell)
		}
		if in.NextToken = out.NextToken; in.NextToken == "" {
			break
		}
	}
	if !l.JSON && count == 0 {
		fmt.Printf("in the cells of the account that the access key %s is of no write was overwritten by one that had not seen it\n", l.AccessKey)
	}
	return w.Flush()
}

// shownImage is how much of an item a table's line shows, in bytes.
const shownImage = 60

func image(s *hortusapi.Side) string {
	if s.Deleted {
		return "(deleted)"
	}
	if len(s.Item) > shownImage {
		return string(s.Item[:shownImage]) + "..."
	}
	return string(s.Item)
}

// moment reads a time, or how long ago it was; "" is none.
func moment(text string, now time.Time) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		at := now.Add(-ago)
		return &at, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, fmt.Errorf("%s is neither a time such as 2026-11-22T10:00:00Z nor a span such as 15m", text)
	}
	return &at, nil
}

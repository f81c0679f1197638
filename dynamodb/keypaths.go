package dynamodb

import (
	"slices"
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/table"
)

// checkScalars refuses paths into attributes that are keys of the table or of
// one of its indexes: what is there never has parts (as DynamoDB Local says it).
func checkScalars(t *table.Table, paths []item.Path) error {
	for _, p := range paths {
		if len(p) == 1 {
			continue
		}
		name := p[0].Name
		kind := "Key"
		if name != t.Def.Hash && name != t.Def.Range {
			if !isIndexKey(t, name) {
				continue
			}
			kind = "IndexKey"
		}
		return aws.Validation("Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: %s: %s", kind, name)
	}
	return nil
}

func isIndexKey(t *table.Table, name string) bool {
	for i := range t.Def.Indexes {
		if x := &t.Def.Indexes[i]; slices.Contains(x.Hash, name) || slices.Contains(x.Range, name) {
			return true
		}
	}
	return false
}

// checkProjected refuses what an index does not hold: attributes that a global
// one is asked for, and those that a Query filters by (known from the live
// service). A local one fetches what it is asked for from the table.
func checkProjected(r *request, p *page) error {
	if p.Index == nil {
		return nil
	}
	if err := checkReadable(p.Index); err != nil {
		return err
	}
	held := p.Table.Projected(p.Index)
	if held == nil {
		return nil
	}
	if p.condition != nil && p.Filter != nil {
		if missing := notHeld(held, p.Filter.AttributeNames()); missing != "" {
			return errFilterProjection(p.Index, missing)
		}
	}
	if r.choice.s == "ALL_ATTRIBUTES" && !p.Index.Local {
		return aws.InvalidParameter("Select type ALL_ATTRIBUTES is not supported for global secondary index %s because its projection type is not ALL", p.Index.Name)
	}
	if p.projection != nil && !p.Index.Local {
		if missing := notHeld(held, p.projection.AttributeNames()); missing != "" {
			return aws.InvalidParameter("Global secondary index %s does not project [%s]", p.Index.Name, missing)
		}
	}
	return nil
}

// errFilterProjection refuses a Query that filters by what its index lacks.
func errFilterProjection(x *table.Index, missing string) error {
	return aws.InvalidParameter("Secondary index %s does not project one or more filter attributes: [%s]", x.Name, missing)
}

func notHeld(held map[string]bool, names []string) string {
	missing := slices.DeleteFunc(names, func(n string) bool { return held[n] })
	return strings.Join(missing, ", ")
}

// checkPaths checks the filter and the projection of a page against the table.
// A Query does so first, and a Scan after all else that can be checked without
// them (recorded from DynamoDB Local).
func (p *page) checkPaths() error {
	if p.Filter != nil {
		if err := checkScalars(p.Table, p.Filter.Paths()); err != nil {
			return err
		}
	}
	if p.projection != nil {
		if err := checkScalars(p.Table, p.projection.Paths()); err != nil {
			return err
		}
	}
	return nil
}

// checkConsistent checks that the index can be read as is asked.
func (p *page) checkConsistent() error {
	if p.Consistent && p.Index != nil && !p.Index.Local {
		return aws.Validation("Consistent reads are not supported on global secondary indexes")
	}
	return nil
}

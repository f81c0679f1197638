package table

import (
	"github.com/hortusdb/hortus/aws"
)

// Quotas of provisioned capacity units, of reads and of writes each (documented).
const (
	MaxTableUnits = 40000 // Of a new table and its global indexes together.
	MaxCellUnits  = 80000 // Of all tables and their global indexes in a cell.
)

// Provisioned is the throughput that a table and its global indexes are provisioned
// with together; nothing on demand.
func (d *Definition) Provisioned() Throughput {
	if d.OnDemand {
		return Throughput{}
	}
	sum := d.Throughput
	for i := range d.Indexes {
		if x := &d.Indexes[i]; !x.Local {
			sum.Read, sum.Write = sum.Read+x.Throughput.Read, sum.Write+x.Throughput.Write
		}
	}
	return sum
}

// CheckUnits returns the error for a definition that would provision the cell, or
// as a new table itself, with more than the quotas allow. What is lowered is
// always taken.
func (e *Engine) CheckUnits(d *Definition) error {
	next, was := d.Provisioned(), Throughput{}
	if old := e.Table(d.Name); old != nil {
		was = old.Def.Provisioned()
	} else if next.Read > MaxTableUnits || next.Write > MaxTableUnits {
		return aws.Errorf("LimitExceededException", "Subscriber limit exceeded: A new table and its global secondary indexes can be provisioned with at most "+
			"%d ReadCapacityUnits and %d WriteCapacityUnits together. Requested: %d and %d", MaxTableUnits, MaxTableUnits, next.Read, next.Write)
	}
	if next.Read <= was.Read && next.Write <= was.Write {
		return nil
	}
	sum := Throughput{Read: next.Read - was.Read, Write: next.Write - was.Write}
	for _, t := range *e.tables.Load() {
		p := t.Def.Provisioned()
		sum.Read, sum.Write = sum.Read+p.Read, sum.Write+p.Write
	}
	if next.Read > was.Read && sum.Read > MaxCellUnits || next.Write > was.Write && sum.Write > MaxCellUnits {
		return aws.Errorf("LimitExceededException", "Subscriber limit exceeded: The tables of an account in the Region %s can be provisioned with at most "+
			"%d ReadCapacityUnits and %d WriteCapacityUnits together. With this request: %d and %d", e.cell.Region, MaxCellUnits, MaxCellUnits, sum.Read, sum.Write)
	}
	return nil
}

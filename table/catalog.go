package table

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
)

// MaxTables is the quota of tables in a cell (documented).
const MaxTables = 2500

// ErrNoTable is AWS's answer of the data plane for a table that does not exist.
var ErrNoTable = aws.Errorf("ResourceNotFoundException", "Requested resource not found")

// loadCatalog reads all definitions.
func (e *Engine) loadCatalog(ctx context.Context) error {
	tables := map[string]*Table{}
	low := []byte{catalogPrefix}
	var bad error
	_, err := e.store.Scan(ctx, kv.Range{Low: low, High: changelog.Successor(low)}, func(_, value []byte) bool {
		var def Definition
		if bad = json.Unmarshal(value, &def); bad == nil && def.Format != definitionFormat {
			bad = fmt.Errorf("table: definition of format %d, want %d", def.Format, definitionFormat)
		}
		if bad != nil {
			return false
		}
		t, err := newTable(def, e.cell, e.store, newGate(e.store.Durable()))
		if err != nil {
			bad = err
			return false
		}
		tables[def.Name] = t
		return true
	})
	if err := errors.Join(err, bad); err != nil {
		return err
	}
	for _, t := range tables {
		if err := e.loadFloor(ctx, t); err != nil {
			return err
		}
	}
	e.tables.Store(&tables)
	b, _, err := e.store.Get(ctx, []byte(counterKey), nil)
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	if err == nil && len(b) != 4 {
		err = fmt.Errorf("table: malformed table counter %x", b)
	}
	if err == nil {
		e.last = binary.BigEndian.Uint32(b)
	}
	return err
}

// Create adds a table. The definition's Format and Number are set here.
// The error for a name that is taken is AWS's ResourceInUseException.
func (e *Engine) Create(ctx context.Context, def Definition) (*Table, error) {
	e.catalog.Lock()
	defer e.catalog.Unlock()
	if e.Table(def.Name) != nil {
		return nil, aws.Errorf("ResourceInUseException", "Table already exists: %s", def.Name)
	}
	if n := len(*e.tables.Load()); n >= MaxTables {
		return nil, aws.Errorf("LimitExceededException", "Subscriber limit exceeded: You have reached the limit of %d tables", MaxTables)
	}
	if err := e.CheckUnits(&def); err != nil {
		return nil, err
	}
	def.Format, def.Number = definitionFormat, e.last+1
	for i := range def.Indexes {
		def.NextIndex++
		def.Indexes[i].Number = def.NextIndex
	}
	t, err := newTable(def, e.cell, e.store, newGate(e.store.Durable()))
	if err != nil {
		return nil, err
	}
	if err := e.persist(ctx, def, def.Number); err != nil {
		return nil, err
	}
	e.last = def.Number
	e.install(def.Name, t)
	return t, nil
}

// persist writes a definition, and the counter where a number was given out.
func (e *Engine) persist(ctx context.Context, def Definition, number uint32) error {
	b, err := json.Marshal(def)
	if err != nil {
		return err
	}
	key, counter := catalogKey(def.Name), []byte(counterKey)
	_, err = e.store.Update(ctx, kv.Plan{Write: [][]byte{key, counter}}, func(_ [][]byte, w *kv.Writes) error {
		w.Set(key, b)
		if number != 0 {
			w.Set(counter, binary.BigEndian.AppendUint32(nil, number))
		}
		return nil
	})
	return err
}

// install puts a state of a table, or nil for a table that is gone, in place of
// the one before.
func (e *Engine) install(name string, t *Table) {
	next := maps.Clone(*e.tables.Load())
	if old := next[name]; old != nil {
		old.retired.Store(true)
	}
	if t == nil {
		delete(next, name)
	} else {
		next[name] = t
	}
	e.tables.Store(&next)
	e.upkeep.rouse()
}

// Alter changes a table's definition: fn changes the copy that it is given, or
// returns an error, and then nothing changes. No write that was planned on the
// definition before commits after Alter returns.
func (e *Engine) Alter(ctx context.Context, name string, fn func(*Definition) error) (*Table, error) {
	e.catalog.Lock()
	defer e.catalog.Unlock()
	old := e.Table(name)
	if old == nil {
		return nil, notFound(name)
	}
	def, err := old.Def.Clone()
	if err != nil {
		return nil, err
	}
	if err := fn(&def); err != nil {
		return nil, err
	}
	if err := e.CheckUnits(&def); err != nil {
		return nil, err
	}
	t, err := newTable(def, e.cell, e.store, old.gate)
	if err != nil {
		return nil, err
	}
	if err := e.persist(ctx, def, 0); err != nil {
		return nil, err
	}
	var from clock.Timestamp
	err = e.store.Exclusive(ctx, old.guard[0], func() error {
		from = e.hybrid.Now()
		e.install(name, t)
		return nil
	})
	if err == nil && !old.versioned && t.versioned {
		// What was deleted while nobody replicated the table left no tombstone: who
		// finds no row from now on comes after that.
		err = e.RaiseFloor(ctx, t, from)
	}
	return t, err
}

// Clone copies a definition deeply, by its stored form.
func (d *Definition) Clone() (Definition, error) {
	var out Definition
	b, err := json.Marshal(d)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	return out, err
}

// Drop deletes a table and all that it holds. Its key ranges are given up in
// the background by the store.
func (e *Engine) Drop(ctx context.Context, name string) error {
	e.catalog.Lock()
	defer e.catalog.Unlock()
	t := e.Table(name)
	if t == nil {
		return notFound(name)
	}
	err := e.store.Exclusive(ctx, t.guard[0], func() error {
		e.install(name, nil)
		return nil
	})
	if err != nil {
		return err
	}
	key := catalogKey(name)
	_, err = e.store.Update(ctx, kv.Plan{Write: [][]byte{key}}, func(_ [][]byte, w *kv.Writes) error {
		w.Delete(key)
		return nil
	})
	if err != nil {
		return err
	}
	number := binary.BigEndian.AppendUint32(nil, t.Def.Number)
	for _, p := range [][]byte{append([]byte{rowPrefix}, number...), append([]byte{tombstonePrefix}, number...), t.Log.ReaderKey(""), appendBackfillKey(nil, t.Def.Number), figuresKey(t.Def.Number), floorKey(t.Def.Number), journalKey(t.Def.Number)} {
		if err := e.store.DropRange(ctx, kv.Range{Low: p, High: changelog.Successor(p)}); err != nil {
			return err
		}
	}
	return e.store.TrimLog(ctx, t.Log.ID, e.store.Durable())
}

// notFound is AWS's answer of the control plane for a table that does not
// exist (recorded).
func notFound(name string) error {
	return aws.Errorf("ResourceNotFoundException", "Requested resource not found: Table: %s not found", name)
}

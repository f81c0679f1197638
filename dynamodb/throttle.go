package dynamodb

import (
	"maps"
	"sync"
	"time"

	"github.com/hortusdb/hortus/capacity"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/metrics"
	"github.com/hortusdb/hortus/table"
)

// Throttle holds the tables of one cell to their capacity. A nil Throttle holds
// them to nothing, at the price of one comparison a call. What it knows is not
// kept: after a start, every bucket is full. It is safe for concurrent use.
type Throttle struct {
	engine *table.Engine
	clock  clock.Clock

	mu     sync.RWMutex
	tables map[uint32]*meters // By table number.
	sums   metrics.Sums
}

// Sums are what was consumed and refused since the cell was opened, by table and
// global index, under the names that CloudWatch has for it:
// ConsumedReadCapacityUnits, ReadThrottleEvents and the same of writes, and
// TransactionConflict, one for each item that was refused for a transaction.
func (h *Throttle) Sums() *metrics.Sums { return &h.sums }

// charged adds what a meter was charged with.
func (h *Throttle) charged(t *table.Table, x *table.Index, k capacity.Kind, units float64) {
	h.sums.Add(series("Consumed"+k.String()+"CapacityUnits", t, x), units)
}

// refuse counts a refusal, and returns its error.
func (h *Throttle) refuse(t *table.Table, x *table.Index, k capacity.Kind, reason capacity.Reason) error {
	h.sums.Add(series(k.String()+"ThrottleEvents", t, x), 1)
	return throttled(t, x, k, reason)
}

// conflict counts an item that was refused because a transaction had it.
func (h *Throttle) conflict(t *table.Table) { h.sums.Add(series("TransactionConflict", t, nil), 1) }

func series(name string, t *table.Table, x *table.Index) metrics.Series {
	s := metrics.Series{Name: name, Table: t.Def.Name}
	if x != nil && !x.Local {
		s.Index = x.Name
	}
	return s
}

// NewThrottle returns the throttle of an engine's tables.
func NewThrottle(engine *table.Engine, c clock.Clock) *Throttle {
	return &Throttle{engine: engine, clock: c, tables: map[uint32]*meters{}}
}

// meters are those of one table.
type meters struct {
	mu      sync.Mutex
	state   *table.Table // The settings that the meters have.
	set     time.Time    // When they got them.
	table   *capacity.Meter
	indexes map[uint16]*capacity.Meter // Of the global indexes, by number.
}

// resettle is how often meters look again at how much a table holds.
const resettle = time.Minute

// draw is what one call draws on: a table or one of its global indexes. Local
// indexes draw on the table (documented).
type draw struct {
	table *table.Table
	index *table.Index // Nil for the table itself.
	kind  capacity.Kind
	place uint64  // Which partition.
	units float64 // What it costs at least: taken when it is admitted.

	// entries are the places that a write is known to go to in global indexes, by
	// number.
	entries map[uint16]uint64
	alone   bool // It writes no entries.
}

// read draws on a table, or on a global index where one is read.
func read(t *table.Table, x *table.Index, place uint64, consistent bool) draw {
	if x != nil && x.Local {
		x = nil
	}
	return draw{table: t, index: x, kind: capacity.Read, place: place, units: readUnits(0, consistent)}
}

// written draws on the table of a write; each unit costs factor.
func written(w *table.Write, factor float64) draw {
	d := draw{table: w.Table, kind: capacity.Write, place: w.Table.Place(w.Key), units: factor}
	if w.Kind != table.Put {
		return d
	}
	d.units *= writeUnits(w.Item.Size())
	for i := range w.Table.Def.Indexes {
		x := &w.Table.Def.Indexes[i]
		if x.Local {
			continue
		}
		if place, ok := w.Table.EntryPlace(x, w.Item); ok {
			if d.entries == nil {
				d.entries = map[uint16]uint64{}
			}
			d.entries[x.Number] = place
		}
	}
	return d
}

// admit takes what a call costs at least, or returns AWS's error when the call
// must not run. A write needs room in every global index, too, whether or not it
// changes an entry (recorded).
func (h *Throttle) admit(d *draw) error {
	now := h.clock.Now()
	m := h.meters(d.table, now)
	m.mu.Lock()
	defer m.mu.Unlock()
	h.settle(m, now)
	if d.kind == capacity.Write && !d.alone {
		if err := h.admitEntries(m, d, now); err != nil {
			return err
		}
	}
	meter := m.of(d.index)
	if reason, ok := meter.Admit(now, d.kind); !ok {
		return h.refuse(d.table, d.index, d.kind, reason)
	}
	if !meter.AdmitAt(now, d.kind, d.place) {
		return h.refuse(d.table, d.index, d.kind, capacity.KeyRange)
	}
	meter.Charge(now, d.kind, d.place, d.units)
	h.charged(d.table, d.index, d.kind, d.units)
	return nil
}

// admitEntries asks the global indexes of a table about a write.
func (h *Throttle) admitEntries(m *meters, d *draw, now time.Time) error {
	for i := range d.table.Def.Indexes {
		x := &d.table.Def.Indexes[i]
		meter := m.indexes[x.Number]
		if meter == nil {
			continue
		}
		if reason, ok := meter.Admit(now, capacity.Write); !ok {
			return h.refuse(d.table, x, capacity.Write, reason)
		}
		if place, ok := d.entries[x.Number]; ok && !meter.AdmitAt(now, capacity.Write, place) {
			return h.refuse(d.table, x, capacity.Write, capacity.KeyRange)
		}
	}
	return nil
}

// admitAll admits several draws or none.
func (h *Throttle) admitAll(draws []draw) error {
	for i := range draws {
		if err := h.admit(&draws[i]); err != nil {
			for j := range draws[:i] {
				h.charge(&draws[j], 0)
			}
			return err
		}
	}
	return nil
}

// charge takes what an admitted call cost in all.
func (h *Throttle) charge(d *draw, units float64) {
	now := h.clock.Now()
	m := h.meters(d.table, now)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of(d.index).Charge(now, d.kind, d.place, units-d.units)
	h.charged(d.table, d.index, d.kind, units-d.units)
}

// chargeOther takes what a call cost of the table beside what it drew on.
func (h *Throttle) chargeOther(t *table.Table, k capacity.Kind, place uint64, units float64) {
	if units == 0 {
		return
	}
	now := h.clock.Now()
	m := h.meters(t, now)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.table.Charge(now, k, place, units)
	h.charged(t, nil, k, units)
}

// chargeWrite takes what an admitted write cost: all of it when it was done, and
// when it failed what its condition looked at.
func (h *Throttle) chargeWrite(d *draw, w *table.Write, factor float64, done bool) {
	size := w.OldSize
	if done {
		size = max(size, w.NewSize)
	}
	now := h.clock.Now()
	m := h.meters(d.table, now)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.table.Charge(now, capacity.Write, d.place, factor*writeUnits(size)-d.units)
	h.charged(d.table, nil, capacity.Write, factor*writeUnits(size)-d.units)
	if !done {
		return
	}
	for i := range w.Touched {
		t := &w.Touched[i]
		meter, before, after := m.table, t.From, t.To
		if !t.Index.Local {
			if meter = m.indexes[t.Index.Number]; meter == nil {
				continue
			}
		}
		charge := func(place uint64, size int) {
			meter.Charge(now, capacity.Write, place, writeUnits(size))
			h.charged(d.table, t.Index, capacity.Write, writeUnits(size))
		}
		switch {
		case t.Moved:
			charge(before, t.Before)
			charge(after, t.After)
		case t.After == 0:
			charge(before, t.Before)
		default:
			charge(after, max(t.Before, t.After))
		}
	}
}

// of returns the meter of a global index, and that of the table for none.
func (m *meters) of(x *table.Index) *capacity.Meter {
	if x != nil {
		if meter := m.indexes[x.Number]; meter != nil {
			return meter
		}
	}
	return m.table
}

// meters returns the meters of a table, made where there are none.
func (h *Throttle) meters(t *table.Table, now time.Time) *meters {
	h.mu.RLock()
	m := h.tables[t.Def.Number]
	h.mu.RUnlock()
	if m != nil {
		return m
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if m = h.tables[t.Def.Number]; m != nil {
		return m
	}
	maps.DeleteFunc(h.tables, func(number uint32, m *meters) bool {
		there := h.engine.Table(m.name())
		if there == nil {
			h.sums.Forget(m.name())
		}
		return there == nil || there.Def.Number != number
	})
	m = &meters{indexes: map[uint16]*capacity.Meter{}}
	m.take(t, h.engine.Figures(t), now)
	h.tables[t.Def.Number] = m
	return m
}

func (m *meters) name() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Def.Name
}

// settle brings a table's meters up to its present settings.
func (h *Throttle) settle(m *meters, now time.Time) {
	there := h.engine.Table(m.state.Def.Name)
	if there == nil || there.Def.Number != m.state.Def.Number || there == m.state && now.Sub(m.set) < resettle {
		return
	}
	m.take(there, h.engine.Figures(there), now)
}

// take takes over the settings of a table.
func (m *meters) take(t *table.Table, f table.Figures, now time.Time) {
	m.state, m.set = t, now
	def := &t.Def
	own := capacity.Settings{
		OnDemand: def.OnDemand, Provisioned: units(&def.Throughput), Max: units(def.OnDemandMax),
		Warm: units(def.Warm), Bytes: f.Table.Bytes,
	}
	m.table = adjust(m.table, own, now)
	kept := map[uint16]*capacity.Meter{}
	for i := range def.Indexes {
		x := &def.Indexes[i]
		if x.Local || x.Status == table.Deleting {
			continue
		}
		kept[x.Number] = adjust(m.indexes[x.Number], capacity.Settings{
			OnDemand: def.OnDemand, Provisioned: units(&x.Throughput), Max: units(x.OnDemand),
			Warm: units(x.Warm), Bytes: f.Indexes[x.Number].Bytes,
		}, now)
	}
	m.indexes = kept
}

func adjust(m *capacity.Meter, s capacity.Settings, now time.Time) *capacity.Meter {
	if m == nil {
		return capacity.New(s, now)
	}
	m.Set(s, now)
	return m
}

// units are those of a throughput; none where there is none, and where it has no
// maximum.
func units(t *table.Throughput) capacity.Units {
	if t == nil {
		return capacity.Units{}
	}
	return capacity.Units{capacity.Read: float64(max(0, t.Read)), capacity.Write: float64(max(0, t.Write))}
}

// itemSize is the size of an item, 0 for none.
func itemSize(it item.Item) int {
	if it == nil {
		return 0
	}
	return it.Size()
}

package sim

import (
	"fmt"
	"strconv"

	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/table"
)

// The schema of the global table: a bed (S) and a place (N) in it; n counts, and
// a plant is found by its kind (global index), by kind and count with few
// attributes, and by its height within a bed (local index).
func definition(id string) table.Definition {
	return table.Definition{
		Name: tableName, ID: id, Status: table.Active,
		Attributes: []table.Attribute{
			{Name: "bed", Type: "S"},
			{Name: "place", Type: "N"},
			{Name: "kind", Type: "S"},
			{Name: "n", Type: "N"},
			{Name: "height", Type: "N"},
		},
		Hash: "bed", Range: "place", OnDemand: true, SettingsMode: "ENABLED",
		Stream: &table.Stream{View: "NEW_AND_OLD_IMAGES", Label: id},
		Indexes: []table.Index{
			{Name: "by-kind", Hash: []string{"kind"}, Projection: table.All},
			{Name: "by-count", Hash: []string{"kind"}, Range: []string{"n"}, Projection: table.Include, NonKey: []string{"text"}},
			{Name: "by-height", Local: true, Hash: []string{"bed"}, Range: []string{"height"}, Projection: table.KeysOnly},
		},
	}
}

// diary is the schema of the regional table that each cell keeps to itself.
func diary(id string) table.Definition {
	return table.Definition{
		Name: privateName, ID: id, Status: table.Active,
		Attributes: []table.Attribute{{Name: "day", Type: "N"}}, Hash: "day", OnDemand: true,
	}
}

// plant is an item of the global table, as a model that is written down apart
// from package expr. Zero fields are absent attributes, n excepted.
type plant struct {
	bed    string
	place  int
	text   string // Unique to the write that set it.
	n      int
	kind   string
	height int
}

// key is the item's key as text, for maps and messages.
func (p plant) key() string { return p.bed + "/" + strconv.Itoa(p.place) }

func number(n int) item.Value {
	v, err := item.N(strconv.Itoa(n))
	if err != nil {
		panic(err) // Integers are numbers.
	}
	return v
}

func (p plant) item() item.Item {
	var b item.Builder
	b.Add("bed", item.S(p.bed))
	b.Add("place", number(p.place))
	b.Add("text", item.S(p.text))
	b.Add("n", number(p.n))
	if p.kind != "" {
		b.Add("kind", item.S(p.kind))
	}
	if p.height != 0 {
		b.Add("height", number(p.height))
	}
	return b.Item(nil)
}

func (p plant) tableKey() table.Key {
	return table.Key{Hash: item.S(p.bed), Range: number(p.place)}
}

// parsePlant reads an item of the global table.
func parsePlant(it item.Item) (plant, error) {
	var p plant
	for name, v := range it.All() {
		n := 0
		if v.Type() == item.TypeN {
			i, ok := v.Number().Int()
			if !ok {
				return p, fmt.Errorf("%s is %v", name, v.Number())
			}
			n = int(i)
		}
		switch string(name) {
		case "bed":
			p.bed = string(v.Bytes())
		case "place":
			p.place = n
		case "text":
			p.text = string(v.Bytes())
		case "n":
			p.n = n
		case "kind":
			p.kind = string(v.Bytes())
		case "height":
			p.height = n
		default:
			return p, fmt.Errorf("there is an attribute %q", name)
		}
	}
	return p, nil
}

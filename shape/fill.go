package shape

import (
	"math"
	"reflect"
	"time"
)

// fill sets v, a Go value of the node's shape or a pointer to one. Absent
// values leave it as it is.
func (n *node) fill(v reflect.Value) {
	if !n.set {
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch n.plan.kind {
	case kindString:
		v.SetString(n.text)
	case kindBool:
		v.SetBool(n.flag())
	case kindInteger:
		v.SetInt(n.integer())
	case kindFloat:
		v.SetFloat(n.float())
	case kindBlob:
		v.SetBytes([]byte(n.text))
	case kindTime:
		v.Set(reflect.ValueOf(epochTime(n.float())))
	case kindList:
		list := reflect.MakeSlice(v.Type(), len(n.nodes), len(n.nodes))
		for i := range n.nodes {
			n.nodes[i].fill(list.Index(i))
		}
		v.Set(list)
	case kindMap:
		n.fillMap(v)
	case kindStructure:
		for i := range n.nodes {
			if n.nodes[i].set {
				n.nodes[i].fill(v.FieldByIndex(n.plan.members[i].field))
			}
		}
	case kindUnion:
		if n.choice >= 0 {
			m := &n.plan.members[n.choice]
			variant := reflect.New(m.variant)
			n.nodes[0].fill(variant.Elem().FieldByIndex(m.field))
			v.Set(variant)
		}
	}
}

func (n *node) fillMap(v reflect.Value) {
	t := v.Type()
	v.Set(reflect.MakeMapWithSize(t, len(n.keys)))
	for i, key := range n.keys {
		value := reflect.New(t.Elem()).Elem()
		n.nodes[i].fill(value)
		v.SetMapIndex(reflect.ValueOf(key).Convert(t.Key()), value)
	}
}

// maxEpoch ends the year 9999, the last that AWS's timestamps can write.
const maxEpoch = 253402300799

// epochTime reads seconds since 1970 to the millisecond, as AWS keeps them.
func epochTime(seconds float64) time.Time {
	seconds = max(min(seconds, maxEpoch), -maxEpoch)
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
}

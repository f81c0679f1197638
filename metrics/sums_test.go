package metrics_test

import (
	"maps"
	"testing"

	"github.com/hortusdb/hortus/metrics"
)

func TestSums(t *testing.T) {
	var s metrics.Sums
	table, index := metrics.Series{Name: "N", Table: "T"}, metrics.Series{Name: "N", Table: "T", Index: "I"}
	other := metrics.Series{Name: "N", Table: "U"}
	s.Add(table, 1)
	s.Add(index, 0.5)
	s.Add(table, 2)
	s.Add(other, 4)
	if got, want := s.All(), (map[metrics.Series]float64{table: 3, index: 0.5, other: 4}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	s.Forget("T")
	if got := s.All(); len(got) != 1 || got[other] != 4 {
		t.Errorf("after Forget: %v", got)
	}
}

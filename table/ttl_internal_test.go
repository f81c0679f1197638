package table

import (
	"bytes"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/hortusdb/hortus/item"
)

// TestSeconds: the whole part of every number that a clock can show, and no
// other.
func TestSeconds(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "1.9": 1, "1795348800": 1795348800, "1795348800.999": 1795348800, "1.7953488E9": 1795348800,
		"0.5": 0, "-1": -1, "-0.5": -1, "1E-10": 0, "1E+30": -1, "123456789012.5": 123456789012, "1234567890123.5": -1,
	} {
		v, err := item.N(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := seconds(v.Number()); ok != (want >= 0) || (ok && got != want) {
			t.Errorf("%s: %d, %t", text, got, ok)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9]{1,11}(\.[0-9]{1,9})?`).Draw(t, "number")
		v, err := item.N(text)
		if err != nil {
			t.Fatal(err)
		}
		exact, _ := new(big.Rat).SetString(text)
		want := new(big.Int).Quo(exact.Num(), exact.Denom()).Int64()
		if got, ok := seconds(v.Number()); !ok || got != want {
			t.Fatalf("%s: %d, %t, want %d", text, got, ok, want)
		}
	})
}

// FuzzFigures: figures come back as they were stored, and nothing else is taken
// for figures.
func FuzzFigures(f *testing.F) {
	some := Figures{Table: Figure{3, 40}, Indexes: map[uint16]Figure{1: {2, 20}, 300: {1, 9}}}
	f.Add(some.encode())
	f.Add((&Figures{}).encode())
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, b []byte) {
		got := decodeFigures(b)
		if got == nil {
			return
		}
		again := got.encode()
		if back := decodeFigures(again); back == nil || back.Table != got.Table || len(back.Indexes) != len(got.Indexes) || !bytes.Equal(back.encode(), again) {
			t.Fatalf("%x came back as %x", b, again)
		}
	})
}

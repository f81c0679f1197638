package main

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The years whose changes of offset a zone's item lists.
const firstYear, lastYear = 2024, 2027

// readZones returns an item for each line of zone.tab, a time zone in a
// country, with the compiled zone from the zip file.
func readZones(tab, zipped string) ([]item, error) {
	data, err := os.ReadFile(tab)
	if err != nil {
		return nil, err
	}
	archive, err := zip.OpenReader(zipped)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	var items []item
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.Split(line, "\t")
		if len(columns) < 3 {
			return nil, fmt.Errorf("zone.tab: %q", line)
		}
		f, err := archive.Open(columns[2])
		if err != nil {
			return nil, err
		}
		compiled, err := io.ReadAll(f)
		if err != nil {
			return nil, err
		}
		it, err := zoneItem(columns, compiled)
		if err != nil {
			return nil, fmt.Errorf("zone %s: %w", columns[2], err)
		}
		items = append(items, it)
	}
	return items, nil
}

func zoneItem(columns []string, compiled []byte) (item, error) {
	where, err := position(columns[1])
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocationFromTZData(columns[2], compiled)
	if err != nil {
		return nil, err
	}
	offsets, changes := offsetChanges(zone)
	it := item{
		"country":       text(columns[0]),
		"entry":         text("ZONE#" + columns[2]),
		"kind":          text("zone"),
		"name":          text(columns[2]),
		"where":         where,
		"offsetMinutes": value{"NS": offsets},
		"compiled":      value{"B": compiled}, // encoding/json writes bytes as base64.
		"changes":       list(changes),        // Empty where the clocks stay as they are.
	}
	if len(columns) > 3 {
		it["part"] = text(columns[3])
	}
	return it, nil
}

// offsetChanges returns the distinct offsets of a zone from UTC in the listed
// years, in minutes, and the hours at which they change.
func offsetChanges(zone *time.Location) (offsets []string, changes []value) {
	changes = []value{} // An empty list, not null.
	end := time.Date(lastYear+1, 1, 1, 0, 0, 0, 0, time.UTC)
	last := ""
	for hour := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC); hour.Before(end); hour = hour.Add(time.Hour) {
		name, seconds := hour.In(zone).Zone()
		minutes := strconv.Itoa(seconds / 60)
		if last != "" && minutes != last {
			changes = append(changes, fields(item{
				"at":            number(strconv.FormatInt(hour.Unix(), 10)),
				"offsetMinutes": number(minutes),
				"abbreviation":  text(name),
				"summerTime":    value{"BOOL": hour.In(zone).IsDST()},
			}))
		}
		last = minutes
		if !slices.Contains(offsets, minutes) {
			offsets = append(offsets, minutes)
		}
	}
	return offsets, changes
}

// coordinates is ISO 6709 as zone.tab has it: ±DDMM±DDDMM or ±DDMMSS±DDDMMSS.
var coordinates = regexp.MustCompile(`^([+-])(\d\d)(\d\d)(\d\d)?([+-])(\d\d\d)(\d\d)(\d\d)?$`)

// position returns latitude and longitude in degrees, cut at four places.
func position(s string) (value, error) {
	m := coordinates.FindStringSubmatch(s)
	if m == nil {
		return nil, fmt.Errorf("%q is no position", s)
	}
	return fields(item{"latitude": number(degrees(m[1:5])), "longitude": number(degrees(m[5:9]))}), nil
}

// degrees turns sign, degrees, minutes and seconds, if any, into a number.
func degrees(parts []string) string {
	total := 0 // In ten-thousandths of a degree.
	for i, weight := range []int{36_000_000, 600_000, 10_000} {
		n, _ := strconv.Atoi(parts[i+1]) // The pattern lets only digits and "" through.
		total += n * weight
	}
	total /= 3600
	sign := ""
	if parts[0] == "-" && total != 0 {
		sign = "-"
	}
	return fmt.Sprintf("%s%d.%04d", sign, total/10_000, total%10_000)
}

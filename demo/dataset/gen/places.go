package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A row of each of the tables of OurAirports, with the columns that are used.
type (
	countryRow struct {
		Code, Name, Continent, Keywords string
		Wikipedia                       string `json:"wikipedia_link"`
	}
	regionRow struct {
		ID, Code, Name, Continent, Keywords string
		LocalCode                           string `json:"local_code"`
		Country                             string `json:"iso_country"`
		Wikipedia                           string `json:"wikipedia_link"`
	}
	airportRow struct {
		ID, Ident, Type, Name, Continent, Municipality, Keywords string

		Latitude  string `json:"latitude_deg"`
		Longitude string `json:"longitude_deg"`
		Elevation string `json:"elevation_ft"`
		Country   string `json:"iso_country"`
		Region    string `json:"iso_region"`
		Scheduled string `json:"scheduled_service"`
		GPS       string `json:"gps_code"`
		IATA      string `json:"iata_code"`
		Local     string `json:"local_code"`
		Home      string `json:"home_link"`
		Wikipedia string `json:"wikipedia_link"`
	}
)

// readPlaces returns the codes of the countries, and an item for each country,
// region and airport.
func readPlaces(dir string) (codes map[string]bool, items []item, err error) {
	var countries []countryRow
	var regions []regionRow
	var airports []airportRow
	for name, rows := range map[string]any{"countries": &countries, "regions": &regions, "airports": &airports} {
		data, err := os.ReadFile(filepath.Join(dir, name+".json"))
		if err != nil {
			return nil, nil, err
		}
		if err := json.Unmarshal(data, rows); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	byRegion := map[string][]string{}
	bySize := map[string]map[string]int{}
	for _, a := range airports {
		it, err := airportItem(a)
		if err != nil {
			return nil, nil, err
		}
		items = append(items, it)
		byRegion[a.Region] = append(byRegion[a.Region], a.Ident)
		if bySize[a.Country] == nil {
			bySize[a.Country] = map[string]int{}
		}
		bySize[a.Country][airportSize(a)]++
	}
	for _, r := range regions {
		items = append(items, regionItem(r, byRegion[r.Code]))
	}
	codes = map[string]bool{}
	for _, c := range countries {
		codes[c.Code] = true
		items = append(items, countryItem(c, bySize[c.Code]))
	}
	return codes, items, nil
}

func countryItem(c countryRow, bySize map[string]int) item {
	it := item{
		"country":   text(c.Code),
		"entry":     text("COUNTRY"),
		"kind":      text("country"),
		"name":      text(c.Name),
		"continent": text(c.Continent),
	}
	put(it, "wikipedia", c.Wikipedia)
	set(it, "keywords", strings.Split(c.Keywords, ","))
	counts := item{}
	for size, n := range bySize {
		counts[size] = number(strconv.Itoa(n))
	}
	it["airports"] = fields(counts) // Empty where there is none.
	return it
}

func regionItem(r regionRow, airports []string) item {
	it := item{
		"country":   text(r.Country),
		"entry":     text("REGION#" + r.Code),
		"kind":      text("region"),
		"name":      text(r.Name),
		"continent": text(r.Continent),
		"sourceId":  number(r.ID),
	}
	put(it, "localCode", r.LocalCode)
	put(it, "wikipedia", r.Wikipedia)
	set(it, "keywords", strings.Split(r.Keywords, ","))
	set(it, "airports", airports)
	return it
}

func airportItem(a airportRow) (item, error) {
	it := item{
		"country":   text(a.Country),
		"entry":     text("AIRPORT#" + a.Ident),
		"kind":      text("airport"),
		"name":      text(a.Name),
		"size":      text(airportSize(a)),
		"continent": text(a.Continent),
		"region":    text(a.Region),
		"sourceId":  number(a.ID),
		"scheduled": value{"BOOL": a.Scheduled == "yes"},
	}
	for _, n := range []string{a.Latitude, a.Longitude} {
		if _, err := strconv.ParseFloat(n, 64); err != nil {
			return nil, fmt.Errorf("airport %s: %w", a.Ident, err)
		}
	}
	it["where"] = fields(item{"latitude": number(a.Latitude), "longitude": number(a.Longitude)})
	if a.Elevation != "" {
		it["elevationFeet"] = number(a.Elevation)
	}
	put(it, "municipality", a.Municipality)
	set(it, "keywords", strings.Split(a.Keywords, ","))
	codes, links := item{}, item{}
	put(codes, "iata", a.IATA)
	put(codes, "gps", a.GPS)
	put(codes, "local", a.Local)
	put(links, "home", a.Home)
	put(links, "wikipedia", a.Wikipedia)
	for name, m := range map[string]item{"codes": codes, "links": links} {
		if len(m) > 0 {
			it[name] = fields(m)
		}
	}
	return it, nil
}

// airportSize returns "large" for "large_airport".
func airportSize(a airportRow) string { return strings.TrimSuffix(a.Type, "_airport") }

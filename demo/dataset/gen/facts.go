package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// sections are the chapters of the factbook that are taken: those on land and
// works, and none on people and governments.
var sections = []string{"Geography", "Energy", "Communications", "Transportation"}

// node is a heading of the factbook: a text, or headings below it, or both.
type node struct {
	text     string
	hasText  bool
	children map[string]node
}

// misprints mends letters that the source has lost.
var misprints = strings.NewReplacer("Paran\ufffd River", "Paraná River")

// UnmarshalJSON takes {"text": ..., heading: {...}}.
func (n *node) UnmarshalJSON(data []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	for name, data := range raw {
		if name == "text" {
			var s *string
			if err := json.Unmarshal(data, &s); err != nil {
				return err
			}
			if s != nil && strings.TrimSpace(*s) != "" {
				n.text, n.hasText = misprints.Replace(strings.Join(strings.Fields(*s), " ")), true
			}
			continue
		}
		var child node
		if err := json.Unmarshal(data, &child); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if n.children == nil {
			n.children = map[string]node{}
		}
		n.children[name] = child
	}
	return nil
}

// readFacts returns an item for each country and section. The factbook has
// codes of its own for countries; the country code of the Internet tells which
// one is meant, and a place without one is left out.
func readFacts(dir string, countries map[string]bool) ([]item, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	seen := map[string]bool{}
	var items []item
	for _, path := range files {
		if filepath.Base(filepath.Dir(path)) == "meta" {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var chapters map[string]node
		if err := json.Unmarshal(data, &chapters); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		country := internetCountry(chapters["Communications"].children["Internet country code"].text)
		if !countries[country] || seen[country] {
			continue
		}
		seen[country] = true
		for _, section := range sections {
			if n := chapters[section]; len(n.children) > 0 {
				items = append(items, factsItem(country, section, n))
			}
		}
	}
	if len(items) == 0 {
		return nil, fmt.Errorf("no facts in %s", dir)
	}
	return items, nil
}

var internetCode = regexp.MustCompile(`^(?:metropolitan France - )?\.([a-z]{2})\b`)

// internetCountry returns the ISO 3166 code for a text such as ".at".
func internetCountry(s string) string {
	m := internetCode.FindStringSubmatch(s)
	switch {
	case m == nil || m[1] == "eu":
		return ""
	case m[1] == "uk":
		return "GB"
	default:
		return strings.ToUpper(m[1])
	}
}

func factsItem(country, section string, n node) item {
	return item{
		"country": text(country),
		"entry":   text("FACTS#" + section),
		"kind":    text("facts"),
		"section": text(section),
		"facts":   factsValue(section, n),
	}
}

// factsValue returns what a heading says: a map if there are headings below.
func factsValue(heading string, n node) value {
	if len(n.children) == 0 {
		if !n.hasText || n.text == "NA" {
			return value{"NULL": true}
		}
		return factValue(heading, n.text)
	}
	m := item{}
	if n.hasText {
		m["summary"] = factValue(heading, n.text)
	}
	for name, child := range n.children {
		m[attributeName(name)] = factsValue(name, child)
	}
	return fields(m)
}

// attributeName turns a heading into a name: "Area - comparative" into
// "areaComparative".
func attributeName(heading string) string {
	words := strings.FieldsFunc(strings.ReplaceAll(heading, "(s)", "s"), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	for i, w := range words {
		if i == 0 && strings.ToUpper(w) != w {
			words[i] = strings.ToLower(w[:1]) + w[1:]
		} else if i > 0 {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

var (
	// quantity is "1.3 billion kWh (2012 est.)".
	quantity = regexp.MustCompile(`^(-?[\d,]*\d(?:\.\d+)?)(?: ?(million|billion|trillion)\b)? ?(%|[A-Za-z][^\d;,()]*)?(?: \(([^()]*)\))?$`)
	// year is the year of a note such as "2012 est.".
	year = regexp.MustCompile(`^(?:.*\D)?((?:19|20)\d\d)(?: est\.)?$`)
	// border is "Germany 801 km".
	border = regexp.MustCompile(`^(.*\D) ([\d,.]+) km$`)
	// zeros are the powers of ten by their names.
	zeros = map[string]int{"million": 6, "billion": 9, "trillion": 12}
)

// factValue gives a text the type that suits it: a quantity with its unit and
// year, a list, a set, or the text itself.
func factValue(heading, s string) value {
	if m := quantity.FindStringSubmatch(s); m != nil {
		q := item{"value": number(scale(strings.ReplaceAll(m[1], ",", ""), zeros[m[2]]))}
		put(q, "unit", m[3])
		if y := year.FindStringSubmatch(m[4]); y != nil {
			q["year"] = number(y[1])
		}
		put(q, "note", m[4])
		return fields(q)
	}
	switch heading {
	case "Natural resources", "party to":
		if !strings.ContainsAny(s, ";()") {
			return value{"SS": distinct(strings.Split(s, ","))}
		}
	case "border countries":
		if neighbours := borders(s); neighbours != nil {
			return list(neighbours)
		}
	}
	for _, separator := range []string{"++", ";"} {
		parts := strings.Split(s, separator)
		// A semicolon within brackets separates something else.
		if len(parts) < 2 || (separator == ";" && strings.ContainsAny(s, "()")) {
			continue
		}
		var elements []value
		for _, p := range parts {
			if p = strings.TrimSpace(p); p != "" {
				elements = append(elements, factValue("", p))
			}
		}
		if len(elements) == 1 {
			return elements[0]
		}
		return list(elements)
	}
	return text(s)
}

// borders returns the neighbours in "Czech Republic 402 km, Germany 801 km", or
// nil where the text is not of this form.
func borders(s string) []value {
	var neighbours []value
	for part := range strings.SplitSeq(s, ", ") {
		m := border.FindStringSubmatch(part)
		if m == nil {
			return nil
		}
		km := number(scale(strings.ReplaceAll(m[2], ",", ""), 0))
		neighbours = append(neighbours, fields(item{"name": text(m[1]), "km": km}))
	}
	return neighbours
}

// scale returns the decimal number n times ten to the power of places, exactly.
func scale(n string, places int) string {
	sign := ""
	if strings.HasPrefix(n, "-") {
		sign, n = "-", n[1:]
	}
	whole, fraction, _ := strings.Cut(n, ".")
	fraction += strings.Repeat("0", max(0, places-len(fraction)))
	whole, fraction = strings.TrimLeft(whole+fraction[:places], "0"), strings.TrimRight(fraction[places:], "0")
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if whole == "0" {
		return whole
	}
	return sign + whole
}

package compatibility

import (
	"fmt"
	"strings"
	"testing"
)

// What a page has between these lines is made by TestCompatibility.
const (
	tablesBegin = "<!-- From here to the end mark: written by go test ./conformance/compatibility -rewrite -->\n"
	tablesEnd   = "<!-- End of what is written so. -->\n"
)

// replaceTables returns the page with its tables made anew.
func replaceTables(t *testing.T, old []byte, c *code, all []operation) []byte {
	t.Helper()
	before, rest, ok := strings.Cut(string(old), tablesBegin)
	_, after, okToo := strings.Cut(rest, tablesEnd)
	if !ok || !okToo {
		t.Fatalf("%s lacks the marks of its tables:\n%s%s", page, tablesBegin, tablesEnd)
	}
	return []byte(before + tablesBegin + tables(c, all) + tablesEnd + after)
}

func tables(c *code, all []operation) string {
	var b strings.Builder
	states := map[string]int{}
	summary := func(o *operation) (state, how string) {
		state = done
		if c.built[o.name] == nil {
			state = notYet
		}
		if d := find(o.name); d != nil {
			return d.state, d.how
		}
		for _, m := range o.members {
			if state == done && find(o.name+"."+m) != nil {
				return differs, "members"
			}
		}
		return state, ""
	}
	b.WriteString("\n| operation | state | how, why |\n|---|---|---|\n")
	for i := range all {
		state, how := summary(&all[i])
		states[state]++
		name := all[i].name
		if c.built[name] != nil && how == "members" {
			how = fmt.Sprintf("[its members](#%s)", strings.ToLower(name))
		}
		fmt.Fprintf(&b, "| %s | %s |%s |\n", name, state, strings.TrimRight(" "+how, " "))
	}
	fmt.Fprintf(&b, "\n%d operations are done, %d differ in something, %d are not there yet.\n", states[done], states[differs], states[notYet])
	b.WriteString("\n## Members of the inputs\n")
	for i := range all {
		members(&b, &all[i], c.built[all[i].name] != nil)
	}
	b.WriteString("\n")
	return b.String()
}

// members writes the members of an operation: those that are done in one line,
// the others in one each.
func members(b *strings.Builder, o *operation, built bool) {
	fmt.Fprintf(b, "\n### %s\n\n", o.name)
	own := find(o.name)
	switch {
	case !built && own == nil:
		b.WriteString("Not yet: `UnknownOperationException`.")
	case !built:
		fmt.Fprintf(b, "Not yet: `UnknownOperationException`; %s.", own.how)
	case own != nil:
		fmt.Fprintf(b, "%s: %s (%s).", map[string]string{done: "Done", differs: "Differs"}[own.state], own.how, own.shown)
	default:
		b.WriteString("Done, but for what is said of members here.")
	}
	b.WriteString("\n\n| member | state | how, why | shown by |\n|---|---|---|---|\n")
	var plain []string
	for _, m := range o.members {
		if d := find(o.name+"."+m, "*."+m); built && d != nil {
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", m, d.state, d.how, d.shown)
		} else {
			plain = append(plain, m)
		}
	}
	state := done
	if !built {
		state = notYet
	}
	if plain == nil {
		plain = []string{"(none)"}
	}
	fmt.Fprintf(b, "| %s | %s | | |\n", strings.Join(plain, ", "), state)
}

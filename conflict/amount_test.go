package conflict

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/item"
)

func numberOf(text string) item.Value {
	v, err := item.N(text)
	if err != nil {
		panic(err)
	}
	return v
}

// anyNumber is a number at the limits of numbers, or far from them.
func anyNumber(rng *rand.Rand) item.Value {
	digits := "123456789"[rng.IntN(9):][:1]
	for range rng.IntN(item.MaxDigits) {
		digits += strconv.Itoa(rng.IntN(10))
	}
	ends := []int{leastExponent + item.MaxDigits - 1, -20, 0, 5, greatestBegins - item.MaxDigits + 1}[rng.IntN(5)]
	return numberOf([]string{"", "-"}[rng.IntN(2)] + digits + "e" + strconv.Itoa(ends))
}

// rational is the value of an amount, by arithmetic of another kind.
func rational(t *testing.T, a amount) *big.Rat {
	t.Helper()
	r := new(big.Rat)
	if !a.wide() {
		if _, ok := r.SetString(item.Value(a).Number().String()); !ok {
			t.Fatalf("%x is no number", []byte(a))
		}
		return r
	}
	e := a.exact()
	if _, ok := r.SetString(e.digits.String() + "e" + strconv.Itoa(e.exp)); !ok {
		t.Fatalf("%x is no number", []byte(a))
	}
	return r
}

// TestAmounts: sums are exact, have one form in whatever order their terms come, and
// are shown as the number that is nearest.
func TestAmounts(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	wide := 0
	for range 2000 {
		terms := make([]amount, 2+rng.IntN(6))
		want := new(big.Rat)
		for i := range terms {
			terms[i] = amount(anyNumber(rng))
			if i > 0 && rng.IntN(3) == 0 { // What was added is taken away.
				e := terms[rng.IntN(i)].exact()
				e.digits.Neg(&e.digits)
				terms[i] = e.amount()
			}
			want.Add(want, rational(t, terms[i]))
		}
		sum := amount(numberOf("0"))
		for _, a := range terms {
			sum = sum.plus(a)
		}
		if rational(t, sum).Cmp(want) != 0 {
			t.Fatalf("the sum of %x is %x", terms, []byte(sum))
		}
		if sum.wide() {
			wide++
			if !sum.valid() {
				t.Fatalf("%x is not taken for a wide amount", []byte(sum))
			}
		}
		seen := shown(terms)
		if item.ValidateValue(seen) != nil {
			t.Fatalf("%x is shown as %x", []byte(sum), []byte(seen))
		}
		if !sum.wide() && !bytes.Equal(seen, sum) {
			t.Fatalf("the number %x is shown as %x", []byte(sum), []byte(seen))
		}
		rng.Shuffle(len(terms), func(i, j int) { terms[i], terms[j] = terms[j], terms[i] })
		other := amount(numberOf("0"))
		for _, a := range terms {
			other = a.plus(other)
		}
		if !bytes.Equal(other, sum) || !bytes.Equal(shown(terms), seen) {
			t.Fatalf("the sum of %x is %x in one order and %x in another", terms, []byte(sum), []byte(other))
		}
	}
	if wide < 100 {
		t.Fatalf("%d sums are wide: nothing is tested", wide)
	}
}

// TestShown has sums that no number can hold, and what is shown of them.
func TestShown(t *testing.T) {
	for _, c := range []struct {
		want  string
		terms []string
	}{
		{"9.5e125", []string{"9e125", "9e124", "5e124", "-9e124"}},
		{"0.01", []string{"0", "1e37", "0.01", "-1e37"}},
		{"1e37", []string{"1e37", "0.01"}},
		{"10000000000000000000000000000000000002", []string{"10000000000000000000000000000000000001", "0.51"}},
		{"1000000000000000000000000000000000000.2", []string{"1000000000000000000000000000000000000.2", "0.05"}}, // Half: to the even one.
		{"1000000000000000000000000000000000000.4", []string{"1000000000000000000000000000000000000.3", "0.05"}},
		{"-1000000000000000000000000000000000000.4", []string{"-1000000000000000000000000000000000000.3", "-0.05"}},
		{"1e38", []string{"99999999999999999999999999999999999999", "0.9"}},
		{greatestDigits + "e88", []string{"9e125", "5e124", "6e124", "7e124"}},
		{"-" + greatestDigits + "e88", []string{"-9e125", "-5e125"}},
		{greatestDigits + "e88", []string{greatestDigits + "e88", "6e87"}}, // It would be rounded to more.
		{"1.8e125", []string{"9e125", "5e124", "6e124", "7e124", "-9e125"}},
		{"0", []string{"1.9e-130", "-1e-130"}},
		{"-1e-130", []string{"1.9e-130", "-1e-130", "-1.9e-130"}},
	} {
		var terms []amount
		for _, text := range c.terms {
			terms = append(terms, amount(numberOf(text)))
		}
		if got := shown(terms); !bytes.Equal(got, numberOf(c.want)) {
			t.Errorf("%v: %s, want %s", c.terms, got.Number(), c.want)
		}
	}
}

// addTo is what an ADD in a cell makes of a state.
func addTo(t *testing.T, old *State, at Version, by string) State {
	t.Helper()
	sum := numberOf(by)
	if v := old.plain("n"); v != nil {
		n, err := item.AddNumbers(nil, v.Number(), sum.Number())
		if err != nil {
			t.Fatal(err)
		}
		sum = item.AppendN(nil, n)
	}
	acts := []Act{{"n", Add, numberOf(by)}}
	image, err := Counted(decoder, old, item.BuildItem(nil, []item.Entry{{Name: "n", Value: sum}, {Name: "pk", Value: item.S("p")}}), acts)
	if err != nil {
		t.Fatal(err)
	}
	next := State{Version: at, Vector: old.Follow(at), Item: image}
	if err := Track(decoder, old, &next, acts); err != nil {
		t.Fatal(err)
	}
	if err := decoder.CheckParts(next.Parts); err != nil {
		t.Fatal(err)
	}
	return next
}

// addOrSet adds numbers at the limits of numbers, and sets or deletes now and then.
func addOrSet(rng *rand.Rand, old *State, at Version) State {
	next := State{Version: at, Vector: old.Follow(at), Deleted: rng.IntN(20) == 0, Item: keyOnly}
	if next.Deleted {
		return next
	}
	sum := anyNumber(rng)
	acts := []Act{{"n", Assign, nil}}
	if rng.IntN(8) > 0 {
		acts = []Act{{"n", Add, sum}}
		if v := old.plain("n"); v != nil {
			n, err := item.AddNumbers(nil, v.Number(), sum.Number())
			if err != nil { // It is refused, and the same is added as was there, or taken away.
				acts[0].Operand = negated(v)
				n, _ = item.AddNumbers(nil, v.Number(), acts[0].Operand.Number())
			}
			sum = item.AppendN(nil, n)
		}
	}
	var err error
	if next.Item, err = Counted(decoder, old, item.BuildItem(nil, []item.Entry{{Name: "n", Value: sum}, {Name: "pk", Value: item.S("p")}}), acts); err != nil {
		panic(err)
	}
	if err := Track(decoder, old, &next, acts); err != nil {
		panic(err)
	}
	return next
}

func negated(v item.Value) item.Value {
	e := amount(v).exact()
	e.digits.Neg(&e.digits)
	return item.Value(e.amount())
}

// TestWideForms: a sum that a number can hold has no other form, and parts without
// another one are of the form before, which earlier versions read.
func TestWideForms(t *testing.T) {
	at := Version{clock.Timestamp{Wall: 2}, cells[0]}
	form := func(sum amount) []byte {
		p := parts{whole: Version{clock.Timestamp{Wall: 1}, cells[1]}, attrs: []part{{name: "n", epoch: at, mixed: true, totals: []total{{at, sum}}}}}
		return p.encode()
	}
	wide := amount(numberOf("1e37")).plus(amount(numberOf("0.01")))
	if b := form(amount(numberOf("1"))); b[0] != partsFormat || decoder.CheckParts(b) != nil {
		t.Errorf("a number has the form %x", b)
	}
	if b := form(wide); b[0] != widePartsFormat || decoder.CheckParts(b) != nil {
		t.Errorf("a wide sum has the form %x", b)
	}
	other := func(b []byte, as byte) []byte { return append([]byte{as}, b[1:]...) }
	for what, b := range map[string][]byte{
		"numbers alone":        other(form(amount(numberOf("1"))), widePartsFormat),
		"wide in the old form": other(form(wide), partsFormat),
		"no form":              other(form(wide), 3),
		"a number as wide":     form(amount{wideAmount, 0, 0, 1}),
		"zero":                 form(amount{wideAmount, 0, 0}),
		"a zero at the end":    form(append(bytes.Clone(wide[:2]), append([]byte{2}, powerOfTen(45).Bytes()...)...)),
		"a sign of its own":    form(append([]byte{wideAmount, 2}, wide[2:]...)),
		"too great":            form(append(bytes.Clone(wide[:3]), bytes.Repeat([]byte{7}, maxWideDigits+1)...)),
		"an exponent too far":  form(amount{wideAmount, 0, 0xff, 0xff, 3, 7}),
		"no exponent":          form(amount{wideAmount, 0, 0xff, 0xff}),
	} {
		if decoder.CheckParts(b) == nil {
			t.Errorf("%s: %x is read", what, b)
		}
	}
}

// TestSumBeyondNumbers: what cells add while they do not know of each other is not
// lost where the sum is for a while none that a number can hold, in one cell's own
// sum as in that of all.
func TestSumBeyondNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		base string
		adds [3][]string // In each cell, apart.
		then [3][]string // In each cell, together again.
		want string
	}{
		"terms that do not fit in one order": {"9e125", [3][]string{{"9e124"}, {"5e124"}, {"-9e124"}}, [3][]string{}, "9.5e125"},
		"digits that do not fit for a while": {"0", [3][]string{{"1e37"}, {"0.01"}, {"-1e37"}}, [3][]string{}, "0.01"},
		"a sum that comes down again":        {"9e125", [3][]string{{"5e124"}, {"6e124"}, {"7e124"}}, [3][]string{{"-9e125"}, {"1e124"}}, "1.9e125"},
		"a cell's own sum":                   {"-1e37", [3][]string{{"1e37", "0.01"}}, [3][]string{{"1e-9"}, {"1"}}, "1.010000001"},
		"what is shown stays the same":       {"9e125", [3][]string{{"9e124"}, {"9e124"}, {"9e124"}}, [3][]string{{"-1e125"}, {"-1e125"}}, "9.7e125"},
	} {
		wall := int64(1)
		start := State{Version: Version{clock.Timestamp{Wall: wall}, cells[2]}, Item: item.BuildItem(nil, []item.Entry{{Name: "n", Value: numberOf(c.base)}, {Name: "pk", Value: item.S("p")}})}
		at := []State{start, start, start}
		play := func(adds [3][]string, together bool) {
			for i := range at {
				for _, by := range adds[i] {
					wall++
					at[i] = addTo(t, &at[i], Version{clock.Timestamp{Wall: wall}, cells[i]}, by)
					for j := range at {
						if together {
							at[j] = resolve(t, &at[j], &at[i])
						}
					}
				}
			}
		}
		play(c.adds, false)
		for i := range at {
			for j := range at {
				at[i] = resolve(t, &at[i], &at[j])
			}
		}
		play(c.then, true)
		for i := range at {
			if got := at[i].plain("n"); !bytes.Equal(got, numberOf(c.want)) {
				t.Errorf("%s: in cell %d %s, want %s", name, i, got.Number(), c.want)
			}
			if !bytes.Equal(at[i].Parts, at[0].Parts) {
				t.Errorf("%s: cells have different parts", name)
			}
		}
	}
}

package expr

import (
	"iter"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/invariant"
	"github.com/hortusdb/hortus/item"
)

// Update is a bound update expression. Apply uses memory of the Update, so an
// Update belongs to one goroutine.
type Update struct {
	bound
	targets []item.Path
	editor  item.Editor
	results []item.Value // What each action writes; nil removes.
	scratch []byte       // Computed values.
}

// BindUpdate binds an update expression. Like AWS (recorded) it resolves the
// paths of all actions, then goes through the actions' operands, each from the
// last to the first.
func BindUpdate(e *Expression, s *Scope) (*Update, error) {
	invariant.Assert(e.kind == UpdateKind, "not an update", "kind", e.kind)
	b := newBinder(e, s)
	slots := make([]int32, len(e.actions))
	for i := range e.actions {
		slots[i] = e.actions[i].path
	}
	targets, err := b.resolve(slots)
	if err != nil {
		return nil, err
	}
	for i := len(e.actions) - 1; i >= 0; i-- {
		a := &e.actions[i]
		if a.clause == ClauseRemove {
			continue
		}
		if err := b.node(&a.value); err != nil {
			return nil, err
		}
		if err := b.clauseType(a); err != nil {
			return nil, err
		}
	}
	if err := b.finish(); err != nil {
		return nil, err
	}
	return &Update{bound: b.bound, targets: targets, results: make([]item.Value, len(targets))}, nil
}

// clauseType checks the operand of ADD and DELETE.
func (b *binder) clauseType(a *action) error {
	t := b.typeOf(&a.value)
	switch {
	case a.clause == ClauseAdd && t != item.TypeN && !t.IsSet():
		return b.clauseError(a.clause, t)
	case a.clause == ClauseDelete && !t.IsSet():
		return b.clauseError(a.clause, t)
	}
	return nil
}

func (b *binder) clauseError(c Clause, t item.Type) error {
	name := [...]string{
		item.TypeS: "STRING", item.TypeN: "NUMBER", item.TypeB: "BINARY", item.TypeBOOL: "BOOLEAN",
		item.TypeNULL: "NULL", item.TypeL: "LIST", item.TypeM: "MAP",
		item.TypeSS: "STRING_SET", item.TypeNS: "NUMBER_SET", item.TypeBS: "BINARY_SET",
	}[t]
	return invalid(b.e.kind, "Incorrect operand type for operator or function; operator: %s, operand type: %s, typeSet: ALLOWED_FOR_%s_OPERAND",
		c, name, c)
}

// Touched returns the paths that the update writes or removes, in the order of
// the text: what UPDATED_OLD and UPDATED_NEW answer. The caller must not change
// them.
func (u *Update) Touched() []item.Path { return u.targets }

// TargetNames returns the top-level attributes that the update writes, each
// once. AttributeNames has also those that it reads.
func (u *Update) TargetNames() []string { return appendTopLevel(nil, u.targets) }

// Legacy reports whether AttributeUpdates made the update, not an expression.
func (u *Update) Legacy() bool { return u.e.mismatch != nil }

// Literal returns the value that the update sets a top-level attribute to,
// whatever the item is; false where it does not, or where that depends.
func (u *Update) Literal(name string) (item.Value, bool) {
	for i, p := range u.targets {
		a := &u.e.actions[i]
		if a.clause == ClauseSet && len(p) == 1 && p[0].Name == name && a.value.Op == OpValue {
			return u.values[a.value.Slot], true
		}
	}
	return nil, false
}

// CheckNoKeys refuses an update of a key attribute. Of several, AttributeUpdates tell
// the first of the request, all else the first of the key (as DynamoDB Local does).
func (u *Update) CheckNoKeys(schema KeySchema) error {
	refused := ""
	for _, p := range u.targets {
		name := p[0].Name
		if !schema.has(name) {
			continue
		}
		if refused = name; u.Legacy() || name == schema.Hash[0].Name {
			break
		}
	}
	if refused != "" {
		return aws.InvalidParameter("Cannot update attribute %s. This attribute is part of the key", refused)
	}
	return nil
}

// Apply appends the updated item to dst. All actions read old, which stays as
// it is and must not share memory with dst. After an error there is no item.
// Errors come in the order of the text, an action's path before its value.
func (u *Update) Apply(dst []byte, old item.Item) (item.Item, error) {
	u.scratch = u.scratch[:0]
	for i := range u.e.actions {
		if err := checkParent(old, u.targets[i]); err != nil {
			return nil, err
		}
		v, err := u.result(&u.e.actions[i], u.targets[i], old)
		if err != nil {
			return nil, err
		}
		if v != nil && len(u.targets[i])+v.Depth() > item.MaxDepth {
			return nil, errNesting()
		}
		u.results[i] = v
	}
	u.editor.Reset(old)
	for i, path := range u.targets {
		var err error
		if u.results[i] == nil {
			err = u.editor.Remove(path)
		} else {
			err = u.editor.Set(path, u.results[i])
		}
		if err != nil {
			return nil, err
		}
	}
	return u.editor.Item(dst), nil
}

// mismatch says that an operand has another type than its action takes.
func (u *Update) mismatch() error {
	if u.e.mismatch != nil {
		return u.e.mismatch
	}
	return errOperandType()
}

// checkParent refuses a path whose last step is into nothing, or into a value
// of another kind.
func checkParent(it item.Item, path item.Path) error {
	last := len(path) - 1
	if last == 0 {
		return nil
	}
	want := item.TypeM
	if path[last].Index >= 0 {
		want = item.TypeL
	}
	if parent, ok := it.At(path[:last]); !ok || parent.Type() != want {
		return item.ErrInvalidPath
	}
	return nil
}

// result computes what an action leaves at its path; nil leaves nothing.
func (u *Update) result(a *action, path item.Path, old item.Item) (item.Value, error) {
	if a.clause == ClauseRemove {
		return nil, nil
	}
	if a.clause == ClauseSet {
		return u.eval(&a.value, old)
	}
	operand := u.values[a.value.Slot]
	current, ok := old.At(path)
	if a.clause == ClauseDelete {
		switch {
		case !ok:
			return nil, nil
		case current.Type() != operand.Type():
			return nil, u.mismatch()
		}
		start := len(u.scratch)
		rest, ok := item.Difference(u.scratch, current, operand)
		if !ok {
			return nil, nil
		}
		return u.made(start, rest), nil
	}
	switch {
	case !ok:
		return operand, nil
	case current.Type() != operand.Type():
		return nil, u.mismatch()
	case operand.Type() == item.TypeN:
		return u.arithmetic(OpPlus, current, operand)
	}
	start := len(u.scratch)
	return u.made(start, item.Union(u.scratch, current, operand)), nil
}

// made keeps grown scratch and returns the value that was appended at start.
// Values made before keep the memory that they have.
func (u *Update) made(start int, grown []byte) item.Value {
	u.scratch = grown
	return item.Value(grown[start:len(grown):len(grown)])
}

// eval computes the right side of a SET.
func (u *Update) eval(n *Node, old item.Item) (item.Value, error) {
	switch n.Op {
	case OpPath:
		v, ok := old.At(u.paths[n.Slot])
		if !ok {
			return nil, errMissingOperand()
		}
		return v, nil
	case OpValue:
		return u.values[n.Slot], nil
	case OpIfNotExists:
		// The second operand must have a value even if it is not wanted
		// (recorded).
		other, err := u.eval(&n.Args[1], old)
		if err != nil {
			return nil, err
		}
		if v, ok := old.At(u.paths[n.Args[0].Slot]); ok {
			return v, nil
		}
		return other, nil
	default:
	}
	want := item.TypeN
	if n.Op == OpListAppend {
		want = item.TypeL
	}
	left, err := u.operand(&n.Args[0], want, old)
	if err != nil {
		return nil, err
	}
	right, err := u.operand(&n.Args[1], want, old)
	if err != nil {
		return nil, err
	}
	if n.Op == OpListAppend {
		return u.concat(left, right), nil
	}
	return u.arithmetic(n.Op, left, right)
}

func (u *Update) operand(n *Node, want item.Type, old item.Item) (item.Value, error) {
	v, err := u.eval(n, old)
	if err == nil && v.Type() != want {
		return nil, u.mismatch()
	}
	return v, err
}

func (u *Update) arithmetic(op Op, a, b item.Value) (item.Value, error) {
	var (
		buf    [64]byte
		number []byte
		err    error
	)
	if op == OpMinus {
		number, err = item.SubNumbers(buf[:0], a.Number(), b.Number())
	} else {
		number, err = item.AddNumbers(buf[:0], a.Number(), b.Number())
	}
	if err != nil {
		return nil, err
	}
	start := len(u.scratch)
	return u.made(start, item.AppendN(u.scratch, item.Number(number))), nil
}

func (u *Update) concat(a, b item.Value) item.Value {
	elements := make([]item.Value, 0, a.Len()+b.Len())
	for v := range a.Elements() {
		elements = append(elements, v)
	}
	for v := range b.Elements() {
		elements = append(elements, v)
	}
	start := len(u.scratch)
	return u.made(start, item.BuildList(u.scratch, elements))
}

// Change is what an update does to a top-level attribute.
type Change struct {
	Clause  Clause     // ClauseSet also for what is within the attribute.
	Operand item.Value // Of ADD and DELETE.
}

// Changes goes through what the update does, in the order of the text. What ADD
// and DELETE do within an attribute counts as setting it.
func (u *Update) Changes() iter.Seq2[string, Change] {
	return func(yield func(string, Change) bool) {
		for i := range u.e.actions {
			a := &u.e.actions[i]
			c := Change{Clause: ClauseSet}
			if len(u.targets[i]) == 1 && (a.clause == ClauseAdd || a.clause == ClauseDelete) {
				c = Change{a.clause, u.values[a.value.Slot]}
			}
			if !yield(u.targets[i][0].Name, c) {
				return
			}
		}
	}
}

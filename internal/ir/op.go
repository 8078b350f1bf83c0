package ir

// Op is an operation.
type Op uint8

// Type is the type of a value.
type Type uint8

const (
	None Type = iota // no value
	I64              // 64 bits in an integer register
	F64              // 64 bits in a floating-point register
	F32              // binary32 in a floating-point register; what is above it does not count
	F16              // binary16 in a floating-point register, likewise
	Bool             // a truth value
)

var typeNames = [...]string{None: "none", I64: "i64", F64: "f64", F32: "f32", F16: "f16", Bool: "bool"}

// String is the name of the type in the text form.
func (t Type) String() string { return typeNames[t] }

// Props are properties of an operation.
type Props uint16

const (
	// Pure: the result depends on the arguments and the immediate alone, and nothing
	// else happens.
	Pure Props = 1 << iota
	// Commutes: the first two arguments may change places.
	Commutes
	// Reads and Writes guest memory.
	Reads
	Writes
	// Rounds: the immediate is a rounding mode, 0 to 4 or Dynamic.
	Rounds
	// Flags: accrues floating-point exception flags.
	Flags
	// Exits: may leave the trace other than by a fault.
	Exits
	// Ends: is the last operation of a trace.
	Ends
	// HasImm: the immediate counts.
	HasImm
	// Atomic: one access to memory, as others see it.
	Atomic
	// Rare: code generators may leave the guest instruction to the interpreter, before any
	// effect of it, for the rare cases of the operation.
	Rare
)

// Dynamic is the rounding mode that the guest's register holds.
const Dynamic = 7

// Info is a row of the table of operations.
type Info struct {
	Name   string
	Args   []Type
	Result Type
	Props  Props
	Size   uint8 // bytes that an access to memory moves
	Signed bool  // what it reads is sign-extended
}

// Info returns the row of op.
func (op Op) Info() *Info { return &table[op] }

// String is the name of the operation in the text form.
func (op Op) String() string { return table[op].Name }

// Has reports whether op has any of the properties.
func (op Op) Has(p Props) bool { return table[op].Props&p != 0 }

// Faults reports whether op may fault: the state has to be exact there.
func (op Op) Faults() bool { return op.Has(Reads | Writes) }

// Observes reports whether the guest's state may be looked at when op is executed,
// because of a fault or an exit.
func (op Op) Observes() bool { return op.Has(Reads | Writes | Exits | Ends | Rare) }

// ByName finds an operation.
func ByName(name string) (Op, bool) {
	op, ok := byName[name]
	return op, ok
}

var byName = func() map[string]Op {
	m := make(map[string]Op, len(table))
	for op := range table {
		if table[op].Name != "" {
			m[table[op].Name] = Op(op)
		}
	}
	return m
}()

// Package encoding describes instruction words: which bits are fixed and where
// the operands lie. The generated tables of package riscv are made of its types.
package encoding

import "fmt"

// Kind is a set of properties of an instruction.
type Kind uint16

const (
	Load   Kind = 1 << iota // reads guest memory
	Store                   // writes guest memory
	Atomic                  // accesses memory atomically
	Branch                  // changes the pc under a condition
	Jump                    // always changes the pc
	CSR                     // accesses a control and status register
	FP                      // reads or writes floating-point registers
	Flags                   // may raise floating-point exception flags
	System                  // ends the block: a trap, a fence.i or a system call
	Cold                    // executed by a helper outside the interpreter's loop
	Trap                    // may trap for a reason other than memory
)

// Row is one instruction's encoding.
type Row struct {
	Name     string
	Ext      string // the table it comes from: "rv64i", "zba"
	Len      int    // bytes: 2 or 4
	Mask     uint32 // fixed bits
	Match    uint32 // their values
	Fields   []Field
	Conds    []Cond
	Operands []string // assembly operands; nil for a compressed row
	Expands  string   // the base instruction of a compressed row, else empty
	Kind     Kind     // properties; those of the base row for a compressed one
}

// Field is an operand's place in the instruction word.
type Field struct {
	Name   string // without prime: "rd", "fs1", "imm", "off" ...
	Prime  bool   // three bits that name registers 8 to 15
	Slices []Slice
}

// Slice is Width bits at bit From of the word, which are bits To and up of the operand.
type Slice struct{ From, To, Width int }

// Cond is a condition on a field besides the fixed bits.
type Cond struct {
	Field string
	Even  bool   // the field is even, else
	Not   uint32 // the field is not this value
}

// Field returns the field of that name, or nil.
func (r *Row) Field(name string) *Field {
	for i := range r.Fields {
		if r.Fields[i].Name == name {
			return &r.Fields[i]
		}
	}
	return nil
}

// Imm returns the row's immediate field of whatever kind, or nil.
func (r *Row) Imm() *Field {
	for i := range r.Fields {
		if r.Fields[i].IsImm() {
			return &r.Fields[i]
		}
	}
	return nil
}

// IsImm reports whether f is an immediate or a CSR number.
func (f *Field) IsImm() bool {
	switch f.Name {
	case "imm", "uimm", "off", "csr":
		return true
	}
	return false
}

// Signed reports whether the immediate f is sign-extended.
func (f *Field) Signed() bool { return f.Name == "imm" || f.Name == "off" }

// Bits is the number of bits of the operand, low zeros included.
func (f *Field) Bits() int {
	n := 0
	for _, s := range f.Slices {
		n = max(n, s.To+s.Width)
	}
	return n
}

// Extract returns the field's bits in word w, without sign extension and
// without the 8 that primed registers add.
func (f *Field) Extract(w uint32) uint32 {
	var v uint32
	for _, s := range f.Slices {
		v |= w >> s.From & (1<<s.Width - 1) << s.To
	}
	return v
}

// insert returns w with the field set to v; ok is false when v does not fit.
func (f *Field) insert(w uint32, v int64) (_ uint32, ok bool) {
	if f.Prime {
		v -= 8
	}
	u := uint32(v)
	for _, s := range f.Slices {
		w |= u >> s.To & (1<<s.Width - 1) << s.From
	}
	got := int64(f.Extract(w))
	if n := f.Bits(); f.IsImm() && f.Signed() {
		got = got << (64 - n) >> (64 - n)
	}
	return w, got == v
}

// Encode builds the instruction word from the values of its fields, by field
// name: register numbers, and immediates in bytes as the manual's assembly has
// them (for off, relative to the instruction). Absent fields are 0. It fails
// when a value does not fit, a field does not exist, or the result breaks a
// condition of the row.
func (r *Row) Encode(values map[string]int64) (uint32, error) {
	w := r.Match
	for name, v := range values {
		f := r.Field(name)
		if f == nil {
			return 0, fmt.Errorf("%s has no field %s", r.Name, name)
		}
		var ok bool
		if w, ok = f.insert(w, v); !ok {
			return 0, fmt.Errorf("%s: %s cannot be %d", r.Name, name, v)
		}
	}
	if !r.Matches(w) {
		return 0, fmt.Errorf("%s: no such form", r.Name)
	}
	return w, nil
}

// Matches reports whether w has the row's fixed bits and meets its conditions,
// valid rounding mode included. A more specific row may match as well.
func (r *Row) Matches(w uint32) bool {
	if w&r.Mask != r.Match {
		return false
	}
	for _, c := range r.Conds {
		v := r.Field(c.Field).Extract(w)
		if c.Even && v&1 != 0 || !c.Even && v == c.Not {
			return false
		}
	}
	if f := r.Field("rm"); f != nil {
		rm := f.Extract(w)
		return rm != 5 && rm != 6
	}
	return true
}

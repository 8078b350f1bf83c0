package riscv

import "github.com/hospes-vm/hospes/internal/guest/riscv/encoding"

// Class says what kind of instruction b begins with, for counts of instructions: what it does, the extension that it is of, and its length in
// bytes. It is false for what is no instruction.
func Class(b []byte) (what, extension string, length int, ok bool) {
	var in inst
	if !decode(b, 0, &in) || in.op == opIllegal {
		return "", "", 0, false
	}
	row := &rows[in.op-firstOp]
	return kindOf(row), row.Ext, int(in.len), true
}

// whats are kinds of instructions; the first that is true counts.
var whats = []struct {
	kind encoding.Kind
	name string
}{
	{encoding.Atomic, "atomic"},
	{encoding.Load, "load"},
	{encoding.Store, "store"},
	{encoding.Branch, "branch"},
	{encoding.Jump, "jump"},
	{encoding.System | encoding.CSR, "system"},
	{encoding.FP, "float"},
}

func kindOf(row *encoding.Row) string {
	for _, w := range whats {
		if row.Kind&w.kind != 0 {
			return w.name
		}
	}
	if row.Ext == "m" {
		return "multiply, divide"
	}
	return "integer"
}

//go:build linux && amd64

package jit

import (
	"testing"

	"github.com/hospes-vm/hospes/internal/ir"
)

// takenBack takes back the stores of watched code, and reports whether memory is what it
// was before, which data is.
func (m *machine) takenBack(data *[4096]byte) bool {
	list := m.ctx.Stores()
	for n := len(list) - 1; n >= 0; n-- {
		s := list[n]
		m.Store(s.Addr, int(s.Size), s.Old)
	}
	return *m.data == *data
}

// TestMarks: accesses that touch marked memory are left to the interpreter, with nothing
// done; the stores before them are noted, with the instruction that made each.
func TestMarks(t *testing.T) {
	m := newMachine(t)
	for name, c := range map[string]Compiler{"window": {Watched: true}, "table": {Watched: true, Table: true}, "detours": {Watched: true, Detours: true}} {
		for _, op := range []ir.Op{ir.LoadU8, ir.Load64, ir.Store8, ir.Store64, ir.AmoAdd32, ir.Lr64, ir.Sc32} {
			for _, marked := range []int{1, 2} { // where the access begins, and where it may end
				var b ir.Builder
				b.Start(0x8000)
				b.Inst(0x8000)
				b.Emit(ir.Store16, 0, b.X(10), b.X(11))
				b.Inst(0x8004)
				clear(m.marks[:])
				m.marks[marked] = 1
				addr := b.Emit(ir.Add, 0, b.X(12), b.Const(0))
				args := []ir.Value{addr, b.X(11)}[:len(op.Info().Args)]
				b.Emit(op, 0, args...)
				b.Emit(ir.Goto, 0x9000)
				s := ir.State{}
				s.X[10], s.X[11], s.X[12] = 64, 0x1234, 4096-8
				if marked == 2 {
					s.X[12] = 4096 - 1
				}
				data := *m.data
				out := m.run(&c, &b.Trace, &s)
				// Of atomic operations none crosses a page, and the first store is in the first page.
				want := ir.Outcome{Op: ir.Interp, PC: 0x8004}
				switch {
				case marked == 1:
					want.PC = 0x8000
				case op.Info().Size == 1:
					want = ir.Outcome{Op: ir.Goto, PC: 0x9000}
				}
				if out != want {
					t.Errorf("%s, %s, page %d: left by %+v, want %+v", name, op, marked, out, want)
				}
				for n, s := range m.ctx.Stores() {
					if n == 0 && (s.Addr != 64 || s.Size != 2 || s.Inst != 0) || n == 1 && s.Inst != 1 {
						t.Errorf("%s, %s, page %d: store %d is %+v", name, op, marked, n, s)
					}
				}
				if !m.takenBack(&data) {
					t.Errorf("%s, %s, page %d: cannot be taken back", name, op, marked)
				}
			}
		}
	}
}

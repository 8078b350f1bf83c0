package riscv

import (
	"testing"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
)

// TestDetour: an access that the host refuses because a part of its page is missing is tried
// there once; after that it is made elsewhere, and still traps when it has to.
func TestDetour(t *testing.T) {
	m := newMachine(t, "divided")
	sd := []byte(m.op("sd", f{"rs1": 11, "rs2": 12}))
	m.SetX(11, dataAddr)
	for n := range uint64(3) {
		m.SetX(12, n+1)
		m.run(sd, m.op("ld", f{"rd": 10, "rs1": 11}))
		if got := m.X(10); got != n+1 {
			t.Fatalf("loaded %d, want %d", got, n+1)
		}
	}
	b := m.cache.blocks.Get(codeAddr)
	if b == nil || b.first.op != opSd+detour {
		t.Fatalf("the store makes no detour")
	}
	if err := m.as.Mprotect(dataAddr, mem.PageSize, mem.Read); err != nil {
		t.Fatal(err)
	}
	m.SetPC(codeAddr)
	m.wantTrap(codeAddr, guest.Trap{Signal: guest.SIGSEGV, Code: guest.SEGV_ACCERR, Addr: dataAddr})
}

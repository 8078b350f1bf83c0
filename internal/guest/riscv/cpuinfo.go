package riscv

import (
	"bytes"
	"fmt"
	"strings"
)

// isaString is the isa line of /proc/cpuinfo: rv64, the single letters, then the
// longer names, each after an underscore.
func isaString() string {
	var b strings.Builder
	b.WriteString("rv64")
	for _, e := range extensions {
		if len(e.name) > 1 {
			b.WriteByte('_')
		}
		b.WriteString(e.name)
	}
	return b.String()
}

// mmu is the kind of address translation that has user space up to a limit.
func mmu(limit uint64) string {
	switch {
	case limit > 1<<47:
		return "sv57"
	case limit > 1<<38:
		return "sv48"
	}
	return "sv39"
}

// cpuInfo is /proc/cpuinfo of a machine with n equal harts, as c_show in Linux's
// arch/riscv/kernel/cpu.c prints it. The identification registers are 0, which
// the specification reserves for "not implemented". The uarch line is absent
// like on a machine whose device tree says no more than "riscv".
func cpuInfo(limit uint64, n int) []byte {
	var b bytes.Buffer
	isa := isaString()
	for i := range n {
		fmt.Fprintf(&b, "processor\t: %d\n", i)
		fmt.Fprintf(&b, "hart\t\t: %d\n", i)
		fmt.Fprintf(&b, "isa\t\t: %s\n", isa)
		fmt.Fprintf(&b, "mmu\t\t: %s\n", mmu(limit))
		fmt.Fprintf(&b, "mvendorid\t: %#x\n", 0)
		fmt.Fprintf(&b, "marchid\t\t: %#x\n", 0)
		fmt.Fprintf(&b, "mimpid\t\t: %#x\n", 0)
		fmt.Fprintf(&b, "hart isa\t: %s\n\n", isa)
	}
	return b.Bytes()
}

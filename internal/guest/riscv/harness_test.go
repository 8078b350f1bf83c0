package riscv

import (
	"encoding/binary"
	"runtime/debug"
	"testing"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/table"
)

// Addresses of the test programs' two mappings.
const (
	codeAddr = 0x10000
	dataAddr = 0x200000
	areaSize = 4 * mem.PageSize
)

// machine is a CPU with some code and data.
type machine struct {
	*CPU
	t  testing.TB
	as *mem.Space
}

// mappings are the memory mappings that a test can run on; hosts that have the
// offset mapping add it.
var mappings = map[string]func() (mem.Mapping, error){
	"table": func() (mem.Mapping, error) { return table.New(1 << 38) },
}

// fastMapping is the one for tests that have nothing to do with memory.
var fastMapping = "table"

// onMappings runs f once for each mapping.
func onMappings(t *testing.T, f func(t *testing.T, m *machine)) {
	for name := range mappings {
		t.Run(name, func(t *testing.T) { f(t, newMachine(t, name)) })
	}
}

func newMachine(t testing.TB, mapping string) *machine {
	t.Helper()
	old := debug.SetPanicOnFault(true)
	t.Cleanup(func() { debug.SetPanicOnFault(old) })
	newMapping := mappings[mapping]
	if newMapping == nil {
		t.Skipf("no %s mapping on this host", mapping)
	}
	mm, err := newMapping()
	if err != nil {
		t.Fatal(err)
	}
	as := mem.New(mm, mem.PageSize, 8<<20)
	t.Cleanup(func() { as.Close() })
	m := &machine{t: t, as: as}
	m.mmap(codeAddr, areaSize, mem.Read|mem.Write|mem.Exec)
	m.mmap(dataAddr, areaSize, mem.Read|mem.Write)
	m.CPU = New(as)
	m.SetPC(codeAddr)
	return m
}

func (m *machine) mmap(addr, n uint64, prot mem.Prot) {
	m.t.Helper()
	if _, err := m.as.Mmap(mem.Request{Addr: addr, Len: n, Prot: prot, Flags: mem.MapFixed}); err != nil {
		m.t.Fatal(err)
	}
}

// f is a list of field values for an instruction.
type f = map[string]int64

// asm assembles one instruction; those named c.* are two bytes long.
func asm(t testing.TB, name string, fields f) []byte {
	t.Helper()
	w, err := Encode(name, fields)
	if err != nil {
		t.Fatal(err)
	}
	b := binary.LittleEndian.AppendUint32(nil, w)
	return b[:rowsByName()[name].Len]
}

// put writes raw code at addr.
func (m *machine) put(addr uint64, code ...[]byte) uint64 {
	m.t.Helper()
	for _, c := range code {
		if fault := m.as.CopyOut(addr, c); fault != nil {
			m.t.Fatal(fault)
		}
		addr += uint64(len(c))
	}
	return addr
}

// op assembles an instruction and returns its bytes; names and values alternate.
func (m *machine) op(name string, fields f) []byte {
	m.t.Helper()
	return asm(m.t, name, fields)
}

func words(ws ...uint32) []byte {
	var b []byte
	for _, w := range ws {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// ecall ends test programs.
var ecall = words(0x73)

// run executes code followed by an ecall and requires that it gets there.
func (m *machine) run(code ...[]byte) {
	m.t.Helper()
	end := m.put(codeAddr, append(code, ecall)...)
	m.FlushCode()
	m.SetPC(codeAddr)
	if e := m.Run(); e.Kind != guest.ExitSyscall || m.PC() != end {
		m.t.Fatalf("exit %+v at %#x, want a system call at %#x", e, m.PC(), end)
	}
}

// wantTrap executes the code at the pc and requires a trap.
func (m *machine) wantTrap(pc uint64, want guest.Trap) {
	m.t.Helper()
	e := m.Run()
	if e.Kind != guest.ExitTrap || e.Trap != want || m.PC() != pc {
		m.t.Errorf("exit %+v at %#x, want trap %+v at %#x", e, m.PC(), want, pc)
	}
}

package riscv

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
)

// li assembles a0 = n.
func li(m *machine, n int64) []byte { return m.op("addi", f{"rd": 10, "rs1": 0, "imm": n}) }

// callTwice is a program that calls the function at codeAddr+0x100 through call,
// with between in between, and leaves its two results in s0 and s1.
func callTwice(m *machine, call, between []byte) {
	at := uint64(codeAddr)
	at = m.put(at, call, m.op("addi", f{"rd": 8, "rs1": 10}))
	at = m.put(at, between)
	m.put(at, call, m.op("addi", f{"rd": 9, "rs1": 10}), ecall)
}

// TestSelfModifying writes a function's code between two calls. With fence.i the
// second call must see it.
func TestSelfModifying(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		const function = codeAddr + 0x100
		sw := m.op("sw", f{"rs1": 11, "rs2": 12})
		fence := m.op("fence.i", nil)
		between := append(append([]byte{}, sw...), fence...)
		for name, call := range map[string][]byte{
			"indirect": m.op("jalr", f{"rd": 1, "rs1": 11}),
			"direct":   nil, // differs by place, see below
		} {
			m.put(function, li(m, 1), m.op("c.jr", f{"rs1": 1}))
			m.SetX(11, function)
			w, _ := Encode("addi", f{"rd": 10, "imm": 2})
			m.SetX(12, uint64(w))
			if call != nil {
				callTwice(m, call, between)
			} else {
				m.put(codeAddr,
					m.op("jal", f{"rd": 1, "off": 0x100}), m.op("addi", f{"rd": 8, "rs1": 10}), between,
					m.op("jal", f{"rd": 1, "off": 0x100 - 16}), m.op("addi", f{"rd": 9, "rs1": 10}), ecall)
			}
			m.FlushCode()
			m.SetPC(codeAddr)
			if e := m.Run(); e.Kind != guest.ExitSyscall || m.X(8) != 1 || m.X(9) != 2 {
				t.Errorf("%s: %+v, first %d, second %d", name, e, m.X(8), m.X(9))
			}
		}
	})
}

// TestSelfModifyingWithoutFence: code in writable memory is seen to change without
// fence.i, by blocks that link to it in any way; other code needs the fence.
func TestSelfModifyingWithoutFence(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		const function, loops = codeAddr + 0x100, 5
		if err := m.as.Mprotect(codeAddr, areaSize, mem.Read|mem.Write|mem.Exec); err != nil {
			t.Fatal(err)
		}
		m.put(codeAddr,
			m.op("addi", f{"rd": 13, "rs1": 0, "imm": loops}),
			// loop:
			m.op("jal", f{"rd": 1, "off": 0x100 - 4}), // direct
			m.op("add", f{"rd": 8, "rs1": 8, "rs2": 10}),
			m.op("jalr", f{"rd": 1, "rs1": 11}), // indirect
			m.op("add", f{"rd": 8, "rs1": 8, "rs2": 10}),
			m.op("lw", f{"rd": 12, "rs1": 11}),
			m.op("add", f{"rd": 12, "rs1": 12, "rs2": 14}),
			m.op("sw", f{"rs1": 11, "rs2": 12}), // the next number
			m.op("addi", f{"rd": 13, "rs1": 13, "imm": -1}),
			m.op("bne", f{"rs1": 13, "rs2": 0, "off": -32}),
			ecall)
		m.put(function, li(m, 1), m.op("c.jr", f{"rs1": 1}))
		m.SetX(8, 0)
		m.SetX(11, function)
		m.SetX(14, 1<<20)
		m.FlushCode()
		m.SetPC(codeAddr)
		before := m.Retired()
		if e := m.Run(); e.Kind != guest.ExitSyscall || m.X(8) != 2*(1+2+3+4+5) {
			t.Errorf("%+v, sum %d", e, m.X(8))
		}
		if n := m.Retired() - before; n != 2+loops*(9+4) {
			t.Errorf("%d instructions", n)
		}
		// Garbage instead of code is found as well, at its address.
		m.put(function, []byte{0, 0, 0, 0})
		m.SetPC(codeAddr)
		m.wantTrap(function, guest.Trap{Signal: guest.SIGILL, Code: guest.ILL_ILLOPC, Addr: function})
	})
}

// TestFlushLinked changes code behind links of all kinds (taken, fall-through,
// indirect, to itself) and requires that a flush reaches each.
func TestFlushLinked(t *testing.T) {
	m := newMachine(t, fastMapping)
	const other = codeAddr + 0x200
	program := func(n int64) {
		m.put(codeAddr,
			m.op("addi", f{"rd": 11, "rs1": 0, "imm": 4}),
			// loop:
			m.op("jal", f{"rd": 1, "off": 0x200 - 4}), // taken
			m.op("jalr", f{"rd": 1, "rs1": 12}),       // indirect
			m.op("addi", f{"rd": 11, "rs1": 11, "imm": -1}),
			m.op("bne", f{"rs1": 11, "rs2": 0, "off": -12}),
			m.op("addi", f{"rd": 13, "rs1": 13, "imm": n}), // fall-through
			ecall)
		m.put(other, m.op("addi", f{"rd": 10, "rs1": 10, "imm": n}), m.op("c.jr", f{"rs1": 1}))
	}
	for n := int64(1); n < 50; n++ {
		program(n)
		m.FlushCode()
		m.SetX(10, 0)
		m.SetX(12, other)
		m.SetX(13, 0)
		m.SetPC(codeAddr)
		if e := m.Run(); e.Kind != guest.ExitSyscall || m.X(10) != uint64(8*n) || m.X(13) != uint64(n) {
			t.Fatalf("version %d: %+v, a0 = %d, a3 = %d", n, e, m.X(10), m.X(13))
		}
	}
}

// TestFlushKeepsBlocks: code that has not changed is not decoded again.
func TestFlushKeepsBlocks(t *testing.T) {
	m := newMachine(t, fastMapping)
	decoded := 0
	m.SetTrace(func(uint64, string) { decoded++ })
	m.run(li(m, 1), m.op("jal", f{"rd": 0, "off": 4}))
	if decoded != 3 {
		t.Fatalf("%d instructions decoded", decoded)
	}
	m.FlushCode()
	m.SetPC(codeAddr)
	m.Run()
	if decoded != 3 {
		t.Errorf("%d instructions decoded after the flush", decoded)
	}
}

// TestFlushPermission: without execute permission known code does not execute.
func TestFlushPermission(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		m.run(li(m, 1))
		if err := m.as.Mprotect(codeAddr, areaSize, mem.Read); err != nil {
			t.Fatal(err)
		}
		m.FlushCode()
		m.SetPC(codeAddr)
		m.wantTrap(codeAddr, guest.Trap{Signal: guest.SIGSEGV, Code: guest.SEGV_ACCERR, Addr: codeAddr})
		if err := m.as.Munmap(codeAddr, areaSize); err != nil {
			t.Fatal(err)
		}
		m.wantTrap(codeAddr, guest.Trap{Signal: guest.SIGSEGV, Code: guest.SEGV_MAPERR, Addr: codeAddr})
	})
}

// TestFlushWhileRunning rewrites the loop that another goroutine executes.
func TestFlushWhileRunning(t *testing.T) {
	m := newMachine(t, fastMapping)
	m.put(codeAddr, m.op("addi", f{"rd": 11, "rs1": 11, "imm": 1}), m.op("jal", f{"rd": 0, "off": -4}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := int64(2); n < 200; n++ {
			m.put(codeAddr, m.op("addi", f{"rd": 11, "rs1": 11, "imm": n}))
			m.FlushCode()
		}
		m.put(codeAddr, ecall)
		m.FlushCode()
	}()
	if e := m.Run(); e.Kind != guest.ExitSyscall {
		t.Errorf("%+v", e)
	}
	<-done
}

// TestCacheLimit decodes more code than the cache holds.
func TestCacheLimit(t *testing.T) {
	m := newMachine(t, fastMapping)
	m.put(codeAddr, m.op("addi", f{"rd": 10, "rs1": 10, "imm": 1}), m.op("jal", f{"rd": 0, "off": -4}))
	m.put(codeAddr+8, ecall)
	m.run(m.op("addi", f{"rd": 10, "rs1": 0, "imm": 9}), m.op("bne", f{"rs1": 10, "rs2": 0, "off": 8}), words(0))
	m.cache.used = maxCached + 1
	gen := m.gen
	m.run(m.op("addi", f{"rd": 10, "rs1": 0, "imm": 8}), m.op("bne", f{"rs1": 10, "rs2": 0, "off": 8}), words(0))
	if m.X(10) != 8 || m.gen == gen || m.cache.used > maxCached {
		t.Errorf("a0 = %d, generation %d, %d cached", m.X(10), m.gen-gen, m.cache.used)
	}
}

func TestTraceAndDisassemble(t *testing.T) {
	m := newMachine(t, fastMapping)
	var lines []string
	m.SetTrace(func(pc uint64, s string) { lines = append(lines, fmt.Sprintf("%x: %s", pc, s)) })
	m.run(m.op("c.li", f{"rd": 10, "imm": 3}))
	m.SetPC(codeAddr)
	m.Run() // the second execution is silent
	want := []string{"10000: li\ta0,3", "10002: ecall"}
	if strings.Join(lines, "|") != strings.Join(want, "|") {
		t.Errorf("%q, want %q", lines, want)
	}
	if text, n := m.Disassemble(codeAddr); text != "li\ta0,3" || n != 2 {
		t.Errorf("%q, %d", text, n)
	}
	if text, n := m.Disassemble(0x40); n != 0 || !strings.Contains(text, "not mapped") {
		t.Errorf("%q, %d", text, n)
	}
	m.SetX(8, 0xabcdef)
	if s := m.DumpRegs(); !strings.Contains(s, "s0   0000000000abcdef") || !strings.Contains(s, "ft11 ") {
		t.Errorf("%s", s)
	}
}

//go:build linux && amd64

package engine

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/irq"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/offset"
	"github.com/hospes-vm/hospes/internal/mem/table"
)

// sharer is a guest whose translations may be shared.
type sharer struct {
	*Arch
	as  *mem.Space
	cpu guest.CPU
}

func newSharer(t *testing.T, c *Code, m mem.Mapping, code []byte) *sharer {
	t.Helper()
	s := &sharer{&Arch{Arch: riscv.Arch, Options: Options{Threshold: 0, Optimise: -1, CacheSize: 1 << 20}, Code: c}, mem.New(m, mem.PageSize, 1<<20), nil}
	mapPage(t, s.as, testAddr, mem.MapFixed)
	mapPage(t, s.as, codeAddr, mem.MapFixed)
	if f := s.as.CopyOut(codeAddr, code); f != nil {
		t.Fatal(f)
	}
	if err := s.as.Mprotect(codeAddr, mem.PageSize, mem.Read|mem.Exec); err != nil {
		t.Fatal(err)
	}
	s.cpu = s.NewCPU(s.as)
	return s
}

// sum runs the program from its beginning, and returns its result.
func (s *sharer) sum(t *testing.T) uint64 {
	t.Helper()
	s.cpu.SetPC(codeAddr)
	s.cpu.SetSP(testAddr + mem.PageSize)
	run(t, s.cpu)
	_, args := s.cpu.Syscall()
	return args[0]
}

func (s *sharer) close() {
	s.Close()
	_ = s.as.Close()
}

func (s *sharer) shares() bool { m := s.machine(); return m != nil && m.as == nil }

const counting = `
	li a0, 0
	li a1, 100
1:	addi a0, a0, 2
	addi a1, a1, -1
	bnez a1, 1b
	ecall
`

// TestShare: address spaces with the same code execute the same translations, of which the second one
// makes none. One that changes its code gets its own, and the others go on as before.
func TestShare(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	code := assembled(t, counting)
	changed := assembled(t, string(bytes.Replace([]byte(counting), []byte("a0, 2"), []byte("a0, 3"), 1)))
	for name, mapping := range map[string]func() (mem.Mapping, error){
		"offset": func() (mem.Mapping, error) { return offset.New(1 << 32) },
		"table":  func() (mem.Mapping, error) { return table.New(1 << 32) },
	} {
		t.Run(name, func(t *testing.T) {
			var shared Code
			defer shared.Close()
			guestOf := func(code []byte) *sharer {
				m, err := mapping()
				if err != nil {
					t.Fatal(err)
				}
				s := newSharer(t, &shared, m, code)
				t.Cleanup(s.close)
				return s
			}
			a, b, other := guestOf(code), guestOf(code), guestOf(changed)
			a.sum(t)
			made := a.machine().stats().Translated
			if got := b.sum(t); got != 200 || b.machine() != a.machine() || b.machine().stats().Translated != made || !a.shares() || made == 0 {
				t.Errorf("the second got %d, translated %d blocks after %d", got, b.machine().stats().Translated, made)
			}
			if got := other.sum(t); got != 300 || other.machine() == a.machine() {
				t.Errorf("other code: %d", got)
			}
			// b changes its code.
			if err := b.as.Mprotect(codeAddr, mem.PageSize, mem.Read|mem.Write); err != nil {
				t.Fatal(err)
			}
			b.as.CopyOut(codeAddr, changed)
			if err := b.as.Mprotect(codeAddr, mem.PageSize, mem.Read|mem.Exec); err != nil {
				t.Fatal(err)
			}
			if got := b.sum(t); got != 300 || b.shares() {
				t.Errorf("after a change: %d, shared %v", got, b.shares())
			}
			if got := a.sum(t); got != 200 || !a.shares() {
				t.Errorf("the first got %d", got)
			}
			// a maps further code, which is not shared with those that have not.
			mapPage(t, a.as, codeAddr+mem.PageSize, mem.MapFixed)
			a.as.CopyOut(codeAddr+mem.PageSize, changed)
			if err := a.as.Mprotect(codeAddr+mem.PageSize, mem.PageSize, mem.Exec|mem.Read); err != nil {
				t.Fatal(err)
			}
			before := a.machine()
			a.cpu.SetPC(codeAddr + mem.PageSize)
			if run(t, a.cpu); a.machine() == before || !a.shares() {
				t.Error("further code belongs to the same translations")
			}
			// Code that the guest can write to is its own.
			if err := a.as.Mprotect(codeAddr+mem.PageSize, mem.PageSize, mem.Read|mem.Write|mem.Exec); err != nil {
				t.Fatal(err)
			}
			if got := a.sum(t); got != 200 || a.shares() {
				t.Errorf("with writable code: %d, shared %v", got, a.shares())
			}
		})
	}
}

// TestShareInterrupted: a guest that loops in shared translations leaves them when another of its threads changes
// the code.
func TestShareInterrupted(t *testing.T) {
	var shared Code
	defer shared.Close()
	m, err := offset.New(1 << 32)
	if err != nil {
		t.Fatal(err)
	}
	s := newSharer(t, &shared, m, assembled(t, "1: addi a0, a0, 1\n j 1b\n ecall\n"))
	defer s.close()
	s.cpu.SetPC(codeAddr)
	done := make(chan guest.Exit)
	go func() {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		exit := s.cpu.Run()
		for exit.Kind == guest.ExitInterrupt {
			s.cpu.IRQ().Lower(irq.All)
			exit = s.cpu.Run()
		}
		done <- exit
	}()
	time.Sleep(20 * time.Millisecond)
	if err := s.as.Munmap(codeAddr, mem.PageSize); err != nil {
		t.Fatal(err)
	}
	if exit := <-done; exit.Kind != guest.ExitTrap || exit.Trap.Signal != guest.SIGSEGV || exit.Trap.Addr != codeAddr {
		t.Errorf("%+v", exit)
	}
}

// TestNothingLeft: many guests one after the other, some with translations of their own, leave nothing
// behind: no memory mapped, no goroutines, no areas of code.
func TestNothingLeft(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	code := assembled(t, counting)
	round := func(n int) {
		var shared Code
		defer shared.Close()
		for k := range n {
			m, err := offset.New(1 << 32)
			if err != nil {
				t.Fatal(err)
			}
			c := &shared
			if k%2 == 0 {
				c = nil
			}
			s := newSharer(t, c, m, code)
			if got := s.sum(t); got != 200 {
				t.Errorf("guest %d: %d", k, got)
			}
			s.close()
		}
	}
	round(3) // equipment is kept
	maps, goroutines := mapped(t), runtime.NumGoroutine()
	round(100) // more than areas of code would fit, if they stayed
	if m, g := mapped(t), runtime.NumGoroutine(); m > maps+4 || g > goroutines {
		t.Errorf("%d mappings after %d, %d goroutines after %d", m, maps, g, goroutines)
	}
}

// mapped is how many mappings the process has that are not Go's heap.
func mapped(t *testing.T) int {
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	return bytes.Count(b, []byte("\n")) - bytes.Count(b, []byte("00c0"))
}

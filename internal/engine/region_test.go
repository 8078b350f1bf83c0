//go:build linux && amd64

package engine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/opt"
	"github.com/hospes-vm/hospes/internal/trap"
)

// codeAddr is where the programs are.
const codeAddr = 0x10000

// assembled is the machine code of a program.
func assembled(t testing.TB, source string) []byte {
	t.Helper()
	const as, objcopy = "riscv64-linux-gnu-as", "riscv64-linux-gnu-objcopy"
	if _, err := exec.LookPath(as); err != nil {
		t.Skip("no cross-assembler: ", err)
	}
	dir := t.TempDir()
	src, object, binary := filepath.Join(dir, "s"), filepath.Join(dir, "o"), filepath.Join(dir, "b")
	if err := os.WriteFile(src, []byte(".option norvc\n.option norelax\n"+source), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{{as, "-march=rv64gc", "-o", object, src}, {objcopy, "-O", "binary", "-j", ".text", object, binary}} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", argv[0], err, out)
		}
	}
	code, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// machineFor returns a machine and a CPU that is about to execute a program.
func machineFor(t testing.TB, source string, opts Options) (*Machine, guest.CPU) {
	t.Helper()
	as := newSpace(t)
	code := assembled(t, source)
	r := mem.Request{Addr: codeAddr, Len: uint64(len(code)), Prot: mem.Read | mem.Write, Flags: mem.MapFixed}
	if _, err := as.Mmap(r); err != nil {
		t.Fatal(err)
	}
	if f := as.CopyOut(codeAddr, code); f != nil {
		t.Fatal(f)
	}
	if err := as.Mprotect(codeAddr, r.Len, mem.Read|mem.Exec); err != nil {
		t.Fatal(err)
	}
	trap.Faults()
	a := &Arch{Arch: riscv.Arch, Options: opts}
	if err := a.Open(as); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	cpu := a.NewCPU(as)
	cpu.SetPC(codeAddr)
	cpu.SetSP(testAddr + mem.PageSize)
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	return a.machine(), cpu
}

// run executes a program up to its system call.
func run(t testing.TB, cpu guest.CPU) {
	t.Helper()
	exit := cpu.Run()
	if exit.Kind == guest.ExitInterrupt { // see CPU.IRQ
		exit = cpu.Run()
	}
	if exit.Kind != guest.ExitSyscall {
		t.Fatalf("%+v at %#x", exit, cpu.PC())
	}
}

// captured has regions collected instead of generated, until the test ends.
func captured(t *testing.T) *[]*region {
	list := new([]*region)
	old := generate
	generate = func(m *Machine, r *region, _ *opt.Region, _ func(string)) { *list = append(*list, r) }
	t.Cleanup(func() { generate = old })
	return list
}

// text describes a region: for each source its number, place and number of instructions, and what
// leads to which other one.
func (r *region) text() string {
	var b strings.Builder
	for n, s := range r.sources {
		insts := 0
		for _, i := range s.Trace.Code {
			if i.Op == ir.Inst {
				insts++
			}
		}
		fmt.Fprintf(&b, "%d: %#x %d", n, s.Trace.PC-codeAddr, insts)
		for _, w := range s.Ways {
			fmt.Fprintf(&b, ", %s %d", s.Trace.Code[w.From].Op, w.To)
			if w.Return {
				b.WriteString(" after it")
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestFullRegion: a loop has as many instructions as a region may have. Empty functions that it calls have no room in
// it, nor has what is called after them.
func TestFullRegion(t *testing.T) {
	regions := captured(t)
	opts := DefaultOptions
	opts.Threshold, opts.Optimise = 0, 100
	m, cpu := machineFor(t, fmt.Sprintf(`
		li a0, 1000
	1:	jal empty
		jal empty
		jal large
		.rept %d
		nop
		.endr
		addi a0, a0, -1
		bnez a0, 1b
		ecall
	empty:	ret
	large:	.rept 200
		nop
		.endr
		ret`, maxRegion-5), opts)
	m.postpone(func() { run(t, cpu) })
	m.await()
	most := 0
	for _, r := range *regions {
		most = max(most, r.insts)
	}
	if most != maxRegion {
		t.Errorf("regions of up to %d instructions, want %d", most, maxRegion)
	}
}

// TestRegionOfPaths: traces that follow jumps make the same region as straight ones.
func TestRegionOfPaths(t *testing.T) {
	var texts []string
	for _, threshold := range []int{0, 20} {
		regions := captured(t)
		opts := DefaultOptions
		opts.Threshold, opts.Optimise = threshold, 200
		m, cpu := machineFor(t, `
			li a0, 2000
		1:	andi a1, a0, 7
			bnez a1, 2f
			addi a2, a2, 1
		2:	addi a3, a3, 1
			j 3f
			ebreak
		3:	addi a0, a0, -1
			bnez a0, 1b
			ecall`, opts)
		m.postpone(func() { run(t, cpu) })
		m.await()
		if x(cpu, 12) != 250 || x(cpu, 13) != 2000 {
			t.Errorf("threshold %d: counted to %d and %d", threshold, x(cpu, 12), x(cpu, 13))
		}
		wantPath, wantInsts := uint64(0), 2
		if threshold > 0 { // seen by the interpreter
			wantPath, wantInsts = 3, 6
		}
		if b := m.lookup(codecache.Key{PC: codeAddr + 4}); b == nil || b.Path != wantPath || b.Insts < wantInsts {
			t.Errorf("threshold %d: the trace is %+v", threshold, b)
		}
		text := ""
		for _, r := range *regions {
			text += r.text()
		}
		texts = append(texts, text)
	}
	if texts[0] == "" || texts[0] != texts[1] {
		t.Errorf("straight traces make\n%s, others\n%s", texts[0], texts[1])
	}
}

// TestRegions: programs, and the regions that are found in them, in the order in which they get
// hot.
func TestRegions(t *testing.T) {
	for _, test := range []struct {
		name, source string
		want         []string
	}{
		{"one block", `
			li a0, 1000
		1:	addi a0, a0, -1
			bnez a0, 1b
			ecall`, []string{"0: 0x4 2, exitif 0\n"}},
		{"two ways", `
			li a0, 1000
		1:	andi a1, a0, 1
			beqz a1, 2f
			addi a2, a2, 1
			j 3f
		2:	addi a3, a3, 1
		3:	addi a0, a0, -1
			bnez a0, 1b
			ecall`, []string{"0: 0x4 4, exitif 1, goto 2\n1: 0x14 1, goto 2\n2: 0x18 2, exitif 0\n"}},
		{"a way that is never taken", `
			li a0, 1000
		1:	bltz a0, 2f
			addi a0, a0, -1
			bnez a0, 1b
			ecall
		2:	j 1b`, []string{"0: 0x4 3, exitif 0\n"}},
		{"inner loop, then outer loop", `
			li a0, 1000
		1:	li a1, 50
		2:	addi a1, a1, -1
			bnez a1, 2b
			addi a0, a0, -1
			bnez a0, 1b
			ecall`, []string{"0: 0x8 2, exitif 0\n", "0: 0x4 1, goto 1\n1: 0x8 4, exitif 1, exitif 0\n"}},
		{"a call is inlined, and the function hot", `
			li a0, 1000
		1:	jal 3f
			bnez a0, 1b
			ecall
		3:	addi a0, a0, -1
			ret`, []string{"0: 0x4 1, callto 2\n1: 0x8 1, exitif 0\n2: 0x10 2, ret 1\n", "0: 0x10 2\n"}},
		{"one function in two places, through another", `
			li a0, 1000
		1:	jal 3f
			jal 2f
			bnez a0, 1b
			ecall
		2:	mv t0, ra
			jal 3f
			jr t0
		3:	addi a0, a0, -1
			ret`, []string{"0: 0x20 2\n", "0: 0x14 2, callto 2\n1: 0x1c 1\n2: 0x20 2, ret 1\n",
			"0: 0x4 1, callto 3\n1: 0x8 1, callto 4\n2: 0xc 1, exitif 0\n3: 0x20 2, ret 1\n" +
				"4: 0x14 2, callto 6\n5: 0x1c 1, ret 2\n6: 0x20 2, ret 5\n",
		}},
		{"recursion", `
			li a1, 30
		1:	li a0, 10
			jal f
			addi a1, a1, -1
			bnez a1, 1b
			ecall
		f:	addi sp, sp, -16
			addi a0, a0, -1
			beqz a0, 1f
			sd ra, (sp)
			jal f
			ld ra, (sp)
		1:	addi sp, sp, 16
			ret`, []string{"0: 0x18 5, exitif 1, callto 2 after it\n1: 0x30 2\n2: 0x2c 1, goto 1\n"}},
		{"calls by a pointer", `
			li a0, 1000
			auipc a1, 0
			addi a1, a1, 20
		1:	jalr a1
			bnez a0, 1b
			ecall
		f:	addi a0, a0, -1
			ret`, []string{"0: 0xc 1, call 2\n1: 0x10 1, exitif 0\n2: 0x18 2, ret 1\n", "0: 0x18 2\n"}},
		{"a library function is one instruction", swapping, []string{"0: 0x8 2, callto 2\n1: 0x10 3, exitif 0\n2: 0x24 1, ret 1\n"}},
		{"one that others lead into", `
			li s0, 1000
		1:	mv a0, s0
			jal 2f
			jal bswapsi2
			addi s0, s0, -1
			bnez s0, 1b
			ecall
		2:	addi a0, a0, 1` + bswapsi2, []string{
			"0: 0x4 2, callto 3\n1: 0xc 1, callto 5\n2: 0x10 2, exitif 0\n3: 0x1c 1, goto 4\n4: 0x20 1, ret 1\n5: 0x20 1, ret 2\n", "0: 0x1c 14\n",
		}},
		{"a loop around a large function", `
			li a0, 1000
		1:	jal f
			bnez a0, 1b
			ecall
		f:	addi a0, a0, -1
			.rept 70
			addi a1, a1, 1
			.endr
			ret`, []string{"0: 0x4 1, callto 1 after it\n1: 0x8 1, exitif 0\n", "0: 0x10 64, goto 1\n1: 0x110 8\n"}},
		{"a long loop", `
			li a0, 1000
		1:	addi a0, a0, -1
			.rept 140
			addi a1, a1, 1
			.endr
			bnez a0, 1b
			ecall`, []string{"0: 0x4 64, goto 1\n1: 0x104 64, goto 2\n2: 0x204 14, exitif 0\n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			regions := captured(t)
			opts := DefaultOptions
			opts.Threshold, opts.Optimise = 0, 100
			m, cpu := machineFor(t, test.source, opts)
			m.postpone(func() { run(t, cpu) })
			m.await()
			var got []string
			for _, r := range *regions {
				got = append(got, r.text())
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// postpone has nothing optimised before f has returned: exits that are counted for a profile make nothing hot, so what gets
// hot would depend on how much of f is executed by then.
func (m *Machine) postpone(f func()) {
	m.mu.Lock()
	m.opt.running = true // there is a goroutine, it says
	m.mu.Unlock()
	f()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opt.running = false
	m.startWorker(0)
}

// await waits until nothing is being optimised.
func (m *Machine) await() {
	for {
		m.mu.Lock()
		running := m.opt.running
		m.mu.Unlock()
		if !running {
			return
		}
		runtime.Gosched()
	}
}

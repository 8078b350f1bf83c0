//go:build linux && amd64

package view

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/engine"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/jit"
)

var update = flag.Bool("update", false, "write testdata/*.txt anew; needs the cross-assembler to see changes of testdata/*.s")

const (
	assembler = "riscv64-linux-gnu-as"
	objcopy   = "riscv64-linux-gnu-objcopy"

	guestPC = 0x10000 // where the snippets are
	origin  = "guest code: "
)

// allFeatures are all that the compiler can make use of.
var allFeatures = jit.Features{BMI1: true, BMI2: true, LZCNT: true, POPCNT: true, SSE41: true, AVX: true, FMA: true, F16C: true}

// TestGolden compiles pieces of guest code, and compares the host code with what it was
// before: a change of its quality is to be seen in review. Each file testdata/*.s is the
// source of a trace; one with "verify" in its first line is for memory that can be
// written, one with "table" for a page table, one with "direct" for a window at address 0.
// Run with -update to accept the new code.
func TestGolden(t *testing.T) {
	sources, err := filepath.Glob("testdata/*.s")
	if err != nil || len(sources) == 0 {
		t.Fatal("no sources: ", err)
	}
	for _, src := range sources {
		t.Run(strings.TrimSuffix(filepath.Base(src), ".s"), func(t *testing.T) { golden(t, src) })
	}
}

func golden(t *testing.T, src string) {
	file := strings.TrimSuffix(src, ".s") + ".txt"
	old, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(old), "\n")
	code, err := hex.DecodeString(strings.TrimPrefix(first, origin))
	if err != nil && !*update {
		t.Fatal(err)
	}
	if now, ok := assemble(t, src); ok {
		if !bytes.Equal(now, code) && !*update {
			t.Errorf("%s has changed; run with -update", src)
		}
		code = now
	}
	text, err := os.ReadFile(src)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	got := fmt.Sprintf("%s%x\n\n%s", origin, code, compiled(t, code, allFeatures, line))
	if plain := compiled(t, code, jit.Features{}, line); !strings.HasSuffix(got, plain) {
		got += "\nWithout optional features of the host:\n\n" + plain
	}
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(strings.Split(string(old), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the code has changed (-before +now); run with -update if that is right:\n%s", diff)
	}
}

// assemble assembles a source, if that is possible here.
func assemble(t *testing.T, src string) (code []byte, ok bool) {
	if _, err := exec.LookPath(assembler); err != nil {
		return nil, false
	}
	object, binary := filepath.Join(t.TempDir(), "o"), filepath.Join(t.TempDir(), "bin")
	for _, argv := range [][]string{
		{assembler, "-march=rv64gc_zba_zbb_zbs", "-mno-relax", "-o", object, src},
		{objcopy, "-O", "binary", "-j", ".text", object, binary},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", argv[0], err, out)
		}
	}
	code, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	return code, true
}

// compiled is the text of a trace's code, made as the first line of its source says.
func compiled(t *testing.T, code []byte, f jit.Features, how string) string {
	t.Helper()
	trace, _, size := new(riscv.CPU).NewLifter().Lift(code, guestPC, 0)
	if size != len(code) {
		t.Fatalf("the trace ends after %d of %d bytes", size, len(code))
	}
	a := &amd64.Assembler{Buf: make([]byte, 0, 1<<16)}
	a.Nop(16)
	c := jit.Compiler{Features: f, Limit: 1 << 38, FirstExit: jit.FirstExit, Stubs: jit.EmitStubs(a)}
	c.Table, c.Direct, c.Detours = strings.Contains(how, "table"), strings.Contains(how, "direct"), strings.Contains(how, "detours")
	c.AtLimit, c.NearSP = !c.Table && !c.Direct, true
	var expect []byte
	if strings.Contains(how, "verify") {
		expect = code
	}
	made, ok := c.Compile(a, trace, expect)
	if !ok {
		return "left to the interpreter\n"
	}
	block := &engine.Translation{PC: guestPC, Guest: code, Trace: trace, Code: a.Buf[made.Start:made.End], Host: uintptr(made.Start), Made: made, Stubs: c.Stubs}
	return Text(block, Options{Guest: true, Host: true, Bare: true, Disassemble: riscv.Disassemble})
}

// TestDifference compares the report of a difference with testdata/difference.txt: all that
// can differ, in a block whose accesses are watched.
func TestDifference(t *testing.T) {
	code := []byte{
		0x33, 0xc5, 0xb5, 0x00, // xor a0,a1,a1
		0x23, 0x10, 0xa6, 0x00, // sh a0,0(a2)
		0x63, 0xe4, 0xb5, 0x00, // bltu a1,a1,+8
	}
	trace, _, _ := new(riscv.CPU).NewLifter().Lift(code, guestPC, 0)
	a := &amd64.Assembler{Buf: make([]byte, 0, 1<<16)}
	a.Nop(16)
	c := jit.Compiler{Features: allFeatures, Limit: 1 << 38, FirstExit: jit.FirstExit, Stubs: jit.EmitStubs(a), Watched: true}
	made, _ := c.Compile(a, trace, nil)
	d := &engine.Difference{
		Translation: &engine.Translation{
			PC: guestPC, Name: "main+0x10", Guest: code, Trace: trace,
			Code: a.Buf[made.Start:made.End], Host: uintptr(made.Start), Made: made, Stubs: c.Stubs,
		},
		Insts: 3, Done: 2,
		Exit:   guest.Exit{Kind: guest.ExitTrap, Trap: guest.Trap{Signal: guest.SIGSEGV, Code: guest.SEGV_ACCERR, Addr: 0x1234}},
		Before: engine.State{PC: guestPC},
		Want:   engine.State{PC: guestPC + 4, Flags: 1, Reserved: 8, ResAddr: 0x2000, ResValue: 3},
		Got:    engine.State{PC: guestPC + 12, Round: 2},
		Memory: []engine.MemoryDifference{
			{Want: engine.Word{Addr: 0x2000, Before: 0x1122334455667788, Mask: 0xffff, After: 0x1122334455660001}, Got: engine.Word{Addr: 0x2000, Before: 0x1122334455667788, Mask: 0xffffffff, After: 0x1122334400000001}},
			{Want: engine.Word{Addr: 0x3000, Before: 5, After: 5}, Got: engine.Word{Addr: 0x3000, Before: 5, Mask: 0xff << 56, After: 5}},
		},
	}
	d.Want.X[10], d.Got.X[10], d.Got.F[31] = 1, 2, 3
	got := Difference(d, Options{Guest: true, IR: true, Host: true, Bare: true, Disassemble: riscv.Disassemble, Register: riscv.RegisterName})
	const file = "testdata/difference.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the report has changed (-before +now); run with -update if that is right:\n%s", diff)
	}
}

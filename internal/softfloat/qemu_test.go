package softfloat

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The same operations as instructions, executed by QEMU: a second opinion that does
// not depend on our reading of the manual. The program that executes them is
// generated from the table, compiled for riscv64, and fed vectors on its standard
// input.

// insn is an instruction and the function that should do the same. The assembly
// text takes floating-point operands in ft0, ft1, ft2 and integers in t0; it
// leaves its result in ft3, or in t0 if it is an integer.
type insn struct {
	asm    string
	inputs [][]uint64 // the values of each operand
	toInt  bool       // the result is in t0
	static bool       // has no rounding mode
	do     func(a, b, c uint64, rm Round, fl *Flags) uint64
}

// Values of registers. A binary32 or binary16 number is NaN-boxed.
const (
	box32 uint64 = 0xffffffff_00000000
	box16 uint64 = 0xffffffff_ffff0000
)

func boxed(box uint64, values []uint64) []uint64 {
	out := slices.Clone(values)
	for i := range out {
		out[i] |= box
	}
	return out
}

func boolBit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// Operand lists.
func vec64(n int) [][]uint64 { return repeat(n, double.mixed(n)) }
func vec32(n int) [][]uint64 { return repeat(n, boxed(box32, single.mixed(n))) }
func vec16() [][]uint64      { return repeat(1, boxed(box16, half.mixed(1))) }
func vecInt(i integer) [][]uint64 {
	return [][]uint64{i.inputs()}
}

func repeat(n int, values []uint64) [][]uint64 {
	return slices.Repeat([][]uint64{values}, n)
}

// mixed are special numbers and some random ones, fewer the more operands there are.
func (o oracleFormat) mixed(operands int) []uint64 {
	values, extra := o.specials(), 2000
	switch operands {
	case 2:
		extra = 40
	case 3:
		values, extra = o.fewSpecials(), 8
	}
	r := newRand()
	for range extra {
		values = append(values, o.random(r))
	}
	return values
}

// Instructions by the form of the function, for binary32 (s) and binary64 (d).

func arithS(asm string, n int, do func(a, b, c uint32, rm Round, fl *Flags) uint32) insn {
	return insn{asm: asm, inputs: vec32(n), do: func(a, b, c uint64, rm Round, fl *Flags) uint64 {
		return box32 | uint64(do(uint32(a), uint32(b), uint32(c), rm, fl))
	}}
}

func arithD(asm string, n int, do func(a, b, c uint64, rm Round, fl *Flags) uint64) insn {
	return insn{asm: asm, inputs: vec64(n), do: do}
}

func two[T uint32 | uint64](f run2[T]) run3to3[T] {
	return func(a, b, _ T, rm Round, fl *Flags) T { return f(a, b, rm, fl) }
}

func one[T uint32 | uint64](f run1[T]) run3to3[T] {
	return func(a, _, _ T, rm Round, fl *Flags) T { return f(a, rm, fl) }
}

type run3to3[T uint32 | uint64] = func(a, b, c T, rm Round, fl *Flags) T

// unmoded gives a function of two operands without a mode the form of those with one.
func unmoded[T uint32 | uint64](f func(a, b T, fl *Flags) T) run3to3[T] {
	return func(a, b, _ T, _ Round, fl *Flags) T { return f(a, b, fl) }
}

func compareS(asm string, do func(a, b uint32, fl *Flags) bool) insn {
	return insn{asm: asm, inputs: vec32(2), toInt: true, static: true,
		do: func(a, b, _ uint64, _ Round, fl *Flags) uint64 {
			return boolBit(do(uint32(a), uint32(b), fl))
		}}
}

func compareD(asm string, do func(a, b uint64, fl *Flags) bool) insn {
	return insn{asm: asm, inputs: vec64(2), toInt: true, static: true,
		do: func(a, b, _ uint64, _ Round, fl *Flags) uint64 { return boolBit(do(a, b, fl)) }}
}

// toReg is a conversion from a floating-point to an integer register; 32-bit
// results, unsigned ones too, are sign-extended there.
func toReg[F uint32 | uint64, I int32 | uint32 | int64 | uint64](asm string, inputs [][]uint64,
	do func(F, Round, *Flags) I) insn {
	return insn{asm: asm, inputs: inputs, toInt: true,
		do: func(a, _, _ uint64, rm Round, fl *Flags) uint64 {
			r := do(F(a), rm, fl)
			if binary.Size(r) == 4 {
				return uint64(int32(r))
			}
			return uint64(r)
		}}
}

// fromReg is a conversion to a floating-point register, from any register.
func fromReg[I int32 | uint32 | int64 | uint64 | uint16, F uint16 | uint32 | uint64](asm string, inputs [][]uint64,
	do func(I, Round, *Flags) F) insn {
	return insn{asm: asm, inputs: inputs,
		do: func(a, _, _ uint64, rm Round, fl *Flags) uint64 {
			r := do(I(a), rm, fl)
			return uint64(r) | ^uint64(0)<<(4*binary.Size(r))<<(4*binary.Size(r))
		}}
}

func classOf[F uint32 | uint64](asm string, inputs [][]uint64, do func(F) uint32) insn {
	return insn{asm: asm, inputs: inputs, toInt: true, static: true,
		do: func(a, _, _ uint64, _ Round, _ *Flags) uint64 { return uint64(do(F(a))) }}
}

// static marks an instruction that has no rounding mode.
func static(i insn) insn {
	i.static = true
	return i
}

// baseInsns are the instructions of F and D.
func baseInsns() []insn {
	i32, u32, i64, u64 := integer{true, 32}, integer{false, 32}, integer{true, 64}, integer{false, 64}
	return []insn{
		arithS("fadd.s ft3, ft0, ft1", 2, two(F32Add)),
		arithS("fsub.s ft3, ft0, ft1", 2, two(F32Sub)),
		arithS("fmul.s ft3, ft0, ft1", 2, two(F32Mul)),
		arithS("fdiv.s ft3, ft0, ft1", 2, two(F32Div)),
		arithS("fsqrt.s ft3, ft0", 1, one(F32Sqrt)),
		arithS("fmadd.s ft3, ft0, ft1, ft2", 3, F32FMA),
		static(arithS("fmin.s ft3, ft0, ft1", 2, unmoded(F32Min))),
		static(arithS("fmax.s ft3, ft0, ft1", 2, unmoded(F32Max))),
		compareS("feq.s t0, ft0, ft1", F32Eq),
		compareS("flt.s t0, ft0, ft1", F32Lt),
		compareS("fle.s t0, ft0, ft1", F32Le),
		classOf("fclass.s t0, ft0", vec32(1), F32Class),
		toReg("fcvt.w.s t0, ft0", vec32(1), F32ToI32),
		toReg("fcvt.wu.s t0, ft0", vec32(1), F32ToU32),
		toReg("fcvt.l.s t0, ft0", vec32(1), F32ToI64),
		toReg("fcvt.lu.s t0, ft0", vec32(1), F32ToU64),
		fromReg("fcvt.s.w ft3, t0", vecInt(i32), I32ToF32),
		fromReg("fcvt.s.wu ft3, t0", vecInt(u32), U32ToF32),
		fromReg("fcvt.s.l ft3, t0", vecInt(i64), I64ToF32),
		fromReg("fcvt.s.lu ft3, t0", vecInt(u64), U64ToF32),

		arithD("fadd.d ft3, ft0, ft1", 2, two(F64Add)),
		arithD("fsub.d ft3, ft0, ft1", 2, two(F64Sub)),
		arithD("fmul.d ft3, ft0, ft1", 2, two(F64Mul)),
		arithD("fdiv.d ft3, ft0, ft1", 2, two(F64Div)),
		arithD("fsqrt.d ft3, ft0", 1, one(F64Sqrt)),
		arithD("fmadd.d ft3, ft0, ft1, ft2", 3, F64FMA),
		static(arithD("fmin.d ft3, ft0, ft1", 2, unmoded(F64Min))),
		static(arithD("fmax.d ft3, ft0, ft1", 2, unmoded(F64Max))),
		compareD("feq.d t0, ft0, ft1", F64Eq),
		compareD("flt.d t0, ft0, ft1", F64Lt),
		compareD("fle.d t0, ft0, ft1", F64Le),
		classOf("fclass.d t0, ft0", vec64(1), F64Class),
		toReg("fcvt.w.d t0, ft0", vec64(1), F64ToI32),
		toReg("fcvt.wu.d t0, ft0", vec64(1), F64ToU32),
		toReg("fcvt.l.d t0, ft0", vec64(1), F64ToI64),
		toReg("fcvt.lu.d t0, ft0", vec64(1), F64ToU64),
		fromReg("fcvt.d.w ft3, t0", vecInt(i32), flagless(I32ToF64)),
		fromReg("fcvt.d.wu ft3, t0", vecInt(u32), flagless(U32ToF64)),
		fromReg("fcvt.d.l ft3, t0", vecInt(i64), I64ToF64),
		fromReg("fcvt.d.lu ft3, t0", vecInt(u64), U64ToF64),

		fromReg("fcvt.s.d ft3, ft0", vec64(1), F64ToF32),
		fromReg("fcvt.d.s ft3, ft0", vec32(1), unrounded(F32ToF64)),
	}
}

// newInsns are those of Zfhmin and Zfa, in an encoding that every assembler knows.
func newInsns() []insn {
	all := []insn{
		fromReg(".insn r OP_FP, 7, 0x20, ft3, ft0, ft2", vec16(), unrounded(F16ToF32)), // fcvt.s.h
		fromReg(".insn r OP_FP, 7, 0x21, ft3, ft0, ft2", vec16(), unrounded(F16ToF64)), // fcvt.d.h
		fromReg(".insn r OP_FP, 7, 0x22, ft3, ft0, ft0", vec32(1), F32ToF16),           // fcvt.h.s
		fromReg(".insn r OP_FP, 7, 0x22, ft3, ft0, ft1", vec64(1), F64ToF16),           // fcvt.h.d

		static(arithS(".insn r OP_FP, 2, 0x14, ft3, ft0, ft1", 2, unmoded(F32MinM))), // fminm.s
		static(arithS(".insn r OP_FP, 3, 0x14, ft3, ft0, ft1", 2, unmoded(F32MaxM))), // fmaxm.s
		static(arithD(".insn r OP_FP, 2, 0x15, ft3, ft0, ft1", 2, unmoded(F64MinM))), // fminm.d
		static(arithD(".insn r OP_FP, 3, 0x15, ft3, ft0, ft1", 2, unmoded(F64MaxM))), // fmaxm.d
		compareS(".insn r OP_FP, 4, 0x50, t0, ft0, ft1", F32LeQ),                     // fleq.s
		compareS(".insn r OP_FP, 5, 0x50, t0, ft0, ft1", F32LtQ),                     // fltq.s
		compareD(".insn r OP_FP, 4, 0x51, t0, ft0, ft1", F64LeQ),                     // fleq.d
		compareD(".insn r OP_FP, 5, 0x51, t0, ft0, ft1", F64LtQ),                     // fltq.d
		arithS(".insn r OP_FP, 7, 0x20, ft3, ft0, ft4", 1, one(F32RoundToInt)),       // fround.s
		arithS(".insn r OP_FP, 7, 0x20, ft3, ft0, ft5", 1, one(F32RoundToIntNX)),     // froundnx.s
		arithD(".insn r OP_FP, 7, 0x21, ft3, ft0, ft4", 1, one(F64RoundToInt)),       // fround.d
		arithD(".insn r OP_FP, 7, 0x21, ft3, ft0, ft5", 1, one(F64RoundToIntNX)),     // froundnx.d
		static(toReg(".insn r OP_FP, 1, 0x61, t0, ft0, f8", vec64(1), unrounded(F64CvtMod))),
	}
	for i := range uint8(32) {
		all = append(all,
			static(arithS(fmt.Sprintf(".insn r OP_FP, 0, 0x78, ft3, f%d, f1", i), 0,
				func(_, _, _ uint32, _ Round, _ *Flags) uint32 { return F32Fli(i) })),
			static(arithD(fmt.Sprintf(".insn r OP_FP, 0, 0x79, ft3, f%d, f1", i), 0,
				func(_, _, _ uint64, _ Round, _ *Flags) uint64 { return F64Fli(i) })))
	}
	return all
}

// vector is one execution; the program reads it as it stands. Flags are what
// fflags is before.
type vector struct{ Op, Mode, Flags, A, B, C uint64 }

// outcome is what the program writes for each vector.
type outcome struct{ Result, Flags uint64 }

// vectors are all executions of an instruction, in all modes unless it has none.
func (i insn) vectors(op int) []vector {
	ms := modes
	if i.static {
		ms = modes[:1]
	}
	operands := [3][]uint64{{0}, {0}, {0}}
	copy(operands[:], i.inputs)
	var vs []vector
	for _, a := range operands[0] {
		for _, b := range operands[1] {
			for _, c := range operands[2] {
				for _, rm := range ms {
					vs = append(vs, vector{uint64(op), uint64(rm), uint64(len(vs) % 2), a, b, c})
				}
			}
		}
	}
	return vs
}

const programHead = `#include <stdint.h>
#include <stdio.h>
struct vector { uint64_t op, mode, flags, a, b, c; };
struct outcome { uint64_t result, flags; };

#define RUN(insn, move) __asm__ volatile( \
	"fsrm %3; fsflags %4; fmv.d.x ft0, %5; fmv.d.x ft1, %6; fmv.d.x ft2, %7; mv t0, %5;" \
	insn ";" move ";" \
	"mv %0, t0; frflags %1; li %2, 1" \
	: "=&r"(o.result), "=&r"(o.flags), "=&r"(done) \
	: "r"(v.mode), "r"(v.flags), "r"(v.a), "r"(v.b), "r"(v.c) \
	: "t0", "ft0", "ft1", "ft2", "ft3")
#define FLOAT(insn) RUN(insn, "fmv.x.d t0, ft3")
#define INT(insn) RUN(insn, "")

int main(void) {
	struct vector v;
	while (fread(&v, sizeof v, 1, stdin) == 1) {
		struct outcome o;
		uint64_t done = 0;
		switch (v.op) {
`

const programTail = `		}
		if (!done || fwrite(&o, sizeof o, 1, stdout) != 1)
			return 1;
	}
	return fflush(stdout) != 0;
}
`

// program is the C source that executes the instructions.
func program(insns []insn) string {
	var b strings.Builder
	b.WriteString(programHead)
	for op, i := range insns {
		macro := "FLOAT"
		if i.toInt {
			macro = "INT"
		}
		fmt.Fprintf(&b, "\t\tcase %d: %s(%q); break;\n", op, macro, i.asm)
	}
	b.WriteString(programTail)
	return b.String()
}

// build compiles the program; the test is skipped if there is no compiler.
func build(t *testing.T, insns []insn) string {
	t.Helper()
	gcc, err := exec.LookPath("riscv64-linux-gnu-gcc")
	if err != nil {
		t.Skip("needs riscv64-linux-gnu-gcc (package gcc-riscv64-linux-gnu)")
	}
	dir := t.TempDir()
	src, exe := filepath.Join(dir, "vectors.c"), filepath.Join(dir, "vectors")
	if err := os.WriteFile(src, []byte(program(insns)), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(gcc, "-O1", "-static", "-o", exe, src).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return exe
}

// findQEMU is the qemu-riscv64 that scripts/fetch-qemu.sh has left in the cache,
// which knows more extensions, or else the one in PATH.
func findQEMU(t *testing.T) string {
	t.Helper()
	cache := os.Getenv("HOSPES_CACHE")
	if dir, err := os.UserCacheDir(); cache == "" && err == nil {
		cache = filepath.Join(dir, "hospes")
	}
	for _, name := range []string{filepath.Join(cache, "qemu-trixie/usr/bin/qemu-riscv64"), "qemu-riscv64"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("needs qemu-riscv64 (scripts/fetch-qemu.sh, or package qemu-user)")
	return ""
}

// compareWithQEMU runs all vectors of the instructions through both.
func compareWithQEMU(t *testing.T, insns []insn, qemu ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a compiler run")
	}
	var all []vector
	for op, i := range insns {
		all = append(all, i.vectors(op)...)
	}
	var in bytes.Buffer
	if err := binary.Write(&in, binary.LittleEndian, all); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(qemu[0], append(qemu[1:], build(t, insns))...)
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", qemu, err)
	}
	outcomes := make([]outcome, len(all))
	if n, err := binary.Decode(out, binary.LittleEndian, outcomes); err != nil || n != len(out) {
		t.Fatalf("%d bytes of output for %d vectors: %v", len(out), len(all), err)
	}
	failed := make(map[uint64]int)
	for n, v := range all {
		fl := Flags(v.Flags)
		got := insns[v.Op].do(v.A, v.B, v.C, Round(v.Mode), &fl)
		if want := outcomes[n]; got != want.Result || uint64(fl) != want.Flags {
			if failed[v.Op]++; failed[v.Op] <= 10 {
				t.Errorf("%s: (%#x, %#x, %#x) mode %d flags %#x = %#x flags %#x; QEMU: %#x flags %#x",
					insns[v.Op].asm, v.A, v.B, v.C, v.Mode, v.Flags, got, fl, want.Result, want.Flags)
			}
		}
	}
	t.Logf("%d vectors", len(all))
}

// TestQEMU compares the instructions of F and D.
func TestQEMU(t *testing.T) { compareWithQEMU(t, baseInsns(), findQEMU(t)) }

// TestQEMUNew compares those of Zfhmin and Zfa, which QEMU has since version 8.
func TestQEMUNew(t *testing.T) {
	qemu := findQEMU(t)
	out, err := exec.Command(qemu, "--version").Output()
	var version int
	if n, _ := fmt.Sscanf(string(out), "qemu-riscv64 version %d", &version); err != nil || n != 1 {
		t.Fatalf("%s --version: %q, %v", qemu, out, err)
	}
	if version < 9 {
		t.Skipf("QEMU %d has no -cpu max with Zfa (scripts/fetch-qemu.sh fetches a newer one)", version)
	}
	compareWithQEMU(t, newInsns(), qemu, "-cpu", "max")
}

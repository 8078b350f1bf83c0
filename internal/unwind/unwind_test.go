package unwind

import (
	"bufio"
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// names of registers, as readelf has them for RISC-V.
var names = func() (list [64]string) {
	x := strings.Fields("zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6")
	f := strings.Fields("ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11")
	copy(list[:], append(x, f...))
	return list
}()

// build compiles C for the guest.
func build(t *testing.T, source string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	c, out := filepath.Join(dir, "a.c"), filepath.Join(dir, "a.out")
	if err := os.WriteFile(c, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	if msg, err := exec.Command("riscv64-linux-gnu-gcc", append(flags, "-o", out, c, "-lm")...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, msg)
	}
	return out
}

const source = `
#include <stdio.h>
#include <alloca.h>
#include <math.h>
double __attribute__((noinline)) many(double a, double b, double c, long n) {
	double s = 0;
	for (long i = 0; i < n; i++) s += sin(a * i) * cos(b * i) + pow(c, s);
	return s;
}
int __attribute__((noinline)) vary(int n) { char *p = alloca(n); p[0] = n; if (n > 5) puts(p); return p[0] + printf("%d", n); }
int main(int argc, char **argv) { return vary(argc) + many(argc, 2, 3, 4); }
`

var fdeLine = regexp.MustCompile(` FDE .*pc=([0-9a-f]+)\.\.([0-9a-f]+)`)

// TestRows: each row of each entry is as readelf has it.
func TestRows(t *testing.T) {
	for _, flags := range [][]string{{"-O2", "-static"}, {"-O2", "-fasynchronous-unwind-tables", "-fno-omit-frame-pointer"}, {"-Og", "-g", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables"}} {
		file := build(t, source, flags...)
		f, err := elf.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		c := ReadCFI(f)
		if c == nil {
			t.Fatalf("%v: there is nothing", flags)
		}
		out, err := exec.Command("readelf", "--debug-dump=frames-interp", file).Output()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		var columns []string
		var end uint64
		for scan := bufio.NewScanner(bytes.NewReader(out)); scan.Scan(); {
			line := scan.Text()
			fields := strings.Fields(line)
			switch m := fdeLine.FindStringSubmatch(line); {
			case m != nil:
				end, _ = strconv.ParseUint(m[2], 16, 64)
				columns = nil
			case strings.Contains(line, " CIE "):
				end, columns = 0, nil
			case len(fields) > 1 && fields[0] == "LOC":
				columns = fields[2:]
			case end != 0 && columns != nil && !strings.Contains(line, "terminator") && len(fields) == len(columns)+2:
				pc, err := strconv.ParseUint(fields[0], 16, 64)
				if err != nil || pc >= end {
					continue
				}
				n++
				got := describe(c.rowAt(pc), columns)
				if want := strings.Join(fields[1:], " "); got != want {
					t.Fatalf("%v: %#x: %s, readelf says %s (%v)", flags, pc, got, want, columns)
				}
			}
		}
		if want := map[bool]int{true: 10, false: 1000}[!slices.Contains(flags, "-static")]; n < want {
			t.Errorf("%v: only %d rows compared", flags, n)
		}
	}
}

// describe writes a row as readelf does.
func describe(r *row, columns []string) string {
	if r == nil {
		return "none"
	}
	cfa := "exp"
	if r.cfa.kind == inRegister {
		cfa = fmt.Sprintf("%s%+d", names[r.cfa.reg], r.cfa.off)
	}
	text := []string{cfa}
	for _, column := range columns {
		reg := slices.Index(names[:], column)
		rule, ok := r.rules[reg]
		switch {
		case !ok:
			text = append(text, "u")
		case rule.kind == atOffset:
			text = append(text, fmt.Sprintf("c%+d", rule.off))
		case rule.kind == sameValue:
			text = append(text, "s")
		case rule.kind == inRegister:
			text = append(text, names[rule.reg])
		default:
			text = append(text, "u")
		}
	}
	return strings.Join(text, " ")
}

var riscv = Machine{Registers: 32, RA: 1, SP: 2, FP: 8, SavedFP: -16, SavedRA: -8}

// TestMalformed: whatever is in a section, nothing is read beyond it, and it ends.
func TestMalformed(t *testing.T) {
	file := build(t, source, "-O2")
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := f.Section(".eh_frame")
	data, err := s.Data()
	if err != nil {
		t.Fatal(err)
	}
	read := func(addr uint64) (uint64, bool) { return addr, true }
	for i := range data {
		for _, b := range []byte{0, 0xff, data[i] ^ 0x80, data[i] + 1} {
			bad := slices.Clone(data)
			bad[i] = b
			c := &CFI{order: f.ByteOrder, rows: map[uint64]*row{}}
			c.section(bad, s.Addr, true)
			for _, e := range c.entries {
				c.find(e.start)
				fr := Frame{PC: e.start, R: make([]uint64, 32), Known: 1<<32 - 1}
				c.Step(&riscv, &fr, e.start, read)
				c.Step(&riscv, &fr, e.end-1, read)
			}
		}
	}
}

// TestExpressions are of the standard's section 2.5, by hand.
func TestExpressions(t *testing.T) {
	f := Frame{R: make([]uint64, 32), Known: 1 << 2}
	f.R[2] = 0x1000
	read := func(addr uint64) (uint64, bool) { return addr + 1, addr != 0 }
	for _, c := range []struct {
		expr []byte
		want uint64
		ok   bool
	}{
		{[]byte{opLit0 + 7, opPlus}, 0x107, true},
		{[]byte{opBreg0 + 2, 0x78}, 0xff8, true},
		{[]byte{opBregx, 2, 0x08, opDeref}, 0x1009, true},
		{[]byte{opBreg0 + 3, 0}, 0, false}, // not known
		{[]byte{opConst2s, 0xfe, 0xff, opMinus}, 0x102, true},
		{[]byte{opDup, opConst1u, 4, opShl, opSwap, opDrop}, 0x1000, true},
		{[]byte{opLit0, opDeref}, 0, false},
		{[]byte{opPlus}, 0, false},
		{[]byte{0xe0}, 0, false},
		{[]byte{opConst8u, 1}, 0, false},
	} {
		if got, ok := f.evaluate(c.expr, 0x100, read); ok != c.ok || ok && got != c.want {
			t.Errorf("% x: %#x, %v", c.expr, got, ok)
		}
	}
}

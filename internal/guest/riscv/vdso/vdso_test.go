package vdso

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hospes-vm/hospes/internal/ir"
)

func open(t *testing.T) *elf.File {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(Image))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestFresh rebuilds the image: it fails when somebody changed the source only.
func TestFresh(t *testing.T) {
	if _, err := exec.LookPath("riscv64-linux-gnu-gcc"); err != nil {
		t.Skip("riscv64-linux-gnu-gcc is not installed: cannot rebuild the vdso")
	}
	out := filepath.Join(t.TempDir(), "vdso.so")
	if msg, err := exec.Command("./build.sh", out).CombinedOutput(); err != nil {
		t.Fatalf("build.sh: %v\n%s", err, msg)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, Image) {
		t.Errorf("vdso.so is not what build.sh makes of vdso.S with this compiler: run go generate")
	}
}

// TestSymbols checks names, version and code of each function. What riscv_hwprobe does is
// tested where the values come from.
func TestSymbols(t *testing.T) {
	want := map[string]uint32{
		"__vdso_rt_sigreturn":  139,
		"__vdso_gettimeofday":  169,
		"__vdso_clock_gettime": 113,
		"__vdso_clock_getres":  114,
		"__vdso_getcpu":        168,
		"__vdso_flush_icache":  259,
		"__vdso_riscv_hwprobe": 0,
	}
	marked := map[string]string{
		"__vdso_gettimeofday":  "gettimeofday",
		"__vdso_clock_gettime": "clock_gettime",
		"__vdso_clock_getres":  "clock_getres",
		"__vdso_getcpu":        "getcpu",
	}
	const ecall, ret = 0x00000073, 0x00008067
	syms, err := open(t).DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range syms {
		nr, ok := want[s.Name]
		if !ok {
			continue
		}
		delete(want, s.Name)
		if s.Version != "LINUX_4.15" || elf.ST_TYPE(s.Info) != elf.STT_FUNC {
			t.Errorf("%s: version %q, type %v", s.Name, s.Version, elf.ST_TYPE(s.Info))
		}
		if nr == 0 {
			continue
		}
		var code []uint32
		for off := uint64(0); off < s.Size; off += 4 {
			code = append(code, binary.LittleEndian.Uint32(Image[s.Value+off:]))
		}
		expect := []uint32{nr<<20 | 17<<7 | 0x13, ecall, ret} // addi a7, zero, nr
		if s.Name == "__vdso_rt_sigreturn" {
			expect = expect[:2]
		}
		f, size := Function(Image[s.Value:])
		if f.String() != marked[s.Name] {
			t.Errorf("%s is found to be %q", s.Name, f)
		}
		if f != ir.NoFunction {
			expect = slices.Insert(expect, 0, 0x40b05013) // srai zero, zero, 11
			if size != s.Size || !f.OfVDSO() {
				t.Errorf("%s has %d bytes and is found to have %d; of the vdso: %v", s.Name, s.Size, size, f.OfVDSO())
			}
		}
		if !slices.Equal(code, expect) {
			t.Errorf("%s: code %#x, want %#x", s.Name, code, expect)
		}
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
}

// TestFunction: what is not wholly a marked function is none.
func TestFunction(t *testing.T) {
	code := []uint32{insnHint, insnLoad | 113<<20, insnEcall, insnRet}
	encode := func(code []uint32) (b []byte) {
		for _, w := range code {
			b = binary.LittleEndian.AppendUint32(b, w)
		}
		return b
	}
	if f, size := Function(encode(code)); f != ir.ClockGettime || size != 16 {
		t.Fatalf("clock_gettime is found to be %q, %d bytes", f, size)
	}
	for n := range code {
		other := slices.Clone(code)
		other[n] ^= 1 << 20
		if f, _ := Function(encode(other)); f == ir.ClockGettime || n != 1 && f != ir.NoFunction {
			t.Errorf("with another instruction %d it is found to be %q", n, f)
		}
		if f, _ := Function(encode(code[:n])); f != ir.NoFunction {
			t.Errorf("with %d instructions it is found to be %q", n, f)
		}
	}
}

// TestLayout checks what the kernel's loader, glibc and unwinders rely on.
func TestLayout(t *testing.T) {
	f := open(t)
	have := map[elf.ProgType]bool{}
	for _, p := range f.Progs {
		have[p.Type] = true
		if p.Vaddr != p.Off || p.Filesz != p.Memsz || p.Vaddr+p.Memsz > uint64(len(Image)) {
			t.Errorf("%v: offset %#x, address %#x, sizes %#x %#x", p.Type, p.Off, p.Vaddr, p.Filesz, p.Memsz)
		}
		if p.Type == elf.PT_LOAD && (p.Off != 0 || p.Flags != elf.PF_R|elf.PF_X) {
			t.Errorf("PT_LOAD at %#x, flags %v", p.Off, p.Flags)
		}
	}
	for _, typ := range []elf.ProgType{elf.PT_LOAD, elf.PT_DYNAMIC, elf.PT_NOTE, elf.PT_GNU_EH_FRAME} {
		if !have[typ] {
			t.Errorf("no %v segment", typ)
		}
	}
	for _, name := range []string{".hash", ".gnu.hash", ".dynsym", ".dynstr", ".gnu.version", ".gnu.version_d", ".eh_frame"} {
		if f.Section(name) == nil {
			t.Errorf("no section %s", name)
		}
	}
	if name, err := f.DynString(elf.DT_SONAME); err != nil || len(name) != 1 || name[0] != "linux-vdso.so.1" {
		t.Errorf("soname %q, %v", name, err)
	}
	if rels := f.Section(".rela.dyn"); rels != nil && rels.Size != 0 {
		t.Errorf("the image has %d bytes of relocations, which nobody would apply", rels.Size)
	}
}

// TestFill checks that only the values' place is filled, which the image keeps free.
func TestFill(t *testing.T) {
	s := open(t).Section(".hwprobe")
	if s == nil || s.Addr != hwprobeOffset || s.Size != 8*HWProbeKeys {
		t.Fatalf("the values' section is %+v", s)
	}
	var values [HWProbeKeys]uint64
	for i := range values {
		values[i] = 0x1111_0000_0000_0000 + uint64(i)
	}
	got, before := Fill(&values), bytes.Clone(Image)
	for i, v := range values {
		if binary.LittleEndian.Uint64(at(got, i)) != v {
			t.Errorf("key %d: %x, want %#x", i, at(got, i), v)
		}
		copy(at(got, i), at(before, i))
	}
	if !bytes.Equal(got, Image) || !bytes.Equal(before, Image) {
		t.Error("more than the values changed")
	}
}

func at(image []byte, key int) []byte { return image[hwprobeOffset+8*key:][:8] }

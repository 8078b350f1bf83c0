package libc

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hospes-vm/hospes/internal/ir"
)

const guestCC = "riscv64-linux-gnu-gcc"

// image is what is loaded of an ELF file, at an address of its choice.
type image struct {
	base  uint64
	bytes []byte
	gp    uint64
	funcs map[string]uint64 // addresses relative to base
}

func (m *image) read(addr uint64, b []byte) bool {
	if addr < m.base || addr-m.base+uint64(len(b)) > uint64(len(m.bytes)) {
		return false
	}
	copy(b, m.bytes[addr-m.base:])
	return true
}

func (m *image) find(name string) (ir.Function, bool) {
	at := m.base + m.funcs[name]
	f, spans := Find(m.read, at, m.base+m.gp)
	if f != ir.NoFunction && (len(spans) == 0 || spans[0].Start != at) {
		return ir.NoFunction, false
	}
	return f, Promising(m.bytes[m.funcs[name]:])
}

// load reads the code of a file, and the constants that it refers to.
func load(t *testing.T, path string) *image {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := &image{funcs: map[string]uint64{}}
	var low uint64
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD {
			continue
		}
		if m.bytes == nil {
			low = p.Vaddr
		}
		m.bytes = append(m.bytes, make([]byte, p.Vaddr+p.Memsz-low-uint64(len(m.bytes)))...)
		if _, err := p.ReadAt(m.bytes[p.Vaddr-low:][:p.Filesz], 0); err != nil {
			t.Fatal(err)
		}
	}
	m.base = low
	symbols, _ := f.Symbols()
	dynamic, _ := f.DynamicSymbols()
	for _, s := range append(symbols, dynamic...) {
		if s.Section != elf.SHN_UNDEF {
			m.funcs[s.Name] = s.Value - low
		}
		if s.Name == "__global_pointer$" {
			m.gp = s.Value - low
		}
	}
	return m
}

// compile builds a static program with all functions of the library.
func compile(t *testing.T) *image {
	t.Helper()
	if _, err := exec.LookPath(guestCC); err != nil {
		t.Skip(guestCC, "is missing")
	}
	return link(t, "testdata/all.c", "-static", "-O1", "-fno-builtin")
}

// link builds a program from a source file, with some options.
func link(t *testing.T, source string, options ...string) *image {
	t.Helper()
	out := filepath.Join(t.TempDir(), "all")
	if msg, err := exec.Command(guestCC, append([]string{"-o", out, source}, options...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	return load(t, out)
}

var wanted = map[string]ir.Function{
	"memcpy": ir.Memcpy, "memmove": ir.Memmove, "mempcpy": ir.Mempcpy, "memset": ir.Memset, "memcmp": ir.Memcmp, "memchr": ir.Memchr,
	"rawmemchr": ir.Rawmemchr, "strlen": ir.Strlen, "strnlen": ir.Strnlen, "strchr": ir.Strchr, "strchrnul": ir.Strchrnul,
	"strcmp": ir.Strcmp, "strncmp": ir.Strncmp, "strcpy": ir.Strcpy, "stpcpy": ir.Stpcpy,
	"strrchr": ir.NoFunction, "strncpy": ir.NoFunction, "strcat": ir.NoFunction, "main": ir.NoFunction, "printf": ir.NoFunction,
	"qsort": ir.NoFunction, "malloc": ir.NoFunction, "memrchr": ir.NoFunction,
}

var wantedBits = map[string]ir.Function{
	"__clzdi2": ir.Clzdi2, "__ctzdi2": ir.Ctzdi2, "__ffsdi2": ir.Ffsdi2, "__clrsbdi2": ir.Clrsbdi2,
	"__popcountdi2": ir.Popcountdi2, "__paritydi2": ir.Paritydi2, "__bswapsi2": ir.Bswapsi2, "__bswapdi2": ir.Bswapdi2,
}

// TestInstalled: the functions of the C library of Debian's cross-compiler are found, in a static
// program and in the shared library, and nothing else is.
func TestInstalled(t *testing.T) {
	static := compile(t)
	files := map[string]*image{"static": static}
	if shared, err := filepath.Glob("/usr/riscv64-linux-gnu/lib/libc.so.6"); err == nil && len(shared) > 0 {
		files["shared"] = load(t, shared[0])
	}
	for kind, m := range files {
		for name, want := range wanted {
			if _, ok := m.funcs[name]; !ok {
				continue
			}
			if got, promising := m.find(name); got != want || !promising && want != ir.NoFunction {
				t.Errorf("%s: %s is found to be %q, promising: %v", kind, name, got, promising)
			}
		}
	}
}

// TestBits: the functions of the cross-compiler's libgcc are found in a program, but not where the table of lengths is another.
func TestBits(t *testing.T) {
	if _, err := exec.LookPath(guestCC); err != nil {
		t.Skip(guestCC, "is missing")
	}
	m := link(t, "testdata/bits.c", "-static", "-nostdlib", "-Wl,-e,main", "-lgcc")
	for name, want := range wantedBits {
		if got, promising := m.find(name); got != want || !promising {
			t.Errorf("%s is found to be %q, promising: %v", name, got, promising)
		}
	}
	m.bytes[m.funcs["__clz_tab"]+200]++
	for _, name := range []string{"__clzdi2", "__ctzdi2", "__ffsdi2", "__clrsbdi2"} {
		if got, _ := m.find(name); got != ir.NoFunction {
			t.Errorf("%s, with another table, is found to be %q", name, got)
		}
	}
}

// TestGo: the functions of Go's runtime are found in a program that this toolchain makes, and nothing else is.
func TestGo(t *testing.T) {
	out := filepath.Join(t.TempDir(), "all")
	cmd := exec.Command("go", "build", "-o", out, "testdata/all.go")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=riscv64", "CGO_ENABLED=0")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	m := load(t, out)
	wanted := map[string]ir.Function{
		"runtime.memmove": ir.Memmove, "runtime.memclrNoHeapPointers": ir.Memclr, "runtime.memequal": ir.Memequal,
		"compare": ir.Cmpmem, "indexByteBig": ir.Index,
	}
	for name, at := range m.funcs {
		if at >= uint64(len(m.bytes)) || at%2 != 0 {
			continue
		}
		if got, promising := m.find(name); got != wanted[name] || !promising && got != ir.NoFunction {
			t.Errorf("%s is found to be %q, promising: %v", name, got, promising)
		}
		delete(wanted, name)
	}
	for name := range wanted {
		t.Errorf("there is no %s", name)
	}
}

// TestGoByEnd: what is called like a function of Go 1.26, but with the operand's end, is not taken for that.
func TestGoByEnd(t *testing.T) {
	if _, err := exec.LookPath(guestCC); err != nil {
		t.Skip(guestCC, "is missing")
	}
	if got, promising := link(t, "testdata/index.S", "-nostdlib", "-static").find("indexByteBig"); got != ir.NoFunction || promising {
		t.Errorf("it is found to be %q, promising: %v", got, promising)
	}
}

// TestOthers: of all other functions of a program, none is taken for one of these.
func TestOthers(t *testing.T) {
	m := compile(t)
	known := map[uint64]bool{}
	for name := range wanted {
		known[m.funcs[name]] = true
	}
	n := 0
	for name, at := range m.funcs {
		if at >= uint64(len(m.bytes)) || at%2 != 0 || known[at] {
			continue
		}
		n++
		if f, _ := m.find(name); f != wantedBits[name] {
			t.Errorf("%s is found to be %s", name, f)
		}
	}
	if n < 100 {
		t.Errorf("only %d functions", n)
	}
}

// TestMoved: where a function is does not matter.
func TestMoved(t *testing.T) {
	m := compile(t)
	m.base += 0x123456000
	for name, want := range wanted {
		if _, ok := m.funcs[name]; ok && want != ir.NoFunction {
			if got, _ := m.find(name); got != want {
				t.Errorf("%s is found to be %q", name, got)
			}
		}
	}
}

// TestChanged: a function is not found any more if one bit of its code is another one, or of
// the code of a function that it calls, or if it ends elsewhere.
func TestChanged(t *testing.T) {
	m := compile(t)
	for name, want := range wanted {
		if want == ir.NoFunction || m.funcs[name] == 0 {
			continue
		}
		_, spans := Find(m.read, m.base+m.funcs[name], m.base+m.gp)
		for _, s := range spans {
			for at := s.Start - m.base; at < s.End-m.base; at += 2 {
				b := &m.bytes[at]
				if m.refers(at) {
					continue
				}
				*b ^= 0x80 // a register, or part of an offset
				if f, _ := m.find(name); f != ir.NoFunction {
					t.Errorf("%s is found, but byte %#x has changed", name, at)
				}
				*b ^= 0x80
			}
		}
	}
}

// refers reports whether the two bytes at an offset are of an instruction that tells only how far away
// something is.
func (m *image) refers(at uint64) bool {
	for start := at - min(at, 6); start <= at; start += 2 {
		i := decode(uint32(m.bytes[start]) | uint32(m.bytes[start+1])<<8 | uint32(m.bytes[start+2])<<16 | uint32(m.bytes[start+3])<<24)
		if slices.Contains([]kind{branch, jump, call, pcRelative, loadGP}, i.kind) {
			return true
		}
	}
	return false
}

// TestConstants: constants in memory count.
func TestConstants(t *testing.T) {
	m := compile(t)
	code := m.bytes
	found := 0
	for name, want := range wanted {
		if want == ir.NoFunction || m.funcs[name] == 0 || want == ir.Memcmp { // whose constants are a stack protector's
			continue
		}
		_, spans := Find(m.read, m.base+m.funcs[name], m.base+m.gp)
		inside := func(addr uint64) bool {
			for _, s := range spans {
				if addr >= s.Start && addr < s.End {
					return true
				}
			}
			return addr-m.base >= uint64(len(code))
		}
		var constants []uint64
		note := func(addr uint64, b []byte) bool {
			if !inside(addr) && len(b) == 8 {
				constants = append(constants, addr-m.base)
			}
			return m.read(addr, b)
		}
		w := newWalker(func(addr uint64, b []byte) bool { return len(b) < pageSize && note(addr, b) }, m.base+m.gp)
		w.walk(m.base + m.funcs[name])
		for _, at := range constants {
			found++
			code[at] ^= 1
			if f, _ := m.find(name); f != ir.NoFunction {
				t.Errorf("%s is found, but a constant has changed", name)
			}
			code[at] ^= 1
		}
	}
	if found == 0 {
		t.Error("no constants")
	}
}

// TestBroken: code that ends, or is none, is not followed.
func TestBroken(t *testing.T) {
	m := compile(t)
	whole := m.bytes
	for _, n := range []uint64{1, 2, 3, 4, 6, 8, 20, 50} {
		m.bytes = whole[:m.funcs["strlen"]+n]
		if f, _ := m.find("strlen"); f != ir.NoFunction {
			t.Errorf("%s is found of which there are %d bytes", f, n)
		}
	}
	zeros := &image{bytes: make([]byte, 4096), base: 0x1000, funcs: map[string]uint64{"f": 0}}
	if f, _ := zeros.find("f"); f != ir.NoFunction {
		t.Errorf("zeros are found to be %s", f)
	}
	loop := &image{bytes: []byte{0x01, 0xa0, 0, 0, 0, 0, 0, 0}, base: 0x1000, funcs: map[string]uint64{"f": 0}} // j .
	if f, _ := loop.find("f"); f != ir.NoFunction {
		t.Errorf("a loop is found to be %s", f)
	}
}

// BenchmarkPromising is what a look at code that is none of the functions takes.
func BenchmarkPromising(b *testing.B) {
	code := []byte{0x13, 0x01, 0x01, 0xff, 0x23, 0x34, 0x81, 0x00, 0x22, 0xe0, 0x06, 0xe4, 0xaa, 0x87, 0x82, 0x80, 0, 0, 0, 0, 0, 0, 0, 0}
	for b.Loop() {
		if Promising(code) {
			b.Fatal("this is no known function")
		}
	}
}

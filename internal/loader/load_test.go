package loader

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Where Linux puts things on a machine with 38-bit user addresses.
const (
	pieBase  = 0x2aaaaaa000
	pieBrk   = 0x2aaaaab000
	mmapBase = 0x3ff8000000
)

// area is what a test wants to know of a VMA.
type area struct {
	start, end uint64
	prot       string
	what       string // file with offset, or name
}

// areas lists the address space up to the stack.
func areas(as *mem.Space) (list []area) {
	for _, v := range as.VMAs() {
		a := area{v.Start, v.End, v.Prot.String(), v.Name}
		if v.File != nil {
			a.what = v.File.Path + "+" + string("0123456789"[v.Offset/mem.PageSize])
		}
		list = append(list, a)
	}
	return list
}

func diffAreas(t *testing.T, as *mem.Space, want ...area) {
	t.Helper()
	if diff := cmp.Diff(want, areas(as), cmp.AllowUnexported(area{})); diff != "" {
		t.Errorf("address space:\n%s", diff)
	}
}

// stackArea is the stack of a program with few arguments, which has not grown yet.
var stackArea = area{testLimit - 132<<10, testLimit, "rw-", "[stack]"}

func vdsoArea(end uint64) area { return area{end - 0x1000, end, "r-x", "[vdso]"} }

// fill is n bytes that are all c.
func fill(c byte, n int) []byte { return bytes.Repeat([]byte{c}, n) }

// TestStaticLayout maps a program with a text, a data and a bss segment.
func TestStaticLayout(t *testing.T) {
	onMappings(t, func(t *testing.T, as *mem.Space) {
		f := newFiles(t)
		f.elf("prog", elfFile{entry: 0x10200, segs: []elf.Prog64{
			loadSeg(elf.PF_R|elf.PF_X, 0, 0x10000, 0x1800, 0x1800),
			loadSeg(elf.PF_R|elf.PF_W, 0x1800, 0x12800, 0x700, 0x3000),
		}, content: map[uint64][]byte{0x1000: fill('t', 0x800), 0x1800: fill('d', 0x700), 0x1f00: fill('x', 0x200)}})
		img := mustLoad(t, f.config("prog"), as)
		diffAreas(t, as,
			area{0x10000, 0x12000, "r-x", "/prog+0"},
			area{0x12000, 0x13000, "rw-", "/prog+1"},
			area{0x13000, 0x16000, "rw-", ""},
			vdsoArea(mmapBase),
			stackArea,
		)
		// Text and data share a file page: both sides of the border are mapped twice.
		want := slices.Concat(fill('t', 0x800), fill('d', 0x700), make([]byte, 0x100), make([]byte, 0x3000))
		if got := peek(t, as, 0x12000, 0x4000); !bytes.Equal(got, want) {
			t.Error("data segment: contents differ, or the rest of its last page is not cleared")
		}
		if got := peek(t, as, 0x11000, 0x1000); !bytes.Equal(got, slices.Concat(fill('t', 0x800), fill('d', 0x700), fill('x', 0x100))) {
			t.Error("text segment: contents differ")
		}
		if fault := as.Store(0x10000, 1, 0); fault == nil {
			t.Error("text is writable")
		}
		wantImage := Image{
			Entry: 0x10200, ProgramEntry: 0x10200, Phdr: 0x10040, Brk: 0x16000,
			StartCode: 0x10000, EndCode: 0x11800, StartData: 0x12800, EndData: 0x12f00,
		}
		got := Image{
			Entry: img.Entry, ProgramEntry: img.ProgramEntry, Bias: img.Bias, InterpBase: img.InterpBase, Phdr: img.Phdr, Brk: img.Brk,
			StartCode: img.StartCode, EndCode: img.EndCode, StartData: img.StartData, EndData: img.EndData,
		}
		if diff := cmp.Diff(wantImage, got); diff != "" {
			t.Errorf("image:\n%s", diff)
		}
		if start, end := as.BrkRange(); start != 0x16000 || end != 0x16000 {
			t.Errorf("brk %#x %#x", start, end)
		}
		if now := as.Brk(0x17001); now != 0x17001 {
			t.Errorf("the heap does not grow: %#x", now)
		}
	})
}

// TestLowLayout maps a program that is linked from page zero on.
func TestLowLayout(t *testing.T) {
	onMappings(t, func(t *testing.T, as *mem.Space) {
		f := newFiles(t)
		f.elf("prog", elfFile{entry: 0x200, segs: []elf.Prog64{
			loadSeg(elf.PF_R|elf.PF_X, 0, 0, 0x1000, 0x1000),
			loadSeg(elf.PF_R|elf.PF_W, 0x1000, 0x3000, 0x700, 0x1800),
		}})
		img := mustLoad(t, f.config("prog"), as)
		diffAreas(t, as,
			area{0, 0x1000, "r-x", "/prog+0"},
			area{0x3000, 0x4000, "rw-", "/prog+1"},
			area{0x4000, 0x5000, "rw-", ""},
			vdsoArea(mmapBase),
			stackArea,
		)
		if img.Entry != 0x200 || img.Brk != 0x5000 {
			t.Errorf("entry %#x, brk %#x", img.Entry, img.Brk)
		}
	})
}

// twoSegs are segments of a position-independent file: text, then data with a
// hole before it.
func twoSegs(base, align uint64) []elf.Prog64 {
	segs := []elf.Prog64{
		loadSeg(elf.PF_R|elf.PF_X, 0, base, 0x1000, 0x1000),
		loadSeg(elf.PF_R|elf.PF_W, 0x1000, base+0x4000, 0x800, 0x800),
	}
	segs[0].Align, segs[1].Align = align, align
	return segs
}

func TestDynamicLayout(t *testing.T) {
	onMappings(t, func(t *testing.T, as *mem.Space) {
		f := newFiles(t)
		f.elf("lib/ld.so", elfFile{typ: elf.ET_DYN, entry: 0x123, segs: twoSegs(0, 4096)})
		prog := dynamic("/lib/ld.so")
		prog.segs = append(prog.segs, loadSeg(elf.PF_R|elf.PF_W, 0x400, 0x1400, 0x10, 0x2000))
		f.elf("prog", prog)
		img := mustLoad(t, f.config("prog"), as)
		const ld = mmapBase - 0x5000
		diffAreas(t, as,
			area{pieBase, pieBase + 0x1000, "r-x", "/prog+0"},
			area{pieBase + 0x1000, pieBase + 0x2000, "rw-", "/prog+0"},
			area{pieBase + 0x2000, pieBase + 0x4000, "rw-", ""},
			area{ld, ld + 0x1000, "r-x", "/lib/ld.so+0"},
			vdsoArea(ld+0x4000), // in the hole, which is the highest free page of the mmap area
			area{ld + 0x4000, ld + 0x5000, "rw-", "/lib/ld.so+1"},
			stackArea,
		)
		if img.Entry != ld+0x123 || img.InterpBase != ld || img.ProgramEntry != pieBase+0x78 || img.Bias != pieBase ||
			img.Phdr != pieBase+0x40 || img.Brk != pieBase+0x4000 || img.StartCode != pieBase || img.EndCode != pieBase+0x400 {
			t.Errorf("image %+v", img)
		}
	})
}

func TestStaticPIELayout(t *testing.T) {
	f := newFiles(t)
	f.elf("prog", elfFile{typ: elf.ET_DYN, entry: 0x40, segs: twoSegs(0, 4096)})
	as := newSpace(t, "table")
	img := mustLoad(t, f.config("prog"), as)
	const base = mmapBase - 0x5000
	if img.Bias != base || img.Entry != base+0x40 || img.InterpBase != 0 {
		t.Errorf("image %+v", img)
	}
	// Linux >= 6.16 gives it a heap of its own, away from the mmap area.
	if img.Brk != pieBrk || as.Brk(pieBrk+1<<30) != pieBrk+1<<30 {
		t.Errorf("heap at %#x", img.Brk)
	}
}

// TestPlacement is about where position-independent programs go.
func TestPlacement(t *testing.T) {
	for name, tt := range map[string]struct {
		interp      bool
		base, align uint64
		bias        uint64
	}{
		"interpreter":           {true, 0, 4096, pieBase},
		"interpreter, 2 MiB":    {true, 0, 2 << 20, 0x2aaaa00000},
		"interpreter, 1 GiB":    {true, 0, 1 << 30, 0x2a80000000},
		"interpreter, linked":   {true, 0x5000, 4096, pieBase - 0x5000},
		"interpreter, no align": {true, 0, 0, pieBase},
		"interpreter, odd":      {true, 0, 0x3000, pieBase},
		"static, 64 KiB":        {false, 0, 64 << 10, mmapBase - 0x10000},
		"static, 1 GiB":         {false, 0, 1 << 30, 0x3fc0000000},
		"static, linked":        {false, 0x5000, 4096, mmapBase - 0xa000},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFiles(t)
			f.elf("lib/ld.so", elfFile{typ: elf.ET_DYN, segs: twoSegs(0, 4096)})
			e := elfFile{typ: elf.ET_DYN, segs: twoSegs(tt.base, tt.align), content: map[uint64][]byte{0x800: []byte("/lib/ld.so\x00")}}
			if tt.interp {
				e.segs = append(e.segs, interpSeg(0x800, 11))
			}
			f.elf("prog", e)
			if img := mustLoad(t, f.config("prog"), newSpace(t, "table")); img.Bias != tt.bias {
				t.Errorf("bias %#x, want %#x", img.Bias, tt.bias)
			}
		})
	}
}

// TestInterpreterPlacement: an interpreter may be linked at an address, even
// one that no process has.
func TestInterpreterPlacement(t *testing.T) {
	for name, tt := range map[string]struct {
		typ        elf.Type
		base, want uint64 // of AT_BASE
	}{
		"at 0":        {elf.ET_DYN, 0, mmapBase - 0x5000},
		"at 1 MiB":    {elf.ET_DYN, 1 << 20, mmapBase - 0x5000 - 1<<20},
		"far above":   {elf.ET_DYN, 1 << 63, 1<<63 + mmapBase - 0x5000},
		"fixed 1 MiB": {elf.ET_EXEC, 1 << 20, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFiles(t)
			f.elf("lib/ld.so", elfFile{typ: tt.typ, entry: tt.base + 0x10, segs: twoSegs(tt.base, 4096)})
			f.elf("prog", dynamic("/lib/ld.so"))
			img := mustLoad(t, f.config("prog"), newSpace(t, "table"))
			if img.InterpBase != tt.want || img.Entry != tt.want+tt.base+0x10 {
				t.Errorf("base %#x, entry %#x", img.InterpBase, img.Entry)
			}
		})
	}
}

// TestOddSegments has what the kernel accepts though linkers do not make it.
func TestOddSegments(t *testing.T) {
	rw, rx := elf.PF_R|elf.PF_W, elf.PF_R|elf.PF_X
	text := loadSeg(rx, 0, 0x10000, 0x1000, 0x1000)
	for name, tt := range map[string]struct {
		segs []elf.Prog64
		want []area
	}{
		"unordered": {
			[]elf.Prog64{loadSeg(rw, 0x1000, 0x20000, 0x1000, 0x1000), text},
			[]area{{0x10000, 0x11000, "r-x", "/prog+0"}, {0x20000, 0x21000, "rw-", "/prog+1"}},
		},
		"overlapping": { // the later one wins
			[]elf.Prog64{loadSeg(rx, 0, 0x10000, 0x3000, 0x3000), loadSeg(rw, 0x4000, 0x11000, 0x1000, 0x1000)},
			[]area{{0x10000, 0x11000, "r-x", "/prog+0"}, {0x11000, 0x12000, "rw-", "/prog+4"}, {0x12000, 0x13000, "r-x", "/prog+2"}},
		},
		"bss only": {
			[]elf.Prog64{text, loadSeg(rw, 0, 0x20010, 0, 0x2000)},
			[]area{{0x10000, 0x11000, "r-x", "/prog+0"}, {0x20000, 0x23000, "rw-", ""}},
		},
		"executable bss": {
			[]elf.Prog64{text, loadSeg(rw|elf.PF_X, 0, 0x20000, 0, 0x1000)},
			[]area{{0x10000, 0x11000, "r-x", "/prog+0"}, {0x20000, 0x21000, "rwx", ""}},
		},
		"read-only with bss": { // its end cannot be cleared, and what follows is writable
			[]elf.Prog64{text, loadSeg(elf.PF_R, 0, 0x20000, 0x800, 0x2000)},
			[]area{{0x10000, 0x11000, "r-x", "/prog+0"}, {0x20000, 0x21000, "r--", "/prog+0"}, {0x21000, 0x22000, "rw-", ""}},
		},
		"nothing": {
			[]elf.Prog64{text, loadSeg(rw, 0, 0x20000, 0, 0)},
			[]area{{0x10000, 0x11000, "r-x", "/prog+0"}},
		},
		"no permissions": {
			[]elf.Prog64{text, loadSeg(0, 0, 0x20000, 0x1000, 0x1000)},
			[]area{{0x10000, 0x11000, "r-x", "/prog+0"}, {0x20000, 0x21000, "---", "/prog+0"}},
		},
		"longer than the file": { // reads beyond fail, as with any file mapping
			[]elf.Prog64{loadSeg(rx, 0, 0x10000, 0x200000, 0x200000)},
			[]area{{0x10000, 0x210000, "r-x", "/prog+0"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			onMappings(t, func(t *testing.T, as *mem.Space) {
				f := newFiles(t)
				f.elf("prog", elfFile{segs: tt.segs, entry: 0x10000})
				mustLoad(t, f.config("prog"), as)
				diffAreas(t, as, append(tt.want, vdsoArea(mmapBase), stackArea)...)
			})
		})
	}
}

// TestLoadErrors has programs that pass Probe but do not fit.
func TestLoadErrors(t *testing.T) {
	rw := elf.PF_R | elf.PF_W
	truncated := elfFile{segs: []elf.Prog64{loadSeg(rw, 0, 0x10000, 0x5800, 0x8000)}, size: 0x2000}
	entry := simple()
	entry.entry = 1 << 40
	ldEntry := elfFile{typ: elf.ET_DYN, entry: 1 << 40, segs: twoSegs(0, 4096)}
	for name, tt := range map[string]struct {
		prog elfFile
		msg  string
	}{
		"in the stack":  {elfFile{segs: []elf.Prog64{loadSeg(rw, 0, testLimit-0x1000, 0x100, 0x100)}}, "cannot map ELF segment 0"},
		"on the stack":  {elfFile{segs: append(simple().segs, loadSeg(elf.PF_R, 0, testLimit-0x1000, 0x100, 0x100))}, "cannot write the stack"},
		"truncated":     {truncated, "cannot clear the end of ELF segment 0, the file may be truncated"},
		"entry":         {entry, "ELF entry point 0x10000000000"},
		"ld.so's entry": {dynamic("/lib/ld.so"), "interpreter /lib/ld.so: ELF entry point"},
		"PIE too large": {elfFile{typ: elf.ET_DYN, segs: []elf.Prog64{loadSeg(rw, 0, 0, 0x100, testLimit-0x1000)}}, "cannot map"},
		"alignment":     {elfFile{typ: elf.ET_DYN, segs: twoSegs(0, 1<<63)}, "no room for"},
	} {
		t.Run(name, func(t *testing.T) {
			onMappings(t, func(t *testing.T, as *mem.Space) {
				f := newFiles(t)
				f.elf("lib/ld.so", ldEntry)
				f.elf("prog", tt.prog)
				_, err := mustProbe(t, f.config("prog")).Load(as)
				if err == nil {
					t.Fatal("loaded")
				}
				if e := asError(t, err); !strings.HasPrefix(e.Error(), "prog: ") || !strings.Contains(e.Msg, tt.msg) || e.Errno == 0 {
					t.Errorf("%q, errno %d", e, e.Errno)
				}
			})
		})
	}
}

// stackWords reads n words at addr.
func stackWords(t *testing.T, as *mem.Space, addr uint64, n int) []uint64 {
	t.Helper()
	w := make([]uint64, n)
	if err := binary.Read(bytes.NewReader(peek(t, as, addr, uint64(n)*8)), binary.LittleEndian, w); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestStack checks the initial stack byte by byte.
func TestStack(t *testing.T) {
	onMappings(t, func(t *testing.T, as *mem.Space) {
		f := newFiles(t)
		f.elf("prog", simple())
		cfg := f.config("prog")
		cfg.Argv = []string{"arg0", "", "two"}
		cfg.Env = []string{"A=1", "BB=22"}
		cfg.ExecFn = "./prog"
		cfg.UID, cfg.EUID, cfg.GID, cfg.EGID, cfg.Secure = 1, 2, 3, 4, true
		copy(cfg.Random[:], "0123456789abcdef")
		img := mustLoad(t, cfg, as)

		const strs = "0123456789abcdef" + "arg0\x00\x00two\x00" + "A=1\x00BB=22\x00" + "./prog\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00"
		random := uint64(testLimit - len(strs))
		if got := string(peek(t, as, random, uint64(len(strs)))); got != strs {
			t.Errorf("strings %q", got)
		}
		arg0 := random + 16
		envA := arg0 + 10
		execFn := envA + 10
		want := []uint64{
			3, arg0, arg0 + 5, arg0 + 6, 0,
			envA, envA + 4, 0,
			33, img.VDSO,
			51, 1088,
			16, riscv.Arch.HWCap(),
			6, 4096,
			17, 100,
			3, 0x10040,
			4, 56,
			5, 1,
			7, 0,
			8, 0,
			9, 0x10078,
			11, 1, 12, 2, 13, 3, 14, 4,
			23, 1,
			25, random,
			31, execFn,
			0, 0,
		}
		if diff := cmp.Diff(want, stackWords(t, as, img.SP, len(want))); diff != "" {
			t.Errorf("stack:\n%s", diff)
		}
		if gap := random - img.SP - uint64(len(want)*8); img.SP%16 != 0 || gap > 15 {
			t.Errorf("sp %#x, gap of %d bytes", img.SP, gap)
		}
		if img.ArgStart != arg0 || img.ArgEnd != envA || img.EnvStart != envA || img.EnvEnd != execFn {
			t.Errorf("image %+v", img)
		}
		if img.AuxvAddr != img.SP+8*8 || !bytes.Equal(img.Auxv, encodeWords(want[8:])) {
			t.Errorf("auxv at %#x: %x", img.AuxvAddr, img.Auxv)
		}
	})
}

// TestOptionalAuxv has an architecture with AT_PLATFORM and AT_HWCAP2, but no vdso.
func TestOptionalAuxv(t *testing.T) {
	f := newFiles(t)
	f.elf("prog", simple())
	cfg := f.config("prog")
	cfg.Arch = archWith{Arch: cfg.Arch, platform: "test", hwcap2: 5}
	as := newSpace(t, "table")
	img := mustLoad(t, cfg, as)
	aux := map[uint64]uint64{}
	var order []uint64
	for w := stackWords(t, as, img.AuxvAddr, len(img.Auxv)/8); len(w) > 0; w = w[2:] {
		aux[w[0]] = w[1]
		order = append(order, w[0])
	}
	if want := []uint64{51, 16, 6, 17, 3, 4, 5, 7, 8, 9, 11, 12, 13, 14, 23, 25, 26, 31, 15, 0}; !slices.Equal(order, want) {
		t.Errorf("order %d", order)
	}
	if got := string(peek(t, as, aux[atPlatform], 5)); got != "test\x00" || aux[atHWCap2] != 5 || img.VDSO != 0 {
		t.Errorf("platform %q, hwcap2 %d", got, aux[atHWCap2])
	}
}

// TestStackAlignment moves the strings through all positions.
func TestStackAlignment(t *testing.T) {
	f := newFiles(t)
	f.elf("prog", simple())
	for n := range 17 {
		for _, argc := range []int{1, 2} {
			cfg := f.config("prog")
			cfg.Argv = slices.Repeat([]string{strings.Repeat("a", n)}, argc)
			as := newSpace(t, "table")
			if img := mustLoad(t, cfg, as); img.SP%16 != 0 || stackWords(t, as, img.SP, 1)[0] != uint64(argc) {
				t.Errorf("%d arguments of %d bytes: sp %#x", argc, n, img.SP)
			}
		}
	}
}

func TestStackArea(t *testing.T) {
	gnuStack := func(flags elf.ProgFlag) []elf.Prog64 {
		return append(simple().segs, elf.Prog64{Type: uint32(elf.PT_GNU_STACK), Flags: uint32(flags)})
	}
	for name, tt := range map[string]struct {
		segs []elf.Prog64
		want area
	}{
		"no PT_GNU_STACK": {simple().segs, stackArea},
		"not executable":  {gnuStack(elf.PF_R | elf.PF_W), stackArea},
		"executable":      {gnuStack(elf.PF_R | elf.PF_W | elf.PF_X), area{stackArea.start, testLimit, "rwx", "[stack]"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFiles(t)
			f.elf("prog", elfFile{segs: tt.segs, entry: 0x10000})
			as := newSpace(t, "table")
			img := mustLoad(t, f.config("prog"), as)
			all := areas(as)
			if got := all[len(all)-1]; got != tt.want || img.StackStart != got.start || img.StackEnd != got.end {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestVDSO checks that the vdso is mapped, and where signal handlers return to.
func TestVDSO(t *testing.T) {
	onMappings(t, func(t *testing.T, as *mem.Space) {
		f := newFiles(t)
		f.elf("prog", simple())
		img := mustLoad(t, f.config("prog"), as)
		vdso := riscv.Arch.VDSO(as)
		if !bytes.Equal(peek(t, as, img.VDSO, uint64(len(vdso))), vdso) {
			t.Error("contents differ")
		}
		code := make([]byte, 8)
		if n, fault := as.Fetch(img.SigReturn, code); n != 8 || fault != nil {
			t.Fatal(n, fault)
		}
		if want := []byte{0x93, 0x08, 0xb0, 0x08, 0x73, 0, 0, 0}; !bytes.Equal(code, want) { // li a7, 139; ecall
			t.Errorf("rt_sigreturn is %x", code)
		}
	})
	for _, image := range [][]byte{[]byte("no ELF file"), simple().bytes(t)} {
		f := newFiles(t)
		f.elf("prog", simple())
		cfg := f.config("prog")
		cfg.Arch = archWith{Arch: cfg.Arch, vdso: image}
		if _, err := mustProbe(t, cfg).Load(newSpace(t, "table")); err == nil {
			t.Error("a vdso without rt_sigreturn was accepted")
		}
	}
}

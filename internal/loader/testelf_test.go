package loader

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/table"
)

const testLimit = 1 << 38

// elfFile describes a test ELF file. Zero values mean what an ordinary static
// program has.
type elfFile struct {
	typ     elf.Type
	machine elf.Machine
	class   elf.Class
	data    elf.Data
	flags   uint32
	entry   uint64
	phoff   uint64
	phent   uint16
	phnum   uint16 // if not len(segs)
	segs    []elf.Prog64
	size    int               // file size, if not what is needed
	content map[uint64][]byte // by offset
}

func (e elfFile) bytes(t testing.TB) []byte {
	t.Helper()
	or := func(v *uint16, d uint16) {
		if *v == 0 {
			*v = d
		}
	}
	h := elf.Header64{
		Type: uint16(e.typ), Machine: uint16(e.machine), Version: 1, Entry: e.entry, Phoff: e.phoff,
		Flags: e.flags, Ehsize: ehdrSize, Phentsize: e.phent, Phnum: e.phnum,
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(e.class), byte(e.data), 1
	if e.class == 0 {
		h.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS64)
	}
	if e.data == 0 {
		h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2LSB)
	}
	or(&h.Type, uint16(elf.ET_EXEC))
	or(&h.Machine, uint16(elf.EM_RISCV))
	or(&h.Phentsize, phdrSize)
	or(&h.Phnum, uint16(len(e.segs)))
	if h.Phoff == 0 {
		h.Phoff = ehdrSize
	}
	var order binary.ByteOrder = binary.LittleEndian
	if e.data == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	var b bytes.Buffer
	for _, v := range []any{h, e.segs} {
		if err := binary.Write(&b, order, v); err != nil {
			t.Fatal(err)
		}
	}
	out := b.Bytes()
	grow := func(n int) {
		if n > len(out) {
			out = append(out, make([]byte, n-len(out))...)
		}
	}
	for _, s := range e.segs {
		if end := s.Off + s.Filesz; s.Type == uint32(elf.PT_LOAD) && end < 1<<20 {
			grow(int(end))
		}
	}
	for off, c := range e.content {
		grow(int(off) + len(c))
		copy(out[off:], c)
	}
	if e.size != 0 {
		grow(e.size)
		out = out[:e.size]
	}
	return out
}

// loadSeg makes a PT_LOAD segment with the usual alignment.
func loadSeg(flags elf.ProgFlag, off, vaddr, filesz, memsz uint64) elf.Prog64 {
	return elf.Prog64{
		Type: uint32(elf.PT_LOAD), Flags: uint32(flags), Off: off, Vaddr: vaddr, Filesz: filesz, Memsz: memsz, Align: 4096,
	}
}

func interpSeg(off, size uint64) elf.Prog64 {
	return elf.Prog64{Type: uint32(elf.PT_INTERP), Flags: uint32(elf.PF_R), Off: off, Filesz: size, Memsz: size}
}

// simple is a static program of one segment.
func simple() elfFile {
	return elfFile{entry: 0x10078, segs: []elf.Prog64{loadSeg(elf.PF_R|elf.PF_X, 0, 0x10000, 0x100, 0x100)}}
}

// files is a directory of test files.
type files struct {
	testing.TB
	dir string
}

func newFiles(t testing.TB) *files { return &files{t, t.TempDir()} }

func (f *files) write(name string, data []byte, mode os.FileMode) string {
	f.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(path, data, mode); err != nil {
		f.Fatal(err)
	}
	return path
}

func (f *files) elf(name string, e elfFile) string { return f.write(name, e.bytes(f), 0o777) }

// open makes f the root of the guest's files.
func (f *files) open(path string) (File, string, error) {
	host := filepath.Join(f.dir, path)
	file, err := os.Open(host)
	return file, host, err
}

func (f *files) guest(host string) string { return strings.TrimPrefix(host, f.dir) }

// config is a configuration to run a program of f.
func (f *files) config(path string) Config {
	return Config{
		Arch: riscv.Arch, Limit: testLimit, Open: f.open, Guest: f.guest, Path: path,
		Argv: []string{path}, Env: []string{"HOME=/"},
	}
}

// mappings are the memory mappings to test with; Linux adds one.
var mappings = map[string]func() (mem.Mapping, error){
	"table": func() (mem.Mapping, error) { return table.New(testLimit) },
}

func newSpace(t testing.TB, mapping string) *mem.Space {
	t.Helper()
	m, err := mappings[mapping]()
	if err != nil {
		t.Fatal(err)
	}
	as := mem.New(m, mem.PageSize, defaultStack)
	t.Cleanup(func() { as.Close() })
	return as
}

// mustProbe probes a program that has to be all right.
func mustProbe(t testing.TB, cfg Config) *Program {
	t.Helper()
	p, err := Probe(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func mustLoad(t testing.TB, cfg Config, as *mem.Space) *Image {
	t.Helper()
	img, err := mustProbe(t, cfg).Load(as)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// onMappings runs f once for each mapping.
func onMappings(t *testing.T, f func(t *testing.T, as *mem.Space)) {
	for name := range mappings {
		t.Run(name, func(t *testing.T) { f(t, newSpace(t, name)) })
	}
}

// asError is the *Error that err must be.
func asError(t testing.TB, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T) is no *Error", err, err)
	}
	return e
}

// peek reads memory that must be readable.
func peek(t testing.TB, as *mem.Space, addr, n uint64) []byte {
	t.Helper()
	b := make([]byte, n)
	if f := as.CopyIn(b, addr); f != nil {
		t.Fatal(f)
	}
	return b
}

// archWith is RISC-V with some properties replaced.
type archWith struct {
	guest.Arch
	platform string
	hwcap2   uint64
	vdso     []byte
}

func (a archWith) Platform() string       { return a.platform }
func (a archWith) HWCap2() uint64         { return a.hwcap2 }
func (a archWith) VDSO(*mem.Space) []byte { return a.vdso }

package corefile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestWrite reads a dump back with the library's reader.
func TestWrite(t *testing.T) {
	const base, count = 0x10000, 3
	c := &Core{
		Machine: elf.EM_RISCV, PageSize: 4096, Auxv: words64(6, 4096, 0, 0),
		Process: Process{PID: 5, Name: "a-very-long-program", Args: "prog arg"},
		Threads: []Thread{{TID: 5, Signal: 11, GP: make([]byte, 256), FP: make([]byte, 264)}, {TID: 6, GP: make([]byte, 256), FP: make([]byte, 264)}},
		Read: func(b []byte, addr uint64) bool {
			binary.LittleEndian.PutUint64(b, addr)
			return addr != base+4096
		},
	}
	for i := range uint64(count) {
		c.Segments = append(c.Segments, Segment{Start: base + i<<16, End: base + i<<16 + 3*4096, Prot: 5, Dump: 2 * 4096})
	}
	c.Segments[1].Dump, c.Segments[1].File, c.Segments[1].Offset = 0, "/lib/x", 8192
	name := filepath.Join(t.TempDir(), "core")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(f); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	e, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.Type != elf.ET_CORE || e.Machine != elf.EM_RISCV || len(e.Progs) != count+1 {
		t.Fatalf("%v, %v, %d segments", e.Type, e.Machine, len(e.Progs))
	}
	for i, p := range e.Progs[1:] {
		if p.Type != elf.PT_LOAD || p.Vaddr != c.Segments[i].Start || p.Memsz != 3*4096 || p.Filesz != c.Segments[i].Dump || p.Flags != elf.PF_R|elf.PF_X {
			t.Errorf("segment %d: %+v", i, p.ProgHeader)
		}
		b, err := io.ReadAll(p.Open())
		if err != nil || uint64(len(b)) != p.Filesz {
			t.Errorf("segment %d: %d bytes, %v", i, len(b), err)
		}
		for at := uint64(0); at < p.Filesz; at += 4096 {
			want := p.Vaddr + at
			if want == base+4096 {
				want = 0
			}
			if got := binary.LittleEndian.Uint64(b[at:]); got != want {
				t.Errorf("at %#x: %#x, want %#x", p.Vaddr+at, got, want)
			}
		}
	}
	notes, _ := io.ReadAll(e.Progs[0].Open())
	var kinds []uint32
	for len(notes) > 0 {
		size, kind := binary.LittleEndian.Uint32(notes[4:]), binary.LittleEndian.Uint32(notes[8:])
		desc := notes[20:][:size]
		kinds = append(kinds, kind)
		switch {
		case kind == ntPrstatus && (size != 376 || len(kinds) == 1 && binary.LittleEndian.Uint32(desc[32:]) != 5):
			t.Errorf("struct elf_prstatus of %d bytes", size)
		case kind == ntPrpsinfo && (size != 136 || !bytes.HasPrefix(desc[40:], []byte("a-very-long-pro\x00prog arg\x00"))):
			t.Errorf("struct elf_prpsinfo of %d bytes: %q", size, desc)
		case kind == ntFile && !bytes.Equal(desc, append(words64(1, 4096, c.Segments[1].Start, c.Segments[1].End, 2), "/lib/x\x00"...)):
			t.Errorf("files: %x", desc)
		}
		notes = notes[20+(size+3)&^3:]
	}
	want := []uint32{ntPrstatus, ntPrpsinfo, ntSiginfo, ntAuxv, ntFile, ntPrfpreg, ntPrstatus, ntPrfpreg}
	if len(kinds) != len(want) {
		t.Fatalf("notes %x, want %x", kinds, want)
	}
	for i := range want {
		if kinds[i] != want[i] {
			t.Errorf("notes %x, want %x", kinds, want)
		}
	}
}

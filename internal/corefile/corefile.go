// Package corefile writes core dumps of Linux processes in ELF (core(5), fs/binfmt_elf.c of the
// kernel), for any machine with 64 bits in little-endian order.
package corefile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
)

// Core is what a dump tells.
type Core struct {
	Machine  elf.Machine
	Process  Process
	Threads  []Thread // the one that has got the signal first
	Siginfo  [128]byte
	Auxv     []byte
	PageSize uint64
	Segments []Segment // in the order of addresses

	// Read reads memory and reports false where there is nothing but zeros, or nothing that can be read.
	Read func(b []byte, addr uint64) bool
}

// Process is what of struct elf_prpsinfo is not a thread's.
type Process struct {
	UID, GID             uint32
	PID, PPID, PGRP, SID int
	Name                 string // of the program, up to 15 bytes
	Args                 string // with spaces between them, up to 79
}

// Thread is a thread with its sets of registers, as ptrace(2) has them.
type Thread struct {
	TID              int
	Signal           int // that ends the process, for all of them
	Pending, Blocked uint64
	GP, FP           []byte // NT_PRSTATUS, NT_PRFPREG
}

// Segment is a mapping.
type Segment struct {
	Start, End uint64
	Prot       uint32 // PROT_ bits
	Dump       uint64 // how many bytes of it are in the dump
	File       string // that is mapped, or ""
	Offset     uint64 // in File
}

// Types of notes (linux/elf.h).
const (
	ntPrstatus = 1
	ntPrfpreg  = 2
	ntPrpsinfo = 3
	ntAuxv     = 6
	ntSiginfo  = 0x53494749
	ntFile     = 0x46494c45
)

const (
	headerSize  = 64 // struct Elf64_Ehdr
	programSize = 56 // struct Elf64_Phdr
)

// notes builds a PT_NOTE segment.
type notes struct{ bytes.Buffer }

// add appends a note: sizes, type, name and description, each to a multiple of 4 bytes.
func (n *notes) add(kind uint32, desc []byte) {
	const name = "CORE\x00\x00\x00\x00"
	n.Write(words32(5, uint32(len(desc)), kind))
	n.WriteString(name)
	n.Write(desc)
	n.Write(make([]byte, -len(desc)&3))
}

func words32(list ...uint32) (b []byte) {
	for _, v := range list {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func words64(list ...uint64) (b []byte) {
	for _, v := range list {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// text is a field of n bytes that ends with a zero.
func text(s string, n int) []byte {
	b := make([]byte, n)
	copy(b[:n-1], s)
	return b
}

// prstatus is struct elf_prstatus.
func (c *Core) prstatus(t *Thread) []byte {
	p := &c.Process
	b := words32(uint32(t.Signal), 0, 0, uint32(t.Signal)) // pr_info, pr_cursig
	b = append(b, words64(t.Pending, t.Blocked)...)
	b = append(b, words32(uint32(t.TID), uint32(p.PPID), uint32(p.PGRP), uint32(p.SID))...)
	b = append(b, make([]byte, 4*16)...) // times
	b = append(b, t.GP...)
	return append(b, words32(1, 0)...) // pr_fpvalid
}

// prpsinfo is struct elf_prpsinfo.
func (c *Core) prpsinfo() []byte {
	p := &c.Process
	b := []byte{0, 'R', 0, 0, 0, 0, 0, 0} // pr_state, pr_sname, pr_zomb, pr_nice
	b = append(b, words64(0)...)
	b = append(b, words32(p.UID, p.GID, uint32(p.PID), uint32(p.PPID), uint32(p.PGRP), uint32(p.SID))...)
	b = append(b, text(p.Name, 16)...)
	return append(b, text(p.Args, 80)...)
}

// files is NT_FILE: which files are mapped where.
func (c *Core) files() []byte {
	var list, names []byte
	count := uint64(0)
	for _, s := range c.Segments {
		if s.File != "" {
			list = append(list, words64(s.Start, s.End, s.Offset/c.PageSize)...)
			names = append(append(names, s.File...), 0)
			count++
		}
	}
	return append(append(words64(count, c.PageSize), list...), names...)
}

func (c *Core) notes() []byte {
	var n notes
	for i := range c.Threads {
		t := &c.Threads[i]
		n.add(ntPrstatus, c.prstatus(t))
		if i == 0 {
			n.add(ntPrpsinfo, c.prpsinfo())
			n.add(ntSiginfo, c.Siginfo[:])
			n.add(ntAuxv, c.Auxv)
			n.add(ntFile, c.files())
		}
		n.add(ntPrfpreg, t.FP)
	}
	return n.Bytes()
}

// manySegments is PN_XNUM: from there on their number is in a section header.
const manySegments = 0xffff

// headers are those of the file and its segments.
func (c *Core) headers(notes int) (b []byte, data uint64) {
	count := len(c.Segments) + 1
	sections, shoff := 0, uint64(0)
	after := headerSize + programSize*count
	num := count
	if count >= manySegments {
		num, sections, shoff = manySegments, 1, uint64(after)
		after += 64
	}
	b = append(b, elf.ELFMAG...)
	b = append(b, byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT))
	b = append(b, make([]byte, 9)...)
	half := binary.LittleEndian.AppendUint16
	b = half(half(b, uint16(elf.ET_CORE)), uint16(c.Machine))
	b = append(b, words32(uint32(elf.EV_CURRENT))...)
	b = append(b, words64(0, headerSize, shoff)...)
	b = append(b, words32(0)...)
	shsize := 0
	if sections > 0 {
		shsize = 64
	}
	for _, v := range []int{headerSize, programSize, num, shsize, sections, 0} {
		b = half(b, uint16(v))
	}
	program := func(kind elf.ProgType, flags uint32, offset, addr, filesz, memsz, align uint64) {
		b = append(b, words32(uint32(kind), flags)...)
		b = append(b, words64(offset, addr, 0, filesz, memsz, align)...)
	}
	program(elf.PT_NOTE, 0, uint64(after), 0, uint64(notes), 0, 4)
	data = (uint64(after+notes) + c.PageSize - 1) &^ (c.PageSize - 1)
	at := data
	for _, s := range c.Segments {
		flags := s.Prot&1<<2 | s.Prot&2 | s.Prot&4>>2 // PF_R is 4, PF_X is 1
		program(elf.PT_LOAD, flags, at, s.Start, s.Dump, s.End-s.Start, c.PageSize)
		at += s.Dump
	}
	if sections > 0 {
		b = append(b, make([]byte, 44)...)
		b = append(b, words32(uint32(count))...) // sh_info
		b = append(b, make([]byte, 16)...)
	}
	return b, data
}

// chunk is how much memory is read at once: a page of any guest.
const chunk = 4096

// Write writes a dump. Where there are only zeros, w is moved on, so that a file has holes there.
func (c *Core) Write(w io.WriteSeeker) error {
	n := c.notes()
	head, data := c.headers(len(n))
	for _, b := range [][]byte{head, n} {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	if _, err := w.Seek(int64(data)-int64(len(head)+len(n)), io.SeekCurrent); err != nil {
		return err
	}
	skipped := false
	buf, zero := make([]byte, chunk), make([]byte, chunk)
	for _, s := range c.Segments {
		for addr := s.Start; addr < s.Start+s.Dump; addr += chunk {
			var err error
			if skipped = !c.Read(buf, addr) || bytes.Equal(buf, zero); skipped {
				_, err = w.Seek(chunk, io.SeekCurrent)
			} else {
				_, err = w.Write(buf)
			}
			if err != nil {
				return err
			}
		}
	}
	if skipped { // so that the file is as long as it says
		if _, err := w.Seek(-1, io.SeekCurrent); err != nil {
			return err
		}
		_, err := w.Write(zero[:1])
		return err
	}
	return nil
}

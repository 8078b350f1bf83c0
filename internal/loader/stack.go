package loader

import (
	"encoding/binary"
	"fmt"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Auxiliary vector entries (include/uapi/linux/auxvec.h).
const (
	atNull        = 0
	atPhdr        = 3
	atPhent       = 4
	atPhnum       = 5
	atPagesz      = 6
	atBase        = 7
	atFlags       = 8
	atEntry       = 9
	atUID         = 11
	atEUID        = 12
	atGID         = 13
	atEGID        = 14
	atPlatform    = 15
	atHWCap       = 16
	atClktck      = 17
	atSecure      = 23
	atRandom      = 25
	atHWCap2      = 26
	atExecFn      = 31
	atSysinfoEhdr = 33
	atMinSigStkSz = 51
)

// clockTick is the unit of times(2) and /proc/pid/stat: USER_HZ.
const clockTick = 100

// mapStack maps what is going to be used of the stack, and some more; it grows on use.
func (l *load) mapStack() error {
	used := uint64(0)
	for _, list := range [][]string{{l.p.cfg.ExecFn}, l.p.cfg.Env, l.p.argv} {
		for _, s := range list {
			used += uint64(len(s)) + 1 + wordSize
		}
	}
	n := pageSize(l.as.Granule()).up(used + stackReserve)
	prot := mem.Read | mem.Write
	if stackExec(l.p.main.segs) {
		prot |= mem.Exec
	}
	top := l.as.Top()
	if l.p.cfg.Compact {
		top -= pageSize(l.as.Granule()).up(uint64(len(l.vdso)))
	}
	_, err := l.as.Mmap(mem.Request{
		Addr: top - n, Len: n, Prot: prot, Name: "[stack]",
		Flags: mem.MapFixedNoReplace | mem.MapGrowsDown,
	})
	if err != nil {
		return fmt.Errorf("cannot map a stack of %d bytes: %w", n, err)
	}
	l.img.StackStart, l.img.StackEnd = top-n, top
	return nil
}

// stackBuilder assembles the top of the stack, from high addresses to low.
type stackBuilder struct {
	p    uint64   // lowest address used
	list [][]byte // pieces in the order of pushing
}

// push puts b below what is there and returns its address.
func (s *stackBuilder) push(b []byte) uint64 {
	s.p -= uint64(len(b))
	s.list = append(s.list, b)
	return s.p
}

// pushStrings puts the strings below what is there, the first one lowest, and
// returns their addresses.
func (s *stackBuilder) pushStrings(list []string) []uint64 {
	addrs := make([]uint64, len(list))
	for i := len(list) - 1; i >= 0; i-- {
		addrs[i] = s.push(append([]byte(list[i]), 0))
	}
	return addrs
}

// bytes is the contents from p on.
func (s *stackBuilder) bytes() []byte {
	n := 0
	for _, b := range s.list {
		n += len(b)
	}
	out := make([]byte, 0, n)
	for i := len(s.list) - 1; i >= 0; i-- {
		out = append(out, s.list[i]...)
	}
	return out
}

// buildStack writes the initial stack as Linux's create_elf_tables does. From
// low to high addresses:
//
//	sp      argc
//	        argv pointers, 0, environment pointers, 0
//	        auxiliary vector
//	        (padding, so that sp is a multiple of 16)
//	        16 random bytes, platform name
//	        argument strings, environment strings, file name
//	        8 zero bytes
func (l *load) buildStack() error {
	c, img := &l.p.cfg, l.img
	s := stackBuilder{p: img.StackEnd}
	s.push(make([]byte, wordSize))
	execFn := s.push(append([]byte(c.ExecFn), 0))
	img.EnvEnd = execFn
	env := s.pushStrings(c.Env)
	img.EnvStart, img.ArgEnd = s.p, s.p
	argv := s.pushStrings(l.p.argv)
	img.ArgStart = s.p
	platform := uint64(0)
	if name := c.Arch.Platform(); name != "" {
		platform = s.push(append([]byte(name), 0))
	}
	random := s.push(c.Random[:])

	auxv := l.auxv(execFn, platform, random)
	words := []uint64{uint64(len(argv))}
	words = append(append(words, argv...), 0)
	words = append(append(words, env...), 0)
	img.AuxvAddr = uint64(len(words)) * wordSize // from sp
	img.Auxv = encodeWords(auxv)
	table := append(encodeWords(words), img.Auxv...)
	if pad := (s.p - uint64(len(table))) % 16; pad != 0 {
		s.push(make([]byte, pad))
	}
	img.SP = s.push(table)
	img.AuxvAddr += img.SP
	if f := l.as.CopyOut(img.SP, s.bytes()); f != nil {
		return fmt.Errorf("cannot write the stack: %w", f)
	}
	return nil
}

// auxv is the auxiliary vector in Linux's order, AT_NULL included. The cache
// geometry entries that Linux has on some machines are left out: they would be 0.
func (l *load) auxv(execFn, platform, random uint64) []uint64 {
	c, img, main := &l.p.cfg, l.img, &l.p.main.hdr
	var v []uint64
	add := func(typ, val uint64) { v = append(v, typ, val) }
	if img.VDSO != 0 {
		add(atSysinfoEhdr, img.VDSO)
	}
	add(atMinSigStkSz, c.Arch.MinSigStackSize())
	add(atHWCap, c.Arch.HWCap())
	add(atPagesz, uint64(l.page))
	add(atClktck, clockTick)
	add(atPhdr, img.Phdr)
	add(atPhent, phdrSize)
	add(atPhnum, uint64(main.phnum))
	add(atBase, img.InterpBase)
	add(atFlags, 0)
	add(atEntry, img.ProgramEntry)
	add(atUID, uint64(c.UID))
	add(atEUID, uint64(c.EUID))
	add(atGID, uint64(c.GID))
	add(atEGID, uint64(c.EGID))
	secure := uint64(0)
	if c.Secure {
		secure = 1
	}
	add(atSecure, secure)
	add(atRandom, random)
	if w := c.Arch.HWCap2(); w != 0 {
		add(atHWCap2, w)
	}
	add(atExecFn, execFn)
	if platform != 0 {
		add(atPlatform, platform)
	}
	add(atNull, 0)
	return v
}

func encodeWords(words []uint64) []byte {
	b := make([]byte, 0, len(words)*wordSize)
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

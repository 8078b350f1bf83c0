//go:build linux && amd64

package engine

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/jit"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/transcache"
)

// A translation depends on the guest code that it is made of, on its key, and on how the Machine translates. So it can
// be stored, and loaded by a later run of the program, of whose code nothing is believed: what memory holds then is compared with what the
// translation was made of. What is loaded is as if it had just been made, but for where it lies.

// storage is the translations of earlier runs, and those for later ones. Machine.mu guards it, but for file.Has.
type storage struct {
	file     *transcache.File
	buf      []byte // for what is loaded, or is to be stored
	regions  storedRegions
	rejected uint64 // translations of other code than memory holds
	written  uint64
}

// openStored opens what is stored. The Machine must be ready for use.
func (m *Machine) openStored() {
	o := &m.opts
	if o.Stored == nil || m.as == nil || o.Translated != nil || o.Optimised != nil || o.Profile || o.Count || o.Differs != nil || o.Metered || o.Chance != 0 {
		return
	}
	c := &m.comp
	config := fmt.Appendf(nil, "%+v %x %t %t %t %t %t %t\n", c.Features, c.Limit, c.Table, c.Direct, c.AtLimit, c.Unbounded, m.detours.table != 0, o.NoNativeLib)
	if f := o.Stored(append(config, m.cache.Reserved()...)); f != nil {
		m.stored = &storage{file: f, regions: storedRegions{}}
		if f.Size() >= wideFile {
			m.cache.Wide()
		}
	}
}

// wideFile is the size of a file, in bytes, of which so much is going to be loaded that large pages pay: less than half of it is host code.
const wideFile = 2 << 20

// storedKey is the key of a translation in files: no code is at an address of more than 60 bits. See regionKey.
func storedKey(k codecache.Key) uint64 { return k.PC<<4 | uint64(k.Mode) }

// known reports whether there may be a stored translation of the code at pc.
func (c *CPU) known(pc uint64) bool {
	m := c.m
	return m != nil && m.stored != nil && m.stored.file.Has(storedKey(c.key(pc)))
}

// load enters the stored translation of a key into the cache, with mu held. It returns nil if there is none, if it is not
// of the code that memory holds, which is given, or if there is no room.
func (m *Machine) load(k codecache.Key, code []byte) *codecache.Block {
	s := m.stored
	if s == nil || m.detours.has(k) {
		return nil
	}
	data, ok := s.file.Get(storedKey(k), s.buf)
	if !ok || len(data) == 0 { // a library function, if anything
		return nil
	}
	s.buf = data[:0]
	return m.loadData(k, code, data)
}

// loadData is load for what is stored.
func (m *Machine) loadData(k codecache.Key, code, data []byte) *codecache.Block {
	d := decoder{data: data}
	guest, path, insts := d.bytes(d.uint16()), d.uint64(), int(d.uint16())
	if d.failed || len(guest) > len(code) || string(guest) != string(code[:len(guest)]) {
		m.stored.rejected++
		return nil
	}
	b := m.cache.NewBlock(k, guest)
	b.Path, b.Insts = path, insts
	if !m.relocate(b, &d) {
		return nil
	}
	m.cache.AddLoaded(b, m.asm.Buf, m.exits, m.faults)
	return b
}

// relocate appends the code of a stored translation to m.asm, and makes m.exits and m.faults those of the block. It reports
// false if there is no room, or it makes no sense.
func (m *Machine) relocate(b *codecache.Block, d *decoder) bool {
	phase, body, size, tailPhase, tailSize := d.uint16(), d.uint16(), d.uint16(), d.uint16(), d.uint16()
	a := &m.asm
	a.Buf = m.cache.Buffer()
	for a.Len()%jit.LineSize != phase%jit.LineSize {
		a.Buf = append(a.Buf, 0)
	}
	start := a.Len()
	a.Buf = append(a.Buf, d.bytes(size)...)
	code := relocated{host: a.Buf[start:]}
	if tailSize > 0 {
		to, at, ok := m.cache.Tail(tailSize, tailPhase)
		if !ok {
			return false
		}
		copy(to, d.bytes(tailSize))
		code.tail = to
		b.Tail, b.TailEnd = uint32(at), uint32(at+tailSize)
	}
	b.Entry, b.Body, b.End = uint32(start), uint32(start+body), uint32(start+size)
	d.add(code, -b.Entry, -b.Tail)
	d.add(code, m.cache.NextExit(), m.cache.NextExit())
	d.add(code, b.Tail-b.Entry, b.Entry-b.Tail)
	m.exits, m.faults = d.exits(m.exits[:0], b), d.faults(m.faults[:0], b)
	return !d.failed && body <= size && len(d.data) == 0 && m.cache.Fits(a.Buf)
}

// relocated is the code of a stored translation, and its tail. Offsets count as if that came right behind.
type relocated struct{ host, tail []byte }

// ofFile reports whether the code at pc is that of a file. Any other, such as that of just-in-time compilers, is other code in each
// run. The caller holds no lock.
func ofFile(as *mem.Space, pc uint64) bool {
	v, ok := as.Lookup(pc)
	return ok && v.File != nil
}

// store has a translation that has just been made, in m.asm, stored for later runs, with mu held: m.exits and m.faults are its own.
func (m *Machine) store(b *codecache.Block, made *jit.Code) {
	s, size := m.stored, b.HostBytes()
	if b.States != nil || m.comp.Detours || size > maxStored {
		return
	}
	e := encoder(s.buf[:0])
	e.uint16(len(b.Code))
	e.bytes(b.Code)
	e.uint64(b.Path)
	e.uint16(b.Insts)
	m.encodeHost(&e, b, made, m.comp.FirstExit)
	s.buf = e
	s.file.Add(storedKey(b.Key), e, 1)
}

// encodeHost appends the host code of a block that has just been made, whose exits are numbered from first on, as if it and its tail were
// at offset 0: relocate reads it.
func (m *Machine) encodeHost(e *encoder, b *codecache.Block, made *jit.Code, first uint32) {
	code, tail := m.cache.CodeOf(b)
	e.uint16(int(b.Entry % jit.LineSize))
	e.uint16(int(b.Body - b.Entry))
	e.uint16(len(code))
	e.uint16(int(b.Tail % jit.LineSize))
	e.uint16(len(tail))
	host := len(*e)
	e.bytes(code)
	e.bytes(tail)
	add := func(list []int, n, inTail uint32) {
		e.uint16(len(list))
		for _, at := range list {
			offset, by := storedOffset(b, uint32(at)), n
			if offset >= len(code) {
				by = inTail
			}
			e.uint16(offset)
			field := (*e)[host+offset:]
			binary.LittleEndian.PutUint32(field, binary.LittleEndian.Uint32(field)+by)
		}
	}
	add(made.Stubs, b.Entry, b.Tail)
	add(made.Names, -first, -first)
	add(made.Cross, b.Entry-b.Tail, b.Tail-b.Entry)
	e.uint16(len(m.exits))
	for i := range m.exits {
		e.exit(&m.exits[i], b)
	}
	e.uint16(len(m.faults))
	for i := range m.faults {
		e.fault(&m.faults[i], b)
	}
}

// forked is for a process that a fork has made, with Machine.mu held.
func (s *storage) forked() {
	if s != nil {
		s.file.Forget()
		clear(s.regions)
		s.rejected, s.written = 0, 0
	}
}

// storeFunction has it stored that there is a library function, so that it is looked for at once. Its host code is made anew: it
// may refer to where the host has its own functions.
func (m *Machine) storeFunction(k codecache.Key) {
	if s := m.stored; s != nil && !s.file.Has(storedKey(k)) {
		s.file.Add(storedKey(k), nil, 1)
	}
}

// saveStored writes what is to be stored, with what has been.
func (m *Machine) saveStored() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.stored; s != nil {
		s.addRegions()
		if n, err := s.file.Save(); err == nil {
			s.written += uint64(n)
		}
	}
}

// Save writes translations that have been made to where Options.Stored has opened a file. It is for the end of the program, or of the process.
func (a *Arch) Save() {
	if m := a.machine(); m != nil {
		m.saveStored()
	}
}

// HoldStored has Save not depend on the right to open files.
func (a *Arch) HoldStored() {
	if m := a.machine(); m != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.stored != nil {
			m.stored.file.Hold()
		}
	}
}

// maxStored is how large the code of a stored translation may be: offsets in it have 16 bits.
const maxStored = 1<<16 - 1

// encoder appends what a stored translation is made of: integers are little-endian, offsets relative to the beginning of its code.
type encoder []byte

func (e *encoder) uint16(n int)    { *e = binary.LittleEndian.AppendUint16(*e, uint16(n)) }
func (e *encoder) uint64(n uint64) { *e = binary.LittleEndian.AppendUint64(*e, n) }
func (e *encoder) bytes(b []byte)  { *e = append(*e, b...) }

// storedOffset is what is stored of an offset in the code of b, as if its tail came right behind the rest; 0 stays 0, which is none.
func storedOffset(b *codecache.Block, at uint32) int {
	switch {
	case at == 0:
		return 0
	case at >= b.Tail && b.Tail < b.TailEnd:
		return int(at - b.Tail + b.End - b.Entry)
	}
	return int(at - b.Entry)
}

func (e *encoder) exit(x *codecache.Exit, b *codecache.Block) {
	e.uint16(int(x.Kind) | bit(x.Polled)<<8)
	e.uint64(x.PC)
	for _, at := range []uint32{x.Jump, x.Unlinked, x.Guess.At, x.Guess.Miss, x.Guess.Probe} {
		e.uint16(storedOffset(b, at))
	}
}

func (e *encoder) fault(f *codecache.Fault, b *codecache.Block) {
	e.uint16(int(f.Done) | bit(f.Overflow)<<8 | bit(f.Computed)<<9 | bit(f.Look)<<10)
	e.uint64(f.PC)
	e.uint16(storedOffset(b, f.Offset))
	e.uint16(int(f.Late))
	e.uint16(int(f.NumLate))
}

// exitSize and faultSize are the sizes of those, in bytes.
const exitSize, faultSize = 2 + 8 + 5*2, 2 + 8 + 2 + 2 + 2

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// decoder reads what an encoder has appended. Once it has failed, all that it returns is 0.
type decoder struct {
	data   []byte
	failed bool
}

func (d *decoder) bytes(n int) []byte {
	if d.failed || n > len(d.data) {
		d.failed = true
		return nil
	}
	b := d.data[:n]
	d.data = d.data[n:]
	return b
}

func (d *decoder) uint16() int {
	if b := d.bytes(2); b != nil {
		return int(binary.LittleEndian.Uint16(b))
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// list is a number, and so many elements of some size.
func (d *decoder) list(size int) []byte { return d.bytes(size * d.uint16()) }

// add adds n to the words of code whose offsets come next, and inTail to those of its tail.
func (d *decoder) add(code relocated, n, inTail uint32) {
	for list := d.list(2); len(list) >= 2; list = list[2:] {
		at := int(binary.LittleEndian.Uint16(list))
		field, by := code.host, n
		if at >= len(field) {
			at, field, by = at-len(field), code.tail, inTail
		}
		if d.failed || at+4 > len(field) {
			d.failed = true
			return
		}
		field = field[at : at+4]
		binary.LittleEndian.PutUint32(field, binary.LittleEndian.Uint32(field)+by)
	}
}

// exits appends those of b, whose place is known.
func (d *decoder) exits(exits []codecache.Exit, b *codecache.Block) []codecache.Exit {
	size := b.HostBytes()
	for list := d.list(exitSize); len(list) >= exitSize; list = list[exitSize:] {
		r := list[:exitSize]
		flags := binary.LittleEndian.Uint16(r)
		offset := func(n int) int { return int(binary.LittleEndian.Uint16(r[10+2*n:])) }
		if storedKinds>>uint8(flags)&1 == 0 || max(offset(0)+4, offset(1), offset(2)+8, offset(3)+4, offset(4)) > size {
			d.failed = true
			break
		}
		exits = append(exits, codecache.Exit{
			Kind: codecache.ExitKind(flags), Polled: flags>>8 != 0, Block: b, PC: binary.LittleEndian.Uint64(r[2:]),
			Jump: placed(b, offset(0)), Unlinked: placed(b, offset(1)),
			Guess: codecache.Guess{At: placed(b, offset(2)), Miss: placed(b, offset(3)), Probe: placed(b, offset(4))},
		})
	}
	return exits
}

// placed is where that is in the cache.
func placed(b *codecache.Block, at int) uint32 {
	switch size := b.End - b.Entry; {
	case at == 0:
		return 0
	case uint32(at) >= size && b.Tail < b.TailEnd:
		return uint32(at) - size + b.Tail
	}
	return b.Entry + uint32(at)
}

// storedKinds are those that a block's exits may have.
const storedKinds = 1<<codecache.ToBlock | 1<<codecache.ToCall | 1<<codecache.ToGuess | 1<<codecache.ToJump | 1<<codecache.ToSystem | 1<<codecache.ToInterrupt

// faults appends those of b.
func (d *decoder) faults(faults []codecache.Fault, b *codecache.Block) []codecache.Fault {
	size, late := b.HostBytes(), 0
	if b.States != nil {
		late = len(b.States.Late)
	}
	for list := d.list(faultSize); len(list) >= faultSize; list = list[faultSize:] {
		r := list[:faultSize]
		flags, at := binary.LittleEndian.Uint16(r), int(binary.LittleEndian.Uint16(r[10:]))
		start, n := binary.LittleEndian.Uint16(r[12:]), binary.LittleEndian.Uint16(r[14:])
		if at > size || n > math.MaxUint8 || n > 0 && int(start)+int(n) > late {
			d.failed = true
			break
		}
		faults = append(faults, codecache.Fault{
			Done: uint8(flags), Overflow: flags>>8&1 != 0, Computed: flags>>9&1 != 0, Look: flags>>10&1 != 0,
			PC: binary.LittleEndian.Uint64(r[2:]), Offset: placed(b, at), Late: uint32(start), NumLate: uint8(n),
		})
	}
	return faults
}

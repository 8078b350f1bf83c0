//go:build linux && amd64

package engine

import (
	"bytes"
	"encoding/binary"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/jit"
)

// Regions are stored as blocks are. One is loaded when the block at its head is: it was worth making
// in an earlier run, so nobody waits for samples and counts in this one. If it is given up, that is stored in its place, and of any block
// how often there was an attempt to find a region around it: the next one is put off for longer each time, and in later runs, too.

// regionKey is the key of the region in the place of a block, in files.
func regionKey(k codecache.Key) uint64 { return storedKey(k) | 1<<3 }

// storedRegions are the regions to be stored for later runs, by the block in whose place they are. Where the file has no region, but says
// all that is known of a block, there is nil.
type storedRegions map[codecache.Key][]byte

// storesRegions reports whether regions are stored, and loaded.
func (m *Machine) storesRegions() bool { return m.stored != nil && m.opt.on && m.detours.table == 0 }

// guestCode is the code that a region is made of, as memory has it, and when that was, by number of blocks dropped. It is empty if
// the region is not to be stored.
type guestCode struct {
	code    []byte // of one range after the other
	dropped uint64
}

// guestCode returns it. The caller holds no lock.
func (m *Machine) guestCode(ranges []codecache.Range) (g guestCode) {
	if !m.storesRegions() || m.foreign() {
		return g
	}
	m.mu.Lock()
	g.dropped = m.cache.Dropped
	m.mu.Unlock()
	for _, r := range ranges {
		code, ok := m.executable(guest.Span(r), m.as)
		if !ok || !ofFile(m.as, r.Start) || len(code) > maxStored {
			return guestCode{}
		}
		g.code = append(g.code, code...)
	}
	return g
}

// storeRegion has a region stored that is about to be added, with mu held, unless its code may have changed since g was read: m.exits and
// m.faults are its own.
func (m *Machine) storeRegion(b *codecache.Block, made *jit.Code, g guestCode) {
	size := b.HostBytes()
	if len(g.code) == 0 || g.dropped != m.cache.Dropped || size > maxStored || len(b.More) > maxStored ||
		b.States != nil && len(b.States.Late) > maxStored {
		return
	}
	e := encoder(m.stored.buf[:0])
	e.head(m.cache.Lookup(b.Key).Under())
	e.uint16(bit(b.Alone))
	e.uint16(b.Insts)
	e.uint16(len(b.More))
	for _, r := range b.More {
		n := int(r.End - r.Start)
		e.uint64(r.Start)
		e.uint16(n)
		e.bytes(g.code[:n])
		g.code = g.code[n:]
	}
	e.states(b.States)
	m.encodeHost(&e, b, made, m.cache.NextExit())
	m.stored.buf = e
	m.stored.regions[b.Key] = bytes.Clone(e)
}

// forgetRegion has it stored that a region in the place of a block has been given up, with mu held.
func (m *Machine) forgetRegion(b *codecache.Block) {
	if m.storesRegions() && (m.stored.regions[b.Key] != nil || m.stored.file.Has(regionKey(b.Key))) {
		var e encoder
		e.head(b)
		m.stored.regions[b.Key] = e
	}
}

// noteTried has it stored how often there was an attempt to find a region around a block, with mu held, unless there is one in its place.
func (m *Machine) noteTried(b *codecache.Block) {
	if !m.storesRegions() {
		return
	}
	if data, ok := m.stored.regions[b.Key]; ok && len(data) <= headSize || !ok && !m.stored.file.Has(regionKey(b.Key)) {
		var e encoder
		e.head(b)
		m.stored.regions[b.Key] = e
	}
}

// head appends what is known of a block and regions in its place: it begins what is stored of a region, and is all if there is none.
func (e *encoder) head(b *codecache.Block) {
	e.uint16(bit(b.NoLooks) | int(b.Undone)<<1 | int(b.Tried)<<8)
}

// head reads that.
func (d *decoder) head(b *codecache.Block) {
	head := d.uint16()
	b.NoLooks, b.Undone, b.Tried = head&1 != 0, uint8(head)>>1, uint8(head>>8)
}

const headSize = 2

// addRegions has the file save the regions.
func (s *storage) addRegions() {
	for k, data := range s.regions {
		if data == nil {
			continue
		}
		weight := triedWeight
		if len(data) > headSize {
			weight = regionWeight
		}
		s.file.Add(regionKey(k), data, weight)
	}
	clear(s.regions)
}

// triedWeight is how many times as long an attempt takes as making blocks of so little code as is stored of it.
const triedWeight = 300

// regionWeight is how many times as long making a region takes as making blocks with so much code, with what the guest
// loses until it is there.
const regionWeight = 24

// loadRegion enters the stored region in the place of a block that has just been loaded into the cache, and returns it, or nil if
// there is none that may be executed. The caller holds no lock.
func (m *Machine) loadRegion(b *codecache.Block, c *CPU) *codecache.Block {
	if !m.storesRegions() || m.foreign() || !m.stored.file.Has(regionKey(b.Key)) {
		return nil
	}
	m.mu.Lock()
	changes := c.space.changes.Load()
	data, _ := m.stored.file.Get(regionKey(b.Key), nil)
	d := decoder{data: data}
	d.head(b)
	if len(data) == headSize {
		m.stored.regions[b.Key] = nil
	}
	m.mu.Unlock()
	if len(data) <= headSize {
		return nil
	}
	r := m.decodeRegion(b, &d)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case r == nil:
		m.stored.rejected++
		return nil
	case m.closed || c.space.changes.Load() != changes || r.Alone && m.met || m.cache.Lookup(b.Key) != b || !m.relocate(r, &d):
		return nil
	}
	m.cache.AddRegion(r, m.asm.Buf, m.exits, m.faults)
	m.retarget(b, r)
	m.opt.stats.Loaded++
	return r
}

// decodeRegion reads all but the host code of a region that is to be in the place of b. It is nil if it is of other code than memory holds, or
// makes no sense. The caller holds no lock.
func (m *Machine) decodeRegion(b *codecache.Block, d *decoder) *codecache.Block {
	r := &codecache.Block{Key: b.Key, Region: true, Alone: d.uint16() != 0, Insts: d.uint16()}
	for range d.uint16() {
		start := d.uint64()
		code := d.bytes(d.uint16())
		if len(code) == 0 {
			return nil
		}
		span := guest.Span{Start: start, End: start + uint64(len(code))}
		if now, ok := m.executable(span, m.as); !ok || string(now) != string(code) {
			return nil
		}
		r.More = append(r.More, codecache.Range(span))
	}
	r.States = d.states()
	if d.failed || len(r.More) == 0 {
		return nil
	}
	return r
}

// states appends those of a region.
func (e *encoder) states(s *ir.States) {
	if s == nil {
		s = &ir.States{}
	}
	e.recoveries(s.Homes)
	e.recoveries(s.Late)
	e.uint16(len(s.Computed))
	for _, c := range s.Computed {
		e.uint16(int(c.Op))
		e.uint64(c.Imm)
		e.recoveries(c.Args[:])
	}
}

func (e *encoder) recoveries(list []ir.Recovery) {
	e.uint16(len(list))
	for _, r := range list {
		*e = binary.LittleEndian.AppendUint32(append(*e, r.Register, uint8(r.From), uint8(r.Fix)), uint32(r.N))
	}
}

func (d *decoder) states() *ir.States {
	s := &ir.States{Homes: d.recoveries(), Late: d.recoveries()}
	for range d.uint16() {
		c := ir.Computation{Op: ir.Op(d.uint16()), Imm: d.uint64()}
		if copy(c.Args[:], d.recoveries()) < len(c.Args) {
			d.failed = true
			break
		}
		s.Computed = append(s.Computed, c)
	}
	return s
}

func (d *decoder) recoveries() (list []ir.Recovery) {
	for range d.uint16() {
		b := d.bytes(7)
		if b == nil || b[0] >= ir.GuestVars {
			d.failed = true
			break
		}
		list = append(list, ir.Recovery{Register: b[0], From: ir.Origin(b[1]), Fix: ir.Fix(b[2]), N: int32(binary.LittleEndian.Uint32(b[3:]))})
	}
	return list
}

//go:build linux

package codecache

import (
	"bytes"
	"iter"
	"slices"
	"sort"

	"github.com/hospes-vm/hospes/internal/addrmap"
)

// Cache holds translations.
type Cache struct {
	memory  memory
	mem     []byte  // memory.write
	base    uintptr // host address of mem, where it is executed
	used    int
	reserve int // bytes at the beginning that Reset leaves alone
	begin   int // where blocks begin, if not behind these
	tails   int // where the tails of blocks begin
	tail    int // where the next one is to be

	blocks []*Block              // in the order of their code
	index  addrmap.Map[Block]    // by Key.hash
	pages  addrmap.Map[[]*Block] // valid and dropped blocks by the address of a guest page
	exits  table[Exit]
	first  uint32 // number of the first one
	Epoch  uint64 // grows with each Reset: numbers of exits are valid in one only
	words  int    // of memory.data that are in use

	roomForBlocks []Block
	roomForCode   []byte
	roomForFaults []Fault

	sides   map[uint32]uint32   // the exits of regions that those of side thunks are for
	targets map[uint32][]Target // of exits of kind ToJump
	tallies map[uint32]tally    // by exit

	Threshold  uint32 // what counting thunks count
	CountCalls bool   // they count calls, too

	Counters
}

// Counters count what has happened.
type Counters struct {
	Translated uint64 // blocks
	Functions  uint64 // of these, for library functions
	Loaded     uint64 // blocks that had been translated before: see AddLoaded
	Refused    uint64 // blocks that say that there is no translation
	GuestBytes uint64 // of guest code in them
	Insts      uint64 // guest instructions in them
	HostBytes  uint64 // of host code made of it
	Linked     uint64 // exits
	Unlinked   uint64
	Dropped    uint64 // blocks
	Revived    uint64
	Thunks     uint64 // counting thunks
	Sides      uint64 // side thunks
	Regions    uint64
	Resets     uint64
}

// New returns a cache with size bytes of executable memory, which with wx ("W^X") is never
// both writable and executable. Exits are numbered from first on.
func New(size int, first uint32, wx bool) (*Cache, error) {
	size = (size + pageSize - 1) &^ (pageSize - 1)
	get := allocate
	if wx {
		get = allocateViews
	}
	mem, err := get(size)
	if err != nil {
		return nil, err
	}
	c := &Cache{memory: mem, mem: mem.write, base: address(mem.exec), first: first, tails: size / 8 * 5}
	c.forget()
	return c, nil
}

// Forked gives the cache memory of its own in a process that a fork has made, before any
// other method is called there. What the parent and the child have shared until then is
// lost, as by Reset: it reports whether that is so. After an error the memory still is
// the parent's, and must be neither written nor executed.
func (c *Cache) Forked() (lost bool, err error) {
	if !c.memory.views() {
		return false, nil
	}
	if err := c.memory.renew(c.reserve); err != nil {
		return true, err
	}
	c.Reset()
	return true, nil
}

func (c *Cache) forget() {
	c.blocks, c.exits = nil, table[Exit]{}
	c.index = addrmap.Map[Block]{}
	c.pages = addrmap.Map[[]*Block]{}
	c.used, c.tail = max(c.reserve, c.begin), c.tails
	c.words = 0
	c.sides, c.tallies, c.targets = map[uint32]uint32{}, map[uint32]tally{}, map[uint32][]Target{}
}

// Close gives the memory back. No thread may be in it, and no other method be called any more.
func (c *Cache) Close() {
	c.Reset()
	c.memory.release()
	c.mem = nil
}

// Range is the host's addresses of the memory.
func (c *Cache) Range() (start, end uintptr) { return c.base, c.base + uintptr(len(c.mem)) }

// Used is the number of bytes in use, Size that of all.
func (c *Cache) Used() int { return c.used - max(c.begin-c.reserve, 0) + c.tail - c.tails }

// Size is the number of bytes that there are.
func (c *Cache) Size() int { return len(c.mem) }

// Host is the host address of an offset.
func (c *Cache) Host(offset uint32) uintptr { return c.base + uintptr(offset) }

// Buffer is the memory up to where the next code is to be appended. If there is no
// room, append moves the slice elsewhere, and neither Keep nor Add takes it.
func (c *Cache) Buffer() []byte { return c.mem[:c.used:c.tails] }

// Tail is where the next tail is to be, of size bytes, its offset the same as phase as far as multiples of 8 go. There may be no room.
// Tails are far from the rest of blocks, so that hosts need not fetch them with that.
func (c *Cache) Tail(size, phase int) (to []byte, at int, ok bool) {
	at = c.tail + (phase-c.tail)&7
	if at+size > len(c.mem) {
		return nil, 0, false
	}
	return c.mem[at : at+size], at, true
}

// Keep makes what has been appended to Buffer, before the first block, stay for good.
func (c *Cache) Keep(buf []byte) {
	c.used = len(buf)
	c.reserve = c.used
}

// Reserved is what has been kept so.
func (c *Cache) Reserved() []byte { return c.mem[:c.reserve] }

// Fits reports whether buf, to which code has been appended, still is the cache's memory.
func (c *Cache) Fits(buf []byte) bool { return &buf[0] == &c.mem[0] }

// NextExit is the number of the next block's first exit.
func (c *Cache) NextExit() uint32 { return c.first + c.exits.n }

// Add enters a block, whose code is what has been appended to Buffer; exits and faults
// are copied, the latter in the order of their offsets.
func (c *Cache) Add(b *Block, buf []byte, exits []Exit, faults []Fault) {
	c.Translated++
	if b.Function != 0 {
		c.Functions++
	}
	c.GuestBytes += uint64(len(b.Code))
	c.Insts += uint64(b.Insts)
	c.HostBytes += uint64(b.HostBytes())
	c.add(b, buf, exits, faults)
	c.enter(b)
}

// AddLoaded is Add for a block that this cache has not been the first to have: the translator's work on it is not counted.
func (c *Cache) AddLoaded(b *Block, buf []byte, exits []Exit, faults []Fault) {
	c.Loaded++
	c.add(b, buf, exits, faults)
	c.enter(b)
}

// add keeps the code of a block.
func (c *Cache) add(b *Block, buf []byte, exits []Exit, faults []Fault) {
	c.used = len(buf)
	if b.Tail == b.TailEnd { // for Find
		b.Tail, b.TailEnd = uint32(c.tail), uint32(c.tail)
	}
	c.tail = int(b.TailEnd)
	b.firstExit, b.numExits = c.NextExit(), uint32(len(exits))
	for k := range exits {
		c.exits.add(exits[k])
	}
	b.faults = kept(&c.roomForFaults, faults)
	c.blocks = append(c.blocks, b)
}

// AddRegion is Add for a region, which takes the place of the valid block of the same key:
// all exits that led there lead to the region. If that is dropped, the block takes its
// place again.
func (c *Cache) AddRegion(r *Block, buf []byte, exits []Exit, faults []Fault) {
	old := c.index.Get(r.hash())
	r.under = old.Under()
	if old.Region {
		c.unlinkExits(old)
	}
	r.incoming, old.incoming = old.incoming, 0
	if old.Region {
		c.Drop(old)
	}
	c.add(r, buf, exits, faults)
	c.Regions++
	c.list(r)
	for _, e := range c.incoming(r) {
		e.to = r
		c.direct(e)
	}
}

// AddInterpreted enters a block that says that there is no translation.
func (c *Cache) AddInterpreted(b *Block) {
	c.Refused++
	c.enter(b)
}

// enter makes a block the one of its key.
func (c *Cache) enter(b *Block) {
	if old := c.index.Get(b.hash()); old != nil {
		c.Drop(old)
		c.unlist(old)
	}
	c.list(b)
}

// list has a block be found.
func (c *Cache) list(b *Block) {
	b.valid.Store(true)
	c.index.Set(b.hash(), b)
	for p := range b.pages {
		if list := c.pages.Get(p << pageShift); list != nil {
			*list = append(*list, b)
		} else {
			c.pages.Set(p<<pageShift, &[]*Block{b})
		}
	}
}

// unlist takes a block that cannot come back out of the lists of pages.
func (c *Cache) unlist(b *Block) {
	for p := range b.pages {
		list := c.in(p)
		if i := slices.Index(list, b); i >= 0 {
			*c.pages.Get(p << pageShift) = slices.Delete(list, i, i+1)
		}
	}
}

const (
	pageShift = 12
	pageSize  = 1 << pageShift
)

// in are the blocks of a page.
func (c *Cache) in(page uint64) []*Block {
	if list := c.pages.Get(page << pageShift); list != nil {
		return *list
	}
	return nil
}

// Blocks are all that have code, in the order of their addresses.
func (c *Cache) Blocks() []*Block { return c.blocks }

// CodeOf is the code of a block, and what of it is elsewhere.
func (c *Cache) CodeOf(b *Block) (code, tail []byte) {
	return c.mem[b.Entry:b.End], c.mem[b.Tail:b.TailEnd]
}

// Lookup returns the valid block of a key, or nil.
func (c *Cache) Lookup(k Key) *Block {
	if b := c.index.Get(k.hash()); b != nil && b.Key == k && b.valid.Load() {
		return b
	}
	return nil
}

// ReviveFunction makes a dropped block for a library function valid again, whose code is
// known to be there.
func (c *Cache) ReviveFunction(k Key, f uint8) *Block {
	b := c.index.Get(k.hash())
	if b == nil || b.Key != k || b.Function != f {
		return nil
	}
	b.valid.Store(true)
	c.Revived++
	return b
}

// Revive makes a dropped block valid again, if guest memory holds its code.
func (c *Cache) Revive(k Key, code []byte, checked bool) *Block {
	b := c.index.Get(k.hash())
	if b == nil || b.Key != k || b.valid.Load() || b.Checked != checked || b.Function != 0 || len(b.Code) > len(code) || !bytes.Equal(b.Code, code[:len(b.Code)]) {
		return nil
	}
	if b.Interpreted() && len(b.Code) == 0 {
		return nil
	}
	b.valid.Store(true)
	c.Recount(b)
	c.Revived++
	return b
}

// Exits are those of a block, and their numbers.
func (c *Cache) Exits(b *Block) iter.Seq2[uint32, *Exit] {
	return func(yield func(uint32, *Exit) bool) {
		for n := b.firstExit; n < b.firstExit+b.numExits && yield(n, c.Exit(n)); n++ {
		}
	}
}

// incoming are the exits that are linked to a block, and their numbers. Each may be unlinked when it comes.
func (c *Cache) incoming(b *Block) iter.Seq2[uint32, *Exit] {
	return func(yield func(uint32, *Exit) bool) {
		for after := b.incoming; after != 0; {
			n := after - 1
			e := c.Exit(n)
			after = e.after
			if !yield(n, e) {
				return
			}
		}
	}
}

// Exit is the exit with a number.
func (c *Cache) Exit(n uint32) *Exit { return c.exits.at(n - c.first) }

// Offset is that of a host address.
func (c *Cache) Offset(host uintptr) uint32 { return uint32(host - c.base) }

// Find is the block whose code is at a host address, or nil.
func (c *Cache) Find(host uintptr) *Block {
	offset := c.Offset(host)
	place := func(b *Block) (start, end uint32) { return b.Entry, b.End }
	if offset >= uint32(c.tails) {
		place = func(b *Block) (start, end uint32) { return b.Tail, b.TailEnd }
	}
	i := sort.Search(len(c.blocks), func(i int) bool { _, end := place(c.blocks[i]); return end > offset })
	if i == len(c.blocks) {
		return nil
	}
	if start, _ := place(c.blocks[i]); start > offset {
		return nil
	}
	return c.blocks[i]
}

// At returns what may fault at a host address, and the block that it is in.
func (c *Cache) At(host uintptr) (f Fault, b *Block, ok bool) {
	b = c.Find(host)
	if b == nil {
		return f, nil, false
	}
	offset := c.Offset(host)
	n := sort.Search(len(b.faults), func(n int) bool { return b.faults[n].Offset >= offset })
	if n == len(b.faults) || b.faults[n].Offset != offset {
		return f, nil, false
	}
	return b.faults[n], b, true
}

// Within is the block that was made of the guest instruction at an address: the region, if there is one, else the
// block that begins last, or nil.
func (c *Cache) Within(pc uint64) (found *Block) {
	for _, b := range c.in(pc >> pageShift) {
		switch {
		case !b.Valid() || !b.overlaps(pc, 1):
		case b.Region:
			return b
		case found == nil || found.PC < b.PC:
			found = b
		}
	}
	return found
}

// Link has an exit lead to a block, unless it leads to one, or is guessed to go elsewhere. It
// is one that was taken when to was valid.
func (c *Cache) Link(n uint32, to *Block) {
	e := c.Exit(n)
	if e.to != nil || !e.Block.valid.Load() || e.Kind == ToGuess && e.PC != 0 && e.PC != to.PC {
		return
	}
	e.to, e.after, to.incoming = to, to.incoming, n+1
	c.lead(e)
	c.Linked++
	if e.Kind == ToGuess && e.PC == 0 {
		c.guess(e, to.PC)
	}
}

// lead has an exit that is linked lead to its block, or its thunk.
func (c *Cache) lead(e *Exit) {
	if e.to.thunk != 0 && !e.to.hot && c.heats(e, e.to) {
		c.patch(e.Jump, e.to.thunk)
	} else {
		c.direct(e)
	}
}

// direct has an exit that is linked lead to its block on the shortest way.
func (c *Cache) direct(e *Exit) { c.patch(e.Jump, e.target()) }

// target is where an exit that is linked leads to on the shortest way.
func (e *Exit) target() uint32 {
	if e.Polled || !e.back(e.to) {
		return e.to.Body
	}
	return e.to.Entry
}

// guess has an exit that is linked be taken for a guest address, for ever.
func (c *Cache) guess(e *Exit, pc uint64) {
	e.PC = pc
	// In this order: who finds the guess goes to where it leads.
	store64(c.mem[e.Guess.At:], pc)
	c.patch(e.Guess.Miss, e.Guess.Probe)
}

// patch has the jump with the displacement at offset at lead to target.
func (c *Cache) patch(at, target uint32) { store32(c.mem[at:], target-(at+4)) }

// Drop makes a block invalid. A region does not come back; what it took the place of may.
func (c *Cache) Drop(b *Block) {
	if !b.valid.Load() {
		return
	}
	b.valid.Store(false)
	c.Dropped++
	for _, e := range c.incoming(b) {
		c.unlink(e)
	}
	b.incoming = 0
	c.unlinkExits(b)
	if b.Region {
		c.unlist(b)
		if c.index.Get(b.hash()) == b {
			c.index.Set(b.hash(), b.under)
			c.Recount(b.under)
		}
	}
}

// unlinkExits has a block's exits lead back to the engine.
func (c *Cache) unlinkExits(b *Block) {
	for n, e := range c.Exits(b) {
		if e.to != nil {
			at := &e.to.incoming
			for *at != n+1 {
				at = &c.Exit(*at - 1).after
			}
			*at = e.after
			c.unlink(e)
		}
	}
}

// Forget makes the blocks of a key invalid for good: they are not revived.
func (c *Cache) Forget(k Key) {
	for b := c.index.Get(k.hash()); b != nil; b = c.index.Get(k.hash()) {
		c.Drop(b)
		if c.index.Get(k.hash()) == b { // else it was a region, and this is what was under it
			c.index.Delete(k.hash())
			c.unlist(b)
		}
	}
}

func (c *Cache) unlink(e *Exit) {
	c.patch(e.Jump, e.Unlinked)
	e.to, e.after = nil, 0
	c.Unlinked++
}

// DropRange makes all blocks invalid whose guest code overlaps [addr, addr+n).
func (c *Cache) DropRange(addr, n uint64) {
	if c.pages.Len() == 0 || n == 0 {
		return
	}
	first, last := addr>>pageShift, (addr+n-1)>>pageShift
	if last-first < uint64(c.pages.Len()) {
		for p := first; p <= last; p++ {
			c.dropIn(p, addr, n)
		}
		return
	}
	for start := range c.pages.All() {
		if p := start >> pageShift; first <= p && p <= last {
			c.dropIn(p, addr, n)
		}
	}
}

// dropIn drops blocks of a page, from the last on: regions leave the list.
func (c *Cache) dropIn(p, addr, n uint64) {
	for _, b := range slices.Backward(c.in(p)) {
		if b.overlaps(addr, n) {
			c.Drop(b)
		}
	}
}

// Reset forgets all blocks. No thread may be in their code.
func (c *Cache) Reset() {
	c.Resets++
	c.Epoch++
	for _, b := range c.blocks {
		b.valid.Store(false)
	}
	c.forget()
}

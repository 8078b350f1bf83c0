package riscv

import (
	"bytes"
	"math"

	"github.com/hospes-vm/hospes/internal/addrmap"
	"github.com/hospes-vm/hospes/internal/mem"
)

// block is a run of decoded instructions that is left at its end only.
//
// Invariant: a block of the current generation has links only to blocks of the
// current generation. Links are made between such blocks, and are dropped when
// a block is taken over into a new generation.
type block struct {
	entry       *inst  // where it is entered: first, or an opVerify before it
	first       *inst  // its instructions; the last one ends the block
	n           uint64 // guest instructions in it
	taken, fall *block // successors, nil until they are known
	pc, end     uint64 // guest addresses: start, and first behind it
	last        uint64 // address of the last instruction
	gen         uint32 // generation in which it was known to be right
	count       uint32 // executions, as far as the translator wants to know
	code        []byte // what was decoded
}

const (
	// maxBlock is the largest number of instructions in a block.
	maxBlock = 64
	// jumpSize is the number of entries in the cache of indirect jumps.
	jumpSize = 1024
	// maxCached is the number of decoded instructions after which the cache
	// starts anew: 16 MiB and about as much again for the blocks around them.
	maxCached = 1 << 20
	// arenaChunk is the number of instructions that are allocated at a time.
	arenaChunk = 1024
)

// cache holds all blocks of a CPU by address. Blocks, instructions and copies of
// code are cut from larger pieces of memory, which live as long as anything in
// them is in use.
type cache struct {
	blocks addrmap.Map[block] // by pc
	slab   []block
	insts  []inst
	code   []byte
	used   int // instructions
}

func (h *cache) init() { *h = cache{} }

// reserve makes room for another block of any size.
func (h *cache) reserve() {
	if len(h.slab) == 0 {
		h.slab = make([]block, arenaChunk/8)
	}
	if len(h.insts) < maxBlock+2 {
		h.insts = make([]inst, arenaChunk)
	}
	if len(h.code) < 4*maxBlock {
		h.code = make([]byte, 4*arenaChunk)
	}
}

// add enters a block of which the first count instructions and size bytes of
// code are in what reserve made room for. The instructions before lead are not of
// the guest.
func (h *cache) add(b block, lead, count, size int) *block {
	p := &h.slab[0]
	h.slab = h.slab[1:]
	*p = b
	p.entry, p.first, p.code = &h.insts[0], &h.insts[lead], h.code[:size:size]
	h.insts, h.code = h.insts[count:], h.code[size:]
	h.used += count
	h.blocks.Set(b.pc, p)
	return p
}

// laterInst is that of blocks that have not been decoded: they are hot, so most are never executed here.
var laterInst = inst{op: opLater}

// addLater enters a block that is decoded when it is executed.
func (h *cache) addLater(b block) *block {
	h.reserve()
	p := &h.slab[0]
	h.slab = h.slab[1:]
	*p = b
	p.entry, p.first = &laterInst, &laterInst
	h.used++
	h.blocks.Set(b.pc, p)
	return p
}

// linkTaken finds the successor of the current block at pc and links it. It
// returns nil, with c.pc and c.fault set, when there is no code.
//
//go:noinline
func (c *CPU) linkTaken(pc uint64) *block {
	b := c.lookup(pc)
	c.block.taken = b
	return b
}

// linkFall does the same for the block behind the current one.
//
//go:noinline
func (c *CPU) linkFall() *block {
	b := c.lookup(c.block.end)
	c.block.fall = b
	return b
}

// lookup returns the block at pc. It returns nil, with c.pc and c.fault set,
// when there is no code.
func (c *CPU) lookup(pc uint64) *block {
	if b := c.single; b != nil {
		b.pc = pc
		return b
	}
	b := c.cache.blocks.Get(pc)
	if b != nil && b.gen == c.gen {
		return b
	}
	c.pc = pc
	if b != nil && c.writable(b.pc) == (b.entry != b.first) && c.unchanged(b) {
		b.taken, b.fall, b.gen = nil, nil, c.gen
		return b
	}
	if c.known != nil && c.hot != math.MaxUint32 && c.trace == nil && c.known(pc) {
		return c.cache.addLater(block{pc: pc, end: pc, last: pc, gen: c.gen, count: c.hot})
	}
	return c.translate(pc)
}

// Cold reports whether the block at the pc has been executed, but less often than makes it hot.
func (c *CPU) Cold() bool {
	b := c.cache.blocks.Get(c.pc)
	return b != nil && b.gen == c.gen && b.count < c.hot
}

// unchanged reports whether memory still holds the code of b, and executable.
func (c *CPU) unchanged(b *block) bool {
	var buf [4 * maxBlock]byte
	now := buf[:len(b.code)]
	n, fault := c.as.Fetch(b.pc, now)
	return fault == nil && n == len(now) && bytes.Equal(now, b.code)
}

// writable reports whether the guest can write to code at pc without a system call.
func (c *CPU) writable(pc uint64) bool {
	v, ok := c.as.Lookup(pc)
	return ok && v.Prot&mem.Write != 0
}

// verified returns the current block, whose code may be written, with what memory
// holds now. A program has to execute fence.i or call the system after it has changed
// code, but real machines forgive some that do not. It returns nil, with c.pc and
// c.fault set, when there is no code any more.
//
//go:noinline
func (c *CPU) verified() *block {
	b := c.block
	c.ip = b.start() // for a fault
	if c.same(b) {
		return b
	}
	c.retired -= b.n
	if c.renewed() == nil {
		return nil
	}
	c.retired += b.n
	return b
}

// renewed returns the current block, made of what memory holds now. It returns nil, with c.pc and c.fault set, when there is no
// code.
func (c *CPU) renewed() *block {
	b := c.block
	c.pc = b.pc
	n := c.translate(b.pc)
	if n == nil {
		return nil
	}
	// Others link to b.
	*b = *n
	c.cache.blocks.Set(b.pc, b)
	return b
}

// translate decodes the block at pc and enters it into the cache.
func (c *CPU) translate(pc uint64) *block {
	h := &c.cache
	if h.used > maxCached {
		c.flushCache()
	}
	h.reserve()
	lead := 0
	if c.writable(pc) {
		h.insts[0] = inst{op: opVerify}
		lead = 1
	}
	insts, code := h.insts[lead:maxBlock+2], h.code[:4*maxBlock]
	n, fault := c.as.Fetch(pc, code)
	count, size := decodeBlock(insts, code[:n], pc)
	if count == 0 {
		c.fault = fault
		return nil
	}
	b := block{pc: pc, end: pc + uint64(size), n: uint64(count), gen: c.gen}
	last := &insts[count-1]
	b.last = b.end - uint64(last.len)
	if !endsBlock[last.op] {
		insts[count] = inst{op: opNext}
		count++
	}
	if c.known != nil && c.known(pc) {
		b.count = c.hot
	}
	p := h.add(b, lead, lead+count, size)
	c.decoded++
	if c.trace != nil {
		c.traceBlock(p)
	}
	return p
}

// decodeBlock decodes code at pc up to the end of a block, to at most maxBlock
// instructions. It returns their number and size in bytes.
func decodeBlock(insts []inst, code []byte, pc uint64) (count, size int) {
	for count < maxBlock && size+2 <= len(code) {
		in := &insts[count]
		if !decode(code[size:], pc+uint64(size), in) {
			break
		}
		count++
		size += int(in.len)
		if endsBlock[in.op] {
			break
		}
	}
	return count, size
}

// flushCache drops all blocks. The generation changes, so that links and the
// cache of indirect jumps lead to none of them any more.
func (c *CPU) flushCache() {
	c.cache.init()
	clear(c.alone)
	clear(c.jump[:])
	c.gen++
}

// traceBlock hands over the disassembly of b.
func (c *CPU) traceBlock(b *block) {
	for at := 0; at < len(b.code); {
		text, n := Disassemble(b.code[at:], b.pc+uint64(at))
		c.trace(b.pc+uint64(at), text)
		at += n
	}
}

// Disassemble returns the assembly text and length of the instruction at pc. The
// length is 0 when there is no code.
func (c *CPU) Disassemble(pc uint64) (text string, n int) {
	var buf [4]byte
	got, fault := c.as.FetchThrough(pc, buf[:])
	if got < 2 {
		return faultText(fault), 0
	}
	return Disassemble(buf[:got], pc)
}

func faultText(f *mem.Fault) string {
	if f == nil {
		return "no code"
	}
	return f.Error()
}

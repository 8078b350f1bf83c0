//go:build linux

package codecache

import (
	"encoding/binary"
)

// A counting thunk stands between a block and the exits that make it hot, which are those that
// go back, and those that call if CountCalls is set. It counts down, and goes on to the block; at zero it
// takes an exit of its own, of kind [ToHot]. It belongs to the block that it leads to, and is
// never changed, so a thread may be in it at any time.

// WantsThunk reports whether exit n, which is about to be linked to a block, makes it hot, and the
// block has no thunk yet. Code that may change unnoticed is never hot.
func (c *Cache) WantsThunk(n uint32, to *Block) bool {
	e := c.Exit(n)
	return e.to == nil && c.heats(e, to) && to.thunk == 0 && !to.hot && !to.Region && !to.Checked && to.Function == 0
}

// heats reports whether an exit is of those that make a block hot when they lead there.
func (c *Cache) heats(e *Exit, to *Block) bool {
	switch e.Kind {
	case ToCall, ToGuess:
		return c.CountCalls
	case ToBlock:
		return e.back(to)
	}
	return false
}

// Loops reports whether an exit that is linked to a block heats it.
func (c *Cache) Loops(b *Block) bool {
	for _, e := range c.incoming(b) {
		if c.heats(e, b) {
			return true
		}
	}
	return false
}

// back reports whether the exit leads back to a block, as far as links know: no loop has
// jumps forward only, and no recursion such calls. A return leads behind a call, which is in the loop as well.
func (e *Exit) back(to *Block) bool { return to.PC <= e.Block.PC }

// NewCounter returns the offset, from the beginning of the cache, of 32 bits that code can count
// in, which are 0; or false if there is no room.
func (c *Cache) NewCounter() (offset int, ok bool) {
	at := 4 * c.words
	if at+4 > len(c.memory.data) {
		return 0, false
	}
	c.words++
	offset = len(c.mem) + at
	c.setCounter(offset, 0)
	return offset, true
}

func (c *Cache) setCounter(offset int, n uint32) { store32(c.memory.data[offset-len(c.mem):], n) }

// Counter is what a counter holds, about.
func (c *Cache) Counter(offset int) uint32 {
	return binary.LittleEndian.Uint32(c.memory.data[offset-len(c.mem):])
}

// AddThunk gives a block its counting thunk, which counts down the counter, from Threshold, and
// whose code from offset start on has been appended to Buffer. Its exit is that of number
// NextExit.
func (c *Cache) AddThunk(b *Block, buf []byte, start, counter int) {
	c.used = len(buf)
	c.Thunks++
	b.thunk, b.counter = uint32(start), counter
	c.Recount(b)
	c.exits.add(Exit{Kind: ToHot, PC: b.PC, Block: b})
}

// Counted reports whether a block has its counting thunk.
func (c *Cache) Counted(b *Block) bool { return b.thunk != 0 }

// Hot ends the counting of a block's executions: all exits that are linked to it lead there on
// the shortest way.
func (c *Cache) Hot(b *Block) {
	b.hot = true
	for _, e := range c.incoming(b) {
		c.direct(e)
	}
}

// Recount begins counting a block's executions anew, for exits that lead through its thunk.
func (c *Cache) Recount(b *Block) {
	b.hot = false
	if b.thunk != 0 {
		c.setCounter(b.counter, c.Threshold)
	}
}

// Watch has a block become hot when it has been executed n times more, as far as exits count
// that are linked to it.
func (c *Cache) Watch(b *Block, n uint32) {
	if b.thunk == 0 || !b.valid.Load() {
		return
	}
	b.hot = false
	c.setCounter(b.counter, n)
	for _, e := range c.incoming(b) {
		if c.heats(e, b) {
			c.patch(e.Jump, b.thunk)
		}
	}
}

// Left is how often a block that is watched has to be executed yet to become hot, about.
func (c *Cache) Left(b *Block) uint32 { return c.Counter(b.counter) }

// Called reports whether an exit that is linked to a block calls it.
func (c *Cache) Called(b *Block) bool {
	for _, e := range c.incoming(b) {
		if e.Kind == ToCall || e.Kind == ToGuess {
			return true
		}
	}
	return false
}

// A side thunk stands between an exit of a region and the block that it leads to. It counts as a
// counting thunk does: where a region is often left, in the midst of what it was made
// for, another one is to take its place.

// maxUndone is how many regions with the same entry may be given up.
const maxUndone = 3

// WantsSide reports whether exit n, which is about to be linked, gets a side thunk.
func (c *Cache) WantsSide(n uint32) bool {
	e := c.Exit(n)
	return e.to == nil && e.Kind == ToBlock && e.Block.Region && e.Block.valid.Load() && c.MayUndo(e.Block)
}

// MayUndo reports whether a region may be given up.
func (c *Cache) MayUndo(r *Block) bool { return r.under.Undone < maxUndone }

// AddSide is Link for an exit with a side thunk, which counts down the counter, and whose code from
// offset start on has been appended to Buffer. Its exit is that of number NextExit.
func (c *Cache) AddSide(n uint32, to *Block, buf []byte, start, counter int) {
	c.used = len(buf)
	c.Sides++
	e := c.Exit(n)
	c.setCounter(counter, c.Threshold<<(2*e.Block.under.Undone))
	c.sides[c.NextExit()] = n
	c.exits.add(Exit{Kind: ToSide, PC: to.PC, Block: e.Block})
	c.Link(n, to)
	if e := c.Exit(n); e.to == to {
		c.patch(e.Jump, uint32(start))
	}
}

// Side ends the counting of a side thunk, whose exit has number n. It returns the region and the block
// that it is left for, or nil if it is not any more.
func (c *Cache) Side(n uint32) (region, to *Block) {
	e := c.Exit(c.sides[n])
	if e.to == nil || !e.Block.valid.Load() {
		return nil, nil
	}
	c.direct(e)
	return e.Block, e.to
}

// Undo gives a region up for another one that is to be made: the block in whose place it was has its
// executions counted anew.
func (c *Cache) Undo(r *Block) {
	b := r.under
	c.unlinkExits(r)
	if b.valid.Load() {
		b.Undone++
		b.incoming, r.incoming = r.incoming, 0
		for _, e := range c.incoming(b) {
			e.to = b
			c.direct(e)
		}
	}
	c.Drop(r) // b is in its place now
	if !b.valid.Load() {
		return
	}
	c.Watch(b, c.Threshold)
}

// An exit that is linked can have its executions counted for a while, by code of its own that
// counts up, and goes on to the block. The code stays, in case that threads are in it, and for
// another time.

// tally is such code.
type tally struct {
	thunk   uint32 // its offset
	counter int
	to      *Block // that it goes on to
}

// Incoming are the numbers of the exits that are linked to a block.
func (c *Cache) Incoming(b *Block) (list []uint32) {
	for n := range c.incoming(b) {
		list = append(list, n)
	}
	return list
}

// ExitsOf are the numbers of a block's exits, from first up to end.
func (c *Cache) ExitsOf(b *Block) (first, end uint32) { return b.firstExit, b.firstExit + b.numExits }

// WantsTally returns where an exit that is to be counted leads, which has no code for that.
func (c *Cache) WantsTally(n uint32) (target uint32, ok bool) {
	e := c.Exit(n)
	if e.to == nil || c.tallies[n].to == e.to {
		return 0, false
	}
	return e.target(), true
}

// AddTally gives an exit code that counts it with the counter, and has been appended to Buffer from
// offset start on.
func (c *Cache) AddTally(n uint32, buf []byte, start, counter int) {
	c.used = len(buf)
	c.tallies[n] = tally{uint32(start), counter, c.Exit(n).to}
}

// StartTally begins counting an exit, if it has the code for that.
func (c *Cache) StartTally(n uint32) {
	e := c.Exit(n)
	if t := c.tallies[n]; t.to != nil && t.to == e.to {
		c.setCounter(t.counter, 0)
		c.patch(e.Jump, t.thunk)
	}
}

// EndTally ends counting an exit. It returns how often that has been taken, about.
func (c *Cache) EndTally(n uint32) uint64 {
	e := c.Exit(n)
	t := c.tallies[n]
	if t.to == nil || t.to != e.to {
		return 0
	}
	c.lead(e)
	return uint64(c.Counter(t.counter))
}

// Target is where a computed jump has gone to, and how often it has been seen to.
type Target struct {
	PC    uint64
	Count uint64
}

// maxTargets is how many of them are noted for an exit.
const maxTargets = 64

// Jumped notes where exit n, a computed jump, has gone to.
func (c *Cache) Jumped(n uint32, pc uint64) {
	list := c.targets[n]
	for k := range list {
		if list[k].PC == pc {
			list[k].Count++
			return
		}
	}
	if len(list) < maxTargets {
		c.targets[n] = append(list, Target{pc, 1})
	}
}

// Targets are where exit n has been seen to go to.
func (c *Cache) Targets(n uint32) []Target { return c.targets[n] }

// Resign has exit n, a computed jump out of a region, go wherever it does without coming back here.
func (c *Cache) Resign(n uint32) {
	if e := c.Exit(n); e.Block.valid.Load() {
		c.patch(e.Jump, e.Guess.Probe)
	}
}

// RecountTargets begins counting how often exit n goes to its targets anew.
func (c *Cache) RecountTargets(n uint32) {
	list := c.targets[n]
	for k := range list {
		list[k].Count = 0
	}
}

// Package irq is the interrupt word of a guest thread: how others, host signal handlers
// among them, have it stop at the next block boundary.
package irq

import (
	"sync/atomic"
	"unsafe"
)

// Word is an interrupt word. It is up if any of its bits is set.
//
// Translated code compares each guest address with the end of the guest's window anyway, in memory where it
// has that in no register.
// That is part of the word, and 0 once a bit has been set: code that accesses memory is
// interrupted by that, and need not look at the bits. So is the mask of the indices by which it looks computed
// jumps up: with 0 it finds nothing.
type Word struct {
	bits  uint32
	mask  uint32
	limit uint64
}

const (
	Signal = 1 << 0    // a signal has arrived, or something else needs the personality
	Sample = 1 << 1    // the engine wants to know where the thread is
	All    = 1<<32 - 1 // all bits
)

// MaskOffset and LimitOffset are where in a Word, in bytes, translated code finds the mask, of 32 bits, and the end of the
// window; the bits, 32 of them, are at its beginning. Who sets bits by other means than Raise
// stores 0 in both afterwards.
const (
	MaskOffset  = 4
	LimitOffset = 8
)

var (
	_ [MaskOffset]struct{}  = [unsafe.Offsetof(Word{}.mask)]struct{}{}
	_ [LimitOffset]struct{} = [unsafe.Offsetof(Word{}.limit)]struct{}{}
)

// Raise sets bits. Any thread may call it.
func (w *Word) Raise(bits uint32) {
	atomic.OrUint32(&w.bits, bits)
	atomic.StoreUint64(&w.limit, 0)
	atomic.StoreUint32(&w.mask, 0)
}

// Lower clears bits, and returns what there was.
func (w *Word) Lower(bits uint32) (old uint32) { return atomic.AndUint32(&w.bits, ^bits) }

// Replace has the bits be those of to, if they are those of from.
func (w *Word) Replace(from, to uint32) bool { return atomic.CompareAndSwapUint32(&w.bits, from, to) }

// Bits are those that are set.
func (w *Word) Bits() uint32 { return atomic.LoadUint32(&w.bits) }

// Arm makes limit the end of the window, and mask that of lookups, before translated code is entered. It reports false
// if the word is up.
func (w *Word) Arm(limit uint64, mask uint32) bool {
	// These first: a Raise in between sets a bit that is seen here, one afterwards
	// takes both back. All are in sequential order, stores and loads. One that has set its bits before these were cleared may
	// take them back later, and one before the other.
	if !w.Armed(limit, mask) {
		atomic.StoreUint64(&w.limit, limit)
		atomic.StoreUint32(&w.mask, mask)
	}
	return w.Bits() == 0
}

// Armed reports whether limit is the end of the window, and mask that of lookups: whether nobody has raised the word
// since Arm.
func (w *Word) Armed(limit uint64, mask uint32) bool {
	return atomic.LoadUint64(&w.limit) == limit && atomic.LoadUint32(&w.mask) == mask
}

//go:build linux && amd64

package engine

import (
	"sync/atomic"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Word is an aligned doubleword of guest memory that a run may have written to.
type Word struct {
	Addr          uint64
	Mask          uint64 // all ones in each byte that was written
	Before, After uint64
}

// effects are the words that a run may have written to.
type effects []Word

// forget makes e those of a new run.
func (e *effects) forget() { *e = (*e)[:0] }

// find returns the word at an aligned address, or nil.
func (e effects) find(addr uint64) *Word {
	for k := range e {
		if e[k].Addr == addr {
			return &e[k]
		}
	}
	return nil
}

// note notes a store of size bytes, of which old is what is there before.
func (e *effects) note(addr, old uint64, size int) {
	for size > 0 {
		n := min(size, 8-int(addr&7))
		shift := addr & 7 * 8
		mask := ^uint64(0) >> (64 - 8*n) << shift
		w := e.find(addr &^ 7)
		if w == nil {
			*e = append(*e, Word{Addr: addr &^ 7})
			w = &(*e)[len(*e)-1]
		}
		w.Before |= old << shift & mask &^ w.Mask
		w.Mask |= mask
		addr, size, old = addr+uint64(n), size-n, old>>(8*n)
	}
}

// end is to be called when the run is over. It reports false if memory is gone.
func (e effects) end(as *mem.Space) bool {
	return try(as, func() {
		for k := range e {
			w := &e[k]
			w.After = atomic.LoadUint64((*uint64)(as.Mapping().Pointer(w.Addr, 8, mem.Read)))
			w.Before |= w.After &^ w.Mask
		}
	})
}

// undo takes a run back that has ended. It reports false, having done nothing, if somebody
// else has changed one of the words since.
func (e effects) undo(as *mem.Space) bool {
	for k := range e {
		if !e[k].exchange(as, e[k].After, e[k].Before) {
			for ; k > 0; k-- {
				e[k-1].exchange(as, e[k-1].Before, e[k-1].After)
			}
			return false
		}
	}
	return true
}

// exchange writes a word in the place of another one; it reports false if that is not there.
func (w *Word) exchange(as *mem.Space, from, to uint64) (ok bool) {
	if from == to {
		return true
	}
	return try(as, func() {
		ok = atomic.CompareAndSwapUint64((*uint64)(as.Mapping().Pointer(w.Addr, 8, mem.Write)), from, to)
	}) && ok
}

// overlap reports whether a store went to [start, end).
func (e effects) overlap(start, end uint64) bool {
	for k := range e {
		if w := &e[k]; w.Addr < end && start < w.Addr+8 {
			return true
		}
	}
	return false
}

// try reports whether f, which accesses guest memory, does so without a fault.
func try(as *mem.Space, f func()) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			if as.Recover(r) == nil {
				panic(r)
			}
			ok = false
		}
	}()
	f()
	return true
}

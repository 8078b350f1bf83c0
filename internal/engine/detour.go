//go:build linux && amd64

package engine

import (
	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Where the host's pages are larger than the guest's, the window allows less than the
// guest may do (mem.Divided). A block whose accesses the host refuses is translated anew, so
// that all of them look up where the bytes are.

// detours are the blocks for which that is so. Machine.mu guards them.
type detours struct {
	table   uintptr // host address of the page table; 0 if the window is all there is
	refused map[codecache.Key]int
}

// maxRefused is how many accesses of a block may be refused before it is translated anew.
const maxRefused = 4

// init is for an address space whose window ends at limit: all of it must have entries.
func (d *detours) init(as *mem.Space, limit uint64) {
	m, ok := as.Mapping().(mem.Divided)
	if !ok {
		return
	}
	if table, end := m.Detours(); end >= limit {
		d.table = table
		d.forget()
	}
}

// has reports whether the block of a key takes detours.
func (d *detours) has(k codecache.Key) bool { return d.refused[k] >= maxRefused }

// hasAny reports whether any block in a survey does.
func (d *detours) hasAny(s *survey) bool {
	for _, b := range s.blocks {
		if d.has(b.block.Key) {
			return true
		}
	}
	return false
}

// forget is for when all blocks are forgotten.
func (d *detours) forget() {
	if d.table != 0 {
		d.refused = map[codecache.Key]int{}
	}
}

// refused notes that the host has refused an access of a block, for whatever reason, with
// Machine.mu held.
func (c *CPU) refused(b *codecache.Block) {
	d := &c.m.detours
	if d.table == 0 {
		return
	}
	if d.refused[b.Key]++; d.refused[b.Key] == maxRefused {
		c.m.cache.Forget(b.Key)
	}
	if d.has(b.Key) {
		c.ctx.ForgetJump(b.PC) // which may have led to what has been forgotten
	}
}

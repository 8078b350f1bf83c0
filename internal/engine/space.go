//go:build linux && amd64

package engine

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/trap"
)

// space is an address space that guest code is executed in, and who translates for it: a Machine
// of its own, or one that it shares with others (share.go).
type space struct {
	as    *mem.Space
	guest guest.Translatable // the first CPU, for what all have in common
	opts  Options
	code  *Code   // where machines are shared; nil for none
	base  uintptr // host address of guest address 0, or of the page table
	limit uint64  // guest addresses from there on are outside of the window, or the table
	paged bool

	// machine is nil until code is looked for, and after code has changed that others have, too.
	machine atomic.Pointer[Machine]
	// changes counts what may have made code other than it was.
	changes atomic.Uint64
	// met says that there are, or have been, several threads, or shared memory.
	met atomic.Bool

	mu      sync.Mutex // guards what follows; before Machine.mu and Code.mu
	own     *Machine   // that it shares with nobody
	private bool       // it cannot share
	refused bool       // the host grants no memory for translations
	trusted []area     // of the machine that it shares, or shared last
	shares  int        // how many there have been
	cpus    []weak.Pointer[CPU]
}

// spaceOf returns the space in which the CPUs of a execute, t among them.
func spaceOf(as *mem.Space, a *Arch, t guest.Translatable) *space {
	s := &space{as: as, guest: t, opts: a.Options, code: a.Code}
	if table, ok := as.Mapping().(mem.Paged); ok {
		s.base, s.limit = table.Pages()
		s.paged = true
	} else {
		s.base, s.limit = as.Mapping().Window()
	}
	_, divided := as.Mapping().(mem.Divided) // whose detours are the space's own
	s.private = s.code == nil || divided
	return s
}

// codeChanged is called with the address space locked.
func (s *space) codeChanged(addr, n uint64) {
	if n == 0 {
		return // blocks that the guest can write to look for themselves
	}
	s.changes.Add(1)
	switch m := s.machine.Load(); {
	case m == nil:
	case m.as != nil:
		m.mu.Lock()
		m.cache.DropRange(addr, n)
		m.mu.Unlock()
	case m.touches(addr, n):
		s.machine.Store(nil)
		s.mu.Lock()
		s.private = true
		cpus := s.live()
		s.mu.Unlock()
		for _, c := range cpus {
			c.FlushCode() // so that it leaves what the others go on executing
		}
	}
}

// choose finds the Machine to go on with at pc. It is nil if nothing can be translated.
func (s *space) choose(pc uint64) *Machine {
	for {
		changes := s.changes.Load()
		areas, same := s.areas()
		s.mu.Lock()
		m := s.chosen(pc, areas, same)
		s.machine.Store(m)
		// Whoever changes code counts that before looking for the Machine.
		valid := m == nil || m.as != nil || s.changes.Load() == changes
		if !valid {
			s.machine.Store(nil)
		}
		s.mu.Unlock()
		if valid {
			if m != nil && s.met.Load() {
				m.meet() // in case that it was not seen there
			}
			return m
		}
	}
}

// chosen is choose for the areas of code that there are, with mu held. All that is in these can be
// shared, if there are any.
func (s *space) chosen(pc uint64, areas []area, share bool) *Machine {
	m := s.machine.Load()
	switch {
	case s.refused:
		return nil
	case s.own != nil:
		return s.own
	case m != nil && m.has(pc):
		return m
	case !share || s.private || s.shares == maxShares:
		return s.openOwn()
	case m != nil && slices.Equal(m.areas, areas):
		return m // there is no code at pc
	}
	if m = s.code.machine(s, areas); m == nil {
		return s.openOwn()
	}
	s.shares++
	s.trusted = m.areas
	return m
}

// openOwn makes the Machine that the space has for itself, with mu held.
func (s *space) openOwn() *Machine {
	m, err := newMachine(s, nil, s.opts)
	if err != nil {
		s.refused = true
		return nil
	}
	s.own, s.private = m, true
	return m
}

// live are all CPUs in use, with mu held.
func (s *space) live() (cpus []*CPU) {
	kept := s.cpus[:0]
	for _, p := range s.cpus {
		if c := p.Value(); c != nil {
			kept = append(kept, p)
			cpus = append(cpus, c)
		}
	}
	s.cpus = kept
	return cpus
}

func (s *space) join(c *CPU) {
	s.mu.Lock()
	s.live()
	s.cpus = append(s.cpus, weak.Make(c))
	several := len(s.cpus) > 1
	s.mu.Unlock()
	if several {
		s.meet()
	}
}

// close gives everything back that the space has for itself. No CPU of it may execute any more.
func (s *space) close() {
	s.mu.Lock()
	cpus := s.live()
	own := s.own
	s.own, s.cpus, s.refused = nil, nil, true
	s.machine.Store(nil)
	s.mu.Unlock()
	for _, c := range cpus {
		c.park()
	}
	if own != nil {
		own.close()
	}
}

// close gives back what the Machine has, once its optimiser has ended.
func (m *Machine) close() {
	m.mu.Lock()
	m.giveUp()
	m.mu.Unlock()
	for wait := time.Microsecond; m.optimising(); wait = min(2*wait, 100*time.Microsecond) {
		time.Sleep(wait)
	}
	start, _ := m.cache.Range()
	trap.RemoveCode(start)
	m.cache.Close()
}

// optimising reports whether the optimiser is at work.
func (m *Machine) optimising() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.opt.running
}

// giveUp has everything interpreted, with mu held.
func (m *Machine) giveUp() {
	m.closed = true
	m.cache.Reset()
	m.opt.forget()
	if m.opt.running && m.opt.start.Stop() {
		m.opt.running = false
	}
}

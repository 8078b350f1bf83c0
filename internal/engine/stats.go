//go:build linux && amd64

package engine

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/hospes-vm/hospes/internal/codecache"
)

// Stats say what has been translated, and what executing has taken. What is marked with
// a star is zero without Options.Measure.
type Stats struct {
	Decoded    uint64 // blocks that interpreters have made ready for themselves *
	Translated uint64 // blocks
	Functions  uint64 // those of them that are host code for library functions
	Refused    uint64 // blocks that begin with what has no translation

	Chained     uint64 // exits that were made to lead to a block
	Unchained   uint64 // and back to the engine
	Invalidated uint64 // blocks whose guest code may have changed
	Revived     uint64 // those of them whose code was there again
	Resets      uint64 // how often the code cache was full and emptied

	GuestInsts uint64 // in translated blocks
	GuestBytes uint64
	HostBytes  uint64

	Lift    time.Duration // from guest code to the intermediate representation *
	Compile time.Duration // from there to host code *
	Install time.Duration // entering it into the code cache *

	Entered         uint64        // how often the engine has entered translated code *
	Interpretations uint64        // and the interpreter *
	Left            LeftStats     // why it was left again *
	InTranslated    time.Duration // all threads together *
	InInterpreter   time.Duration // *

	CacheUsed, CacheSize int // bytes

	Optimiser OptimiserStats

	Check CheckStats // of Options.Differs
}

// LeftStats count the ways out of translated code.
type LeftStats struct {
	Systems    uint64 // system calls
	Exits      uint64 // to code that was not translated, or not linked
	Jumps      uint64 // computed jumps whose target was not in the thread's table
	Interprets uint64 // to the interpreter: instructions without a translation, and faults
	Interrupts uint64 // signals, flushes, the stack of return addresses being full
	Changes    uint64 // guest code was not what it had been
}

// stages is the time that making translations took. Machine.mu guards it.
type stages struct{ lift, compile, install time.Duration }

// runs is what executing took. All threads add to it.
type runs struct {
	decoded, entered, interpretations atomic.Uint64
	left                              [256]atomic.Uint64 // by kind of exit; only if it is measured
	measured                          bool
	translated, interpreted           atomic.Int64 // nanoseconds
}

// count counts a way out of translated code.
func (r *runs) count(k codecache.ExitKind) {
	if r.measured {
		r.left[k].Add(1)
	}
}

// ways are the counts.
func (r *runs) ways() LeftStats {
	n := func(k codecache.ExitKind) uint64 { return r.left[k].Load() }
	return LeftStats{
		Systems:    n(codecache.ToSystem),
		Exits:      n(codecache.ToBlock) + n(codecache.ToCall) + n(codecache.ToGuess),
		Jumps:      n(jumped) + n(codecache.ToJump),
		Interprets: n(codecache.ToInterp),
		Interrupts: n(codecache.ToInterrupt),
		Changes:    n(codecache.ToStale),
	}
}

// stopwatch measures times one after the other, if it runs.
type stopwatch struct {
	on    bool
	start time.Time
}

// watch returns a stopwatch that runs if times are wanted.
func (m *Machine) watch() (w stopwatch) {
	if m.opts.Measure {
		w = stopwatch{true, time.Now()}
	}
	return w
}

// lap adds the time since the last one to d.
func (w *stopwatch) lap(d *time.Duration) {
	if w.on {
		now := time.Now()
		*d += now.Sub(w.start)
		w.start = now
	}
}

// run adds the time to ns, and 1 to n.
func (w *stopwatch) run(n *atomic.Uint64, ns *atomic.Int64) {
	if w.on {
		n.Add(1)
		ns.Add(int64(time.Since(w.start)))
	}
}

// Stats are those of the last address space, since its start or the fork that made this process.
func (a *Arch) Stats() Stats {
	if m := a.machine(); m != nil {
		return m.stats()
	}
	return Stats{}
}

// optimiserStats are those of the optimiser, with mu held.
func (m *Machine) optimiserStats() OptimiserStats {
	s := m.opt.stats
	s.Thunks, s.Regions = m.cache.Thunks, m.cache.Regions
	s.Stages = slices.Clone(s.Stages)
	return s
}

func (m *Machine) stats() Stats {
	checks := m.check.stats()
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &m.cache.Counters
	return Stats{
		Decoded:         m.runs.decoded.Load(),
		Translated:      c.Translated,
		Functions:       c.Functions,
		Refused:         c.Refused,
		Chained:         c.Linked,
		Unchained:       c.Unlinked,
		Invalidated:     c.Dropped,
		Revived:         c.Revived,
		Resets:          c.Resets,
		GuestInsts:      c.Insts,
		GuestBytes:      c.GuestBytes,
		HostBytes:       c.HostBytes,
		Lift:            m.stages.lift,
		Compile:         m.stages.compile,
		Install:         m.stages.install,
		Entered:         m.runs.entered.Load(),
		Interpretations: m.runs.interpretations.Load(),
		Left:            m.runs.ways(),
		InTranslated:    time.Duration(m.runs.translated.Load()),
		InInterpreter:   time.Duration(m.runs.interpreted.Load()),
		CacheUsed:       m.cache.Used(),
		CacheSize:       m.cache.Size(),
		Optimiser:       m.optimiserStats(),
		Check:           checks,
	}
}

//go:build linux && amd64

package engine

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/stats"
)

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
func (r *runs) ways() stats.Left {
	n := func(k codecache.ExitKind) uint64 { return r.left[k].Load() }
	return stats.Left{
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
func (a *Arch) Stats() stats.Translator {
	if m := a.machine(); m != nil {
		return m.stats()
	}
	return stats.Translator{}
}

// optimiserStats are those of the optimiser, with mu held.
func (m *Machine) optimiserStats() stats.Optimiser {
	s := m.opt.stats
	s.Thunks, s.Regions = m.cache.Thunks, m.cache.Regions-s.Loaded
	s.Stages = slices.Clone(s.Stages)
	return s
}

func (m *Machine) stats() stats.Translator {
	checks := m.check.stats()
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &m.cache.Counters
	loaded, rejected, written := c.Loaded, uint64(0), uint64(0)
	if m.stored != nil {
		rejected, written = m.stored.rejected, m.stored.written
	}
	return stats.Translator{
		Loaded: loaded, Rejected: rejected, Written: written,
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

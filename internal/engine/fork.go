//go:build linux && amd64

package engine

import (
	"sync/atomic"

	"github.com/hospes-vm/hospes/internal/codecache"
)

// Forked is to be called in a process that a fork has made, by its only thread, outside
// of guest code. A code cache of two views, which parent and child would share, is
// replaced by an empty one: what has been translated is translated anew. If there is no
// memory for it, everything is interpreted from then on.
func (a *Arch) Forked() {
	if m := a.machine(); m != nil {
		m.forked()
	}
}

func (m *Machine) forked() {
	m.mu.Lock()
	lost, err := m.cache.Forked()
	if lost {
		m.exact.forget()
	}
	if err != nil {
		m.giveUp()
	}
	m.cache.Counters = codecache.Counters{}
	m.stages = stages{}
	m.stored.forked()
	m.opt.forked(lost)
	m.runs.forget()
	m.check.forked(lost)
	m.counts.reset()
	if lost {
		m.counts.forget()
	}
	cpus := m.live()
	m.mu.Unlock()
	if lost {
		for _, c := range cpus {
			c.FlushCode() // its jumps lead to code that is not there
		}
	}
	m.tellAll()
}

func (r *runs) forget() {
	for _, n := range []*atomic.Uint64{&r.decoded, &r.entered, &r.interpretations} {
		n.Store(0)
	}
	for i := range r.left {
		r.left[i].Store(0)
	}
	r.translated.Store(0)
	r.interpreted.Store(0)
}

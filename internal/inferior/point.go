//go:build linux && amd64

package inferior

import (
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/gdbstub"
	"github.com/hospes-vm/hospes/internal/ptrace"
)

// memory is what processes have points in that share it.
type memory struct {
	points map[gdbstub.Point]bool // that are wanted
	set    map[gdbstub.Point]bool // that the processes know
}

func newMemory() *memory { return &memory{} }

// copy is the memory of a child.
func (m *memory) copy() *memory {
	return &memory{maps.Clone(m.points), maps.Clone(m.set)}
}

// Insert sets a point.
func (t *Target) Insert(pid int, p gdbstub.Point) bool {
	proc := t.procs[pid]
	if proc == nil {
		return false
	}
	if proc.mem.points == nil {
		proc.mem.points = map[gdbstub.Point]bool{}
	}
	proc.mem.points[p] = true
	return true
}

// Remove removes a point. One that is not there, as after execve, is no error.
func (t *Target) Remove(pid int, p gdbstub.Point) bool {
	proc := t.procs[pid]
	if proc == nil {
		return false
	}
	delete(proc.mem.points, p)
	return true
}

// shared reports whether another process that is debugged has the memory of p.
func (t *Target) shared(p *process) bool {
	for _, other := range t.procs {
		if other != p && other.mem == p.mem {
			return true
		}
	}
	return false
}

// watching is the watchpoint that an access at addr was found by.
func (m *memory) watching(addr uint64) gdbstub.Point {
	for p := range m.set {
		if (p.Read || p.Write) && addr >= p.Addr && addr-p.Addr < p.Len {
			return p
		}
	}
	return gdbstub.Point{}
}

// sync hands points over to the processes, if there is a thread to which that can be done.
func (t *Target) sync(m *memory) {
	if maps.Equal(m.points, m.set) {
		return
	}
	for _, id := range t.Threads() {
		if t.procs[id.PID].mem != m {
			continue
		}
		d := t.stopped(id.TID)
		if d == nil || !d.Halted() {
			continue
		}
		status, ok := d.SetPoints(list(m.points))
		if ok {
			m.set = maps.Clone(m.points)
			return
		}
		t.gone(id.TID, status)
	}
}

// list has points in the order of their addresses.
func list(points map[gdbstub.Point]bool) (l []ptrace.Point) {
	for p := range points {
		q := ptrace.Point{Addr: p.Addr, Len: uint32(p.Len)}
		switch {
		case p.Read && p.Write:
			q.Prot = unix.PROT_READ | unix.PROT_WRITE
		case p.Read:
			q.Prot = unix.PROT_READ
		case p.Write:
			q.Prot = unix.PROT_WRITE
		default:
			q.Prot = unix.PROT_EXEC
		}
		l = append(l, q)
	}
	slices.SortFunc(l, func(a, b ptrace.Point) int {
		if a.Addr < b.Addr {
			return -1
		}
		return 1
	})
	return l
}

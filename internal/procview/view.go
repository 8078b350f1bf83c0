//go:build linux && amd64

// Package procview writes files of /proc/pid as they are on the guest's machine, for
// any process that runs a guest: what the host's kernel has there, with the guest's
// memory, threads and signals in place of those of hospes (proc(5)).
package procview

import (
	"math"
	"os"
	"strconv"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/peer"
)

// View is a guest process, or one of its threads.
type View struct {
	PID, TID int // TID is 0 for the process as a whole
	D        *peer.Description
	Brk      uint64 // the end of the heap

	Threads          int    // how many the guest has
	Ignored, Handled uint64 // signals
	// Signals are further members of the sets in lines of /proc/pid/status.
	Signals map[string]uint64

	VMAs func() []mem.VMA // in address order
	// Host calls f with the pieces of host memory that make up a range of guest memory.
	Host func(addr, n uint64, f func(host, n uint64))

	Peak   uint64            // VmPeak in bytes, if it is known
	Limits map[string]Limit  // limits that are not the host's, by their names in /proc/pid/limits
	Secure map[string]string // lines of /proc/pid/status that are not the host's
}

// Limit is a resource limit in bytes.
type Limit struct{ Cur, Max uint64 }

// Unlimited is RLIM_INFINITY.
const Unlimited = math.MaxUint64

// Files are those that are written here, by their names in a process's or thread's
// directory.
var Files = map[string]func(*View) ([]byte, error){
	"maps":         (*View).maps,
	"smaps":        (*View).smaps,
	"smaps_rollup": (*View).rollup,
	"numa_maps":    (*View).numaMaps,
	"stat":         (*View).stat,
	"statm":        (*View).statm,
	"status":       (*View).status,
	"limits":       (*View).limits,
	"syscall":      running,
}

// running is /proc/pid/syscall of a process that is just now in no system call: which
// one a guest thread is in, only hospes knows.
func running(*View) ([]byte, error) { return []byte("running\n"), nil }

// hostFile reads the host's file of the same process or thread.
func (v *View) hostFile(base string) ([]byte, error) {
	dir := "/proc/" + strconv.Itoa(v.PID) + "/"
	if v.TID != 0 {
		dir += "task/" + strconv.Itoa(v.TID) + "/"
	}
	return os.ReadFile(dir + base)
}

// FromPeer is the view of another process, or of a thread of it.
func FromPeer(p *peer.Peer, pid, tid int) *View {
	v := &View{PID: pid, TID: tid, D: &p.D, Brk: p.D.Brk.Load()}
	v.Ignored, v.Handled = p.D.Ignored.Load(), p.D.Handled.Load()
	v.Threads = max(len(p.Threads(pid)), 1)
	var vmas []mem.VMA
	v.VMAs = func() []mem.VMA {
		if vmas == nil && p.D.VMAs != 0 && p.SameBuild() {
			vmas = mem.RemoteVMAs(uintptr(p.D.VMAs), func(b []byte, addr uintptr) bool {
				return p.ReadHost(b, uint64(addr)) == 0
			})
		}
		return vmas
	}
	v.Host = p.EachRun
	return v
}

// page is the guest's page size, whatever another process says that it be.
func (v *View) page() uint64 { return max(v.D.PageSize, mem.PageSize) }

// Mapped reports whether the guest has memory at an address.
func (v *View) Mapped(addr uint64) bool {
	for _, m := range v.VMAs() {
		if addr < m.End {
			return addr >= m.Start
		}
	}
	return false
}

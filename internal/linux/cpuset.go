//go:build linux && amd64

package linux

import (
	"sync"

	"github.com/hospes-vm/hospes/internal/guest"
)

// cpuSet is the set of CPUs that run in one address space: those of the process's
// threads, and of the children that have it for themselves between vfork and exec.
type cpuSet struct {
	mu   sync.Mutex // guards cpus; taken with the address space locked
	cpus map[guest.CPU]struct{}
}

func newCPUSet() *cpuSet { return &cpuSet{cpus: map[guest.CPU]struct{}{}} }

func (s *cpuSet) add(c guest.CPU) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cpus[c] = struct{}{}
}

func (s *cpuSet) remove(c guest.CPU) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.cpus, c)
}

// flushCode makes all CPUs re-read guest code before they execute more of it.
func (s *cpuSet) flushCode() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.cpus {
		c.FlushCode()
	}
}

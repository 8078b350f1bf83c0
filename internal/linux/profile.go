//go:build linux && amd64

package linux

import "github.com/hospes-vm/hospes/internal/guest"

// Profiler makes a profile of samples. Its methods are called on the guest's threads, for different
// threads at once.
type Profiler interface {
	// Sample is called at a block boundary, or where a system call is over. The CPU's registers
	// are those of a little later than s.PC, in the same function or one that has called it, or
	// that it has called.
	Sample(t *Task, s Sample)
}

// Sample is what a thread was doing.
type Sample struct {
	PC      uint64     // the guest instruction
	By      guest.Tier // what executed it, if it was none that calls the system
	Call    *Call      // the system call, or nil
	Exact   bool       // PC is where the sample was taken; else where the CPU is
	Periods int        // of CPU time that the thread has taken since its last sample
}

// startProfile has the calling thread, which is t's, sampled. A host that grants no timer
// leaves it out of the profile.
func (t *Task) startProfile() {
	p := t.P
	if p.Profiler == nil || p.vfork != nil {
		return
	}
	if c, ok := t.CPU.(guest.Profiled); ok {
		c.Profile(t.host.SampledCode)
	}
	_ = t.host.StartProfile(p.SamplePeriod)
}

// sample takes the sample that there may be, in system call c if that is not nil.
func (t *Task) sample(c *Call) {
	p := t.P
	if p.Profiler == nil || !t.host.Sampled() || t.thr.left {
		return
	}
	taken, ok := t.host.TakeSample()
	if !ok {
		return
	}
	s := Sample{PC: t.CPU.PC(), Call: c, Periods: taken.Periods}
	if profiled, ok := t.CPU.(guest.Profiled); ok && c == nil {
		if pc, by, ok := profiled.Sampled(); ok {
			s.PC, s.By, s.Exact = pc, by, true
		}
	}
	p.Profiler.Sample(t, s)
}

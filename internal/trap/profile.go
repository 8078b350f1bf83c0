//go:build linux && amd64

package trap

import (
	"encoding/binary"
	"sync/atomic"
	"syscall"
	"time"
)

// A thread that is profiled has a timer of its own, which counts the CPU time that the thread
// takes, in the kernel, too. Its signal finds the thread
//
//   - in translated code: the handler notes where, and lets the thread go on an instruction at a time
//     (the host's trap flag) up to the next place at which the guest's state is exact. There it leaves
//     translated code as after a fault. A thread that comes to no such place soon goes on, to
//     the next look at the interrupt word;
//   - elsewhere: it is kicked.
//
// In both cases the thread comes back to its run loop, which takes the sample.

// Sample is what the timer has found.
type Sample struct {
	Code    uintptr // host address in translated code at which the thread was, or 0
	Periods int     // how many have passed since the last sample, at least 1
}

// States of Thread.sampling.
const (
	sampleNone     = iota // the timer may strike
	sampleStepping        // translated code is executed an instruction at a time
	sampleReady           // there is a sample to be taken
)

const (
	// sampleValue is the sigev_value of the timers.
	sampleValue = 0x68_6f73_7065_73

	// maxSteps is how many instructions are executed one at a time, each of which takes
	// a microsecond or two.
	//lint:ignore U1000 in the assembly
	maxSteps = 64

	siTimer = -2 // SI_TIMER: a timer's si_code
	siValue = 24 // offset of a timer's si_value
)

// StartProfile has the thread, which is the calling one, sampled each time it has taken period of CPU time. The timer
// ends with StopProfile, or the thread; a child that the process forks has none.
func (t *Thread) StartProfile(period time.Duration) error {
	id, e := createTimer(int(t.tid))
	if e != 0 {
		return e
	}
	if e := setTimer(id, period); e != 0 {
		deleteTimer(id)
		return e
	}
	t.timer = id + 1
	return nil
}

// StopProfile ends what StartProfile began, for the thread itself or one that sees that it has ended.
func (t *Thread) StopProfile() {
	if t.timer != 0 {
		deleteTimer(t.timer - 1)
		t.timer = 0
	}
}

// Sampled reports whether there is a sample to be taken.
func (t *Thread) Sampled() bool { return atomic.LoadUint32(&t.sampling) == sampleReady }

// TakeSample takes the sample, if there is one.
func (t *Thread) TakeSample() (s Sample, ok bool) {
	if !t.Sampled() {
		return s, false
	}
	s = Sample{Code: t.sampledAt, Periods: max(int(atomic.SwapUint32(&t.periods, 0)), 1)}
	atomic.StoreUint32(&t.sampling, sampleNone)
	return s, true
}

// SampledCode is the Code of the sample that is there to be taken, or 0.
func (t *Thread) SampledCode() uintptr {
	if !t.Sampled() {
		return 0
	}
	return t.sampledAt
}

// forgetSamples is for a thread in a process that is a copy of another.
func (t *Thread) forgetSamples() {
	t.timer, t.periods = 0, 0
	atomic.StoreUint32(&t.sampling, sampleNone)
}

// isSample reports whether i is of a timer of StartProfile.
func (i *Info) isSample() bool {
	return i.Signal() == int(syscall.SIGSTKFLT) && i.Code() == siTimer && binary.NativeEndian.Uint64(i[siValue:]) == sampleValue
}

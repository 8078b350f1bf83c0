//go:build linux

package sandbox

import (
	"errors"
	"syscall"
)

// ErrInstructions says that a guest has executed as many instructions as it may.
var ErrInstructions = errors.New("the limit on instructions is reached")

// How many instructions a task is given at once, and for its turn.
const (
	fuelShare = 1 << 20
	turnShare = 1 << 17
)

// refuel gives the task instructions to execute, or ends the guest if there are none left.
func (t *Task) refuel() {
	k := t.K
	share := int64(fuelShare)
	if k.turns != nil {
		share = turnShare
	}
	for {
		left := k.fuel.Load()
		if left == 0 {
			t.CPU.SetLimit(t.CPU.Retired())
			t.fueled = t.CPU
			k.Kill(ErrInstructions)
			return
		}
		n := min(left, share)
		if k.fuel.CompareAndSwap(left, left-n) {
			t.fueled, t.fuelEnd = t.CPU, t.CPU.Retired()+uint64(n)
			t.CPU.SetLimit(t.fuelEnd)
			return
		}
	}
}

// returnFuel takes back what the task has not executed.
func (t *Task) returnFuel() {
	if t.fueled == nil {
		return
	}
	if left := t.fuelEnd - min(t.fueled.Retired(), t.fuelEnd); left > 0 {
		t.K.fuel.Add(int64(left))
	}
	t.fueled, t.fuelEnd = nil, 0
}

// Instructions is how many instructions have been executed, if they are limited. What tasks that run have
// been given counts as executed.
func (k *Kernel) Instructions() uint64 { return k.cfg.Limits.Instructions - uint64(k.fuel.Load()) }

// Refused are limits, by bit.
type Refused uint32

// Limits that keep a guest from something, but let it go on.
const (
	RefusedMemory Refused = 1 << iota
	RefusedTasks
	RefusedFiles
)

// Refused says which limits have kept the guest from something so far.
func (k *Kernel) Refused() Refused {
	r := Refused(k.refused.Load())
	if _, _, refused := k.budget.Used(); refused {
		r |= RefusedMemory
	}
	return r
}

// noteRefusal notes that a system call has failed, if a limit is why.
func (k *Kernel) noteRefusal(r *Row, e syscall.Errno) {
	switch {
	case e == syscall.EMFILE || e == syscall.ENFILE:
		k.refused.Or(uint32(RefusedFiles))
	case e == syscall.EAGAIN && (r.Name == "clone" || r.Name == "clone3"):
		k.refused.Or(uint32(RefusedTasks))
	}
}

//go:build linux

package sandbox

import (
	"context"
	"encoding/binary"
	"errors"
	"runtime/debug"
	"syscall"

	"github.com/hospes-vm/hospes/internal/guest"
)

// The first task may be run by whoever has made the kernel, on any goroutine: it is paused from Start on, and
// again when it waits (the call hostWait). While it is paused, functions of the guest can be called, each
// on the task's stack, with all other registers as they were afterwards. A function returns to
// returnAddress, where no code is.

// Calls that are none of Linux's: system call numbers from firstHostCall on.
const (
	firstHostCall = 0x686f7370 // "hosp"
	hostFunction  = firstHostCall
	hostWait      = firstHostCall + 1
)

// returnAddress is where functions that the host has called return to. No guest has an address like
// that.
const returnAddress = 1<<62 - 1<<16

// ErrEnded says that a guest has ended before a function returned.
var ErrEnded = errors.New("the guest has ended")

// HostFunction is a function of the host's that guests may call. It gets the registers that a function of the
// guest's would, and returns what there is to be in those for results. An error ends the guest: it is what Exit.Err is.
type HostFunction func(t *Task, ints, floats [8]uint64) (i, f uint64, err error)

// Trap is an exception at an instruction.
type Trap struct {
	PC uint64
	guest.Trap
	Exe  string // the program, by its name
	Bias uint64 // what was added to its addresses
}

// Start makes the first task, which is paused before its first instruction. Close or Wait must be called
// in the end.
func (k *Kernel) Start(prog Program) (*Task, error) {
	faults()
	k.fuel.Store(int64(k.cfg.Limits.Instructions))
	t, err := k.start(prog)
	if err != nil {
		k.files.close()
		return nil, err
	}
	t.pause()
	return t, nil
}

// Bias is what was added to the addresses of the program of the task.
func (t *Task) Bias() uint64 { return t.mm.image.Bias }

// pause is for a task that has no goroutine any more: to a fake clock it sleeps.
func (t *Task) pause() {
	t.returnFuel()
	if p, ok := t.CPU.(interface{ Park() }); ok && t.calls == 0 {
		p.Park()
	}
	t.K.turns.end()
	t.K.Release()
}

// Resume runs the task until it waits or ends, on the calling goroutine. It reports whether it waits.
func (t *Task) Resume() (waits bool) {
	t.K.Hold()
	t.takeTurn()
	defer t.pause()
	t.paused = false
	t.runFaulting()
	return !t.exiting
}

// runFaulting is run on a goroutine that may be anybody's.
func (t *Task) runFaulting() {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	t.run()
}

// Close ends all processes at once, and then is Wait.
func (t *Task) Close() Exit {
	t.K.Kill(context.Canceled)
	return t.Wait()
}

// Wait runs the task to its end, waits for all others, and gives back what the kernel has.
func (t *Task) Wait() Exit {
	k := t.K
	for !t.exiting {
		t.Resume()
	}
	k.Hold() // as the task leaves
	t.takeTurn()
	t.leave()
	k.running.Done()
	k.running.Wait()
	k.files.close()
	return t.Exit()
}

// Exit says how the task's process has ended, or is about to, and why. It is for tasks that have: for which ErrEnded has been returned.
func (t *Task) Exit() Exit {
	k, p := t.K, t.P
	exit := Exit{Refused: k.Refused()}
	k.mu.Lock()
	defer k.mu.Unlock()
	exit.Status, exit.Err = p.status, k.err
	if tr := p.trap; tr != nil && tr.Signal == p.status.Signal {
		exit.Trap = tr
	}
	return exit
}

// Call calls a function of the guest's. texts are put on its stack, with a NUL behind each, for the arguments in Ints of that number, which are
// their addresses. Other than by a host function that the same task has called, it may be called
// only while the task is paused. ErrEnded means that the guest has ended instead, a *mem.Fault that there is no room on the stack.
func (t *Task) Call(f guest.FunctionCall, texts map[int]string) (ints, floats [8]uint64, err error) {
	if t.exiting {
		return ints, floats, ErrEnded
	}
	outer := t.hosting == 0
	if outer {
		t.K.Hold()
		defer t.pause()
	} else {
		defer t.K.turns.end()
	}
	t.takeTurn()
	cpu := t.CPU
	saved := [2][]byte{cpu.Regset(guest.NT_PRSTATUS), cpu.Regset(guest.NT_PRFPREG)}
	if err = t.pushArguments(&f, texts); err == nil {
		f.Return = returnAddress
		cpu.EnterFunction(&f)
		t.runCall(outer)
		if t.exiting || t.CPU != cpu {
			return ints, floats, ErrEnded
		}
		ints, floats = cpu.Arguments()
	}
	cpu.SetRegset(guest.NT_PRSTATUS, saved[0])
	cpu.SetRegset(guest.NT_PRFPREG, saved[1])
	return ints, floats, err
}

// runCall runs the task until the function returns that it has entered.
func (t *Task) runCall(outer bool) {
	hosting := t.hosting
	t.hosting = 0
	t.calls++
	t.paused = false
	t.runFaulting()
	t.paused = outer
	t.calls--
	t.hosting = hosting
}

// pushArguments puts on the stack what is not in registers.
func (t *Task) pushArguments(f *guest.FunctionCall, texts map[int]string) error {
	const alignment = 16
	sp := t.CPU.SP()
	push := func(b []byte) error {
		sp = (sp - uint64(len(b))) &^ (alignment - 1)
		if f := t.Mem.CopyOut(sp, b); f != nil {
			return f
		}
		return nil
	}
	for n := range f.Ints {
		if text, ok := texts[n]; ok {
			if err := push(append([]byte(text), 0)); err != nil {
				return err
			}
			f.Ints[n] = sp
		}
	}
	var more []byte
	for _, v := range f.More {
		more = binary.LittleEndian.AppendUint64(more, v)
	}
	err := push(more)
	t.CPU.SetSP(sp)
	return err
}

// returned reports whether a trap is the return of a function that Call has called.
func (t *Task) returned(tr guest.Trap) bool {
	if t.calls == 0 || tr.Signal != guest.SIGSEGV || t.CPU.PC() != returnAddress {
		return false
	}
	t.paused = true
	return true
}

// hostCall carries out a call that is none of Linux's.
func (t *Task) hostCall(nr uint64) {
	switch {
	case nr == hostWait && t.TID == firstID && t.calls == 0:
		t.CPU.SetResult(0)
		t.paused = true
		return
	case nr == hostFunction && t.K.cfg.HostFunction != nil:
		if name, err := t.Mem.ReadString(t.CPU.HostFunction(), maxName); err == nil {
			if f := t.K.cfg.HostFunction(name); f != nil {
				t.callHost(f)
				return
			}
		}
	}
	t.CPU.SetResult(-int64(syscall.ENOSYS))
}

// maxName is how long the name of a host function may be, in bytes, with the NUL.
const maxName = 256

// errGoexit says what a function of the host's must not do: goroutines are not the guest's threads.
var errGoexit = errors.New("a function of the host's has ended its goroutine (runtime.Goexit)")

// callHost calls a function of the host's. An error of it is not the reason for the end if the guest has ended before.
func (t *Task) callHost(f HostFunction) {
	ints, floats := t.CPU.Arguments()
	t.hosting++
	t.K.turns.end()
	returned := false
	defer func() {
		t.takeTurn()
		t.hosting--
		if !returned {
			t.K.Kill(errGoexit)
		}
	}()
	i, fl, err := f(t, ints, floats)
	returned = true
	if err != nil {
		t.K.Kill(err)
		return
	}
	if !t.exiting {
		t.CPU.SetResults(i, fl)
	}
}

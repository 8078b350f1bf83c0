//go:build linux && amd64

package linux

import (
	"math/bits"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/linux/uapi"
	"github.com/hospes-vm/hospes/internal/peer"
	"github.com/hospes-vm/hospes/internal/ptrace"
	"github.com/hospes-vm/hospes/internal/trap"
)

// Threads. A guest thread is a goroutine locked to a host thread; clone.go makes
// them.

// taskThread is what a task keeps as a thread.
type taskThread struct {
	clearTID uint64        // set to 0, and its futex woken, at exit (set_tid_address(2)); 0 for none
	robust   atomic.Uint64 // head of the robust list (set_robust_list(2)); 0 for none
	wait     timedWait     // the deadline of an interrupted wait
	left     bool          // leave has been called
}

// newTask returns a task that runs cpu and is no thread yet.
func (p *Process) newTask(cpu guest.CPU) *Task {
	if p.TraceCode != nil {
		cpu.SetTrace(p.TraceCode)
	}
	return &Task{
		P:    p,
		Mem:  p.Mem,
		CPU:  cpu,
		host: trap.NewThread(cpu.IRQ()),
		sig:  taskSignals{stack: uapi.NoStack},
	}
}

// newMainTask makes the calling goroutine, which is locked to its thread, the
// process's first thread.
func (p *Process) newMainTask(cpu guest.CPU) (*Task, error) {
	debug.SetMaxThreads(maxHostThreads)
	p.sig.intercept = p.SeeEnd || p.Tracer != nil || p.ExecOptions == nil // it wants to see the end, or the program is to go on after it
	p.sig.initActions()
	peer.SetSignals(p.sig.sets())
	t := p.newTask(cpu)
	if err := t.host.Bind(); err != nil {
		return nil, err
	}
	for i, queue := range []*virtualQueue{&t.sig.own, &p.sig.shared} {
		for _, info := range p.sig.inherited[i] {
			if sig := info.Signal(); sig >= 1 && sig <= numSignals {
				queue.add(&info)
			}
		}
	}
	mask, _, _ := trap.Inherited()
	t.secure.Store(p.secure)
	t.resumeTrace(p.trace)
	if p.AwaitTracer != nil {
		t.trace.start, t.trace.release = stopBorn, p.AwaitTracer
	}
	t.join(mask, nil)
	return t, nil
}

// maxHostThreads replaces Go's limit of 10,000, past which it ends the program.
// Threads run out before, with an error that the guest gets to see.
const maxHostThreads = 1 << 20

// join makes the task, bound to the calling thread, part of the process and opens
// its signal mask. The thread has the filters of system calls of its parent, if it
// has one in this process.
func (t *Task) join(mask uint64, parent *Task) {
	p := t.P
	t.TID = unix.Gettid()
	t.seen = peer.Join(t.TID, p.Pid())
	p.mu.Lock()
	if parent != nil {
		t.secure.Store(parent.secure.Load()) // with mu locked, see setFilter
	}
	p.tasks[t.TID] = t
	if p.stop.Ordered() {
		t.host.Kick()
	}
	raiseMaxProcs(len(p.tasks))
	p.mu.Unlock()
	p.cpus.add(t.CPU)
	t.startProfile()
	t.CPU.FlushCode() // whoever flushed before may have overlooked this CPU
	if p.ending.Load() {
		t.exiting = true
	}
	t.setMask(mask)
}

// raiseMaxProcs lets all of n guest threads, which spend their time in Go, run at
// once, and two goroutines besides. It stops the world, so it does that seldom.
func raiseMaxProcs(n int) {
	if runtime.GOMAXPROCS(0) < n+2 {
		runtime.GOMAXPROCS(1 << bits.Len(uint(n+1)))
	}
}

// leave takes the thread out of the process as its exit does: afterwards only the
// host thread is left. It reports whether it was the last one. Later calls have no
// effect.
func (t *Task) leave() (last bool) {
	if t.thr.left {
		return false
	}
	t.thr.left = true
	if t.host.Traced() {
		t.record().Native = 1
	}
	t.releaseRobust()
	p := t.P
	p.retired.Add(t.CPU.Retired())
	p.mu.Lock()
	delete(p.tasks, t.TID)
	last = len(p.tasks) == 0
	p.leaving++
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.leaving--
		p.mu.Unlock()
	}()
	p.cpus.remove(t.CPU)
	t.unsee()
	t.host.StopProfile()
	t.host.Unbind()
	if addr := t.thr.clearTID; addr != 0 && !last {
		if t.Mem.Store(addr, 4, 0) == nil {
			t.wakeFutex(addr, 1)
		}
	}
	return last
}

func sysExit(t *Task, c *Call) (uint64, syscall.Errno) {
	t.event(ptrace.EventExit, uint64(c.Int(0)&0xff)<<8, 0)
	if t.leave() {
		t.P.end(Status{Code: c.Int(0) & 0xff})
	}
	t.exiting = true
	return 0, 0
}

func sysExitGroup(t *Task, c *Call) (uint64, syscall.Errno) {
	t.event(ptrace.EventExit, uint64(c.Int(0)&0xff)<<8, 0)
	t.end(Status{Code: c.Int(0) & 0xff})
	return 0, 0
}

// drain waits until the threads, which have been kicked, have left. Linux's robust
// futexes are released before a process has ended; one that other processes share
// must not be missed. A thread that is stuck in the host kernel is not waited for.
func (p *Process) drain() {
	for wait := 20 * time.Microsecond; wait < 200*time.Millisecond; wait += wait / 4 {
		p.mu.Lock()
		n := len(p.tasks)
		p.mu.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(wait)
	}
}

func sysSetTidAddress(t *Task, c *Call) (uint64, syscall.Errno) {
	t.thr.clearTID = c.Args[0]
	return uint64(t.TID), 0
}

// numTasks is the number of guest threads.
func (p *Process) numTasks() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.tasks)
}

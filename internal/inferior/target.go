//go:build linux && amd64

package inferior

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/gdbstub"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/peer"
	"github.com/hospes-vm/hospes/internal/ptrace"
)

// Target is what is debugged.
type Target struct {
	// Launch starts a program that waits until release is called; nil if none can be started.
	Launch func(gdbstub.Launch) (pid int, release func(), err error)

	arch    guest.Arch
	machine string // GDB's name of it

	tracer  ptrace.Tracer
	procs   map[int]*process
	threads map[int]*thread // by thread ID
	wants   gdbstub.Wants

	ended    []gdbstub.Event // of processes, not told yet
	stopping bool            // no thread that stops goes on

	look   chan struct{} // receives when something is waited for
	events chan struct{}
}

// process is a guest process.
type process struct {
	pid     int
	created bool // for the debugger
	mem     *memory
}

// thread is a guest thread.
type thread struct {
	gdbstub.ID
	running bool
	action  gdbstub.Action // how it went on
	resumed bool           // it was to go on, and may have events told
	pending *gdbstub.Event // has happened, but has not been told
	listen  bool           // it is stopped by job control, and stays so
	call    int            // number of the system call that it is in
	vforks  bool           // it sleeps in the kernel until its child has memory of its own
}

// New returns a Target without a process.
func New(arch guest.Arch, machine string) *Target {
	t := &Target{
		arch: arch, machine: machine, procs: map[int]*process{}, threads: map[int]*thread{},
		look: make(chan struct{}, 1), events: make(chan struct{}, 1),
	}
	go t.watch()
	return t
}

// options are those of ptrace(2) for all tracees.
const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE |
	unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACEVFORKDONE

// patience is how long a process may take until its guest begins.
const patience = 30 * time.Second

// Attach begins to debug a process that runs.
func (t *Target) Attach(pid int) bool { return t.Start(pid, false) == nil }

// Start begins to debug a process, and stops it. One that was created for the debugger may not have
// begun yet. The calling goroutine, which must be locked to its thread, is that which all other methods
// are for.
func (t *Target) Start(pid int, created bool) error {
	err := t.attach(pid)
	for begin := time.Now(); created && err == peer.ErrNative && time.Since(begin) < patience; {
		time.Sleep(10 * time.Millisecond)
		err = t.attach(pid)
	}
	if err == nil {
		t.procs[pid].created = created
		t.stopAll()
		if t.procs[pid] == nil {
			err = syscall.ESRCH
		}
	}
	return cannot(pid, err)
}

// Check reports why a process cannot be debugged, as far as can be seen without stopping it.
func Check(pid int) error {
	_, err := peer.Open(pid)
	return cannot(pid, err)
}

// cannot is an error, if there is one, with what was tried.
func cannot(pid int, err error) error {
	if err != nil {
		return fmt.Errorf("cannot trace process %d: %w", pid, err)
	}
	return nil
}

// Run starts a program, and begins to debug it.
func (t *Target) Run(l gdbstub.Launch) (pid int, ok bool) {
	if t.Launch == nil {
		return 0, false
	}
	pid, release, err := t.Launch(l)
	if err != nil {
		return 0, false
	}
	err = t.Start(pid, true)
	release()
	if err != nil { // it has said why, and ended, or cannot be traced
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = unix.Wait4(pid, nil, 0, nil)
	}
	return pid, err == nil
}

// attach begins to trace all threads of a process. The error is peer.ErrNative if there are none
// of a guest.
func (t *Target) attach(pid int) error {
	p, err := peer.Open(pid)
	if err != nil {
		return err
	}
	err = peer.ErrNative
	for again := true; again; { // threads may make threads meanwhile
		again = false
		for _, tid := range p.Threads(pid) {
			if t.threads[tid] != nil {
				continue
			}
			switch e := t.tracer.Attach(tid, true, options); {
			case e == syscall.ESRCH:
				continue
			case e != 0:
				return e
			}
			t.add(tid, pid)
			again, err = true, nil
		}
	}
	return err
}

// add notes a thread, and its process if that is new.
func (t *Target) add(tid, pid int) *thread {
	th := &thread{ID: gdbstub.ID{PID: pid, TID: tid}, running: true, resumed: true}
	t.threads[tid] = th
	if t.procs[pid] == nil {
		t.procs[pid] = &process{pid: pid, mem: newMemory()}
	}
	return th
}

// forget drops a process and its threads.
func (t *Target) forget(pid int) {
	delete(t.procs, pid)
	maps.DeleteFunc(t.threads, func(_ int, th *thread) bool { return th.PID == pid })
}

// Machine implements gdbstub.Target, as the other exported methods do.
func (t *Target) Machine() string { return t.machine }

// Features are the registers.
func (t *Target) Features() []guest.Feature { return t.arch.Features() }

// Threads lists all threads.
func (t *Target) Threads() (list []gdbstub.ID) {
	for _, th := range t.threads {
		list = append(list, th.ID)
	}
	slices.SortFunc(list, func(a, b gdbstub.ID) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.TID, b.TID))
	})
	return list
}

// Name is the name of a thread.
func (t *Target) Name(id gdbstub.ID) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/comm", id.PID, id.TID))
	return string(bytes.TrimSuffix(b, []byte("\n")))
}

// Created reports whether a process was started for the debugger.
func (t *Target) Created(pid int) bool { return t.procs[pid] != nil && t.procs[pid].created }

// SetWants says which events are reported.
func (t *Target) SetWants(w gdbstub.Wants) { t.wants = w }

// stopped is the tracee of a thread that has stopped, or nil.
func (t *Target) stopped(tid int) *ptrace.Tracee {
	d, e := t.tracer.Tracee(tid)
	if e != 0 {
		return nil
	}
	return d
}

// Regset is a set of registers.
func (t *Target) Regset(id gdbstub.ID, note uint32) []byte {
	if d := t.stopped(id.TID); d != nil {
		return slices.Clone(d.Regset(uint64(note)))
	}
	return nil
}

// SetRegset changes a set of registers.
func (t *Target) SetRegset(id gdbstub.ID, note uint32, set []byte) bool {
	d := t.stopped(id.TID)
	if d == nil {
		return false
	}
	to := d.Regset(uint64(note))
	if len(to) == 0 {
		return false
	}
	if !bytes.Equal(to, set) {
		copy(to, set)
		d.Changed(uint64(note))
	}
	return true
}

// Siginfo is that of the stop.
func (t *Target) Siginfo(id gdbstub.ID) []byte {
	if d := t.stopped(id.TID); d != nil {
		if info, e := d.Info(); e == 0 {
			return info[:]
		}
	}
	return nil
}

// SetSiginfo changes it.
func (t *Target) SetSiginfo(id gdbstub.ID, b []byte) bool {
	d := t.stopped(id.TID)
	if d == nil {
		return false
	}
	info, e := d.Info()
	if e != 0 {
		return false
	}
	copy(info[:], b)
	return d.SetInfo(&info) == 0
}

// inProcess are the threads of a process, in order.
func (t *Target) inProcess(pid int) (list []*thread) {
	for _, id := range t.Threads() {
		if id.PID == pid {
			list = append(list, t.threads[id.TID])
		}
	}
	return list
}

// ReadMem reads memory.
func (t *Target) ReadMem(pid int, b []byte, addr uint64) int {
	for _, th := range t.inProcess(pid) {
		if d := t.stopped(th.TID); d != nil {
			return d.Read(b, addr)
		}
	}
	if p, err := peer.Open(pid); err == nil {
		n, _ := p.ReadMem(b, addr)
		return n
	}
	return 0
}

// WriteMem writes memory.
func (t *Target) WriteMem(pid int, addr uint64, b []byte) int {
	for _, th := range t.inProcess(pid) {
		if d := t.stopped(th.TID); d != nil {
			return d.Write(addr, b)
		}
	}
	return 0
}

// Auxv is the auxiliary vector.
func (t *Target) Auxv(pid int) []byte {
	p, err := peer.Open(pid)
	if err != nil || p.D.AuxvLen > 4096 {
		return nil
	}
	b := make([]byte, p.D.AuxvLen)
	if p.ReadHost(b, p.D.Auxv) != 0 {
		return nil
	}
	return b
}

// Exe is the program as the guest names it.
func (t *Target) Exe(pid int) string {
	p, err := peer.Open(pid)
	if err != nil {
		return ""
	}
	return p.Exe
}

// Detach lets go of a process.
func (t *Target) Detach(pid int) bool {
	p := t.procs[pid]
	if p == nil {
		return false
	}
	if !t.shared(p) {
		p.mem.points = nil
	}
	t.sync(p.mem)
	for _, th := range t.inProcess(pid) {
		sig := 0
		if e := th.pending; e != nil && e.Kind == gdbstub.Signal {
			sig = e.Signal
		}
		if d := t.stopped(th.TID); d != nil {
			d.Detach(sig)
		}
	}
	t.forget(pid)
	return true
}

// Kill ends a process.
func (t *Target) Kill(pid int) bool {
	if t.procs[pid] == nil {
		return false
	}
	_ = unix.Kill(pid, unix.SIGKILL)
	t.stopping = true
	for t.procs[pid] != nil && t.wait(0) {
	}
	t.stopping = false
	t.ended = slices.DeleteFunc(t.ended, func(e gdbstub.Event) bool { return e.PID == pid })
	return true
}

//go:build linux

package sandbox

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/irq"
	"github.com/hospes-vm/hospes/internal/loader"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Process is a thread group. Kernel.mu guards its fields, unless they say otherwise.
type Process struct {
	K   *Kernel
	Pid int // constant

	tasks    []*Task
	parent   *Process // nil is the kernel itself
	children []*Process
	group    int // process group
	session  int
	by       int // the thread ID of the parent's task that has made it, or has it from one that has ended
	cred     credentials

	mm      *memory // nil when the process has ended
	actions *actions
	pending sigQueue // signals for the process that no task has taken
	limits  rlimits

	over    ender        // for anybody
	signals signalReader // of signalfd(2)

	itimers   itimers
	timers    map[int]*posixTimer
	lastTimer int
	cpuLimit  timer // RLIMIT_CPU

	exitSignal int     // what the parent is told the end by; 0 for nothing
	borrower   *Task   // the parent's task that waits for a vfork child to let go of its memory
	execing    *Task   // the task that waits for all others to end, to execute another program
	changed    changes // what the parent has not waited for
	stopped    bool
	ending     bool
	zombie     bool
	status     Status
	trap       *Trap // the last one whose signal was delivered

	executed    bool // execve(2), since it was made by fork(2)
	subreaper   bool // gets orphans of its descendants (PR_SET_CHILD_SUBREAPER)
	parentDeath int  // the signal for the end of the parent (PR_SET_PDEATHSIG), or 0

	persona                                     uint32 // personality(2)
	dumpable, keepCaps, noNewPrivs, noHugePages int    // prctl(2)

	used, reaped usage // of tasks that have ended, and of children that were waited for
}

// newProcess returns a process without tasks, a child of parent.
func (k *Kernel) newProcess(parent *Process) *Process {
	return &Process{K: k, parent: parent, actions: new(actions), exitSignal: int(syscall.SIGCHLD)}
}

// Task is a thread. Only its goroutine uses it, save for what says otherwise.
type Task struct {
	K   *Kernel
	P   *Process
	Mem *mem.Space // that of mm
	CPU guest.CPU
	TID int // constant, but for execve by another than the first task

	mm      *memory
	sleeper sleeper     // for any goroutine
	end     ender       // likewise
	sig     taskSignals // Kernel.mu guards what others look at
	files   taskFiles
	name    comm // guarded by Kernel.mu
	sched   scheduling

	clearTID uint64       // set to 0, and its futex woken, at exit (set_tid_address(2)); 0 for none
	robust   uint64       // head of the robust list; guarded by Kernel.mu, but for reads of its own (set_robust_list(2)); 0 for none
	restart  restartBlock // what restart_syscall(2) continues
	timed    timedCall

	used    atomic.Int64 // processor time in nanoseconds, for any goroutine
	runs    atomic.Int64 // the time since when guest code runs, or 0
	counted uint64       // instructions of CPU that are in used

	turn chan struct{} // gets one value when it is the task's turn: see turns

	exiting  bool // the run loop is to return
	exitCode int  // of exit(2)
	paused   bool // the run loop is to return, but may be entered again: see call.go
	calls    int  // of guest functions that are under way
	hosting  int  // functions of the host's that the innermost of them, or the program, has called: 0 or 1

	fueled  guest.CPU // that may execute some of Limits.Instructions, or nil
	fuelEnd uint64    // how many it will have executed then
}

// memory is an address space with what executes in it.
type memory struct {
	*mem.Space
	machine *Machine
	image   *loader.Image
	env     []string

	mdwe  atomic.Uint64 // PR_MDWE_ bits
	users atomic.Int32  // processes, and who looks at a process's memory for a moment

	mu   sync.Mutex // guards cpus
	cpus map[guest.CPU]struct{}
}

// newMemory returns memory with nothing in it.
func (k *Kernel) newMemory() (*memory, error) {
	m, err := k.cfg.NewMachine()
	if err != nil {
		return nil, err
	}
	m.Mem.SetBudget(k.budget)
	mm := &memory{Space: m.Mem, machine: m, cpus: map[guest.CPU]struct{}{}}
	mm.users.Store(1)
	mm.Watch(func(uint64, uint64) { mm.flushCode() })
	return mm, nil
}

// denyWX sets the PR_MDWE_ bits.
func (m *memory) denyWX(bits uint64) {
	m.mdwe.Store(bits)
	m.DenyWX(bits != 0)
}

// add has the CPU told of code that changes.
func (m *memory) add(c guest.CPU) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cpus[c] = struct{}{}
	c.FlushCode() // whoever flushed before may have overlooked this CPU
}

func (m *memory) remove(c guest.CPU) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.cpus, c)
}

// flushCode makes all CPUs re-read guest code before they execute more of it.
func (m *memory) flushCode() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for c := range m.cpus {
		c.FlushCode()
	}
}

// hold returns the memory of the process, which stays until its release: afterwards others may have its host
// addresses. It is nil if there is none any more. Kernel.mu is held.
func (p *Process) hold() *memory {
	if p.mm != nil {
		p.mm.users.Add(1)
	}
	return p.mm
}

// UseMemory calls f with the memory of the task's process, which stays meanwhile, whatever becomes of the process. It reports
// false if there is none any more. Any goroutine may call it.
func (t *Task) UseMemory(f func(*mem.Space)) bool {
	t.K.mu.Lock()
	m := t.P.hold()
	t.K.mu.Unlock()
	if m == nil {
		return false
	}
	defer m.release()
	f(m.Space)
	return true
}

// release lets go of the memory for a user.
func (m *memory) release() {
	if m.users.Add(-1) > 0 {
		return
	}
	if m.machine.Close != nil {
		m.machine.Close()
	}
	_ = m.Close()
}

// notify has the task look for what is to be done. Any goroutine may call it.
func (t *Task) notify() {
	t.sleeper.attention.Store(true)
	t.CPU.IRQ().Raise(irq.Signal)
	t.Wake()
}

// end ends the process, with Kernel.mu held: its tasks leave soon. The first caller's status counts.
func (p *Process) end(s Status) {
	if p.ending || p.zombie {
		return
	}
	p.ending, p.status = true, s
	for _, t := range p.tasks {
		t.notify()
	}
	if p.Pid == firstID && p.K.cfg.Ending != nil {
		p.K.cfg.Ending(p.K.err)
	}
}

// leave ends the task; the last one of a process ends that.
func (t *Task) leave() {
	p, k := t.P, t.K
	t.returnFuel()
	t.releaseRobust()
	if addr := t.clearTID; addr != 0 {
		if t.mm.users.Load() > 1 || t.others() {
			if t.Mem.Store(addr, 4, 0) == nil {
				t.wakeFutex(addr, 1)
			}
		}
	}
	t.files.release()
	t.mm.remove(t.CPU)
	k.mu.Lock()
	delete(k.tasks, t.TID)
	p.used.user += t.used.Load()
	t.bequeath()
	p.tasks = slices.DeleteFunc(p.tasks, func(other *Task) bool { return other == t })
	var mm *memory
	switch {
	case len(p.tasks) == 0:
		if !p.ending { // exit(2) by all of them
			p.ending, p.status = true, Status{Code: t.exitCode}
		}
		mm = p.mm
		p.mm = nil
	case p.execing != nil:
		p.execing.Wake()
	default:
		p.findAll(^uint64(0)) // what the task has been told of
	}
	k.mu.Unlock()
	if mm != nil {
		_, peak := mm.Size()
		mm.release()
		k.mu.Lock()
		p.used.maxRSS = max(p.used.maxRSS, peak)
		p.finish()
		k.mu.Unlock()
		p.over.end()
	}
	t.end.end()
	k.turns.end()
	if k.awake.Add(-1) == 0 {
		k.idle()
	}
}

// bequeath has the children that the task has made be another one's, with Kernel.mu held.
func (t *Task) bequeath() {
	for _, heir := range t.P.tasks {
		if heir == t {
			continue
		}
		for _, child := range t.P.children {
			if child.by == t.TID {
				child.by = heir.TID
			}
		}
		return
	}
}

// others reports whether the process has further tasks.
func (t *Task) others() bool {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	return len(t.P.tasks) > 1
}

// finish is the end of a process that has no tasks any more, with Kernel.mu held.
func (p *Process) finish() {
	k := p.K
	p.returnMemory()
	p.deleteTimers()
	p.cpuLimit.set(0, 0)
	for i := range p.itimers {
		p.itimer(i).set(0, 0)
	}
	p.zombie = true
	p.warnGroup(p.group)
	p.orphan()
	if p.Pid == firstID || k.ended {
		delete(k.processes, p.Pid)
		if !k.ended {
			k.endAll()
		}
		return
	}
	p.reportEnd()
}

// orphan gives the children to another ancestor that wants them, or to nobody, with Kernel.mu held.
func (p *Process) orphan() {
	heir := p.parent
	for heir != nil && !heir.subreaper {
		heir = heir.parent
	}
	for _, child := range p.children {
		child.parent = heir
		if child.group != p.group {
			p.warnGroup(child.group)
		}
		if sig := child.parentDeath; sig != 0 {
			info := newInfo(sig, siUser, uint32(p.Pid), p.cred.uid.real)
			_ = child.send(nil, &info)
		}
		switch {
		case heir != nil:
			heir.children = append(heir.children, child)
			if len(heir.tasks) > 0 {
				child.by = heir.tasks[0].TID
			}
			if child.zombie {
				child.reportEnd()
			}
		case child.zombie:
			delete(p.K.processes, child.Pid)
		}
	}
	p.children = nil
}

// warnGroup sends SIGHUP and SIGCONT to a process group of which nobody takes care any more, if there is a process in it that
// has stopped, with Kernel.mu held: p, which has ended, has been the last that did.
func (p *Process) warnGroup(group int) {
	if !p.K.orphaned(group, p.session) {
		return
	}
	stopped := false
	for _, member := range p.K.processes {
		stopped = stopped || member.group == group && member.stopped && !member.zombie
	}
	if !stopped {
		return
	}
	inOrder := func(a, b *Process) int { return a.Pid - b.Pid }
	for _, member := range slices.SortedFunc(maps.Values(p.K.processes), inOrder) {
		if member.group == group {
			for _, sig := range []int{int(unix.SIGHUP), int(unix.SIGCONT)} {
				info := newInfo(sig, siKernel)
				_ = member.send(nil, &info)
			}
		}
	}
}

// orphaned reports whether no process of a group has a parent in another one of the session, with mu
// held. Whoever has started the first process counts as that.
func (k *Kernel) orphaned(group, session int) bool {
	for _, p := range k.processes {
		switch {
		case p.group != group || p.zombie:
		case p.Pid == firstID:
			return false
		case p.parent != nil && !p.parent.zombie && p.parent.group != group && p.parent.session == session:
			return false
		}
	}
	return true
}

// returnMemory has the parent go on that a vfork child has its memory from, with Kernel.mu held.
func (p *Process) returnMemory() {
	if t := p.borrower; t != nil {
		p.borrower = nil
		t.Wake()
	}
}

func sysExit(t *Task, c *Call) (uint64, syscall.Errno) {
	t.exitCode, t.exiting = c.Int(0)&0xff, true
	return 0, 0
}

func sysExitGroup(t *Task, c *Call) (uint64, syscall.Errno) {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	t.P.end(Status{Code: c.Int(0) & 0xff})
	t.exiting = true
	return 0, 0
}

func sysSetTidAddress(t *Task, c *Call) (uint64, syscall.Errno) {
	t.clearTID = c.Args[0]
	return uint64(t.TID), 0
}

// comm is a task's name (TASK_COMM_LEN).
type comm [16]byte

// set makes it the last part of a path.
func (n *comm) set(path string) {
	if i := lastSlash(path); i >= 0 {
		path = path[i+1:]
	}
	clear(n[:])
	copy(n[:len(n)-1], path)
}

func lastSlash(path string) int {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return i
		}
	}
	return -1
}

//go:build linux && amd64

package linux

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hospes-vm/hospes/internal/forkall"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/loader"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/ptrace"
	"github.com/hospes-vm/hospes/internal/reserved"
	"github.com/hospes-vm/hospes/internal/trap"
)

// Process is a guest process: what its threads share.
type Process struct {
	Arch  guest.Arch
	Mem   *mem.Space
	Root  Sysroot
	Image *loader.Image

	// Exe is the host path of the program file, for /proc/self/exe. Where that does not lead
	// to the file, as to one of memfd_create(2), it is open as program, which is nil otherwise.
	Exe     string
	program *reserved.Descriptor
	// Argv and Env are those of the program, as execve got them.
	Argv, Env []string

	// ExecOptions are handed to the hospes that runs the next program after execve
	// (see ExecState); their meaning is the caller's. If nil, as in a program that
	// embeds a guest, execve of guest programs fails with ENOSYS.
	ExecOptions []string

	// Tracer observes system calls and signals (strace); nil for none.
	Tracer Tracer
	// TraceCode receives the disassembly of each block that is interpreted, before it first
	// runs, an instruction at a time; nil for none.
	TraceCode func(pc uint64, text string)
	// OnExit, if set, is called once by the thread that ends the process, before it ends.
	OnExit func(Status)
	// OnFork, if set, is called in each child with memory of its own before it goes on.
	OnFork func()
	// OnExec, if set, is called before an execve that may succeed, by a process with memory of its own.
	OnExec func()
	// OnRestrict, if set, is called before the process may give up the right to open files.
	OnRestrict func()
	// Profiler, if set, is given a sample of each thread when that has taken another SamplePeriod of
	// CPU time. Children that share this process's memory are not sampled.
	Profiler     Profiler
	SamplePeriod time.Duration
	// SeeEnd has an end by a signal seen by OnExit too, if it can be.
	SeeEnd bool
	// AwaitTracer, if set, has the program wait for a tracer before its first instruction, until
	// it is closed.
	AwaitTracer chan struct{}
	// Core, if set, names the file of core dumps, as core_pattern does; they are written whatever
	// RLIMIT_CORE says.
	Core string

	table table
	sig   signalState // dispositions and what the host cannot hold (signal.go)

	cpus  *cpuSet       // those that run in Mem
	vfork *trap.Vforked // set for a process that a vfork made, until it ends (vfork.go)
	death deathSignal   // of a process that shares memory (shared.go)

	shared atomic.Int32 // children that run in this process's memory beside it, which count among vforks, too

	parent *Process // the process whose memory a child of vfork shares; nil for others

	stop forkall.Stop // the order to threads to wait while one forks (fork.go); given with mu locked

	mu      sync.Mutex // guards tasks, vforks, forkers and leaving
	tasks   map[int]*Task
	vforks  int           // children that run in this process's memory
	forkers int           // threads that wait for there to be none
	leaving int           // threads that are no more in tasks, but not done yet
	exited  chan struct{} // closed when the process has ended; status is valid then
	ending  atomic.Bool
	dumping atomic.Bool // a thread writes a core dump
	status  Status

	// childrenElsewhere: children will be in other namespaces, in which a thread that
	// makes them cannot be (namespace.go).
	childrenElsewhere atomic.Bool
	pidNamespaces     pidNamespaces

	requeues          atomic.Uint64 // how often threads may have been moved from one word to another (futex.go)
	lockFuture        atomic.Uint32 // MCL_FUTURE, with MCL_ONFAULT or not, if new memory is to be locked
	mdwe              atomic.Uint64 // PR_MDWE_ bits (mdwe.go)
	attributesChanged atomic.Bool   // a thread has changed what those it creates inherit (attributes.go)
	aio               aioContexts   // asynchronous I/O of io_setup(2) (aio.go)

	secure  *secureState  // that the main thread starts with (seccomp.go)
	trace   [4]uint64     // Task.execTrace of the program before
	tracees ptrace.Tracer // threads of other processes that threads of this one trace

	limits       limits // resource limits that hospes itself keeps (limits.go)
	reserved     fdSet  // descriptors of hospes, which the guest cannot see (reserved.go)
	files        fileState
	symbolTables symbolTables

	retired atomic.Uint64 // instructions of threads that have ended
}

// Status is how a process ended: Signal is 0 after exit.
type Status struct {
	Code   int // exit status, 0 to 255
	Signal int
}

// Tracer observes what the guest asks of the personality. Its methods are called
// on the guest's threads, for different threads at once.
type Tracer interface {
	// Enter is called before a system call is carried out.
	Enter(t *Task, c *Call)
	// Leave is called after it; result is negative errno on failure. Calls that
	// do not return (exit, a successful rt_sigreturn) have no Leave.
	Leave(t *Task, c *Call, result int64)
	// Signal is called when a signal is about to be delivered to a handler or to end the process.
	Signal(t *Task, signal int, info *[128]byte)
	// Exit is called when the process ends.
	Exit(p *Process, s Status)
}

// Config is what NewProcess needs.
type Config struct {
	Arch      guest.Arch
	Mem       *mem.Space
	Sysroot   string // directory that holds the guest's root, or ""
	Tree      *Tree  // if set, the guest sees no other files
	Tracer    Tracer
	TraceCode func(pc uint64, text string)
	OnExit    func(Status)
	OnFork    func()
	SeeEnd    bool

	AwaitTracer chan struct{}
	Core        string
}

// NewProcess returns a process without a program; Run gives it one.
func NewProcess(cfg Config) *Process {
	p := &Process{
		Arch:      cfg.Arch,
		Mem:       cfg.Mem,
		Root:      NewSysroot(cfg.Sysroot),
		Tracer:    cfg.Tracer,
		TraceCode: cfg.TraceCode,
		OnExit:    cfg.OnExit,
		OnFork:    cfg.OnFork,
		SeeEnd:    cfg.SeeEnd,

		AwaitTracer: cfg.AwaitTracer,
		Core:        cfg.Core,

		table:  newTable(cfg.Arch),
		cpus:   newCPUSet(),
		tasks:  map[int]*Task{},
		exited: make(chan struct{}),
	}
	if cfg.Tree != nil {
		p.Root = Confined(cfg.Tree)
	}
	p.limits.init()
	p.Mem.WatchMoves(p.restartCalls)
	return p
}

// end ends the process with status s: the first caller's status counts. Other
// tasks leave their run loops at the next block boundary; blocking calls are
// interrupted. The caller leaves its own run loop afterwards (Task.exiting).
func (p *Process) end(s Status) {
	if p.beginEnd(s, nil) {
		p.finishEnd()
	}
}

// end ends the process with status s, and leaves it. The other tasks are stopped before: none may see in
// memory that this one is gone.
func (t *Task) end(s Status) {
	first := t.P.beginEnd(s, t)
	t.leave()
	if first {
		t.P.finishEnd()
	}
	t.exiting = true
}

// beginEnd has all tasks but the caller stop. It reports false if the process is ending anyway.
func (p *Process) beginEnd(s Status, caller *Task) bool {
	if !p.ending.CompareAndSwap(false, true) {
		return false
	}
	if p.Tracer != nil {
		p.Tracer.Exit(p, s)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = s
	for _, t := range p.tasks {
		if t != caller {
			t.host.Kick()
		}
	}
	return true
}

// finishEnd waits until they have, and ends the process.
func (p *Process) finishEnd() {
	p.drain()
	p.awaitShared(exitPatience)
	if p.vfork != nil {
		p.endVforked(p.status)
		return
	}
	if p.OnExit != nil {
		p.OnExit(p.status)
	}
	close(p.exited)
}

// Wait returns when the process has ended.
func (p *Process) Wait() Status {
	<-p.exited
	return p.status
}

// FlushCode makes all threads re-read guest code before they execute more of it.
func (p *Process) FlushCode() { p.cpus.flushCode() }

// Instructions is the number of guest instructions that all threads have
// executed; those of threads that are running count up to their last return from
// guest code.
func (p *Process) Instructions() uint64 {
	n := p.retired.Load()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.tasks {
		n += t.CPU.Retired()
	}
	return n
}

// Pid is the process ID, the host's.
func (p *Process) Pid() int { return os.Getpid() }

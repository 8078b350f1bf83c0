//go:build linux

package sandbox

import (
	"context"
	"errors"
	"io"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/hospes-vm/hospes/internal/guarded"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/linux/uapi"
	"github.com/hospes-vm/hospes/internal/loader"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Machine is an address space and what executes in it.
type Machine struct {
	Mem  *mem.Space // empty
	Arch guest.Arch // whose CPUs execute from Mem
	// Close, if set, is called when no CPU is left, before Mem is closed, which is not up to it: what closes
	// an address space twice takes memory away that others have been given meanwhile.
	Close func()
}

// Config is what New needs. Zero values are defaults.
type Config struct {
	// NewMachine makes the machine of a program: of the first one, and one for each that a process
	// executes, and each child with memory of its own. It must not be nil.
	NewMachine func() (*Machine, error)
	// Clock is the time; nil is the host's.
	Clock Clock
	// Random is where randomness comes from; nil is the host's. Reads are one at a time.
	Random io.Reader
	// Hostname is what uname(2) says; "" is "sandbox".
	Hostname string
	// CPUs is how many processors there seem to be; 0 is one.
	CPUs   int
	Limits Limits
	Files  FileConfig
	// HostFunction, if set, returns the function of a name that guests may call, or nil.
	HostFunction func(name string) HostFunction
	// Ending, if set, is called once the first process begins to end, with a lock held: err is what Kill was given, or nil. Threads of it may
	// still be in functions of the host's then, which it can tell.
	Ending func(err error)
	// Trace, if set, is called after each system call, by any thread. A negative result is an errno.
	Trace func(t *Task, c *Call, result int64)
}

// Limits are those of a kernel: all its processes together. 0 is no limit but the default.
type Limits struct {
	// Memory is how many bytes all processes may have together that can be accessed, or could once. What needs
	// more fails with ENOMEM. 0 is no limit.
	Memory uint64
	// Instructions is how many instructions all tasks together may execute, to the instruction as long as there is
	// one task at a time; Exit.Err is ErrInstructions then. The CPUs must know limits.
	Instructions uint64
	// Tasks is how many threads there may be; clone(2) fails with EAGAIN then. The default is 4096.
	Tasks int
	// Stack is RLIMIT_STACK of the first process in bytes. The default is 8 MiB.
	Stack uint64
}

const (
	defaultTasks = 4096
	defaultStack = 8 << 20
)

// Program is what the first process is to run.
type Program struct {
	Path string // the name of the file, which is absolute
	// File is the file, if it is open already; Run closes it. If it is a loader.Mappable, it can be read all the same,
	// and is found under its name unless there is another file.
	File      loader.File
	Argv, Env []string
}

// Exit says how a kernel has ended.
type Exit struct {
	Status
	// Trap is the exception that has ended the first process, if Status.Signal is its signal.
	Trap *Trap
	// Refused says which limits have kept the guest from something that it wanted.
	Refused Refused
	// Err is what Kill was given, if that has ended it.
	Err error
}

// Status is how a process ended: Signal is 0 after exit.
type Status struct {
	Code   int // exit status, 0 to 255
	Signal int
}

// Kernel is a Linux kernel for a program and its descendants.
type Kernel struct {
	cfg         Config
	clock       Clock
	table       table
	files       *kernelFiles
	fake        bool         // the clock is a FakeClock
	awake       atomic.Int64 // tasks that do not sleep, and Holds
	turns       *turns
	budget      *mem.Budget
	futexes     futexes
	fuel        atomic.Int64 // instructions that no task has been given yet, if they are limited
	refused     atomic.Uint32
	sharedCount atomic.Uint64 // of shared mappings of no file
	random      struct {
		sync.Mutex
		io.Reader
	}

	mu        sync.Mutex // see the package comment
	processes map[int]*Process
	tasks     map[int]*Task
	lastID    int
	ended     bool // no tasks are made any more
	err       error
	running   sync.WaitGroup // goroutines of tasks
}

// firstID is the process ID of the first process. It is not 1, as much depends on that: to its processes,
// the kernel itself is process 1.
const firstID = 2

// New returns a kernel without processes.
func New(cfg Config) (*Kernel, error) {
	if cfg.NewMachine == nil {
		return nil, errors.New("sandbox: no machine to run on")
	}
	if cfg.Clock == nil {
		cfg.Clock = NewHostClock()
	}
	if cfg.Random == nil {
		cfg.Random = hostRandom{}
	}
	if cfg.Limits.Tasks == 0 {
		cfg.Limits.Tasks = defaultTasks
	}
	if cfg.Limits.Stack == 0 {
		cfg.Limits.Stack = defaultStack
	}
	if cfg.Hostname == "" {
		cfg.Hostname = "sandbox"
	}
	cfg.CPUs = max(cfg.CPUs, 1)
	if _, fake := cfg.Clock.(*FakeClock); fake && cfg.Limits.Instructions == 0 {
		cfg.Limits.Instructions = math.MaxInt64 // turns are counted by them
	}
	cfg.Limits.Instructions = min(cfg.Limits.Instructions, math.MaxInt64) // nobody gets there
	files, err := newKernelFiles(cfg.Files)
	if err != nil {
		return nil, err
	}
	k := &Kernel{
		cfg: cfg, clock: cfg.Clock, files: files,
		processes: map[int]*Process{}, tasks: map[int]*Task{}, lastID: firstID - 1,
		futexes: futexes{queues: map[futexKey][]*futexWaiter{}},
	}
	k.budget = mem.NewBudget(cfg.Limits.Memory)
	if _, k.fake = cfg.Clock.(*FakeClock); k.fake {
		k.turns = new(turns)
	}
	k.random.Reader = cfg.Random
	return k, nil
}

// Run runs a program to its end, on the calling goroutine as its first thread. All other threads and
// processes have ended, too, when it returns, and nothing of the kernel is left. The end of ctx is a Kill.
// An error means that nothing has run; it is a *loader.Error if the file is at fault. A kernel runs once.
func (k *Kernel) Run(ctx context.Context, prog Program) (Exit, error) {
	t, err := k.Start(prog)
	if err != nil {
		return Exit{}, err
	}
	stop := context.AfterFunc(ctx, func() { k.Kill(context.Cause(ctx)) })
	defer stop()
	return t.Wait(), nil
}

// Kill ends all processes at once; err is what Run says then. It may be called at any time, by
// anybody.
func (k *Kernel) Kill(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return
	}
	if p := k.processes[firstID]; p == nil || !p.ending { // else it has an end already
		k.err = err
	}
	k.endAll()
}

// guard calls code of the embedder's by f. A panic of it ends all processes, and is returned, as a *guarded.Panic.
func (k *Kernel) guard(what string, f func()) error {
	err := guarded.Call(what, f)
	if err != nil {
		k.Kill(err)
	}
	return err
}

// endAll ends all processes as by SIGKILL, with mu held.
func (k *Kernel) endAll() {
	k.ended = true
	k.files.stop()
	for _, p := range k.processes {
		p.end(Status{Signal: int(syscall.SIGKILL)})
	}
}

// start makes the first process.
func (k *Kernel) start(prog Program) (*Task, error) {
	p := k.newProcess(nil)
	p.limits, p.dumpable = k.firstLimits(), 1
	f, err := k.files.newTaskFiles(k)
	if err != nil {
		return nil, err
	}
	t := &Task{K: k, P: p, sleeper: newSleeper(), turn: make(chan struct{}, 1), sig: taskSignals{stack: uapi.NoStack}, files: f, sched: scheduling{slack: defaultSlack}}
	t.name.set(prog.Path)
	if file, ok := prog.File.(loader.Mappable); ok {
		if err := k.files.place(prog.Path, file); err != nil {
			t.files.release()
			return nil, err
		}
	}
	x := execRequest{t: t, path: prog.Path, file: prog.File, argv: prog.Argv, env: prog.Env}
	m, err := x.load()
	if err != nil {
		t.files.release()
		return nil, err
	}
	if k.table == nil {
		k.table = newTable(m.machine.Arch)
	}
	x.enter(m)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended { // Kill was faster
		t.sleeper.attention.Store(true)
		p.end(Status{Signal: int(syscall.SIGKILL)})
	}
	t.paused = true
	t.TID = k.newID()
	p.Pid, p.group, p.session = t.TID, t.TID, firstID-1
	k.processes[p.Pid] = p
	k.join(t)
	return t, nil
}

// newID returns the next process ID, with mu held.
func (k *Kernel) newID() int {
	const last = 1 << 22
	for {
		if k.lastID++; k.lastID >= last {
			k.lastID = firstID
		}
		if !k.taken(k.lastID) {
			return k.lastID
		}
	}
}

// taken reports whether an ID is that of a task, process, group or session, with mu held.
func (k *Kernel) taken(id int) bool {
	if k.tasks[id] != nil || k.processes[id] != nil {
		return true
	}
	for _, p := range k.processes {
		if p.group == id || p.session == id {
			return true
		}
	}
	return false
}

// join makes a task one of its process, with mu held.
func (k *Kernel) join(t *Task) {
	k.tasks[t.TID] = t
	t.P.tasks = append(t.P.tasks, t)
	k.awake.Add(1)
	k.running.Add(1)
	t.mm.add(t.CPU)
}

// main is the life of a task but the first, on the calling goroutine.
func (t *Task) main() {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer t.K.running.Done()
	t.awaitTurn()
	defer t.leave() // also if the goroutine ends in a function of the host's
	t.run()
}

// run executes the task until it ends. It is the emulation loop's outer half:
// guest code runs in CPU.Run; everything that needs Linux comes back here.
func (t *Task) run() {
	for !t.exiting && !t.paused {
		if t.interrupted() {
			t.deliver(0, 0)
			continue
		}
		switch exit := t.execute(); exit.Kind {
		case guest.ExitSyscall:
			t.syscall()
		case guest.ExitTrap:
			t.trap(exit.Trap)
		case guest.ExitInterrupt:
			t.deliver(0, 0)
		case guest.ExitLimit:
			if t.K.turns != nil {
				t.yield()
			}
			t.refuel()
		case guest.ExitFailed:
			t.K.Kill(errors.New("the guest cannot go on"))
		}
	}
}

// execute runs guest code. The goroutine is locked to its thread only meanwhile: tasks that wait
// need none.
func (t *Task) execute() guest.Exit {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	t.began()
	defer t.ended()
	if t.fueled != t.CPU && t.K.cfg.Limits.Instructions != 0 {
		t.refuel()
	}
	return t.CPU.Run()
}

// syscall carries out the system call that the guest has just made.
func (t *Task) syscall() {
	nr, args := t.CPU.Syscall()
	if nr >= firstHostCall {
		t.hostCall(nr)
		return
	}
	c := Call{Row: t.K.table.row(nr), Args: args}
	r, e := c.Row.Do(t, &c)
	if t.exiting || e == errNoResult {
		return
	}
	result := int64(r)
	if e != 0 {
		result = -int64(e)
		t.K.noteRefusal(c.Row, e)
	}
	if t.K.cfg.Trace != nil {
		t.K.cfg.Trace(t, &c, result)
	}
	t.CPU.SetResult(result)
	if t.interrupted() || e >= ERESTARTSYS && e <= ERESTART_RESTARTBLOCK {
		t.deliver(e, args[0])
	}
}

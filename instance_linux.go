package hospes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/sandbox"
)

// Instance is a guest: a program in a machine of its own, with a Linux kernel of its own. Nothing of the host's is
// in it but what its Options give it.
//
// It is run by Run to its end, or by Start up to where it waits (hospes_wait in hospes.h), and then called. It
// belongs to one goroutine at a time: methods that run the guest return ErrBusy to others. Close may be called at any time.
type Instance struct {
	m         *Module
	kernel    *sandbox.Kernel
	task      *sandbox.Task
	path      string // of the program
	bias      uint64 // of its addresses
	functions map[string]*hostFunction
	unmount   func()

	life    context.Context         // ends when the guest begins to
	end     context.CancelCauseFunc // of life
	running atomic.Pointer[running] // who runs it, or has done so last
	ended   atomic.Bool             // set with busy held

	busy sync.Mutex    // held while the guest runs; guards what follows
	left time.Duration // of Limits.Time; 0 if there is no limit
}

// running is a call of Run, Start or Call.
type running struct {
	ctx    context.Context // its own, which ends with that of the caller, by a limit, and by Close
	cancel context.CancelCauseFunc
	stop   func() bool // has the end of ctx no longer end the guest
}

// ending tells functions of the host's that the guest is about to end.
func (i *Instance) ending(err error) {
	err = cmp.Or(err, ErrClosed)
	i.end(err)
	if r := i.running.Load(); r != nil {
		r.stop()
		r.cancel(err)
	}
}

// Instantiate makes an instance of the module, which is loaded but has not executed anything.
//
// Options.Functions are called by the guest by their names. They may have, in this order, a *Caller; up to 7 arguments that are bool, integers of
// any size, or strings (the address of one that ends with NUL), and up to 8 that are float32 or float64; a result that is one of these
// but no string; an error, which ends the guest. So does a panic. See docs/embedding.md for how the guest calls them.
func (m *Module) Instantiate(o Options) (*Instance, error) {
	if o.Mapping == Direct {
		return nil, errors.New("hospes: instances have the offset or the table mapping")
	}
	if err := o.Limits.check(); err != nil {
		return nil, err
	}
	functions, err := m.hostFunctions(o.Functions)
	if err != nil {
		return nil, err
	}
	code, err := m.take(codeKind{o.metered()})
	if err != nil {
		return nil, err
	}
	i := &Instance{m: m, functions: functions, left: o.Limits.Time}
	i.life, i.end = context.WithCancelCause(context.Background())
	if err := i.load(&o, m.machines(&o, code)); err != nil {
		m.give()
		return nil, err
	}
	return i, nil
}

// load makes the instance's kernel, and loads the program.
func (i *Instance) load(o *Options, machine func() (*sandbox.Machine, error)) (err error) {
	files, unmount, err := o.files()
	if err != nil {
		return err
	}
	i.unmount = unmount
	defer func() {
		if err != nil {
			unmount()
		}
	}()
	cfg := sandbox.Config{
		NewMachine: machine, Ending: i.ending, Clock: o.clock(), Random: o.Rand, Hostname: o.Hostname, CPUs: o.CPUs, Files: files,
		Limits: sandbox.Limits{Memory: o.Limits.Memory, Instructions: o.Limits.Instructions, Tasks: o.Limits.Threads, Stack: stackSize},
	}
	if len(i.functions) > 0 {
		cfg.HostFunction = i.hostFunction
	}
	if i.kernel, err = sandbox.New(cfg); err != nil {
		return err
	}
	args := o.Args
	if len(args) == 0 {
		args = []string{i.m.Name()}
	}
	i.path = o.path(i.m)
	i.task, err = i.kernel.Start(sandbox.Program{Path: i.path, File: i.m.program(), Argv: args, Env: o.Env})
	if err != nil {
		return withRefusal(loadError(err), i.kernel.Refused())
	}
	i.bias = i.task.Bias()
	return nil
}

func (i *Instance) hostFunction(name string) sandbox.HostFunction {
	h := i.functions[name]
	if h == nil {
		return nil
	}
	return func(t *sandbox.Task, ints, floats [8]uint64) (uint64, uint64, error) {
		return h.call(i, t, ints, floats)
	}
}

// Run runs the guest to its end, and closes the instance. It returns nil for exit status 0, else an *ExitError, a *SignalError, a *LimitError, a *HostError, or the cause of
// the end of ctx, which ends the guest at once.
func (i *Instance) Run(ctx context.Context) error {
	leave, err := i.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return i.finish(i.task.Wait())
}

// Start runs the guest until it waits. If it has ended instead, the instance is closed, and the error is what Run would have returned,
// or an *ExitError with code 0. A guest that has waited goes on behind that.
func (i *Instance) Start(ctx context.Context) error {
	leave, err := i.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if i.task.Resume() {
		return nil
	}
	if err := i.finish(i.task.Wait()); err != nil {
		return err
	}
	return &ExitError{}
}

// Call calls a function of the program by its symbol, on the first thread's stack. The guest must wait, or not have been started: then
// nothing has initialised the program's libraries. Arguments are bool, integers of any size, up to 8 floating-point numbers, and strings without NUL: the
// function gets the address of a copy that ends with one, which is on the stack until it returns.
//
// If the guest ends meanwhile, by an exit, a trap, a limit or the end of ctx, the instance is closed, and the error is what Run would have
// returned, or an *ExitError with code 0.
func (i *Instance) Call(ctx context.Context, function string, args ...any) (Result, error) {
	leave, err := i.enter(ctx)
	if err != nil {
		return Result{}, err
	}
	defer leave()
	r, err := i.callOn(i.task, function, args)
	if !errors.Is(err, sandbox.ErrEnded) {
		return r, err
	}
	if err = i.finish(i.task.Wait()); err == nil {
		err = &ExitError{}
	}
	return r, err
}

// callOn calls a function on a thread.
func (i *Instance) callOn(t *sandbox.Task, function string, args []any) (r Result, err error) {
	call := guest.FunctionCall{}
	if call.Entry, err = i.Symbol(function); err != nil {
		return r, err
	}
	var a arguments
	for _, arg := range args {
		if err := a.put(arg); err != nil {
			return r, fmt.Errorf("%s: %w", function, err)
		}
	}
	call.Ints, call.Floats, call.More = a.ints, a.floats, a.more
	if gp, err := i.Symbol(globalPointer); err == nil {
		call.Global = gp
	}
	ints, floats, err := t.Call(call, a.texts)
	if f := (*mem.Fault)(nil); errors.As(err, &f) {
		err = fmt.Errorf("%s: no room for arguments on the stack: %w", function, &MemoryError{f.Addr, true})
	}
	return Result{ints[0], floats[0]}, err
}

// globalPointer is the symbol of what register gp has in a program.
const globalPointer = "__global_pointer$"

// Symbol is the guest address of a symbol of the program: a function or a variable.
func (i *Instance) Symbol(name string) (uint64, error) {
	v, err := i.m.symbol(name)
	return v + i.bias, err
}

// Memory is the memory of the guest's first process, until the instance has ended.
func (i *Instance) Memory() Memory { return Memory{i.task} }

// Instructions is how many instructions have been executed, if that is limited or the clock is a FakeClock, else 0. It is exact while the guest
// does not run.
func (i *Instance) Instructions() uint64 { return i.kernel.Instructions() }

// Close ends the guest, if it has not ended, and gives back all that the instance has. It waits for who runs the guest to return.
func (i *Instance) Close() error {
	i.kernel.Kill(ErrClosed)
	i.busy.Lock()
	defer i.busy.Unlock()
	if !i.ended.Load() {
		_ = i.finish(i.task.Wait())
	}
	return nil
}

// enter begins running the guest, under ctx and the limit on time.
func (i *Instance) enter(ctx context.Context) (leave func(), err error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if !i.busy.TryLock() {
		return nil, ErrBusy
	}
	if i.ended.Load() {
		defer i.busy.Unlock()
		return nil, ErrClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(ctx, func() { i.kernel.Kill(context.Cause(ctx)) })
	i.running.Store(&running{ctx, cancel, stop})
	begun, timer := time.Now(), (*time.Timer)(nil)
	if i.left > 0 {
		timer = time.AfterFunc(i.left, func() { cancel(&LimitError{TimeLimit}) })
	}
	return func() {
		stop()
		cancel(nil)
		if timer != nil {
			timer.Stop()
			i.left = max(i.left-time.Since(begun), 1)
		}
		i.busy.Unlock()
	}, nil
}

// finish notes how the guest has ended, with busy held.
func (i *Instance) finish(exit sandbox.Exit) error {
	i.ended.Store(true)
	i.end(ErrClosed)
	i.unmount()
	i.m.give()
	return i.outcome(&exit)
}

// outcome is the error for how a guest has ended.
func (i *Instance) outcome(exit *sandbox.Exit) error {
	limit := refused(exit.Refused)
	switch err := exit.Err; {
	case errors.Is(err, sandbox.ErrInstructions):
		return &LimitError{InstructionLimit}
	case err != nil:
		return fileError(err)
	case exit.Signal != 0:
		e := &SignalError{Signal: exit.Signal, Limit: limit}
		if t := exit.Trap; t != nil {
			e.Trap = &Trap{PC: t.PC, Addr: t.Addr, Code: int(t.Code)}
			if t.Exe == i.path { // else another program has been executed
				e.Trap.Function = i.m.function(t.PC - t.Bias)
			}
		}
		return e
	case exit.Code != 0:
		return &ExitError{exit.Code, limit}
	}
	return nil
}

// withRefusal is an error for which a limit may be the reason: then it wraps that, too.
func withRefusal(err error, r sandbox.Refused) error {
	if limit := refused(r); limit != nil {
		return fmt.Errorf("%w: %w", err, limit)
	}
	return err
}

// refused is a *LimitError for the first of the limits, or nil.
func refused(r sandbox.Refused) error {
	switch {
	case r&sandbox.RefusedMemory != 0:
		return &LimitError{MemoryLimit}
	case r&sandbox.RefusedTasks != 0:
		return &LimitError{ThreadLimit}
	case r&sandbox.RefusedFiles != 0:
		return &LimitError{FileLimit}
	}
	return nil
}

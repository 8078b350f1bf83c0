package hospes

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/engine"
	"github.com/hospes-vm/hospes/internal/explore"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/linux"
	"github.com/hospes-vm/hospes/internal/loader"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/reserved"
	"github.com/hospes-vm/hospes/internal/self"
	"github.com/hospes-vm/hospes/internal/strace"
	"github.com/hospes-vm/hospes/internal/transcache"
	"github.com/hospes-vm/hospes/internal/view"
)

// Run runs a program to its end. An error means that it has not started: a
// *LoadError if the program is at fault.
//
// While it runs, the signals of this process are the guest's: what would end the
// process ends the guest. Afterwards they are Go's again.
func Run(cfg Config) (Status, error) {
	watch := &observer{start: time.Now(), code: cfg.Code, check: cfg.Check, wanted: cfg.Mix}
	if cfg.Explore != nil {
		watch.explorer = explore.New(view.Options{Disassemble: riscv.Disassemble, Register: riscv.RegisterName}, cfg.Explore)
	}
	arch, err := architecture(cfg, watch)
	if err != nil {
		return Status{}, err
	}
	as, err := newSpace(cfg)
	if err != nil {
		return Status{}, err
	}
	if cfg.ExecOptions == nil { // the program goes on
		defer release(arch, as)
	}
	if a, ok := arch.(*engine.Arch); cfg.counts() {
		if !ok {
			return Status{}, errors.New("only translations can be counted")
		}
		if err := a.Open(as); err != nil {
			return Status{}, fmt.Errorf("cannot count what is executed: %w", err)
		}
	}
	if a, ok := arch.(*engine.Arch); cfg.Check != nil {
		if !ok {
			return Status{}, errors.New("only translations can be checked")
		}
		if err := a.Open(as); err != nil {
			return Status{}, fmt.Errorf("cannot check: %w", err)
		}
	}
	args := cfg.Args
	if len(args) == 0 {
		args = []string{cfg.Program}
	}
	lc := linux.Config{Arch: arch, Mem: as}
	if lc.Tree, err = tree(cfg); err != nil {
		return Status{}, err
	}
	if lc.Tree == nil {
		lc.Sysroot = sysroot(cfg)
	}
	if cfg.Strace != nil {
		lc.Tracer = strace.New(cfg.Strace)
	}
	if v := cfg.Code; v != nil && v.Guest && !v.IR && !v.Host {
		lc.TraceCode = watch.interpreted
	}
	lc.OnFork, lc.AwaitTracer, lc.Core = watch.forked, cfg.AwaitTracer, cfg.Core
	lc.OnExit = func(s linux.Status) {
		watch.save()
		if cfg.OnExit != nil {
			stats := watch.stats() // before they are reset
			defer cfg.OnExit(Status(s), stats)
		}
		watch.report()
	}
	lc.SeeEnd = cfg.Stats || cfg.Profile != nil || cfg.Explore != nil || cfg.Coverage != nil
	prog := linux.Program{Path: cfg.Program, Argv: args, Env: cfg.Env}
	if cfg.Image != nil {
		if prog.File, err = imageFile(cfg.Program, cfg.Image); err != nil {
			return Status{}, err
		}
	}
	p := linux.NewProcess(lc)
	watch.p, watch.arch = p, arch
	if err := p.Chdir(cfg.Dir); err != nil {
		return Status{}, fmt.Errorf("working directory %s: %w", cfg.Dir, err)
	}
	if cfg.Search {
		if prog.Path, err = p.Search(cfg.Program, cfg.Env); err != nil {
			return Status{}, &LoadError{Err: err, ExitStatus: 127}
		}
	}
	p.ExecOptions = cfg.ExecOptions
	watch.startReports(cfg)
	if cfg.Resume != nil {
		r := cfg.Resume
		if state, ok := r.state.(*linux.ExecState); ok {
			prog.Unnamed = state.Unnamed
			state.Restore(p)
		}
		if r.fd >= 0 {
			prog.File = os.NewFile(uintptr(r.fd), cfg.Program)
		}
		prog.ExecFn = r.execFn
	}
	prog.Secure = self.Secure()
	status, err := p.Run(prog)
	return Status(status), loadError(err)
}

// release gives back what a guest that has ended had.
func release(arch guest.Arch, as *mem.Space) {
	if a, ok := arch.(*engine.Arch); ok {
		a.Close()
	}
	_ = as.Close()
}

// architecture is the guest's, with a translator unless that is not wanted, of which the observer
// is told.
func architecture(cfg Config, watch *observer) (guest.Arch, error) {
	t := cfg.Translator
	if t.Off {
		return riscv.Arch, nil
	}
	opts := engine.DefaultOptions
	if err := watch.observe(cfg, &opts); err != nil {
		return nil, err
	}
	if t.Threshold != 0 {
		opts.Threshold = max(t.Threshold, 0)
	}
	if t.OptimiserThreshold != 0 {
		opts.Optimise = max(t.OptimiserThreshold, 0)
	}
	if t.NoOptimiser {
		opts.Optimise = engine.Never
	}
	if t.CacheSize != 0 {
		opts.CacheSize = t.CacheSize
	}
	opts.HostClock = cfg.Strace == nil && cfg.Explore == nil // who wants to see calls sees these, too
	if t.Stored != "" && !self.Secure() {
		opts.Stored = func(config []byte) *transcache.File { return watch.stored(t, config) }
	}
	opts.Chance, opts.WX, opts.NoNativeLib, opts.Unbounded = t.Chance, t.WX, t.NoNativeLib, cfg.NoIsolation
	return &engine.Arch{Arch: riscv.Arch, Options: opts}, nil
}

// imageFile makes an anonymous file of a program.
func imageFile(name string, image []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot make a file of the program: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	_, err = f.Write(image)
	return f, err
}

// Resumed returns the execve that has started this process, if a guest's execve
// did, or if the kernel wants a program interpreted (binfmt_misc). A command calls it
// first of all: the process's arguments are then not options of its own.
func Resumed() (*Resume, bool) {
	in, interpreting := self.Interpreting(os.Args)
	if interpreting && self.Secure() {
		linux.DropExecState() // whoever has set it has fewer privileges
		return kernelStart(in), true
	}
	state, ok := linux.TakeExecState()
	if !ok {
		if interpreting {
			return kernelStart(in), true
		}
		return nil, false
	}
	r := &Resume{Options: state.Options, Program: state.Path, Args: os.Args, fd: state.FD, sysroot: state.Sysroot, state: &state}
	if interpreting { // for want of the executable, by way of the kernel
		r.Args = in.Argv
		if in.FD >= 0 {
			_ = unix.Close(in.FD)
		}
	}
	return r, true
}

// kernelStart is the start by binfmt_misc.
func kernelStart(in self.Interpretation) *Resume {
	if in.FD >= 0 { // to where the guest does not miss it
		if high, err := unix.FcntlInt(uintptr(in.FD), unix.F_DUPFD_CLOEXEC, reserved.Base); err == nil {
			_ = unix.Close(in.FD)
			in.FD = high
		} else {
			unix.CloseOnExec(in.FD)
		}
	}
	return &Resume{Program: in.Program, Args: in.Argv, Secure: self.Secure(), execFn: self.StartName(), fd: in.FD}
}

// tree is what the guest is confined to, by the configuration or by the program before; nil
// for nothing.
func tree(cfg Config) (*linux.Tree, error) {
	if cfg.Resume != nil {
		if state, ok := cfg.Resume.state.(*linux.ExecState); ok {
			return state.Tree, nil
		}
	}
	if cfg.Root == "" {
		return nil, nil
	}
	dir, err := realPath(cfg.Root)
	if err != nil {
		return nil, err
	}
	t := &linux.Tree{Dir: strings.TrimSuffix(dir, "/")}
	for _, b := range cfg.Binds {
		host, err := realPath(b.Host)
		if err != nil {
			return nil, err
		}
		t.Binds = append(t.Binds, linux.Bind{Host: host, Guest: path.Clean("/" + b.Guest)})
	}
	return t, nil
}

// realPath makes a path absolute and free of symbolic links.
func realPath(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// sysroot is the configured one as an absolute path without a final slash, or the
// one that is found.
func sysroot(cfg Config) string {
	dir := cfg.Sysroot
	if dir == "" && cfg.Resume == nil {
		dir = FindSysroot(cfg.Program)
	}
	if abs, err := filepath.Abs(dir); err == nil && dir != "" {
		dir = abs
	}
	return strings.TrimSuffix(dir, "/")
}

// FindSysroot returns the root of the file system that a program belongs to: the
// nearest directory above it that has its ELF interpreter, or the customary place
// of the architecture's libraries. It is "" if there is none, as for a static
// program that lies nowhere in particular.
func FindSysroot(program string) string {
	f, err := os.Open(program)
	if err != nil {
		return ""
	}
	defer f.Close()
	return loader.FindSysroot(program, loader.Interpreter(f), riscv.Arch.Sysroots()...)
}

// Sysroot is the sysroot of before, or that of the program that is to be run, as
// FindSysroot finds it. One with privileges is not to be led to libraries by whoever
// has put it somewhere.
func (r *Resume) Sysroot() string {
	if r.sysroot != "" {
		return r.sysroot
	}
	if r.fd < 0 && !r.Secure {
		return FindSysroot(r.Program)
	}
	name := r.Program
	if r.Secure {
		name = "/program"
	}
	return loader.FindSysroot(name, loader.Interpreter(fileAt(r.fd)), riscv.Arch.Sysroots()...)
}

// fileAt reads a descriptor.
type fileAt int

func (f fileAt) ReadAt(b []byte, off int64) (n int, err error) {
	if n, err = unix.Pread(int(f), b, off); err == nil && n < len(b) {
		err = io.EOF
	}
	return max(n, 0), err
}

//go:build linux && amd64

package linux

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/hostthread"
	"github.com/hospes-vm/hospes/internal/inherited"
	"github.com/hospes-vm/hospes/internal/loader"
	"github.com/hospes-vm/hospes/internal/reserved"
	"github.com/hospes-vm/hospes/internal/self"
	"github.com/hospes-vm/hospes/internal/trap"
)

// Program is what a process is to run.
type Program struct {
	Path      string   // as the guest names it
	File      *os.File // the file, if it is open already; Run closes it
	Argv, Env []string // Argv[0] may be anything
	ExecFn    string   // AT_EXECFN; empty means Path
	Unnamed   bool     // Path is only how the kernel names a descriptor
	Secure    bool     // it has been started with privileges that its starter lacks (AT_SECURE)
}

// Run loads a program into the process and runs it to its end, on the calling
// goroutine as the guest's main thread. The goroutine should be the main one,
// locked to the main thread, so that the guest's thread ID is its process ID.
// An error means that nothing has run; it is a *loader.Error if the file is at fault.
func (p *Process) Run(prog Program) (Status, error) {
	runtime.LockOSThread()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	trap.Init()
	if p.ExecOptions == nil { // the program goes on
		defer trap.Release()
	}
	_ = hostthread.Init() // without it, Go ends the process when threads run out
	inherited.Restore()
	if p.ExecOptions != nil {
		self.Open()
	}
	defer p.closeProgram()
	if err := p.load(prog); err != nil {
		return Status{}, err
	}
	for fd := range 3 {
		if inherited.Closed(fd) {
			_ = unix.Close(fd)
		}
	}
	p.EnforceLimits()
	p.setMDWE(p.mdwe.Load()) // not before the vdso is there
	cpu := p.Arch.NewCPU(p.Mem)
	cpu.SetPC(p.Image.Entry)
	cpu.SetSP(p.Image.SP)
	t, err := p.newMainTask(cpu)
	if err != nil {
		return Status{}, err
	}
	t.run()
	t.leave()
	return p.Wait(), nil
}

// load replaces the empty address space by the program's image.
func (p *Process) load(prog Program) error {
	cfg := p.loaderConfig(prog)
	probed, err := loader.Probe(cfg)
	if err != nil {
		return err
	}
	defer probed.Close()
	p.Mem.Watch(func(addr, n uint64) { p.FlushCode() })
	p.keepProgram(probed.Fd())
	image, err := probed.Load(p.Mem)
	if err != nil {
		return err
	}
	p.Image, p.Exe = image, image.ExeHost
	p.Argv, p.Env = image.Argv, prog.Env
	name := prog.Path
	if prog.Unnamed {
		name = p.Exe
	}
	p.publish(name)
	return nil
}

// keepProgram keeps the program's file open if its name does not lead to it: it has none,
// another file has it by now, or it is that of a mount which is not attached anywhere.
func (p *Process) keepProgram(fd int) {
	name := fdPath(fd)
	if name == "" {
		return // nothing is known where there is no /proc
	}
	var file, named unix.Stat_t
	if unix.Fstat(fd, &file) != nil || unix.Stat(name, &named) == nil && file.Dev == named.Dev && file.Ino == named.Ino {
		return
	}
	open, err := openTransient(func() (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) })
	if err == nil {
		p.program, _ = reserved.Keep(open)
	}
}

func (p *Process) closeProgram() {
	if p.program != nil {
		_ = p.program.Close()
	}
}

// exeHost is a host path that leads to the program's file.
func (p *Process) exeHost() string {
	if p.program == nil {
		return p.Exe
	}
	return "/proc/self/fd/" + strconv.Itoa(p.program.Int())
}

// loaderConfig describes prog to the loader, as execve(2) would.
func (p *Process) loaderConfig(prog Program) loader.Config {
	cfg := loader.Config{
		Arch:      p.Arch,
		Limit:     p.Mem.Limit(),
		PageSize:  p.Mem.PageSize(),
		Open:      p.openForLoader,
		Guest:     p.Root.Guest,
		Path:      prog.Path,
		Argv:      prog.Argv,
		Env:       prog.Env,
		ExecFn:    prog.ExecFn,
		Secure:    prog.Secure,
		StackSize: p.Limit(unix.RLIMIT_STACK),
		UID:       uint32(os.Getuid()), EUID: uint32(os.Geteuid()),
		GID: uint32(os.Getgid()), EGID: uint32(os.Getegid()),
	}
	_, _ = unix.Getrandom(cfg.Random[:], 0)
	if prog.File != nil {
		cfg.File, cfg.Host = prog.File, p.programPath(int(prog.File.Fd()), p.hostPath(unix.AT_FDCWD, prog.Path))
	}
	return cfg
}

// Chdir changes the working directory to a path of the guest, which may be empty. It is
// for before Run.
func (p *Process) Chdir(dir string) error {
	if dir == "" {
		return nil
	}
	return unix.Chdir(p.hostPath(unix.AT_FDCWD, dir))
}

// Search returns the path of a program, which a name without a slash has in the first
// directory of PATH that has it as an executable file.
func (p *Process) Search(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := ""
	for _, v := range env {
		if rest, ok := strings.CutPrefix(v, "PATH="); ok {
			path = rest
		}
	}
	for dir := range strings.SplitSeq(path, ":") {
		file := filepath.Join("/", dir, name)
		var st unix.Stat_t
		host := p.hostPath(unix.AT_FDCWD, file)
		if unix.Stat(host, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && unix.Access(host, unix.X_OK) == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s: not found in %s", name, cmp.Or(path, "PATH, which is empty"))
}

// openProgram opens a program file by the guest's name. The host's name of it is
// absolute and without symbolic links, as /proc/self/exe shows it.
func (p *Process) openProgram(path string) (*os.File, string, error) {
	name := p.hostPath(unix.AT_FDCWD, path)
	fd, err := openTransient(func() (int, error) { return unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, "", &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), p.programPath(fd, name), nil
}

// openForLoader is openProgram for the loader.
func (p *Process) openForLoader(path string) (loader.File, string, error) {
	f, host, err := p.openProgram(path)
	if err != nil {
		return nil, "", err
	}
	return f, host, nil
}

// programPath is the host's name of an open program file, which was opened by name:
// that must do where there is no /proc.
func (p *Process) programPath(fd int, name string) string {
	if path := fdPath(fd); path != "" {
		return path
	}
	return name
}

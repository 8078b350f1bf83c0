//go:build linux

package sandbox

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/linux/uapi"
	"github.com/hospes-vm/hospes/internal/loader"
)

// execve(2). The new program is loaded into memory of its own; only when that has succeeded the other
// tasks of the process end, and the old memory is let go of.

// Sizes that execve(2) bounds: a single string, and all of them (E2BIG).
const (
	maxArgStrlen  = 32 * 4096
	maxArgStrings = 6 << 20
)

// atFDCWD is AT_FDCWD.
const atFDCWD = unix.AT_FDCWD

func sysExecve(t *Task, c *Call) (uint64, syscall.Errno) {
	return 0, t.execve(atFDCWD, c.Args[0], c.Args[1], c.Args[2], 0)
}

func sysExecveat(t *Task, c *Call) (uint64, syscall.Errno) {
	return 0, t.execve(c.Int(0), c.Args[1], c.Args[2], c.Args[3], c.Int(4))
}

func (t *Task) execve(dirfd int, path, argv, envp uint64, flags int) (e syscall.Errno) {
	x := execRequest{t: t}
	if x.path, e = t.readPath(path); e != 0 {
		return e
	}
	if x.argv, e = t.readStrings(argv, maxArgStrings); e != 0 {
		return e
	}
	if x.env, e = t.readStrings(envp, maxArgStrings); e != 0 {
		return e
	}
	if x.path == "" && flags&unix.AT_EMPTY_PATH == 0 {
		return syscall.ENOENT
	}
	if x.file, x.name, e = t.openProgram(dirfd, x.path, flags); e != 0 {
		return e
	}
	if dirfd != atFDCWD && !strings.HasPrefix(x.path, "/") { // as the kernel names it
		x.inaccessible = t.closesOnExec(dirfd)
		x.path = strings.TrimSuffix(fmt.Sprintf("/dev/fd/%d/%s", dirfd, x.path), "/")
	}
	m, err := x.load()
	if err != nil {
		var le *loader.Error
		if errors.As(err, &le) {
			return le.Errno
		}
		return errnoOf(err)
	}
	if !t.beAlone() {
		m.release()
		return ERESTARTNOINTR // to its end
	}
	t.become(&x, m)
	return errNoResult
}

// closesOnExec reports whether a descriptor is close-on-exec.
func (t *Task) closesOnExec(fd int) bool {
	fds := t.files.fds
	fds.mu.Lock()
	defer fds.mu.Unlock()
	d := fds.at(fd)
	return d != nil && d.cloexec
}

// readStrings reads a NULL-terminated array of strings, which as a whole may have
// limit bytes. A null pointer is an empty array.
func (t *Task) readStrings(addr uint64, limit int) ([]string, syscall.Errno) {
	var list []string
	for ; addr != 0; addr += 8 {
		p, f := t.Mem.Load(addr, 8)
		if f != nil {
			return nil, syscall.EFAULT
		}
		if p == 0 {
			break
		}
		s, err := t.Mem.ReadString(p, maxArgStrlen)
		switch {
		case err == syscall.ENAMETOOLONG:
			return nil, syscall.E2BIG
		case err != nil:
			return nil, errnoOf(err)
		}
		if limit -= len(s) + 1 + 8; limit < 0 {
			return nil, syscall.E2BIG
		}
		list = append(list, s)
	}
	return list, 0
}

// execRequest is a program that a task is to execute.
type execRequest struct {
	t         *Task
	path      string      // as the guest names it
	file      loader.File // nil if it is to be opened by its path
	name      string      // of file: see Task.openProgram
	argv, env []string
	// inaccessible says that path leads nowhere afterwards: scripts cannot be run.
	inaccessible bool
}

// load makes the memory of the program. The task goes on in its own as long as it has not entered that. The error is a
// *loader.Error if the file is at fault. The file is closed.
func (x *execRequest) load() (*memory, error) {
	m, err := x.t.K.newMemory()
	if err != nil {
		if x.file != nil {
			x.file.Close()
		}
		return nil, err
	}
	if err := x.loadInto(m); err != nil {
		m.release()
		return nil, err
	}
	return m, nil
}

func (x *execRequest) loadInto(m *memory) error {
	t := x.t
	cfg := loader.Config{
		Arch:     m.machine.Arch,
		Limit:    m.Limit(),
		PageSize: m.PageSize(),
		Open:     t.openForLoader,
		Guest:    func(name string) string { return name },
		Path:     x.path,
		File:     x.file,
		Host:     x.name,

		Inaccessible: x.inaccessible,

		Argv:      x.argv,
		Env:       x.env,
		Embedded:  true,
		Compact:   true,
		StackSize: t.P.limits.stack(),
	}
	if cfg.Host == "" {
		cfg.Host = x.path
	}
	_ = t.K.readRandom(cfg.Random[:]) // the source has an end: then the bytes are what they are
	m.SetLimits(t.P.limits.memory())
	probed, err := loader.Probe(cfg)
	if err != nil {
		return err
	}
	m.env = x.env
	m.image, err = probed.Load(m.Space)
	return err
}

// openForLoader opens a file by its name, for the loader.
func (t *Task) openForLoader(path string) (loader.File, string, error) {
	f, name, e := t.openProgram(atFDCWD, path, 0)
	if e != 0 {
		return nil, "", e
	}
	return f, name, nil
}

// beAlone ends all other tasks of the process, and makes this one the first. It reports false if it is this one
// that has to end.
func (t *Task) beAlone() bool {
	k, p := t.K, t.P
	k.mu.Lock()
	if p.ending || p.execing != nil {
		k.mu.Unlock()
		return false
	}
	p.execing = t
	for _, other := range p.tasks {
		if other != t {
			other.notify()
		}
	}
	k.mu.Unlock()
	t.waitUninterrupted(func() bool { return len(p.tasks) == 1 })
	k.mu.Lock()
	defer k.mu.Unlock()
	p.execing = nil
	if p.ending {
		return false
	}
	delete(k.tasks, t.TID)
	t.TID = p.Pid
	k.tasks[t.TID] = t
	return true
}

// become replaces what the task is by the program that m has.
func (t *Task) become(x *execRequest, m *memory) {
	t.releaseRobust()
	if addr := t.clearTID; addr != 0 && t.mm.users.Load() > 1 && t.Mem.Store(addr, 4, 0) == nil {
		t.wakeFutex(addr, 1)
	}
	t.clearTID, t.restart = 0, restartBlock{}
	t.sig.stack = uapi.NoStack
	t.files.exec()
	old := t.mm
	old.remove(t.CPU)
	m.denyWX(uapi.InheritedMDWE(old.mdwe.Load())) // not before the program is there
	x.enter(m)
	t.mm.add(t.CPU)
	k, p := t.K, t.P
	k.mu.Lock()
	own := *p.actions
	p.actions = &own
	p.actions.reset()
	p.deleteTimers()
	p.executed, p.dumpable, p.keepCaps = true, 1, 0
	t.name.set(x.path)
	p.returnMemory()
	k.mu.Unlock()
	old.release()
}

// enter has the task go on in m, with the registers that a program begins with.
func (x *execRequest) enter(m *memory) {
	t := x.t
	cpu := m.machine.Arch.NewCPU(m.Space)
	cpu.SetClock(t.K.clock.Realtime)
	cpu.SetPC(m.image.Entry)
	cpu.SetSP(m.image.SP)
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	t.mm, t.Mem, t.CPU, t.counted = m, m.Space, cpu, 0
	t.P.mm = m
}

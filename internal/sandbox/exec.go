//go:build linux && amd64

package sandbox

import (
	"syscall"

	"github.com/hospes-vm/hospes/internal/loader"
)

// execRequest is a program that a task is to execute.
type execRequest struct {
	t         *Task
	path      string      // as the guest names it
	file      loader.File // nil if it is to be opened by its path
	name      string      // of file: see Task.openProgram
	argv, env []string
	program   *loader.Program
}

// load makes the memory of the program. The task goes on in its own as long as it has not entered that. The error is a
// *loader.Error if the file is at fault.
func (x *execRequest) load() (*memory, error) {
	t := x.t
	machine, err := t.K.cfg.NewMachine()
	if err != nil {
		return nil, err
	}
	m := newMemory(machine)
	if err := x.loadInto(m); err != nil {
		m.release()
		return nil, err
	}
	return m, nil
}

func (x *execRequest) loadInto(m *memory) error {
	t := x.t
	cfg := loader.Config{
		Arch:      m.machine.Arch,
		Limit:     m.Limit(),
		PageSize:  m.PageSize(),
		Open:      t.openForLoader,
		Guest:     func(name string) string { return name },
		Path:      x.path,
		File:      x.file,
		Host:      x.name,
		Argv:      x.argv,
		Env:       x.env,
		StackSize: t.P.limits.stack(),
	}
	if cfg.Host == "" {
		cfg.Host = x.path
	}
	if e := t.K.readRandom(cfg.Random[:]); e != 0 {
		return e
	}
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

// atFDCWD is AT_FDCWD.
const atFDCWD = -100

// enter has the task go on in m, with the registers that a program begins with.
func (x *execRequest) enter(m *memory) {
	t := x.t
	t.mm, t.Mem = m, m.Space
	t.K.mu.Lock()
	t.P.mm = m
	t.K.mu.Unlock()
	cpu := m.machine.Arch.NewCPU(m.Space)
	cpu.SetPC(m.image.Entry)
	cpu.SetSP(m.image.SP)
	t.CPU = cpu
}

// readRandom fills b with randomness.
func (k *Kernel) readRandom(b []byte) syscall.Errno {
	k.random.Lock()
	defer k.random.Unlock()
	for len(b) > 0 {
		n, err := k.random.Read(b)
		if n == 0 && err != nil {
			return syscall.EIO
		}
		b = b[n:]
	}
	return 0
}

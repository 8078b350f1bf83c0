package hospes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/linux"
	"github.com/hospes-vm/hospes/internal/loader"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/offset"
	"github.com/hospes-vm/hospes/internal/mem/table"
	"github.com/hospes-vm/hospes/internal/reserved"
	"github.com/hospes-vm/hospes/internal/strace"
)

// addressSpace is the size of the guest's address space in bytes: user space on
// a RISC-V machine with sv39 translation.
const addressSpace = 1 << 38

// Run runs a program to its end. An error means that it has not started: a
// *LoadError if the program is at fault.
func Run(cfg Config) (Status, error) {
	arch := riscv.Arch
	as, err := newSpace(cfg.Mapping)
	if err != nil {
		return Status{}, err
	}
	args := cfg.Args
	if len(args) == 0 {
		args = []string{cfg.Program}
	}
	lc := linux.Config{Arch: arch, Mem: as, Sysroot: sysroot(cfg, arch)}
	var p *linux.Process
	if cfg.Strace != nil {
		lc.Tracer = strace.New(cfg.Strace)
	}
	if w := cfg.Disassembly; w != nil {
		lc.TraceCode = func(line string) { _, _ = w.Write([]byte(line + "\n")) }
	}
	if cfg.OnExit != nil {
		lc.OnExit = func(s linux.Status) { cfg.OnExit(Status(s), Stats{Instructions: p.Instructions()}) }
	}
	prog := linux.Program{Path: cfg.Program, Argv: args, Env: cfg.Env}
	if cfg.Image != nil {
		if prog.File, err = imageFile(cfg.Program, cfg.Image); err != nil {
			return Status{}, err
		}
	}
	p = linux.NewProcess(lc)
	status, err := p.Run(prog)
	return Status(status), loadError(err)
}

// imageFile makes an anonymous file of a program, out of the guest's reach.
func imageFile(name string, image []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err == nil {
		fd, err = reserved.Add(fd)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: cannot make a file of the program: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	_, err = f.Write(image)
	return f, err
}

// newSpace returns an empty address space of the wanted kind.
func newSpace(kind Mapping) (*mem.Space, error) {
	var m mem.Mapping
	var err error
	switch kind {
	case Table:
		m, err = table.New(addressSpace)
	default:
		m, err = offset.New(addressSpace)
	}
	if err != nil {
		return nil, err
	}
	return mem.New(m, stackLimit()), nil
}

// stackLimit is the inherited RLIMIT_STACK in bytes: it decides where mappings begin.
func stackLimit() uint64 {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_STACK, &l) != nil {
		return 8 << 20
	}
	return l.Cur
}

// sysroot is the configured one, or the one that the program's interpreter is found in.
func sysroot(cfg Config, arch guest.Arch) string {
	if cfg.Sysroot != "" {
		if dir, err := filepath.Abs(cfg.Sysroot); err == nil && dir != "/" {
			return dir
		}
		return ""
	}
	f, err := os.Open(cfg.Program)
	if err != nil {
		return ""
	}
	defer f.Close()
	dir := loader.FindSysroot(cfg.Program, loader.Interpreter(f), arch.Sysroots()...)
	return strings.TrimSuffix(dir, "/")
}

// loadError gives the loader's errors the exit status of a shell.
func loadError(err error) error {
	var le *loader.Error
	if errors.As(err, &le) {
		return &LoadError{Err: err, ExitStatus: le.ExitStatus()}
	}
	return err
}

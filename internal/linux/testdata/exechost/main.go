//go:build linux && amd64

//go:debug containermaxprocs=0

// Command exechost runs the guest program that is its argument, and takes part in
// its execve: the least that a command around package linux does.
package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/linux"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/offset"
	_ "github.com/hospes-vm/hospes/internal/trap/early"
)

func init() { runtime.LockOSThread() }

// options are what has to arrive on the other side.
var options = []string{"a", "b c", ""}

func main() {
	m, err := offset.New(1 << 38)
	if err != nil {
		fail(err)
	}
	p := linux.NewProcess(linux.Config{
		Arch: riscv.Arch, Mem: mem.New(m, 8<<20),
		OnExit: func(s linux.Status) { os.Exit(s.Code) },
	})
	prog := linux.Program{Argv: os.Args}
	if s, ok := linux.TakeExecState(); ok {
		s.Restore(p)
		prog.Path, prog.File = s.Path, os.NewFile(uintptr(s.FD), s.Path)
		if !slices.Equal(p.ExecOptions, options) {
			fail(fmt.Errorf("options are %q", p.ExecOptions))
		}
	} else {
		p.ExecOptions = options
		prog.Path, prog.Argv = os.Args[1], os.Args[1:]
	}
	prog.Env = os.Environ()
	_, err = p.Run(prog)
	fail(err)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "exechost:", err)
	os.Exit(126)
}

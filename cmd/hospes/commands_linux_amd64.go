package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hospes-vm/hospes/internal/binfmt"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/self"
)

func hostCommands() []command {
	return []command{
		{
			name: "run", args: "[PROGRAM [ARGUMENTS...]]", options: runTable, run: runInRoot,
			help: "run a program inside a root file system, without privileges: a directory, or an image of a container; without a program what the image is made for",
		},
		{
			name: "pull", args: "docker://REGISTRY/NAME:TAG", run: pull,
			help: "fetch an image from a registry, or what its name means there by now, for hospes run",
		},
		{
			name: "explore", args: "PROGRAM [ARGUMENTS...]", options: exploreTable, run: startExplorer,
			help: "run a program, and serve a page on this machine that shows what it does: hot functions and code, what the translator does, memory, system calls",
		},
		{
			name: "install", options: installTable, run: install,
			help: "have the kernel run riscv64 programs with this hospes, in chroots and containers too (binfmt_misc); for root",
		},
		{
			name: "attach", args: "[PID]", options: attachTable, run: attach,
			help: "debug a guest that runs: GDB connects, or speaks to standard input and output (target remote | hospes attach PID); without PID, GDB starts guests, or attaches to them (target extended-remote)",
		},
		{name: "uninstall", run: uninstall, help: "undo that"},
		{name: "status", run: status, help: "say whether that is so and what is missing; status 0 if nothing is"},
		{name: "doctor", run: examine, help: "say what this machine offers, what is lost by what it does not, and how to get that; status 0 if guests can run"},
	}
}

// installOpts are the options of install.
type installOpts struct {
	replace, persistent bool
	interpreter         string
}

var installTable = []option{
	{"replace", "", "", "disable other interpreters of these programs", func(o *opts, v string) error {
		return parseSwitch(&o.install.replace, v)
	}},
	{"persistent", "", "", "register it at each start of the machine", func(o *opts, v string) error {
		return parseSwitch(&o.install.persistent, v)
	}},
	{"interpreter", "", "FILE", "register FILE instead of this executable", func(o *opts, v string) error {
		o.install.interpreter = v
		return nil
	}},
}

// entry is what is registered with binfmt_misc.
func entry(interpreter string) binfmt.Entry {
	return binfmt.ForELF("hospes-"+riscv.Arch.Name(), riscv.Arch.Machine(), interpreter)
}

func install(o *opts, _ []string) error {
	interpreter := o.install.interpreter
	if interpreter == "" {
		exe, err := os.Executable()
		if err != nil {
			return binfmt.ErrNoProc
		}
		interpreter = exe
	}
	path, err := filepath.Abs(interpreter)
	if err != nil {
		return err
	}
	if st, err := os.Stat(path); err != nil {
		return err
	} else if !st.Mode().IsRegular() || st.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not an executable file", path)
	}
	return binfmt.Install(entry(path), o.install.replace, o.install.persistent, os.Stdout)
}

func uninstall(*opts, []string) error { return binfmt.Uninstall(entry("").Name, os.Stdout) }

func status(*opts, []string) error {
	self.Open()
	if !binfmt.Status(entry(""), self.FD(), os.Stdout) {
		return errNo
	}
	return nil
}

// answerIdentity answers who interprets programs, if that is all that is wanted.
func answerIdentity() {
	if os.Getenv(binfmt.IdentifyVar) == "" {
		return
	}
	self.Open()
	fmt.Println(binfmt.Answer(self.FD()))
	os.Exit(0)
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hospes-vm/hospes/internal/binfmt"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/self"
)

// exitNo is the exit status of a command that could not be carried out, or whose
// answer is no.
const exitNo = 1

// commands are what the first argument may be instead of options and a program. One
// of that name in the working directory is run by "./install".
var commands = map[string]func(args []string) error{
	"install":   install,
	"uninstall": uninstall,
	"status":    status,
}

// entry is what is registered with binfmt_misc.
func entry(interpreter string) binfmt.Entry {
	return binfmt.ForELF("hospes-"+riscv.Arch.Name(), riscv.Arch.Machine(), interpreter)
}

// errNo is the failure of a command that has said why.
var errNo = errors.New("")

func install(args []string) error {
	fs := commandFlags("install")
	replace := fs.Bool("replace", false, "")
	persistent := fs.Bool("persistent", false, "")
	interpreter := fs.String("interpreter", "", "")
	if err := parseCommand(fs, args); err != nil {
		return err
	}
	if *interpreter == "" {
		exe, err := os.Executable()
		if err != nil {
			return binfmt.ErrNoProc
		}
		*interpreter = exe
	}
	path, err := filepath.Abs(*interpreter)
	if err != nil {
		return err
	}
	if st, err := os.Stat(path); err != nil {
		return err
	} else if !st.Mode().IsRegular() || st.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not an executable file", path)
	}
	return binfmt.Install(entry(path), *replace, *persistent, os.Stdout)
}

func uninstall(args []string) error {
	fs := commandFlags("uninstall")
	if err := parseCommand(fs, args); err != nil {
		return err
	}
	return binfmt.Uninstall(entry("").Name, os.Stdout)
}

func status(args []string) error {
	fs := commandFlags("status")
	if err := parseCommand(fs, args); err != nil {
		return err
	}
	self.Open()
	if !binfmt.Status(entry(""), self.FD(), os.Stdout) {
		return errNo
	}
	return nil
}

func commandFlags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

// parseCommand parses the flags of a command, which has no other arguments.
func parseCommand(fs *flag.FlagSet, args []string) error {
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return errHelp
	case err != nil:
		return usageError{err}
	case fs.NArg() > 0:
		return usageError{fmt.Errorf("unexpected argument %q", fs.Arg(0))}
	}
	return nil
}

// usageError is a wrong command line.
type usageError struct{ error }

// runCommand carries out the command that the arguments begin with, if they do, and
// ends then.
func runCommand(args []string) {
	if len(args) == 0 {
		return
	}
	command, ok := commands[args[0]]
	if !ok {
		return
	}
	err := command(args[1:])
	var bad usageError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.Is(err, errHelp):
		usage(os.Stdout)
		os.Exit(0)
	case err == errNo:
		os.Exit(exitNo)
	case errors.As(err, &bad):
		fail(exitUsage, fmt.Errorf("%s: %w (see hospes --help)", args[0], err))
	}
	fail(exitNo, fmt.Errorf("%s: %w", args[0], err))
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

const commandsUsage = `
Commands:
  hospes install [--replace] [--persistent] [--interpreter FILE]
      have the kernel run riscv64 programs with this hospes, or FILE, in chroots and
      containers too (binfmt_misc). --replace disables other interpreters of them,
      --persistent registers it at each start of the machine. For root.
  hospes uninstall
      undo that
  hospes status
      say whether that is so and what is missing; status 0 if nothing is
`

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// exitNo is the exit status of a command that could not be carried out, or whose
// answer is no.
const exitNo = 1

// command is what the first argument may be instead of options and a program. One of that
// name in the working directory is run by "./install".
type command struct {
	name    string
	args    string // what follows the name and options, for the usage
	help    string
	options []option
	words   []string // what its argument can be
	run     func(o *opts, args []string) error
}

// commands returns all of them.
func commands() []command {
	return append(hostCommands(), command{
		name: "completion", args: strings.Join(shells, "|"), words: shells, run: completion,
		help: "write a script that completes options and commands in that shell",
	}, command{
		name: "man", run: manual,
		help: "write the manual page: hospes man | man -l -",
	})
}

// errNo is the failure of a command that has said why.
var errNo = errors.New("")

// usageError is a wrong command line.
type usageError struct{ error }

// runCommand carries out the command that the arguments begin with, if they do, and
// ends then, unless it is one that goes on to run a guest, whose options it returns.
func runCommand(args []string) *opts {
	if len(args) == 0 {
		return nil
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		o := &opts{}
		switch err := c.carryOut(o, args[1:]); {
		case err == nil && o.program != "":
			return o
		case err == nil:
			os.Exit(0)
		case errors.Is(err, errHelp):
			usage(os.Stdout)
			os.Exit(0)
		case err == errNo:
			os.Exit(c.failure())
		default:
			status := c.failure()
			var bad usageError
			if errors.As(err, &bad) {
				status, err = exitUsage, fmt.Errorf("%w (see hospes --help)", err)
			}
			fail(status, fmt.Errorf("%s: %w", args[0], err))
		}
	}
	return nil
}

// carryOut parses the command's options and runs it.
func (c *command) carryOut(o *opts, args []string) error {
	options := c.options
	if c.takesProgram() {
		options = slices.Concat(options, table)
	}
	if err := setByVariables(o, options, os.Getenv); err != nil {
		return usageError{err}
	}
	fs := newFlags(c.name)
	addFlags(fs, o, options)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return errHelp
	case err != nil:
		return usageError{err}
	case fs.NArg() > 0 && c.args == "":
		return usageError{fmt.Errorf("unexpected argument %q", fs.Arg(0))}
	}
	return c.run(o, fs.Args())
}

// takesProgram reports whether a program follows, and the options of hospes apply.
func (c *command) takesProgram() bool { return strings.Contains(c.args, "PROGRAM") }

// failure is the exit status if the command could not be carried out. Where the guest has
// the small ones it is one of hospes itself.
func (c *command) failure() int {
	if c.takesProgram() {
		return exitFailure
	}
	return exitNo
}

func newFlags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

// addFlags defines the flags of a table, which set o.
func addFlags(fs *flag.FlagSet, o *opts, table []option) {
	for i := range table {
		opt := &table[i]
		for _, name := range opt.flags() {
			set := func(v string) error { return opt.set(o, v) }
			if opt.arg == "" {
				fs.BoolFunc(name, opt.help, set)
			} else {
				fs.Func(name, opt.help, set)
			}
		}
	}
}

// setByVariables has the HOSPES_ variables set o.
func setByVariables(o *opts, table []option, getenv func(string) string) error {
	for i := range table {
		opt := &table[i]
		if v := getenv(opt.env); opt.env != "" && v != "" {
			if err := opt.set(o, v); err != nil {
				return fmt.Errorf("%s: %w", opt.env, err)
			}
		}
	}
	return nil
}

// flags are the names of an option, without dashes.
func (opt *option) flags() []string { return strings.Split(opt.names, ", ") }

// dashed are the names of an option as they are typed.
func (opt *option) dashed() (names []string) {
	for _, n := range opt.flags() {
		dash := "--"
		if len(n) == 1 {
			dash = "-"
		}
		names = append(names, dash+n)
	}
	return names
}

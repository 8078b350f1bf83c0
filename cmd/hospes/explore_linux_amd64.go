package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/trap"
)

// exploreCommand is the name of the command that runs this one and serves the page: with a server in it, each start of
// hospes would be slower. It lies beside this one, or in PATH.
const exploreCommand = "hospes-explore"

// startExplorer becomes that command. It is told how to run the program: by this one, with the options that
// are not of explore itself.
func startExplorer(o *opts, rest []string) error {
	if len(rest) == 0 {
		return usageError{errors.New("no program given")}
	}
	if err := o.conflicts(); err != nil {
		return usageError{err}
	}
	file := besideOrInPath(exploreCommand)
	if file == "" {
		return fmt.Errorf("it needs the command %s, which is neither beside hospes nor in PATH", exploreCommand)
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	options := os.Args[2 : len(os.Args)-len(rest)]
	args := slices.Concat([]string{exploreCommand, fmt.Sprint(o.exploring.port), o.exploring.stay, exe}, withoutExplore(options), rest)
	mask, _, _ := trap.Inherited()
	set := unix.Sigset_t{}
	set.Val[0] = mask
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &set, nil); err != nil {
		return err
	}
	return unix.Exec(file, args, os.Environ())
}

// withoutExplore leaves options of explore out, each with its value.
func withoutExplore(options []string) (list []string) {
	for i := 0; i < len(options); i++ {
		name, _, joined := strings.Cut(strings.TrimLeft(options[i], "-"), "=")
		own := slices.ContainsFunc(exploreTable, func(o option) bool { return strings.HasPrefix(options[i], "-") && o.names == name })
		switch {
		case own && !joined:
			i++
		case !own:
			list = append(list, options[i])
		}
	}
	return list
}

package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes"
	"github.com/hospes-vm/hospes/internal/reserved"
	"github.com/hospes-vm/hospes/internal/self"
	"github.com/hospes-vm/hospes/internal/trap"
	_ "github.com/hospes-vm/hospes/internal/trap/early" // the inherited signal mask, exactly
)

// endAs ends the process as the guest ended.
func endAs(s hospes.Status) {
	if s.Signal != 0 {
		trap.Die(s.Signal)
	}
	unix.Exit(s.Code)
}

// log opens where strace, disassembly, statistics and reports go: out of the guest's reach. It
// is nil if there are none.
func (o *opts) log() (io.Writer, error) {
	if !o.strace && !o.code.logged() && !o.stats && !o.check {
		return nil, nil
	}
	var fd int
	var err error
	if o.logFile != "" {
		fd, err = unix.Open(o.logFile, unix.O_WRONLY|unix.O_CREAT|unix.O_APPEND|unix.O_CLOEXEC, 0o666)
	} else {
		fd, err = unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 0)
	}
	return kept(fd, o.logFile, err)
}

// page opens the file of the page of optimised regions. A program that the guest executes adds to
// it, if it is still there for it.
func (o *opts) page() (io.Writer, error) {
	mode := unix.O_CREAT | unix.O_TRUNC
	resumed := o.resume != nil && o.resume.Options != nil
	if resumed {
		mode = 0
	}
	fd, err := unix.Open(o.code.page, unix.O_WRONLY|unix.O_APPEND|unix.O_CLOEXEC|mode, 0o666)
	if err != nil && resumed {
		return nil, nil
	}
	return kept(fd, o.code.page, err)
}

// kept is an open file out of the guest's reach, or the error of opening it.
func kept(fd int, name string, err error) (io.Writer, error) {
	if err == nil {
		var d *reserved.Descriptor
		if d, err = reserved.Keep(fd); err == nil {
			return d, nil
		}
	}
	return nil, &os.PathError{Op: "open", Path: name, Err: err}
}

// buildNotes says what this build cannot do that another could. It prepares the
// process for a guest, to see how far that goes.
func buildNotes() []string {
	trap.Init()
	notes := trap.Shortcomings()
	if at := self.Address(); at < 1<<38 {
		notes = append(notes, fmt.Sprintf("this executable is linked to %#x, where guests are in the direct mapping; one by make is not", at))
	}
	return notes
}

//go:build linux && amd64

package ptrace

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/peer"
	"github.com/hospes-vm/hospes/internal/trap"
)

// What a debugger of the host asks of a tracee: more than ptrace(2) has.

// Pid is the process that the tracee belongs to.
func (t *Tracee) Pid() int { return t.pid }

// Record is what the tracee has said when it stopped.
func (t *Tracee) Record() *Record { return &t.rec }

// Peer is what its process says of itself.
func (t *Tracee) Peer() (*peer.Peer, syscall.Errno) {
	e := t.open()
	return t.peer, e
}

// Halted reports whether the tracee has stopped in a place where it can take over points, and
// registers are those of the guest.
func (t *Tracee) Halted() bool {
	return t.stopped && !t.jobStop && !(t.rec.Kind == Event && t.rec.Event == EventVfork)
}

// SetPoints makes list all breakpoints and watchpoints of those who share the tracee's memory.
// It reports false if the tracee, which must be Halted, has ended meanwhile, with its wait status.
func (t *Tracee) SetPoints(list []Point) (status unix.WaitStatus, ok bool) {
	for first := true; first || len(list) > 0; first = false {
		n := copy(t.rec.Points[:], list)
		list = list[n:]
		t.rec.NumPoints, t.rec.More = uint32(n), 0
		if len(list) > 0 {
			t.rec.More = 1
		}
		if status, ok = t.serve(); !ok {
			return status, false
		}
	}
	t.rec.NumPoints = 0
	return 0, true
}

// serve has the tracee do what the record says, and stop again.
func (t *Tracee) serve() (status unix.WaitStatus, ok bool) {
	mode := t.mode
	t.answer(Serve, 0)
	t.mode = mode
	t.resumeHost(0)
	for {
		_, err := unix.Wait4(t.TID, &status, unix.WALL, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil || !status.Stopped():
			return status, false
		}
		var info trap.Info
		sig := int(status.StopSignal())
		if sig == int(unix.SIGTRAP) && hostInfo(unix.PTRACE_GETSIGINFO, t.TID, &info) == 0 && t.breakpoint(&info) {
			return 0, true
		}
		if _, visible := t.hostStop(sig, int(status)>>16); visible { // of job control, for which it is too early
			t.jobStop = false
			t.resumeHost(0)
		}
	}
}

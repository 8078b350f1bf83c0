//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Waiting for children, and for tracees: package ptrace says what their stops mean.

// Sizes in bytes of what the calls write, as on the host.
const (
	rusageSize  = 144
	siginfoSize = 128

	infoPid, infoStatus = 16, 24 // offsets of si_pid and si_status
)

func sysWait4(t *Task, c *Call) (uint64, syscall.Errno) {
	var status int32
	var usage [rusageSize]byte
	pid, options := c.Int(0), c.Int(2)
	r, e := t.waitLoop(pid, options, func(options int) (uint64, syscall.Errno, bool) {
		status = 0
		r, e := t.Syscall(unix.SYS_WAIT4, uintptr(pid), uintptr(unsafe.Pointer(&status)), uintptr(options), uintptr(unsafe.Pointer(&usage)))
		if e != 0 || r == 0 {
			return r, e, true
		}
		guest, visible := t.waited(int(r), int(status))
		status = int32(guest)
		return r, e, visible
	})
	if e != 0 {
		return restart(r, e, ERESTARTNOHAND)
	}
	if r != 0 && c.Args[1] != 0 && t.Mem.Store(c.Args[1], 4, uint64(uint32(status))) != nil {
		return 0, syscall.EFAULT
	}
	if r != 0 && c.Args[3] != 0 {
		return r, faultErrno(t.Mem.CopyOut(c.Args[3], usage[:]))
	}
	return r, 0
}

func sysWaitid(t *Task, c *Call) (uint64, syscall.Errno) {
	var info [siginfoSize]byte
	var usage [rusageSize]byte
	idtype, id, options := c.Int(0), c.Int(1), c.Int(3)
	if idtype == unix.P_PIDFD && t.P.reserved.has(id) {
		return 0, syscall.EBADF
	}
	one := 0
	if idtype == unix.P_PID {
		one = id
	}
	r, e := t.waitLoop(one, options, func(options int) (uint64, syscall.Errno, bool) {
		r, e := t.Syscall(unix.SYS_WAITID, uintptr(idtype), uintptr(id), uintptr(unsafe.Pointer(&info)), uintptr(options), uintptr(unsafe.Pointer(&usage)))
		if e == 0 && binary.NativeEndian.Uint32(info[infoPid:]) != 0 {
			return 1, 0, t.waitedInfo(&info)
		}
		return r, e, true
	})
	if e != 0 {
		return restart(r, e, ERESTARTNOHAND)
	}
	if c.Args[2] != 0 && t.Mem.CopyOut(c.Args[2], info[:infoStatus+4]) != nil {
		return 0, syscall.EFAULT
	}
	if r != 0 && c.Args[4] != 0 {
		return 0, faultErrno(t.Mem.CopyOut(c.Args[4], usage[:]))
	}
	return 0, 0
}

// waitLoop makes a call that waits, and whose result is 0 if it has found nothing, until
// the guest is to see what it found: done says so. One that
// waits for a single process must not keep others from going on that have stopped for
// reasons of hospes's.
func (t *Task) waitLoop(pid, options int, wait func(options int) (r uint64, e syscall.Errno, done bool)) (uint64, syscall.Errno) {
	pause := 100 * time.Microsecond
	for {
		others := pid > 0 && options&unix.WNOHANG == 0 && len(t.P.tracees.Others(pid)) > 0
		if !others {
			r, e, done := wait(options)
			if done {
				return r, e
			}
			continue
		}
		r, e, done := wait(options | unix.WNOHANG)
		if done && (e != 0 || r != 0) {
			return r, e
		}
		if done {
			t.lookAfterOthers(pid)
			ts := unix.NsecToTimespec(int64(pause))
			if _, e := t.Syscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0); e != 0 {
				return 0, ERESTARTSYS
			}
			pause = min(2*pause, 5*time.Millisecond)
		}
	}
}

// lookAfterOthers has tracees go on that have not stopped for the guest. Those that
// have stay where they are, to be waited for.
func (t *Task) lookAfterOthers(pid int) {
	for _, tid := range t.P.tracees.Others(pid) {
		var info [siginfoSize]byte
		_, _, e := syscall.RawSyscall6(unix.SYS_WAITID, unix.P_PID, uintptr(tid), uintptr(unsafe.Pointer(&info)),
			unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, 0, 0)
		if e == 0 && binary.NativeEndian.Uint32(info[infoPid:]) != 0 {
			t.waitedInfo(&info)
		}
	}
}

// waited turns the host's status of a process into the guest's. It reports false if
// it was none that concerns the guest.
func (t *Task) waited(pid, status int) (int, bool) {
	if status&0xff != 0x7f {
		if status != 0xffff {
			t.P.tracees.Ended(pid)
		}
		return status, true
	}
	return t.P.tracees.Stopped(pid, status)
}

// waitedInfo is waited for a siginfo_t of waitid(2).
func (t *Task) waitedInfo(info *[siginfoSize]byte) bool {
	ne := binary.NativeEndian
	pid := int(int32(ne.Uint32(info[infoPid:])))
	switch int32(ne.Uint32(info[8:])) {
	case cldExited, cldKilled, cldDumped:
		t.P.tracees.Ended(pid)
	case cldTrapped, cldStopped:
		guest, visible := t.P.tracees.Stopped(pid, int(ne.Uint32(info[infoStatus:]))<<8|0x7f)
		ne.PutUint32(info[infoStatus:], uint32(guest>>8))
		return visible
	}
	return true
}

// Values of si_code for SIGCHLD.
const (
	cldExited  = 1
	cldKilled  = 2
	cldDumped  = 3
	cldTrapped = 4
	cldStopped = 5
)

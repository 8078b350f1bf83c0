//go:build linux && amd64

package linux

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attributes are what a new thread inherits from the one that creates it (clone(2)).
// Go creates host threads from whichever thread is at hand, so a new guest thread
// may start with those of another, or with those the process started with; they are
// brought over in software if any thread has ever changed any.
type attributes struct {
	uids, gids  [3]int // real, effective, saved
	fsuid       int
	fsgid       int
	groups      []int
	caps        [2]unix.CapUserData
	ambient     uint64
	securebits  uintptr
	affinity    unix.CPUSet
	sched       unix.SchedAttr
	timerSlack  uintptr
	persona     uintptr
	noNewPrivs  bool
	keepCaps    bool
	boundingSet uint64
}

// attributesToInherit returns the attributes that a thread which t creates has to
// take over, or nil if the threads of this process differ in none.
func (t *Task) attributesToInherit() *attributes {
	if !t.P.attributesChanged.Load() {
		return nil
	}
	a := new(attributes)
	a.read()
	return a
}

// read fills a with the attributes of the calling thread.
func (a *attributes) read() {
	a.uids[0], a.uids[1], a.uids[2] = unix.Getresuid()
	a.gids[0], a.gids[1], a.gids[2] = unix.Getresgid()
	a.fsuid = int(raw1(unix.SYS_SETFSUID, ^uintptr(0))) // an invalid ID changes nothing
	a.fsgid = int(raw1(unix.SYS_SETFSGID, ^uintptr(0)))
	a.groups, _ = unix.Getgroups()
	hdr := capHeader
	_ = unix.Capget(&hdr, &a.caps[0])
	a.securebits = prctl(unix.PR_GET_SECUREBITS, 0, 0)
	a.timerSlack = prctl(unix.PR_GET_TIMERSLACK, 0, 0)
	a.noNewPrivs = prctl(unix.PR_GET_NO_NEW_PRIVS, 0, 0) == 1
	a.keepCaps = prctl(unix.PR_GET_KEEPCAPS, 0, 0) == 1
	for i := range maxCaps {
		a.ambient |= uint64(prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_IS_SET, i)&1) << i
		a.boundingSet |= uint64(prctl(unix.PR_CAPBSET_READ, i, 0)&1) << i
	}
	_ = unix.SchedGetaffinity(0, &a.affinity)
	if s, err := unix.SchedGetAttr(0, 0); err == nil {
		a.sched = *s
	}
	a.persona = raw1(unix.SYS_PERSONALITY, 0xffffffff)
}

// maxCaps is more than the number of the last capability; unknown ones read as absent.
const maxCaps = uintptr(41)

var capHeader = unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}

// apply gives the calling thread the attributes a, in an order in which each step
// is still permitted.
func (a *attributes) apply() {
	var now attributes
	now.read()
	if a.noNewPrivs && !now.noNewPrivs {
		prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0)
	}
	_ = unix.SchedSetaffinity(0, &a.affinity)
	if a.sched != now.sched {
		_ = unix.SchedSetAttr(0, &a.sched, 0)
	}
	prctl(unix.PR_SET_TIMERSLACK, a.timerSlack, 0)
	raw1(unix.SYS_PERSONALITY, a.persona)
	a.applyCredentials(&now)
}

// applyCredentials changes users, groups and capabilities. Capabilities are kept
// over the change of users and then set as they shall be.
func (a *attributes) applyCredentials(now *attributes) {
	for i := range maxCaps {
		if now.boundingSet&^a.boundingSet&(1<<i) != 0 {
			prctl(unix.PR_CAPBSET_DROP, i, 0)
		}
	}
	prctl(unix.PR_SET_KEEPCAPS, 1, 0)
	setGroups(a.groups)
	raw3(unix.SYS_SETRESGID, a.gids)
	raw1(unix.SYS_SETFSGID, uintptr(a.fsgid))
	raw3(unix.SYS_SETRESUID, a.uids)
	raw1(unix.SYS_SETFSUID, uintptr(a.fsuid))
	prctl(unix.PR_SET_SECUREBITS, a.securebits, 0)
	keep := uintptr(0)
	if a.keepCaps {
		keep = 1
	}
	prctl(unix.PR_SET_KEEPCAPS, keep, 0)
	hdr := capHeader
	_ = unix.Capset(&hdr, &a.caps[0])
	for i := range maxCaps {
		if a.ambient&(1<<i) != 0 {
			prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, i)
		}
	}
}

// setGroups sets the supplementary groups of the calling thread only.
func setGroups(groups []int) {
	list := make([]uint32, len(groups)+1)
	for i, g := range groups {
		list[i] = uint32(g)
	}
	_, _, _ = syscall.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&list[0])), 0)
}

// prctl is prctl(2) of the host; failures give a value that no option has.
func prctl(option int, arg2, arg3 uintptr) uintptr {
	r, _, e := syscall.RawSyscall6(unix.SYS_PRCTL, uintptr(option), arg2, arg3, 0, 0, 0)
	if e != 0 {
		return 0
	}
	return r
}

// raw1 is a call with one argument, whose failure is of no consequence.
func raw1(nr, a uintptr) uintptr {
	r, _, e := syscall.RawSyscall(nr, a, 0, 0)
	if e != 0 {
		return 0
	}
	return r
}

// raw3 is a call that takes a real, an effective and a saved ID.
func raw3(nr uintptr, ids [3]int) {
	_, _, _ = syscall.RawSyscall(nr, uintptr(ids[0]), uintptr(ids[1]), uintptr(ids[2]))
}

//go:build linux && amd64

package linux

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/forkall"
	"github.com/hospes-vm/hospes/internal/reserved"
)

// Namespaces (namespaces(7)). They are the host's. What a process of one thread asks
// for must hold for all of hospes's threads, of which the guest knows nothing, and
// the kernel refuses some of it to a process of several: so it is done when there is
// one (forkall.Alone).

const (
	// allNamespaces are the flags of unshare(2) and setns(2) that name namespaces.
	allNamespaces = threadNamespaces | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWTIME

	// forChildren are the namespaces that unshare(2) changes for children only. A
	// thread whose children are to have others can make no further threads.
	forChildren = unix.CLONE_NEWPID | unix.CLONE_NEWTIME

	// oneThread are the flags of unshare(2) that a process of several threads may not use.
	oneThread = unix.CLONE_NEWUSER | unix.CLONE_THREAD | unix.CLONE_SIGHAND | unix.CLONE_VM

	unshareKnown = allNamespaces | oneThread | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SYSVSEM
)

// single reports whether the process has one guest thread, which is the first one,
// among hospes's threads. A vfork child has no others, and may need those of its parent.
func (t *Task) single() bool {
	p := t.P
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.vfork == nil && p.vforks == 0 && len(p.tasks) == 1 && t.TID == p.Pid() && forkall.Init() == nil
}

// concernAll makes a call of the host that changes what belongs to a thread, for the
// whole process if that has one guest thread.
func (t *Task) concernAll(nr, a1, a2, a3 uintptr) syscall.Errno {
	back := func() {}
	if t.P.childrenElsewhere.Load() {
		back = t.P.childrenHere()
	}
	if !t.single() || back == nil {
		_, _, e := syscall.Syscall(nr, a1, a2, a3)
		return e
	}
	_, e := forkall.Alone(nr, a1, a2, a3)
	back()
	if e == 0 {
		t.P.attributesChanged.Store(false) // all threads are like this one now
	}
	return e
}

// pidNamespaces are the namespace that a process is in and the one that its children
// are to be in, if it has entered that by setns(2).
type pidNamespaces struct{ here, there *reserved.Descriptor }

// rememberPIDNamespaces keeps both in reach, before the process leaves the /proc in
// which it finds itself. The other one is that of fd.
func (p *Process) rememberPIDNamespaces(fd int) {
	n := &p.pidNamespaces
	here, err := unix.Open("/proc/thread-self/ns/pid", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	there, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		_ = unix.Close(here)
		return
	}
	replaceReserved(&n.here, here)
	replaceReserved(&n.there, there)
}

// replaceReserved makes fd what *d is, which is nil at first. It takes fd over.
func replaceReserved(d **reserved.Descriptor, fd int) {
	if *d == nil {
		*d, _ = reserved.Keep(fd)
		return
	}
	_ = unix.Dup3(fd, (*d).Int(), unix.O_CLOEXEC)
	_ = unix.Close(fd)
}

// childrenHere has children, and so threads, be made in the PID namespace of the
// process. The result undoes it; it is nil if that cannot be done.
func (p *Process) childrenHere() (back func()) {
	n := &p.pidNamespaces
	if n.here == nil || n.there == nil || unix.Setns(n.here.Int(), unix.CLONE_NEWPID) != nil {
		return nil
	}
	return func() { _ = unix.Setns(n.there.Int(), unix.CLONE_NEWPID) }
}

func sysUnshare(t *Task, c *Call) (uint64, syscall.Errno) {
	flags := c.Args[0]
	if flags&^unshareKnown != 0 {
		return 0, syscall.EINVAL
	}
	if t.P.vfork != nil {
		return t.Syscall(unix.SYS_UNSHARE, uintptr(flags))
	}
	if !t.single() {
		if flags&oneThread != 0 {
			return 0, syscall.EINVAL
		}
		return t.Syscall(unix.SYS_UNSHARE, uintptr(flags))
	}
	// One thread shares nothing with another.
	flags &= allNamespaces
	// Those for children come last: they need the rights that a user namespace gives,
	// and keep the thread from making others.
	if now := flags &^ forChildren; now != 0 {
		if e := t.concernAll(unix.SYS_UNSHARE, uintptr(now), 0, 0); e != 0 {
			return 0, e
		}
	}
	if later := flags & forChildren; later != 0 {
		if _, e := t.Syscall(unix.SYS_UNSHARE, uintptr(later)); e != 0 {
			return 0, e
		}
		t.P.childrenElsewhere.Store(true)
	}
	return 0, 0
}

func sysSetns(t *Task, c *Call) (uint64, syscall.Errno) {
	fd, kinds := c.Int(0), uint64(c.Uint(1))
	if t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	if kinds == 0 {
		kinds = namespaceKind(fd)
	}
	if t.P.confined() && (kinds == 0 || kinds&unix.CLONE_NEWNS != 0) {
		return 0, syscall.EPERM
	}
	r, e := t.enterNamespaces(fd, kinds)
	if e == 0 && kinds&unix.CLONE_NEWNS != 0 {
		t.P.files.chrooted.Store(true) // its root directory
	}
	return r, e
}

// enterNamespaces is setns(2) for the namespaces kinds, or 0 for what else fd may be.
func (t *Task) enterNamespaces(fd int, kinds uint64) (uint64, syscall.Errno) {
	if t.P.vfork != nil || !t.single() {
		return t.Syscall(unix.SYS_SETNS, uintptr(fd), uintptr(kinds))
	}
	if kinds&unix.CLONE_NEWPID != 0 {
		t.P.rememberPIDNamespaces(fd)
	}
	if now := kinds &^ unix.CLONE_NEWPID; now != 0 || kinds == 0 {
		if e := t.concernAll(unix.SYS_SETNS, uintptr(fd), uintptr(now), 0); e != 0 {
			return 0, e
		}
	}
	if kinds&unix.CLONE_NEWPID != 0 {
		if _, e := t.Syscall(unix.SYS_SETNS, uintptr(fd), unix.CLONE_NEWPID); e != 0 {
			return 0, e
		}
		t.P.childrenElsewhere.Store(true)
	}
	return 0, 0
}

// namespaceKind is the CLONE_NEW flag of the namespace that is open as fd, or 0 if it
// is something else.
func namespaceKind(fd int) uint64 {
	kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	if err != nil {
		return 0
	}
	return uint64(kind)
}

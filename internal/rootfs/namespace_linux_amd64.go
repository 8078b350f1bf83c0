package rootfs

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/forkall"
	"github.com/hospes-vm/hospes/internal/hostthread"
	"github.com/hospes-vm/hospes/internal/trap"
)

// Enter moves the process into namespaces of its own and changes its root directory. It
// may be called on the main thread only, before there is a guest, with
// hospes's executable open (package self). An *UnavailableError leaves everything as it
// was; after another one the process is good for nothing but a message.
func Enter(cfg Config) error {
	trap.Init()
	_ = hostthread.Init()
	if err := forkall.Init(); err != nil {
		return &UnavailableError{err}
	}
	if err := enterNamespaces(cfg.User); err != nil {
		return &UnavailableError{err}
	}
	// The kernel takes that away with each change of credentials; /proc/self is to be ours.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
	if err := changeRoot(cfg); err != nil {
		return err
	}
	return become(cfg.User)
}

// Available returns why there are no new user and mount namespaces for this process, or nil.
func Available() error {
	child, err := bear(User{})
	if err == nil {
		endChild(child)
	}
	return err
}

// enterNamespaces moves the process into new user and mount namespaces. Who wants to write
// an ID map has to be outside of its namespace, so a child is born into them, and this
// process follows it.
func enterNamespaces(u User) error {
	child, err := bear(u)
	if err != nil {
		return err
	}
	defer endChild(child)
	pidfd, err := unix.PidfdOpen(child, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	if e := alone(unix.SYS_SETNS, uintptr(pidfd), unix.CLONE_NEWUSER|unix.CLONE_NEWNS, 0); e != 0 {
		return e
	}
	return nil
}

// alone makes a system call as the only thread. On a busy machine the others may need some
// time until they have stopped.
func alone(nr, a1, a2, a3 uintptr) (e syscall.Errno) {
	const patience, pause = 10 * time.Second, 5 * time.Millisecond
	for range patience / pause {
		if _, e = forkall.Alone(nr, a1, a2, a3); e != unix.EAGAIN {
			break
		}
		time.Sleep(pause)
	}
	return e
}

// bear makes a child in new namespaces, which stops before its first instruction.
func bear(u User) (pid int, err error) {
	uids, gids := subordinates(u)
	if uids == nil {
		return bearMapped(idMap("/proc/self/uid_map", u.UID, os.Geteuid()), idMap("/proc/self/gid_map", u.GID, os.Getegid()))
	}
	if pid, err = bearMapped(nil, nil); err != nil {
		return 0, err
	}
	if uids.write("newuidmap", pid) == nil && gids.write("newgidmap", pid) == nil {
		return pid, nil
	}
	endChild(pid)
	return bearMapped(own(u.UID, os.Geteuid()), own(u.GID, os.Getegid()))
}

// bearMapped is bear with these maps; without, somebody else has to write them.
func bearMapped(uids, gids []syscall.SysProcIDMap) (pid int, err error) {
	return syscall.ForkExec("/proc/self/exe", []string{"hospes"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{
		Ptrace: true, Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: uids, GidMappings: gids, GidMappingsEnableSetgroups: os.Geteuid() == 0,
	}})
}

// endChild ends a child, of which the guest knows nothing.
func endChild(pid int) {
	_ = unix.Kill(pid, unix.SIGKILL)
	for {
		var ws unix.WaitStatus
		if _, err := unix.Wait4(pid, &ws, unix.WALL, nil); err != unix.EINTR && (err != nil || ws.Exited() || ws.Signaled()) {
			break
		}
	}
	forgetChildren()
}

// forgetChildren takes back the signal that says that children have ended.
func forgetChildren() {
	set, now := uint64(1)<<(unix.SIGCHLD-1), unix.Timespec{}
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&set)), 0, uintptr(unsafe.Pointer(&now)), 8, 0, 0)
}

// become gives all threads the IDs of the user. One that is not root has no
// capabilities.
func become(u User) error {
	if os.Geteuid() != 0 && os.Geteuid() != u.UID {
		return fmt.Errorf("user %d: %w", u.UID, unix.EPERM)
	}
	var pin runtime.Pinner // what the kernel reads stays where it is
	defer pin.Unpin()
	if os.Getegid() != u.GID || os.Geteuid() != u.UID {
		groups := []uint32{uint32(u.GID)}
		for _, g := range u.Groups {
			groups = append(groups, uint32(g))
		}
		pin.Pin(&groups[0])
		for _, c := range [][4]uintptr{
			{unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0]))},
			{unix.SYS_SETRESGID, uintptr(u.GID), uintptr(u.GID), uintptr(u.GID)},
			{unix.SYS_SETRESUID, uintptr(u.UID), uintptr(u.UID), uintptr(u.UID)},
		} {
			if e := alone(c[0], c[1], c[2], c[3]); e != 0 {
				return fmt.Errorf("user %d, group %d: %w", u.UID, u.GID, e)
			}
		}
	}
	if u.UID != 0 {
		head, none := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, new([2]unix.CapUserData)
		pin.Pin(head)
		pin.Pin(none)
		if e := alone(unix.SYS_CAPSET, uintptr(unsafe.Pointer(head)), uintptr(unsafe.Pointer(none)), 0); e != 0 {
			return fmt.Errorf("capabilities: %w", e)
		}
	}
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
	return nil
}

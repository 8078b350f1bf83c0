//go:build linux

package uapi

import (
	"encoding/binary"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// CloneArgs is struct clone_args of clone3(2). Of those that clone(2) and clone3(2) return here, Stack is the stack pointer
// of the child.
type CloneArgs struct {
	Flags, PidFD, ChildTID, ParentTID, ExitSignal uint64
	Stack, StackSize, TLS                         uint64
	SetTID, SetTIDSize, Cgroup                    uint64
}

// Sizes in bytes of the versions of struct clone_args.
const (
	cloneArgsVer0 = 64
	cloneArgsVer2 = 88
)

const (
	csignal       = 0xff // CSIGNAL: the exit signal in the flags of clone(2)
	cloneKnown    = 1<<32 - 1 | unix.CLONE_CLEAR_SIGHAND | unix.CLONE_INTO_CGROUP
	maxPidNSLevel = 32
	numSignals    = 64
)

// Clone is what clone(2) has been asked for, with the order of arguments that all machines have but a few.
func Clone(args *[6]uint64) (CloneArgs, syscall.Errno) {
	flags := uint64(uint32(args[0]))
	if flags&unix.CLONE_PIDFD != 0 && flags&unix.CLONE_PARENT_SETTID != 0 {
		return CloneArgs{}, syscall.EINVAL // one argument for two purposes
	}
	return CloneArgs{
		Flags: flags &^ csignal, ExitSignal: flags & csignal,
		Stack: args[1], ParentTID: args[2], PidFD: args[2], TLS: args[3], ChildTID: args[4],
	}, 0
}

// Clone3 is what clone3(2) has been asked for by a struct of a size at an address.
func Clone3(as *mem.Space, addr, size uint64) (CloneArgs, syscall.Errno) {
	a, e := readCloneArgs(as, addr, size)
	if e != 0 {
		return a, e
	}
	switch {
	case a.SetTIDSize > maxPidNSLevel, (a.SetTID == 0) != (a.SetTIDSize == 0),
		a.ExitSignal > numSignals,
		a.Flags&unix.CLONE_INTO_CGROUP != 0 && (a.Cgroup > 1<<31-1 || size < cloneArgsVer2),
		a.Flags&^cloneKnown != 0, a.Flags&(unix.CLONE_DETACHED|csignal&^unix.CLONE_NEWTIME) != 0,
		a.Flags&unix.CLONE_SIGHAND != 0 && a.Flags&unix.CLONE_CLEAR_SIGHAND != 0,
		a.Flags&(unix.CLONE_THREAD|unix.CLONE_PARENT) != 0 && a.ExitSignal != 0,
		(a.Stack == 0) != (a.StackSize == 0), a.StackSize > as.Limit(), a.Stack > as.Limit()-a.StackSize:
		return a, syscall.EINVAL
	}
	if a.Stack != 0 {
		a.Stack += a.StackSize
	}
	return a, 0
}

// readCloneArgs reads a struct of the size that the caller knows. What it has
// beyond what is known here must be 0.
func readCloneArgs(as *mem.Space, addr, size uint64) (a CloneArgs, e syscall.Errno) {
	if size > as.PageSize() {
		return a, syscall.E2BIG
	}
	if size < cloneArgsVer0 {
		return a, syscall.EINVAL
	}
	b := make([]byte, max(size, cloneArgsVer2))
	if as.CopyIn(b[:size], addr) != nil {
		return a, syscall.EFAULT
	}
	for _, unknown := range b[cloneArgsVer2:] {
		if unknown != 0 {
			return a, syscall.E2BIG
		}
	}
	_, _ = binary.Decode(b, binary.LittleEndian, &a) // it is long enough
	return a, 0
}

// Check refuses combinations of flags as the kernel's copy_process does.
func (a *CloneArgs) Check() syscall.Errno {
	has := func(flags uint64) bool { return a.Flags&flags == flags }
	switch {
	case has(unix.CLONE_NEWNS | unix.CLONE_FS), has(unix.CLONE_NEWUSER | unix.CLONE_FS),
		has(unix.CLONE_THREAD) && !has(unix.CLONE_SIGHAND),
		has(unix.CLONE_SIGHAND) && !has(unix.CLONE_VM),
		has(unix.CLONE_THREAD) && a.Flags&(unix.CLONE_NEWUSER|unix.CLONE_NEWPID) != 0,
		has(unix.CLONE_PIDFD | unix.CLONE_DETACHED),
		has(unix.CLONE_NEWIPC | unix.CLONE_SYSVSEM):
		return syscall.EINVAL
	}
	return 0
}

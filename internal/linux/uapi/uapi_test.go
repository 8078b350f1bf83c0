//go:build linux

package uapi

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCloneFlags(t *testing.T) {
	const thread = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM
	for _, tt := range []struct {
		flags uint64
		want  syscall.Errno
	}{
		{thread | unix.CLONE_SETTLS | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID, 0},
		{0, 0},
		{unix.CLONE_VM | unix.CLONE_VFORK, 0},
		{thread &^ unix.CLONE_SIGHAND, syscall.EINVAL},
		{unix.CLONE_SIGHAND, syscall.EINVAL},
		{thread | unix.CLONE_NEWPID, syscall.EINVAL},
		{thread | unix.CLONE_NEWUSER, syscall.EINVAL},
		{thread | unix.CLONE_NEWNS, syscall.EINVAL},
		{thread | unix.CLONE_NEWIPC, syscall.EINVAL},
		{unix.CLONE_PIDFD | unix.CLONE_DETACHED, syscall.EINVAL},
		{unix.CLONE_NEWNS, 0},
	} {
		if got := (&CloneArgs{Flags: tt.flags}).Check(); got != tt.want {
			t.Errorf("flags %#x: %v, want %v", tt.flags, got, tt.want)
		}
	}
}

// TestClone: the arguments of clone(2) that are refused before anybody looks at what the flags mean.
func TestClone(t *testing.T) {
	a, e := Clone(&[6]uint64{unix.CLONE_VM | uint64(unix.SIGCHLD) | 1<<40, 1, 2, 3, 4})
	want := CloneArgs{Flags: unix.CLONE_VM, ExitSignal: uint64(unix.SIGCHLD), Stack: 1, ParentTID: 2, PidFD: 2, TLS: 3, ChildTID: 4}
	if a != want || e != 0 {
		t.Errorf("%+v, %v", a, e)
	}
	if _, e := Clone(&[6]uint64{unix.CLONE_PIDFD | unix.CLONE_PARENT_SETTID}); e != syscall.EINVAL {
		t.Error(e)
	}
}

// TestMmap: types of mappings, and the offset that mappings of no file do not have.
func TestMmap(t *testing.T) {
	for flags, want := range map[uint64]syscall.Errno{
		unix.MAP_PRIVATE: 0, unix.MAP_SHARED: 0, unix.MAP_SHARED_VALIDATE: 0, 0: syscall.EINVAL,
		unix.MAP_SHARED_VALIDATE | unix.MAP_ANONYMOUS: syscall.EINVAL, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS: 0,
	} {
		r, anonymous, e := Mmap(&[6]uint64{0, 4096, 3, flags, 0, 8192})
		if e != want || e == 0 && (r.Offset == 0) != anonymous {
			t.Errorf("flags %#x: %v, offset %d", flags, e, r.Offset)
		}
	}
}

//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOwnProcDir(t *testing.T) {
	p := &Process{tasks: map[int]*Task{}}
	pid := strconv.Itoa(p.Pid())
	p.tasks[p.Pid()] = nil
	const other = 7
	p.tasks[other] = &Task{}
	for dir, want := range map[string]int{
		"/proc/self":                0,
		"/proc/" + pid:              0,
		"/proc/7":                   other,
		"/proc/self/task/7":         other,
		"/proc/" + pid + "/task/7":  other,
		"/proc/thread-self":         unix.Gettid(),
		"/proc/self/task/8":         -1,
		"/proc/self/fd":             -1,
		"/proc/1":                   -1,
		"/proc/1/task/7":            -1,
		"/proc":                     -1,
		"/proc/sys/kernel":          -1,
		"/elsewhere/self":           -1,
		"/proc/thread-self/task/7":  -1,
		"/proc/self/task/7/task/7":  -1,
		"/proc/self/task/not-a-tid": -1,
	} {
		tid, ok := p.ownProcDir(dir)
		if ok != (want >= 0) || ok && tid != want && dir != "/proc/thread-self" {
			t.Errorf("ownProcDir(%q) = %d, %t", dir, tid, ok)
		}
	}
}

// dirent encodes a struct linux_dirent64.
func dirent(name string) []byte {
	n := (direntName + len(name) + 1 + 7) &^ 7
	b := make([]byte, n)
	binary.NativeEndian.PutUint16(b[direntReclen:], uint16(n))
	copy(b[direntName:], name)
	return b
}

func TestFilterEntries(t *testing.T) {
	var list, want []byte
	for _, name := range []string{".", "..", "0", "48", "2", "49"} {
		list = append(list, dirent(name)...)
		if len(name) != 2 || name == ".." {
			want = append(want, dirent(name)...)
		}
	}
	got := filterEntries(list, func(name string) bool { return name == "48" || name == "49" })
	if string(got) != string(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A snapshot can be read and sought, not written, and goes by the name it stands for.
func TestSnapshot(t *testing.T) {
	fd, err := snapshot("/proc/self/maps", []byte("contents"), unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	b := make([]byte, 20)
	if n, err := unix.Pread(fd, b, 3); err != nil || string(b[:n]) != "tents" {
		t.Errorf("Pread: %q, %v", b[:n], err)
	}
	if _, err := unix.Write(fd, []byte("x")); err != unix.EBADF {
		t.Errorf("Write: %v", err)
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags != unix.FD_CLOEXEC {
		t.Errorf("F_GETFD: %d, %v", flags, err)
	}
	if name, ok := snapshotName(fdPath(fd)); !ok || name != "/proc/self/maps" {
		t.Errorf("its name is %q", name)
	}
	if _, ok := snapshotName("/memfd:something (deleted)"); ok {
		t.Error("any memory file passes for a snapshot")
	}
}

//go:build linux && amd64

package linux

import (
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Snapshots stand for files of /proc that are written by hospes. A read from the
// beginning makes them anew, as the kernel does.

// snapshotPrefix is how the kernel names memory files in /proc/self/fd; snapshots
// are called like the file that they stand for.
const (
	snapshotPrefix = "/memfd:" + procDir
	deletedSuffix  = " (deleted)"
)

// snapshotName returns the name of the /proc file that a snapshot stands for,
// given where its link in /proc/self/fd leads to.
func snapshotName(target string) (string, bool) {
	if !strings.HasPrefix(target, snapshotPrefix) {
		return "", false
	}
	return strings.TrimSuffix(strings.TrimPrefix(target, "/memfd:"), deletedSuffix), true
}

// snapshot returns a descriptor, opened with flags, of a read-only file. Its number is
// the lowest that is free.
func snapshot(name string, content []byte, flags int) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return -1, err
	}
	if err := fillSnapshot(fd, content, flags); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// fillSnapshot writes the contents and opens the file anew, as the guest wants it.
func fillSnapshot(fd int, content []byte, flags int) error {
	for b := content; len(b) > 0; {
		n, err := unix.Write(fd, b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	if err := unix.Fchmod(fd, 0o444); err != nil {
		return err
	}
	reader, err := openTransient(func() (int, error) {
		return unix.Open("/proc/self/fd/"+strconv.Itoa(fd), flags&^unix.O_NOFOLLOW, 0)
	})
	if err != nil {
		return err
	}
	defer unix.Close(reader)
	return unix.Dup3(reader, fd, flags&unix.O_CLOEXEC)
}

// snapshotFiles knows the open snapshots.
type snapshotFiles struct {
	marks [maxMarked / 64]atomic.Uint64 // by descriptor: may be one
	mu    sync.Mutex                    // guards ids
	ids   map[fileID]string             // what they stand for in /proc, by the number of the process
}

// maxMarked is the end of the descriptors for which contents are kept up to date.
const maxMarked = 1024

// has reports whether fd may be a snapshot.
func (s *snapshotFiles) has(fd int) bool {
	return uint(fd) < maxMarked && s.marks[fd/64].Load()>>(fd%64)&1 != 0
}

func (s *snapshotFiles) add(fd int, name string) {
	var st unix.Stat_t
	if fd >= maxMarked || unix.Fstat(fd, &st) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil || len(s.ids) > maxMarked {
		s.ids = map[fileID]string{} // those that are forgotten stay as they are
	}
	s.ids[fileID{st.Dev, st.Ino}] = name
	s.marks[fd/64].Or(1 << (fd % 64))
}

// find returns what the open file fd stands for, if it is a snapshot.
func (s *snapshotFiles) find(fd int) (name string, ok bool) {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if name, ok = s.ids[fileID{st.Dev, st.Ino}]; !ok {
		s.marks[fd/64].And(^(uint64(1) << (fd % 64))) // another file by now
	}
	return name, ok
}

// refresh makes the contents of a snapshot anew if fd is one and what follows is a read
// from its beginning: at pos, or where the file is if current.
func (p *Process) refresh(fd int, current bool, pos uint64) {
	if current {
		at, err := unix.Seek(fd, 0, unix.SEEK_CUR)
		if err != nil {
			return
		}
		pos = uint64(at)
	}
	if pos != 0 {
		return
	}
	name, ok := p.files.snapshots.find(fd)
	if !ok {
		return
	}
	content, ok, err := p.procContent(name)
	if !ok || err != nil {
		return // the process has ended
	}
	_ = unix.Fchmod(fd, 0o600)
	w, err := openTransient(func() (int, error) {
		return unix.Open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_WRONLY|unix.O_TRUNC|unix.O_CLOEXEC, 0)
	})
	if err == nil {
		_, _ = unix.Write(w, content)
		_ = unix.Close(w)
	}
	_ = unix.Fchmod(fd, 0o444)
}

// absoluteProc returns the name of a file in /proc by the number of the process, which
// means the same in a child.
func (p *Process) absoluteProc(full string) string {
	dir, base := path.Split(full)
	tid, own := p.ownProcDir(path.Clean(dir))
	switch {
	case !own:
		return full
	case tid == 0:
		return procDir + "/" + strconv.Itoa(p.Pid()) + "/" + base
	}
	return procDir + "/" + strconv.Itoa(p.Pid()) + "/task/" + strconv.Itoa(tid) + "/" + base
}

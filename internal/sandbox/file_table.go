//go:build linux

package sandbox

import (
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// taskFiles is what a task has of files: descriptors (CLONE_FILES), and the working directory, root
// and umask (CLONE_FS), each of which tasks may share. The task itself changes it, with Kernel.mu held.
type taskFiles struct {
	fds *fdTable
	fs  *fsInfo
}

// fsInfo is the kernel's struct fs_struct.
type fsInfo struct {
	users atomic.Int32

	mu        sync.Mutex // guards what follows
	root, cwd vfs.Path
	umask     uint32
}

// fdTable are descriptors: the kernel's struct files_struct.
type fdTable struct {
	kf    *kernelFiles
	users atomic.Int32

	mu     sync.Mutex // guards what follows
	files  []descriptor
	lowest int // no descriptor below it is free
}

// descriptor is free if it has no file.
type descriptor struct {
	file    *vfs.File
	cloexec bool
}

func newFDTable(kf *kernelFiles) *fdTable {
	t := &fdTable{kf: kf}
	t.users.Store(1)
	return t
}

// clone is what a child gets: the parts that flags (CLONE_FILES, CLONE_FS) tell to share, and
// copies of the others. Task.leave releases it.
func (f *taskFiles) clone(flags uint64) taskFiles {
	child := *f
	if flags&unix.CLONE_FILES != 0 {
		f.fds.users.Add(1)
	} else {
		child.fds = f.fds.copy()
	}
	if flags&unix.CLONE_FS != 0 {
		f.fs.users.Add(1)
	} else {
		child.fs = f.fs.copy()
	}
	return child
}

func (i *fsInfo) copy() *fsInfo {
	i.mu.Lock()
	defer i.mu.Unlock()
	c := &fsInfo{root: i.root, cwd: i.cwd, umask: i.umask}
	c.users.Store(1)
	return c
}

// copy makes a table with the same files.
func (t *fdTable) copy() *fdTable {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := newFDTable(t.kf)
	c.files, c.lowest = slices.Clone(t.files), t.lowest
	n := 0
	for _, d := range c.files {
		if d.file != nil {
			d.file.Ref()
			n++
		}
	}
	t.kf.open.Add(int64(n)) // a fork does not fail for want of descriptors, but the next open does
	return c
}

// exec prepares for another program: nothing is shared any longer, and descriptors that are
// close-on-exec are closed.
func (f *taskFiles) exec() {
	f.unshareFDs()
	f.unshareFS()
	f.fds.closeWhere(func(_ int, d *descriptor) bool { return d.cloexec })
}

// set calls do to replace a part: other tasks may look at them, by /proc.
func (f *taskFiles) set(do func()) {
	k := f.fds.kf.k
	k.mu.Lock()
	defer k.mu.Unlock()
	do()
}

// unshareFDs gives the task descriptors of its own.
func (f *taskFiles) unshareFDs() {
	if f.fds.users.Load() > 1 {
		old, own := f.fds, f.fds.copy()
		f.set(func() { f.fds = own })
		old.release()
	}
}

// unshareFS gives the task a working directory, root and umask of its own.
func (f *taskFiles) unshareFS() {
	if f.fs.users.Load() > 1 {
		old, own := f.fs, f.fs.copy()
		f.set(func() { f.fs = own })
		old.users.Add(-1)
	}
}

// release is called when the task ends.
func (f *taskFiles) release() {
	f.fds.release()
	f.fs.users.Add(-1)
}

func (t *fdTable) release() {
	if t.users.Add(-1) == 0 {
		t.closeWhere(func(int, *descriptor) bool { return true })
	}
}

// closeWhere closes the descriptors that which selects.
func (t *fdTable) closeWhere(which func(fd int, d *descriptor) bool) {
	t.mu.Lock()
	var closed []*vfs.File
	for fd := range t.files {
		if d := &t.files[fd]; d.file != nil && which(fd, d) {
			closed = append(closed, d.file)
			*d = descriptor{}
			t.lowest = min(t.lowest, fd)
		}
	}
	t.mu.Unlock()
	for _, f := range closed {
		t.drop(f)
	}
}

// drop lets go of a file that has been a descriptor: with it go all locks that the process has on it (fcntl(2)).
func (t *fdTable) drop(f *vfs.File) {
	t.kf.open.Add(-1)
	f.Unlock(t)
	f.Unref()
}

// add makes f the lowest descriptor that is free and not below from. The table has the caller's reference
// then, and in case of an error, nobody.
func (t *fdTable) add(f *vfs.File, from int, cloexec bool) (int, syscall.Errno) {
	return t.addLimited(f, from, cloexec, maxDescriptor)
}

// maxDescriptor is more than any descriptor (fs.nr_open).
const maxDescriptor = 1 << 20

func (t *fdTable) addLimited(f *vfs.File, from int, cloexec bool, limit uint64) (int, syscall.Errno) {
	t.mu.Lock()
	fd := max(from, t.lowest)
	for fd < len(t.files) && t.files[fd].file != nil {
		fd++
	}
	if uint64(fd) >= min(limit, maxDescriptor) || !t.kf.another() {
		t.mu.Unlock()
		f.Unref()
		return -1, syscall.EMFILE
	}
	if from <= t.lowest {
		t.lowest = fd + 1
	}
	t.put(fd, descriptor{f, cloexec})
	t.mu.Unlock()
	return fd, 0
}

// another counts a descriptor, unless there are too many.
func (kf *kernelFiles) another() bool {
	if kf.open.Add(1) > int64(kf.cfg.Descriptors) {
		kf.open.Add(-1)
		return false
	}
	return true
}

// put sets a descriptor; mu is held.
func (t *fdTable) put(fd int, d descriptor) {
	if fd >= len(t.files) {
		t.files = append(t.files, make([]descriptor, fd+1-len(t.files))...)
	}
	t.files[fd] = d
}

// get returns the file of a descriptor with a reference added, or nil.
func (t *fdTable) get(fd int) *vfs.File {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := t.at(fd); d != nil {
		return d.file.Ref()
	}
	return nil
}

// at is a descriptor that is not free, or nil; mu is held.
func (t *fdTable) at(fd int) *descriptor {
	if fd < 0 || fd >= len(t.files) || t.files[fd].file == nil {
		return nil
	}
	return &t.files[fd]
}

// list has the descriptors, in ascending order.
func (t *fdTable) list() (fds []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for fd := range t.files {
		if t.files[fd].file != nil {
			fds = append(fds, fd)
		}
	}
	return fds
}

// anyFile returns the file of a descriptor, which the caller has to Unref. With O_PATH, there is not much
// that can be done with it.
func (t *Task) anyFile(fd int) (*vfs.File, syscall.Errno) {
	if f := t.files.fds.get(fd); f != nil {
		return f, 0
	}
	return nil, syscall.EBADF
}

// file is anyFile, but for files that were opened with O_PATH: those are EBADF.
func (t *Task) file(fd int) (*vfs.File, syscall.Errno) {
	f, e := t.anyFile(fd)
	if e == 0 && f.Handle == nil {
		f.Unref()
		return nil, syscall.EBADF
	}
	return f, e
}

// install makes f a descriptor, as open(2) does. It takes over the caller's reference.
func (t *Task) install(f *vfs.File, cloexec bool) (uint64, syscall.Errno) {
	fd, e := t.files.fds.addLimited(f, 0, cloexec, t.limit(unix.RLIMIT_NOFILE))
	return uint64(fd), e
}

// limit is a soft resource limit.
func (t *Task) limit(resource int) uint64 {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	return t.P.limits[resource].Cur
}

// installPair makes descriptors of two files and writes them to guest memory, as pipe2(2) does.
func (t *Task) installPair(addr uint64, a, b *vfs.File, cloexec bool) syscall.Errno {
	first, e := t.install(a, cloexec)
	if e != 0 {
		b.Unref()
		return e
	}
	second, e := t.install(b, cloexec)
	if e != 0 {
		t.closeFD(int(first))
		return e
	}
	if e := t.writeObject(addr, [2]int32{int32(first), int32(second)}); e != 0 {
		t.closeFD(int(first))
		t.closeFD(int(second))
		return e
	}
	return 0
}

// closeFD is close(2).
func (t *Task) closeFD(fd int) syscall.Errno {
	fds := t.files.fds
	fds.mu.Lock()
	d := fds.at(fd)
	if d == nil {
		fds.mu.Unlock()
		return syscall.EBADF
	}
	f := d.file
	*d = descriptor{}
	fds.lowest = min(fds.lowest, fd)
	fds.mu.Unlock()
	fds.drop(f)
	return 0
}

func sysClose(t *Task, c *Call) (uint64, syscall.Errno) { return 0, t.closeFD(c.Int(0)) }

// Flags of close_range(2).
const (
	closeRangeUnshare = 2
	closeRangeCloexec = 4
)

func sysCloseRange(t *Task, c *Call) (uint64, syscall.Errno) {
	first, last, flags := c.Uint(0), c.Uint(1), c.Uint(2)
	if first > last || flags&^(closeRangeUnshare|closeRangeCloexec) != 0 {
		return 0, syscall.EINVAL
	}
	if flags&closeRangeUnshare != 0 {
		t.files.unshareFDs()
	}
	t.files.fds.closeWhere(func(fd int, d *descriptor) bool {
		within := uint32(fd) >= first && uint32(fd) <= last
		if within && flags&closeRangeCloexec != 0 {
			d.cloexec = true
			return false
		}
		return within
	})
	return 0, 0
}

func sysDup(t *Task, c *Call) (uint64, syscall.Errno) {
	f, e := t.anyFile(c.Int(0))
	if e != 0 {
		return 0, e
	}
	return t.install(f, false)
}

func sysDup3(t *Task, c *Call) (uint64, syscall.Errno) {
	from, to, flags := c.Int(0), c.Int(1), c.Int(2)
	switch {
	case flags&^vfs.O_CLOEXEC != 0 || from == to:
		return 0, syscall.EINVAL
	case to < 0 || uint64(to) >= min(t.limit(unix.RLIMIT_NOFILE), maxDescriptor):
		return 0, syscall.EBADF
	}
	f, e := t.anyFile(from)
	if e != 0 {
		return 0, e
	}
	fds := t.files.fds
	fds.mu.Lock()
	var old *vfs.File
	if d := fds.at(to); d != nil {
		old = d.file
	} else if !fds.kf.another() {
		fds.mu.Unlock()
		f.Unref()
		return 0, syscall.EMFILE
	}
	fds.put(to, descriptor{f, flags&vfs.O_CLOEXEC != 0})
	fds.mu.Unlock()
	if old != nil {
		fds.kf.open.Add(1) // the count stays what it is: drop takes one away
		fds.drop(old)
	}
	return uint64(to), 0
}

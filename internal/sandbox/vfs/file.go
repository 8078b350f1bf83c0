//go:build linux

package vfs

import (
	"math"
	"sync"
	"sync/atomic"
	"syscall"
)

// Handle is what a file system gives for an open file. It never blocks, but for disks:
// where Linux would wait, it answers EAGAIN, and Queue wakes when Poll may have changed.
// The access mode has been checked before.
type Handle interface {
	// Read reads from offset off, which streams ignore; 0 bytes are the end of the file.
	Read(b []byte, off int64) (int, Errno)
	Write(b []byte, off int64) (int, Errno)
	Poll() Events
	// Queue is nil if Poll never changes.
	Queue() *Queue
	// Close is called once, when nobody uses the handle any more.
	Close()
}

// What handles can do besides.
type (
	// stream is a Handle without a position: pipes, sockets, terminals.
	stream interface{ Stream() }
	// sized has attributes of its own: of the open file, whatever its name has become.
	sized interface {
		Attr() (Attr, Errno)
		SetAttr(c *Change) Errno
	}
	// appender writes at the end, wherever that is now, and returns the new end.
	appender interface {
		Append(b []byte) (n int, end int64, e Errno)
	}
	// syncer waits until what was written is safe.
	syncer interface{ Sync() Errno }
	// allocator is fallocate(2). Offset and length have been checked.
	allocator interface {
		Allocate(mode uint32, off, n int64) Errno
	}
	// holes finds data and holes: whence is SEEK_DATA or SEEK_HOLE.
	holes interface {
		SeekHole(off int64, whence int) (int64, Errno)
	}
	// mapped has a descriptor of the host that its bytes can be mapped from.
	mapped interface{ MapFD() (int, Errno) }
)

// File is an open file description: what descriptors refer to. Handle is nil if it was
// opened with O_PATH.
type File struct {
	Path   Path
	Handle Handle

	flags atomic.Int64
	refs  atomic.Int32
	locks atomic.Bool // it may hold locks
	// pinned is the Node if the Handle has no attributes of its own.
	pinned pinned

	mu      sync.Mutex // guards what follows, and is held over calls that move off
	closers map[any]func()
	off     atomic.Int64 // may be read without mu
	entries []Dirent     // of a directory: what reading goes through
}

// newFile makes a file with one reference.
func newFile(p Path, h Handle, flags int) *File {
	f := &File{Path: p, Handle: h}
	if _, ok := h.(sized); !ok {
		if f.pinned, ok = p.Node().(pinned); ok {
			f.pinned.Pin()
		}
	}
	f.refs.Store(1)
	f.flags.Store(int64(flags &^ (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)))
	return f
}

// OpenHandle makes an open file of a handle that is in no file system, with one reference.
func OpenHandle(h Handle, n Node, name string, flags int) *File {
	return newFile(Anonymous(n, name), h, flags)
}

// Ref adds a reference.
func (f *File) Ref() *File { f.refs.Add(1); return f }

// Unref takes one away; the last one closes the file.
func (f *File) Unref() {
	if f.refs.Add(-1) != 0 {
		return
	}
	if f.locks.Load() {
		f.unlockAll()
	}
	f.mu.Lock()
	closers := f.closers
	f.closers = nil
	f.mu.Unlock()
	for _, do := range closers {
		do()
	}
	if f.Handle != nil {
		f.Handle.Close()
	}
	if f.pinned != nil {
		f.pinned.Unpin()
	}
}

// OnClose has do called when the file is closed, unless NotOnClose is called with the same key before.
func (f *File) OnClose(key any, do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closers == nil {
		f.closers = map[any]func(){}
	}
	f.closers[key] = do
}

// NotOnClose undoes OnClose.
func (f *File) NotOnClose(key any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.closers, key)
}

// Flags are the flags that the file was opened with, as F_GETFL has them.
func (f *File) Flags() int { return int(f.flags.Load()) }

// SetFlags is F_SETFL: it changes O_APPEND, O_NONBLOCK, O_DIRECT, O_NOATIME and O_ASYNC.
func (f *File) SetFlags(flags int) {
	const settable = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | O_ASYNC
	f.flags.Store(f.flags.Load()&^settable | int64(flags&settable))
}

// Nonblocking reports whether calls that would wait shall fail instead.
func (f *File) Nonblocking() bool { return f.Flags()&O_NONBLOCK != 0 }

func (f *File) mayRead() Errno {
	if f.Handle == nil || f.Flags()&O_ACCMODE == O_WRONLY {
		return syscall.EBADF
	}
	if f.Path.IsDir() {
		return syscall.EISDIR
	}
	return 0
}

func (f *File) mayWrite() Errno {
	if acc := f.Flags() & O_ACCMODE; f.Handle == nil || acc != O_WRONLY && acc != O_RDWR {
		return syscall.EBADF
	}
	return 0
}

// IsStream reports whether the file has no position.
func (f *File) IsStream() bool { _, ok := f.Handle.(stream); return ok }

// Read reads from where the file is, and moves on.
func (f *File) Read(b []byte) (int, Errno) {
	if e := f.mayRead(); e != 0 {
		return 0, e
	}
	if f.IsStream() {
		return f.Handle.Read(b, 0)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n, e := f.Handle.Read(b, f.off.Load())
	f.off.Add(int64(n))
	return n, e
}

// Write writes where the file is, or at the end with O_APPEND, and moves on.
func (f *File) Write(b []byte) (int, Errno) {
	if e := f.mayWrite(); e != 0 {
		return 0, e
	}
	if f.IsStream() {
		return f.Handle.Write(b, 0)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Flags()&O_APPEND != 0 {
		n, end, e := f.append(b)
		if n > 0 {
			f.off.Store(end)
		}
		return n, e
	}
	n, e := f.Handle.Write(b, f.off.Load())
	f.off.Add(int64(n))
	return n, e
}

// append writes at the end, and returns where that is then.
func (f *File) append(b []byte) (int, int64, Errno) {
	if a, ok := f.Handle.(appender); ok {
		return a.Append(b)
	}
	n, e := f.Handle.Write(b, f.off.Load())
	return n, f.off.Load() + int64(n), e
}

// Pread reads at an offset.
func (f *File) Pread(b []byte, off int64) (int, Errno) {
	if e := f.positioned(f.mayRead(), off); e != 0 {
		return 0, e
	}
	return f.Handle.Read(b, off)
}

// Pwrite writes at an offset; with O_APPEND, at the end all the same (pwrite(2), BUGS).
func (f *File) Pwrite(b []byte, off int64) (int, Errno) {
	if e := f.positioned(f.mayWrite(), off); e != 0 {
		return 0, e
	}
	if f.Flags()&O_APPEND != 0 {
		n, _, e := f.append(b)
		return n, e
	}
	return f.Handle.Write(b, off)
}

// positioned checks that a call with an offset may be made; access is what speaks
// against it otherwise.
func (f *File) positioned(access Errno, off int64) Errno {
	switch {
	case off < 0:
		return syscall.EINVAL
	case f.Handle == nil:
		return syscall.EBADF
	case f.IsStream():
		return syscall.ESPIPE
	}
	return access
}

// Attr is fstat(2).
func (f *File) Attr() (Attr, Errno) {
	if s, ok := f.Handle.(sized); ok {
		a, e := s.Attr()
		a.Dev = f.Path.dev()
		return a, e
	}
	return f.Path.Attr()
}

// Set is fchmod(2), fchown(2), futimens(3).
func (f *File) Set(c *Caller, ch Change, touch bool) Errno {
	if f.Path.readOnly() {
		return syscall.EROFS
	}
	a, e := f.Attr()
	if e != 0 {
		return e
	}
	if e := c.maySet(&a, &ch, touch); e != 0 {
		return e
	}
	if s, ok := f.Handle.(sized); ok {
		return s.SetAttr(&ch)
	}
	return f.Path.Node().SetAttr(&ch)
}

// Truncate is ftruncate(2).
func (f *File) Truncate(c *Caller, size int64) Errno {
	switch {
	case size < 0:
		return syscall.EINVAL
	case f.Handle == nil:
		return syscall.EBADF
	case f.Path.Node().Type() != S_IFREG || f.mayWrite() != 0:
		return syscall.EINVAL
	}
	ch := c.truncation(f.Path, size)
	if s, ok := f.Handle.(sized); ok {
		return s.SetAttr(ch)
	}
	return f.Path.Node().SetAttr(ch)
}

// Values of whence in lseek(2).
const (
	SeekSet = iota
	SeekCur
	SeekEnd
	SeekData
	SeekHole
)

// Lseek is lseek(2).
func (f *File) Lseek(off int64, whence int) (int64, Errno) {
	switch {
	case f.Handle == nil:
		return 0, syscall.EBADF
	case whence < SeekSet || whence > SeekHole:
		return 0, syscall.EINVAL
	case f.IsStream():
		return 0, syscall.ESPIPE
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	to, e := f.seekTo(off, whence)
	if e != 0 {
		return 0, e
	}
	if to < 0 {
		return 0, syscall.EINVAL
	}
	if to == 0 && f.Path.IsDir() {
		f.entries = nil // read anew
	}
	f.off.Store(to)
	return to, 0
}

// seekTo is where lseek leads.
func (f *File) seekTo(off int64, whence int) (int64, Errno) {
	switch whence {
	case SeekSet:
		return off, 0
	case SeekCur:
		if off > math.MaxInt64-f.off.Load() {
			return 0, syscall.EOVERFLOW
		}
		return f.off.Load() + off, 0
	}
	if f.Path.Node().Type() != S_IFREG {
		if whence == SeekEnd && !f.Path.IsDir() {
			return off, 0 // a device without a size
		}
		return 0, syscall.EINVAL
	}
	a, e := f.Attr()
	if e != 0 {
		return 0, e
	}
	switch h, ok := f.Handle.(holes); {
	case whence == SeekEnd:
		return a.Size + off, 0
	case off < 0 || off >= a.Size:
		return 0, syscall.ENXIO
	case ok:
		return h.SeekHole(off, whence)
	case whence == SeekData:
		return off, 0
	}
	return a.Size, 0
}

// Sync is fsync(2).
func (f *File) Sync() Errno {
	switch h := f.Handle.(type) {
	case nil:
		return syscall.EBADF
	case syncer:
		return h.Sync()
	}
	if typ := f.Path.Node().Type(); typ == S_IFREG || typ == S_IFDIR {
		return 0
	}
	return syscall.EINVAL
}

// Modes of fallocate(2).
const (
	FallocKeepSize  = 0x01
	FallocPunchHole = 0x02
	FallocZeroRange = 0x10
)

// Allocate is fallocate(2).
func (f *File) Allocate(mode uint32, off, n int64) Errno {
	switch {
	case f.Handle == nil:
		return syscall.EBADF
	case off < 0 || n <= 0:
		return syscall.EINVAL
	case mode&^(FallocKeepSize|FallocPunchHole|FallocZeroRange) != 0:
		return syscall.EOPNOTSUPP
	case mode&FallocPunchHole != 0 && mode != FallocPunchHole|FallocKeepSize:
		return syscall.EOPNOTSUPP
	case f.mayWrite() != 0:
		return syscall.EBADF
	case f.IsStream():
		return syscall.ESPIPE
	case f.Path.Node().Type() != S_IFREG:
		return syscall.ENODEV
	case off > math.MaxInt64-n:
		return syscall.EFBIG
	}
	a, ok := f.Handle.(allocator)
	if !ok {
		return syscall.EOPNOTSUPP
	}
	return a.Allocate(mode, off, n)
}

// Poll is what the file is ready for.
func (f *File) Poll() Events {
	if f.Handle == nil {
		return POLLNVAL
	}
	return f.Handle.Poll()
}

// Queue is who waits for the file; nil if it is always ready.
func (f *File) Queue() *Queue {
	if f.Handle == nil {
		return nil
	}
	return f.Handle.Queue()
}

// MapFD is a descriptor of the host that the file can be mapped from; it belongs to the
// file, and is good as long as a reference to that is held. ENODEV: it cannot be mapped;
// EOPNOTSUPP: its bytes have to be copied.
func (f *File) MapFD() (int, Errno) {
	switch h := f.Handle.(type) {
	case nil:
		return -1, syscall.EBADF
	case mapped:
		return h.MapFD()
	case *ioHandle:
		return -1, syscall.EOPNOTSUPP
	}
	return -1, syscall.ENODEV
}

// ready is embedded by handles that never make anybody wait.
type ready struct{}

func (ready) Poll() Events  { return POLLIN | POLLOUT }
func (ready) Queue() *Queue { return nil }
func (ready) Close()        {}

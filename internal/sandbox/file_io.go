//go:build linux

package sandbox

import (
	"math"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// Reading and writing. Bytes go through a buffer of hospes's: guest memory may change, or vanish,
// at any time.

const (
	ioChunk  = 256 << 10  // bytes that are moved at a time
	maxIO    = 0x7ffff000 // bytes that one call moves at most (MAX_RW_COUNT)
	maxIovec = 1024       // UIO_MAXIOV
)

// buffers are for small and medium calls.
var buffers = sync.Pool{New: func() any { return new([16 << 10]byte) }}

// withBuffer calls f with a buffer of n bytes.
func withBuffer(n uint64, f func(b []byte) (uint64, syscall.Errno)) (uint64, syscall.Errno) {
	if n > 16<<10 {
		return f(make([]byte, n))
	}
	b := buffers.Get().(*[16 << 10]byte)
	defer buffers.Put(b)
	return f(b[:n])
}

// await calls try until it says something else than EAGAIN. In between the task sleeps until f may be ready
// for ev. A file that is not to block lets it be EAGAIN.
func (t *Task) await(f *vfs.File, ev vfs.Events, until int64, try func() syscall.Errno) syscall.Errno {
	e := try()
	if e != syscall.EAGAIN || f.Nonblocking() {
		return e
	}
	w := vfs.Waiter{Events: ev, Wake: t.Wake}
	q := f.Queue()
	q.Add(&w)
	defer q.Remove(&w)
	for {
		if e := try(); e != syscall.EAGAIN {
			return e
		}
		if e := t.sleep(until); e != 0 {
			return e
		}
	}
}

// iovec is struct iovec.
type iovec struct{ Base, Len uint64 }

// readIovecs reads an array of n struct iovec. All lengths together are at most maxIO.
func (t *Task) readIovecs(addr, n uint64) ([]iovec, syscall.Errno) {
	if n > maxIovec {
		return nil, syscall.EINVAL
	}
	list := make([]iovec, n)
	if e := t.readObject(addr, list); e != 0 {
		return nil, e
	}
	left := uint64(maxIO)
	for i := range list {
		if list[i].Len > math.MaxInt64 {
			return nil, syscall.EINVAL
		}
		list[i].Len = min(list[i].Len, left)
		left -= list[i].Len
	}
	return list, 0
}

// one is a buffer argument as an iovec.
func one(addr, n uint64) []iovec { return []iovec{{addr, min(n, maxIO)}} }

func total(list []iovec) (n uint64) {
	for _, v := range list {
		n += v.Len
	}
	return n
}

// skip drops the first n bytes of a list.
func skip(list []iovec, n uint64) []iovec {
	for len(list) > 0 && n >= list[0].Len {
		n -= list[0].Len
		list = list[1:]
	}
	if n > 0 {
		list = append([]iovec{{list[0].Base + n, list[0].Len - n}}, list[1:]...)
	}
	return list
}

// scatter writes b to the memory of list. n is how many bytes got there before a fault.
func (t *Task) scatter(list []iovec, b []byte) (n int, e syscall.Errno) {
	for _, v := range list {
		part := b[:min(v.Len, uint64(len(b)))]
		if f := t.Mem.CopyOut(v.Base, part); f != nil {
			k := f.Addr - v.Base
			if k >= uint64(len(part)) || t.Mem.CopyOut(v.Base, part[:k]) != nil {
				k = 0
			}
			return n + int(k), syscall.EFAULT
		}
		n += len(part)
		b = b[len(part):]
	}
	return n, 0
}

// gather fills b from the memory of list. n is how many bytes were there before a fault.
func (t *Task) gather(list []iovec, b []byte) (n int, e syscall.Errno) {
	for _, v := range list {
		part := b[:min(v.Len, uint64(len(b)))]
		if f := t.Mem.CopyIn(part, v.Base); f != nil {
			k := f.Addr - v.Base
			if k >= uint64(len(part)) || t.Mem.CopyIn(part[:k], v.Base) != nil {
				k = 0
			}
			return n + int(k), syscall.EFAULT
		}
		n += len(part)
		b = b[len(part):]
	}
	return n, 0
}

// readFile reads to guest memory: from the file's position if off is -1.
func (t *Task) readFile(f *vfs.File, list []iovec, off int64) (uint64, syscall.Errno) {
	size := total(list)
	if f.IsStream() {
		size = min(size, ioChunk) // what has been read is not to wait for more
	}
	return inChunks(list, size, func(list []iovec, b []byte, done uint64) (n int, e syscall.Errno) {
		e = t.await(f, vfs.POLLIN, never, func() (e syscall.Errno) {
			if off < 0 {
				n, e = f.Read(b)
			} else {
				n, e = f.Pread(b, off+int64(done))
			}
			return e
		})
		if e != 0 {
			return n, e
		}
		k, e := t.scatter(list, b[:n])
		if k < n && off < 0 && !f.IsStream() {
			_, _ = f.Lseek(int64(k-n), vfs.SeekCur) // the rest has not been read
		}
		return k, e
	})
}

// writeFile writes from guest memory: at the file's position if off is -1.
func (t *Task) writeFile(f *vfs.File, list []iovec, off int64) (uint64, syscall.Errno) {
	size, e := t.withinFileSize(f, total(list), off)
	if e != 0 {
		return 0, e
	}
	return inChunks(list, size, func(list []iovec, b []byte, done uint64) (n int, e syscall.Errno) {
		n, fault := t.gather(list, b)
		if fault != 0 && (n == 0 || f.IsStream()) {
			return 0, fault
		}
		at := off
		if off >= 0 {
			at += int64(done)
		}
		k, e := t.writeAll(f, b[:n], at)
		if e == 0 {
			e = fault
		}
		return k, e
	})
}

// writeAll writes all of b, waiting for room; if the file is not to block, what there is room for.
func (t *Task) writeAll(f *vfs.File, b []byte, off int64) (done int, e syscall.Errno) {
	for {
		n := 0
		e = t.await(f, vfs.POLLOUT, never, func() (e syscall.Errno) {
			if off < 0 {
				n, e = f.Write(b[done:])
			} else {
				n, e = f.Pwrite(b[done:], off+int64(done))
			}
			return e
		})
		if e == syscall.EPIPE {
			t.raise(unix.SIGPIPE)
		}
		if done += n; e != 0 || n == 0 || done == len(b) || t.dying() {
			return done, e
		}
	}
}

// dying reports whether the process is about to end: calls that move much do not go on then.
func (t *Task) dying() bool {
	if !t.interrupted() {
		return false
	}
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	return t.P.ending
}

// inChunks calls move for size bytes of list, a part at a time, until it fails or moves less than it could. What has been
// moved before counts more than an error.
func inChunks(list []iovec, size uint64, move func(list []iovec, b []byte, done uint64) (int, syscall.Errno)) (uint64, syscall.Errno) {
	done := uint64(0)
	for {
		chunk := min(size-done, ioChunk)
		n := 0
		_, e := withBuffer(chunk, func(b []byte) (_ uint64, e syscall.Errno) {
			n, e = move(list, b, done)
			return 0, e
		})
		done += uint64(n)
		if e != 0 || uint64(n) < chunk || done == size {
			if done > 0 {
				e = 0
			}
			return done, e
		}
		list = skip(list, uint64(n))
	}
}

// withinFileSize is how many of n bytes may be written within RLIMIT_FSIZE: beyond it there is
// SIGXFSZ, and EFBIG.
func (t *Task) withinFileSize(f *vfs.File, n uint64, off int64) (uint64, syscall.Errno) {
	limit := t.limit(unix.RLIMIT_FSIZE)
	if limit == math.MaxUint64 || n == 0 || f.Path.Node().Type() != vfs.S_IFREG {
		return n, 0
	}
	if off < 0 {
		off, _ = f.Lseek(0, vfs.SeekCur)
	}
	if f.Flags()&vfs.O_APPEND != 0 {
		if a, e := f.Attr(); e == 0 {
			off = a.Size
		}
	}
	if uint64(off) >= limit {
		t.raise(unix.SIGXFSZ)
		return 0, syscall.EFBIG
	}
	return min(n, limit-uint64(off)), 0
}

// raise sends the task a signal for what it does.
func (t *Task) raise(sig syscall.Signal) {
	info := newInfo(int(sig), siKernel)
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	_ = t.P.send(t, &info)
}

// transfer is what read(2), pwritev2(2) and those in between have in common.
func (t *Task) transfer(fd int, list []iovec, off int64, write bool) (uint64, syscall.Errno) {
	f, e := t.file(fd)
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	if write {
		return t.writeFile(f, list, off)
	}
	return t.readFile(f, list, off)
}

func sysRead(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.transfer(c.Int(0), one(c.Args[1], c.Args[2]), -1, false)
}

func sysWrite(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.transfer(c.Int(0), one(c.Args[1], c.Args[2]), -1, true)
}

// transferAt is for calls with an offset.
func (t *Task) transferAt(fd int, list []iovec, off int64, write bool) (uint64, syscall.Errno) {
	if off < 0 {
		return 0, syscall.EINVAL
	}
	return t.transfer(fd, list, off, write)
}

func sysPread64(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.transferAt(c.Int(0), one(c.Args[1], c.Args[2]), int64(c.Args[3]), false)
}

func sysPwrite64(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.transferAt(c.Int(0), one(c.Args[1], c.Args[2]), int64(c.Args[3]), true)
}

// vectored makes the handler of readv(2) or writev(2).
func vectored(write bool) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		list, e := t.readIovecs(c.Args[1], c.Args[2])
		if e != 0 {
			return 0, e
		}
		return t.transfer(c.Int(0), list, -1, write)
	}
}

// vectoredAt makes the handler of preadv(2) or pwritev(2).
func vectoredAt(write bool) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		list, e := t.readIovecs(c.Args[1], c.Args[2])
		if e != 0 {
			return 0, e
		}
		return t.transferAt(c.Int(0), list, int64(c.Args[3]), write)
	}
}

// Flags of preadv2(2).
const (
	rwfHipri = 0x01
	rwfDsync = 0x02
	rwfSync  = 0x04
)

// vectoredAt2 makes the handler of preadv2(2) or pwritev2(2): with an offset of -1, the file's position counts.
func vectoredAt2(write bool) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		if c.Uint(5)&^(rwfHipri|rwfDsync|rwfSync) != 0 { // others would need the file system's help
			return 0, syscall.EOPNOTSUPP
		}
		list, e := t.readIovecs(c.Args[1], c.Args[2])
		if e != 0 {
			return 0, e
		}
		if off := int64(c.Args[3]); off != -1 {
			return t.transferAt(c.Int(0), list, off, write)
		}
		return t.transfer(c.Int(0), list, -1, write)
	}
}

func sysLseek(t *Task, c *Call) (uint64, syscall.Errno) {
	f, e := t.file(c.Int(0))
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	off, e := f.Lseek(int64(c.Args[1]), c.Int(2))
	return uint64(off), e
}

// sysFsync is fsync(2) and fdatasync(2).
func sysFsync(t *Task, c *Call) (uint64, syscall.Errno) {
	f, e := t.file(c.Int(0))
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	return 0, f.Sync()
}

func sysSyncFileRange(t *Task, c *Call) (uint64, syscall.Errno) {
	if int64(c.Args[1]) < 0 || int64(c.Args[2]) < 0 || c.Uint(3)&^7 != 0 {
		return 0, syscall.EINVAL
	}
	f, e := t.file(c.Int(0))
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	if f.IsStream() {
		return 0, syscall.ESPIPE
	}
	return 0, f.Sync()
}

func sysFallocate(t *Task, c *Call) (uint64, syscall.Errno) {
	f, e := t.anyFile(c.Int(0))
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	return 0, f.Allocate(c.Uint(1), int64(c.Args[2]), int64(c.Args[3]))
}

func sysFadvise64(t *Task, c *Call) (uint64, syscall.Errno) {
	f, e := t.file(c.Int(0))
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	switch {
	case f.Path.Node().Type() == vfs.S_IFIFO:
		return 0, syscall.ESPIPE
	case int64(c.Args[2]) < 0 || c.Uint(3) > 5:
		return 0, syscall.EINVAL
	}
	return 0, 0
}

func sysReadahead(t *Task, c *Call) (uint64, syscall.Errno) {
	f, e := t.file(c.Int(0))
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	if f.Path.Node().Type() != vfs.S_IFREG {
		return 0, syscall.EINVAL
	}
	return 0, 0
}

// mover moves bytes from one file to another, from and to offsets, or the files' positions where those are nil. It stops
// where less than n can be read or written.
type mover struct {
	from, to     *vfs.File
	fromAt, toAt *int64
	waitFrom     bool // wait for the first bytes
}

func (t *Task) move(m *mover, n uint64) (done uint64, e syscall.Errno) {
	for done < n {
		chunk := min(n-done, 64<<10)
		k := uint64(0)
		k, e = withBuffer(chunk, func(b []byte) (uint64, syscall.Errno) { return t.moveChunk(m, b, done == 0) })
		done += k
		if k < chunk || e != 0 || t.dying() {
			break
		}
	}
	if done > 0 {
		e = 0
	}
	return done, e
}

func (t *Task) moveChunk(m *mover, b []byte, first bool) (uint64, syscall.Errno) {
	n := 0
	read := func() (e syscall.Errno) {
		if m.fromAt != nil {
			n, e = m.from.Pread(b, *m.fromAt)
		} else {
			n, e = m.from.Read(b)
		}
		return e
	}
	e := read()
	if e == syscall.EAGAIN && first && m.waitFrom {
		e = t.await(m.from, vfs.POLLIN, never, read)
	}
	if e != 0 || n == 0 {
		return 0, e
	}
	off := int64(-1)
	if m.toAt != nil {
		off = *m.toAt
	}
	k, e := t.writeAll(m.to, b[:n], off)
	if m.fromAt != nil {
		*m.fromAt += int64(k)
	} else if k < n && !m.from.IsStream() {
		_, _ = m.from.Lseek(int64(k-n), vfs.SeekCur)
	}
	if m.toAt != nil {
		*m.toAt += int64(k)
	}
	return uint64(k), e
}

// offsetArg reads an offset argument that is a pointer to one, or null.
func (t *Task) offsetArg(addr uint64) (*int64, syscall.Errno) {
	if addr == 0 {
		return nil, 0
	}
	var off int64
	if e := t.readObject(addr, &off); e != 0 {
		return nil, e
	}
	if off < 0 {
		return nil, syscall.EINVAL
	}
	return &off, 0
}

// moveBetween is what sendfile(2), copy_file_range(2) and splice(2) have in common. Addresses of offsets are of guest
// memory, or 0.
func (t *Task) moveBetween(m *mover, fromFD, toFD int, fromAddr, toAddr, n uint64, check func() syscall.Errno) (uint64, syscall.Errno) {
	var e syscall.Errno
	if m.from, e = t.file(fromFD); e != 0 {
		return 0, e
	}
	defer m.from.Unref()
	if m.to, e = t.file(toFD); e != 0 {
		return 0, e
	}
	defer m.to.Unref()
	if m.fromAt, e = t.offsetArg(fromAddr); e != 0 {
		return 0, e
	}
	if m.toAt, e = t.offsetArg(toAddr); e != 0 {
		return 0, e
	}
	if e := check(); e != 0 {
		return 0, e
	}
	done, e := t.move(m, min(n, maxIO))
	for _, o := range []struct {
		addr uint64
		at   *int64
	}{{fromAddr, m.fromAt}, {toAddr, m.toAt}} {
		if o.at != nil {
			if e := t.writeObject(o.addr, *o.at); e != 0 {
				return 0, e
			}
		}
	}
	return done, e
}

func sysSendfile(t *Task, c *Call) (uint64, syscall.Errno) {
	m := &mover{waitFrom: true}
	return t.moveBetween(m, c.Int(1), c.Int(0), c.Args[2], 0, c.Args[3], func() syscall.Errno {
		switch {
		case m.to.Flags()&vfs.O_APPEND != 0:
			return syscall.EINVAL
		case m.fromAt != nil && m.from.IsStream():
			return syscall.ESPIPE
		}
		return 0
	})
}

func sysCopyFileRange(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Uint(5) != 0 {
		return 0, syscall.EINVAL
	}
	m := &mover{}
	return t.moveBetween(m, c.Int(0), c.Int(2), c.Args[1], c.Args[3], c.Args[4], func() syscall.Errno {
		for _, f := range []*vfs.File{m.from, m.to} {
			switch f.Path.Node().Type() {
			case vfs.S_IFREG:
			case vfs.S_IFDIR:
				return syscall.EISDIR
			default:
				return syscall.EINVAL
			}
		}
		if m.to.Flags()&vfs.O_APPEND != 0 {
			return syscall.EBADF
		}
		if m.from.Path.FS() == m.to.Path.FS() && m.from.Path.Node().Ino() == m.to.Path.Node().Ino() {
			return m.overlap(c.Args[4])
		}
		return 0
	})
}

// overlap refuses to copy a part of a file over itself.
func (m *mover) overlap(n uint64) syscall.Errno {
	from, _ := m.from.Lseek(0, vfs.SeekCur)
	to, _ := m.to.Lseek(0, vfs.SeekCur)
	if m.fromAt != nil {
		from = *m.fromAt
	}
	if m.toAt != nil {
		to = *m.toAt
	}
	if size := int64(min(n, maxIO)); from < to+size && to < from+size && size > 0 {
		return syscall.EINVAL
	}
	return 0
}

// spliceNonblock is SPLICE_F_NONBLOCK.
const spliceNonblock = 2

func sysSplice(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Uint(5)&^0xf != 0 {
		return 0, syscall.EINVAL
	}
	m := &mover{waitFrom: c.Uint(5)&spliceNonblock == 0}
	return t.moveBetween(m, c.Int(0), c.Int(2), c.Args[1], c.Args[3], c.Args[4], func() syscall.Errno {
		_, fromPipe := m.from.Handle.(*vfs.PipeEnd)
		_, toPipe := m.to.Handle.(*vfs.PipeEnd)
		switch {
		case !fromPipe && !toPipe:
			return syscall.EINVAL
		case fromPipe && m.fromAt != nil, toPipe && m.toAt != nil:
			return syscall.ESPIPE
		}
		return 0
	})
}

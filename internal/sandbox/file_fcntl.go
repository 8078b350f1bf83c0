//go:build linux

package sandbox

import (
	"math"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// Commands of fcntl(2) with the values of asm-generic.
const (
	fDupfd        = 0
	fGetfd        = 1
	fSetfd        = 2
	fGetfl        = 3
	fSetfl        = 4
	fGetlk        = 5
	fSetlk        = 6
	fSetlkw       = 7
	fSetown       = 8
	fGetown       = 9
	fSetsig       = 10
	fGetsig       = 11
	fOfdGetlk     = 36
	fOfdSetlk     = 37
	fOfdSetlkw    = 38
	fDupfdCloexec = 1030
	fSetpipeSz    = 1031
	fGetpipeSz    = 1032
)

func sysFcntl(t *Task, c *Call) (uint64, syscall.Errno) {
	fd, cmd, arg := c.Int(0), c.Int(1), c.Args[2]
	f, e := t.anyFile(fd)
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	switch cmd {
	case fDupfd, fDupfdCloexec:
		return t.dupFrom(f, int(int32(arg)), cmd == fDupfdCloexec)
	case fGetfd, fSetfd:
		return t.closeOnExec(fd, cmd == fSetfd, arg&1 != 0)
	case fGetfl:
		return uint64(f.Flags()), 0
	}
	if f.Handle == nil {
		return 0, syscall.EBADF
	}
	switch cmd {
	case fSetfl:
		f.SetFlags(int(arg))
		return 0, 0
	case fGetlk, fSetlk, fSetlkw, fOfdGetlk, fOfdSetlk, fOfdSetlkw:
		return 0, t.fcntlLock(f, cmd, arg)
	case fSetpipeSz, fGetpipeSz:
		return pipeSize(f, cmd == fSetpipeSz, int(int32(arg)))
	case fGetown, fGetsig, fSetown, fSetsig: // signals for files are not sent
		return 0, 0
	}
	return 0, syscall.EINVAL
}

// dupFrom makes f another descriptor, which is not below from.
func (t *Task) dupFrom(f *vfs.File, from int, cloexec bool) (uint64, syscall.Errno) {
	limit := t.limit(unix.RLIMIT_NOFILE)
	if from < 0 || uint64(from) >= limit {
		return 0, syscall.EINVAL
	}
	fd, e := t.files.fds.addLimited(f.Ref(), from, cloexec, limit)
	return uint64(fd), e
}

// closeOnExec gets or sets FD_CLOEXEC.
func (t *Task) closeOnExec(fd int, set, value bool) (uint64, syscall.Errno) {
	fds := t.files.fds
	fds.mu.Lock()
	defer fds.mu.Unlock()
	d := fds.at(fd)
	switch {
	case d == nil:
		return 0, syscall.EBADF
	case set:
		d.cloexec = value
	case d.cloexec:
		return 1, 0
	}
	return 0, 0
}

func pipeSize(f *vfs.File, set bool, n int) (uint64, syscall.Errno) {
	p, ok := f.Handle.(*vfs.PipeEnd)
	switch {
	case !ok:
		return 0, syscall.EBADF
	case !set:
		return uint64(p.Size()), 0
	}
	size, e := p.Resize(n)
	return uint64(size), e
}

// flock is struct flock.
type flock struct {
	Type, Whence int16
	_            int32
	Start, Len   int64
	PID, _       int32
}

// fcntlLock is fcntl(2) with locks of the process, or of the open file.
func (t *Task) fcntlLock(f *vfs.File, cmd int, addr uint64) syscall.Errno {
	var fl flock
	if e := t.readObject(addr, &fl); e != 0 {
		return e
	}
	l := vfs.Lock{Type: fl.Type, Owner: t.files.fds, PID: t.P.Pid}
	if cmd >= fOfdGetlk {
		if fl.PID != 0 {
			return syscall.EINVAL
		}
		l.Owner, l.PID = f, -1
	}
	var e syscall.Errno
	if l.Start, l.End, e = lockRange(f, &fl); e != 0 {
		return e
	}
	get := cmd == fGetlk || cmd == fOfdGetlk
	if l.Type < vfs.F_RDLCK || l.Type > vfs.F_UNLCK || get && l.Type == vfs.F_UNLCK {
		return syscall.EINVAL
	}
	if !get {
		return t.lock(f, cmd == fSetlkw || cmd == fOfdSetlkw, func() syscall.Errno { return f.SetLock(l) })
	}
	if found, ok := f.GetLock(l); ok {
		fl = flock{Type: found.Type, Start: found.Start, Len: found.End - found.Start, PID: int32(found.PID)}
		if found.End == math.MaxInt64 {
			fl.Len = 0
		}
	} else {
		fl.Type = vfs.F_UNLCK
	}
	return t.writeObject(addr, &fl)
}

// lockRange is the bytes that a struct flock means.
func lockRange(f *vfs.File, fl *flock) (start, end int64, e syscall.Errno) {
	switch fl.Whence {
	case vfs.SeekSet:
	case vfs.SeekCur:
		start, _ = f.Lseek(0, vfs.SeekCur)
	case vfs.SeekEnd:
		a, e := f.Attr()
		if e != 0 {
			return 0, 0, e
		}
		start = a.Size
	default:
		return 0, 0, syscall.EINVAL
	}
	if fl.Start > math.MaxInt64-start {
		return 0, 0, syscall.EOVERFLOW
	}
	start += fl.Start
	end = start + fl.Len
	switch {
	case fl.Len == 0:
		end = math.MaxInt64
	case fl.Len < 0:
		start, end = end, start
	case end < start:
		return 0, 0, syscall.EOVERFLOW
	}
	if start < 0 {
		return 0, 0, syscall.EINVAL
	}
	return start, end, 0
}

// lock calls try until it says something else than EAGAIN, if the task is to wait.
func (t *Task) lock(f *vfs.File, wait bool, try func() syscall.Errno) syscall.Errno {
	e := try()
	if e != syscall.EAGAIN || !wait {
		return e
	}
	defer f.AwaitLocks(&vfs.Waiter{Wake: t.Wake})()
	for {
		if e := try(); e != syscall.EAGAIN {
			return e
		}
		if e := t.sleep(never); e != 0 {
			return e
		}
	}
}

func sysFlock(t *Task, c *Call) (uint64, syscall.Errno) {
	f, e := t.file(c.Int(0))
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	op := c.Int(1)
	return 0, t.lock(f, op&unix.LOCK_NB == 0, func() syscall.Errno { return f.Flock(op &^ unix.LOCK_NB) })
}

// Requests of ioctl(2) with the values of asm-generic.
const (
	tcgets     = 0x5401
	tcsets     = 0x5402
	tcsetsf    = 0x5404
	tiocgpgrp  = 0x540f
	tiocspgrp  = 0x5410
	tiocgwinsz = 0x5413
	tiocswinsz = 0x5414
	fionread   = 0x541b
	fionbio    = 0x5421
	fionclex   = 0x5450
	fioclex    = 0x5451
)

// buffered is a Handle that knows how many bytes can be read from it.
type buffered interface{ Buffered() int }

func sysIoctl(t *Task, c *Call) (uint64, syscall.Errno) {
	fd, req, arg := c.Int(0), c.Uint(1), c.Args[2]
	f, e := t.file(fd)
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	switch req {
	case fioclex, fionclex:
		return t.closeOnExec(fd, true, req == fioclex)
	case fionbio:
		v, fault := t.Mem.Load(arg, 4)
		if fault != nil {
			return 0, syscall.EFAULT
		}
		flags := f.Flags() &^ vfs.O_NONBLOCK
		if v != 0 {
			flags |= vfs.O_NONBLOCK
		}
		f.SetFlags(flags)
		return 0, 0
	case fionread:
		n, e := readable(f)
		if e != 0 {
			return 0, e
		}
		return 0, t.writeObject(arg, n)
	}
	if term, ok := f.Handle.(*terminal); ok {
		return 0, t.terminalIoctl(term, req, arg)
	}
	return 0, syscall.ENOTTY
}

// readable is FIONREAD.
func readable(f *vfs.File) (int32, syscall.Errno) {
	if b, ok := f.Handle.(buffered); ok {
		return int32(b.Buffered()), 0
	}
	if f.Path.Node().Type() != vfs.S_IFREG {
		return 0, syscall.ENOTTY
	}
	a, e := f.Attr()
	off, _ := f.Lseek(0, vfs.SeekCur)
	return int32(min(max(a.Size-off, 0), math.MaxInt32)), e
}

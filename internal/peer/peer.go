//go:build linux && amd64

package peer

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNative means that a process runs no guest.
var ErrNative = errors.New("not a guest process")

// Peer is a process that runs a guest, as it described itself when it was opened.
type Peer struct {
	PID     int // or the ID of any of its threads
	D       Description
	Exe     string // the program as the guest names it
	HostExe string // on the host
	Root    string // the directory that is laid over the host's files (linux.Sysroot), or ""
}

// Open reads the record of the process that has a thread with the ID pid. The error
// is ErrNative if it runs no guest, or one of process_vm_readv(2): ESRCH, EPERM.
//
// A hospes that has not got as far as to tell what it runs, which takes it a
// millisecond, is waited for: for a tenth of a second, and longer as long as it wants to run and others do.
func Open(pid int) (*Peer, error) {
	const little, much = 100 * time.Microsecond, 50 * time.Millisecond
	begin := time.Now()
	for wait := little; ; wait *= 2 {
		p, err := open(pid)
		if err != ErrNative || !isHospes(pid) {
			return p, err
		}
		if wait > much {
			if !wantsToRun(pid) || time.Since(begin) > 10*time.Second {
				return p, err
			}
			wait = much
		}
		time.Sleep(wait)
	}
}

// wantsToRun reports whether a thread of a process runs or waits for a processor, or for a disk.
func wantsToRun(pid int) bool {
	dir := "/proc/" + strconv.Itoa(pid) + "/task/"
	list, _ := os.ReadDir(dir)
	for _, thread := range list {
		stat, _ := os.ReadFile(dir + thread.Name() + "/stat")
		if i := bytes.LastIndexByte(stat, ')'); i >= 0 && len(stat) > i+2 && (stat[i+2] == 'R' || stat[i+2] == 'D') {
			return true
		}
	}
	return false
}

func open(pid int) (_ *Peer, err error) {
	p := &Peer{PID: pid}
	if e := p.read(bytesOf(&p.D), Addr); e == syscall.EFAULT {
		return nil, ErrNative
	} else if e != 0 {
		return nil, e
	}
	d := &p.D
	if d.Magic.Load() != magic || d.exeLen > pathLen || d.hostLen > pathLen || d.rootLen > pathLen || d.Threads.Load() > maxThreads {
		return nil, ErrNative
	}
	text := func(at uintptr, n uint32) string {
		b := make([]byte, n)
		if e := p.read(b, Addr+uint64(at)); e != 0 && err == nil {
			err = e
		}
		return string(b)
	}
	p.Exe, p.HostExe, p.Root = text(exeAt, d.exeLen), text(hostAt, d.hostLen), text(rootAt, d.rootLen)
	return p, err
}

// isHospes reports whether a process runs the same program as this one.
func isHospes(pid int) bool {
	var own, other unix.Stat_t
	return unix.Stat("/proc/self/exe", &own) == nil &&
		unix.Stat("/proc/"+strconv.Itoa(pid)+"/exe", &other) == nil &&
		own.Dev == other.Dev && own.Ino == other.Ino && pid != os.Getpid()
}

// SameBuild reports whether the peer runs the same executable file, so that what is in
// its memory has the same layout.
func (p *Peer) SameBuild() bool { return isHospes(p.PID) || p.PID == os.Getpid() }

// Hidden returns the process's descriptors that belong to hospes.
func (p *Peer) Hidden() (fds []int) {
	var list [maxHidden]int32
	if p.read(bytesOf(&list), Addr+uint64(hiddenAt)) != 0 {
		return nil
	}
	for _, v := range list {
		if v > 0 {
			fds = append(fds, int(v)-1)
		}
	}
	return fds
}

// ThreadAddr is the host address, in the peer, of the Thread with the ID tid.
func (p *Peer) ThreadAddr(tid int) (addr uint64, ok bool) {
	p.eachThread(func(at uint64, t *Thread) bool {
		if int(t.tid.Load()) == tid {
			addr, ok = at, true
		}
		return !ok
	})
	return addr, ok
}

// Process is the ID of the process that the guest thread with the ID tid belongs to.
func (p *Peer) Process(tid int) (pid int, ok bool) {
	p.eachThread(func(_ uint64, t *Thread) bool {
		if int(t.tid.Load()) == tid {
			pid, ok = int(t.pid.Load()), true
		}
		return !ok
	})
	return pid, ok
}

// Threads returns the IDs of the guest threads of the process with the ID pid.
func (p *Peer) Threads(pid int) (tids []int) {
	p.eachThread(func(_ uint64, t *Thread) bool {
		if int(t.pid.Load()) == pid && t.tid.Load() != 0 {
			tids = append(tids, int(t.tid.Load()))
		}
		return true
	})
	return tids
}

// eachThread calls f with the slots of threads and their host addresses.
func (p *Peer) eachThread(f func(addr uint64, t *Thread) bool) {
	var n uint32
	if p.read(bytesOf(&n), Addr+uint64(threadCountAt)) != 0 {
		return
	}
	list, b := slots(min(n, maxThreads))
	if p.read(b, Addr+uint64(threadsAt)) != 0 {
		return
	}
	for i := range list {
		if !f(Addr+uint64(threadsAt)+uint64(i)*threadSize, &list[i]) {
			return
		}
	}
}

// ReadHost and WriteHost copy between b and the peer's memory at a host address.
// They move all or fail.
func (p *Peer) ReadHost(b []byte, addr uint64) syscall.Errno { return p.read(b, addr) }

// WriteHost is the reverse.
func (p *Peer) WriteHost(addr uint64, b []byte) syscall.Errno {
	n, e := transfer(unix.ProcessVMWritev, p.PID, b, addr)
	return whole(n, b, e)
}

func (p *Peer) read(b []byte, addr uint64) syscall.Errno {
	n, e := transfer(unix.ProcessVMReadv, p.PID, b, addr)
	return whole(n, b, e)
}

// whole makes an error of a transfer that was cut short.
func whole(n int, b []byte, e syscall.Errno) syscall.Errno {
	if e == 0 && n < len(b) {
		return syscall.EFAULT
	}
	return e
}

// vmCall is process_vm_readv(2) or process_vm_writev(2).
type vmCall func(pid int, local []unix.Iovec, remote []unix.RemoteIovec, flags uint) (int, error)

func transfer(call vmCall, pid int, b []byte, addr uint64) (int, syscall.Errno) {
	if len(b) == 0 {
		return 0, 0
	}
	local := []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}
	n, err := call(pid, local, []unix.RemoteIovec{{Base: uintptr(addr), Len: len(b)}}, 0)
	if err != nil {
		return 0, err.(syscall.Errno)
	}
	return n, 0
}

//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/peer"
)

// System V message queues and semaphores, and POSIX message queues. Objects are the
// host's; all structures but semid64_ds have the same layout on both sides.

// Commands of msgctl(2), semctl(2) and shmctl(2).
const (
	ipcRmid = 0
	ipcSet  = 1
	ipcStat = 2
	ipcInfo = 3

	msgStat    = 11
	msgInfo    = 12
	msgStatAny = 13

	semGetAll  = 13
	semSetVal  = 16
	semSetAll  = 17
	semStat    = 18
	semInfo    = 19
	semStatAny = 20

	shmStat    = 13
	shmInfo    = 14
	shmStatAny = 15
)

// Sizes of the structures of these calls in bytes (include/uapi/asm-generic).
const (
	ipcPermSize = 48

	msqidSize   = 120
	msginfoSize = 32
	seminfoSize = 40
	shmidSize   = 112
	shminfoSize = 72 // struct shminfo64
	shmInfoSize = 48 // struct shm_info
)

// ipcBuffer is what a command of msgctl or shmctl does with the structure it is given.
type ipcBuffer struct {
	size   uint64
	access mem.Prot
}

var msgctlBuffers = map[int]ipcBuffer{
	ipcSet:     {msqidSize, mem.Read},
	ipcStat:    {msqidSize, mem.Write},
	msgStat:    {msqidSize, mem.Write},
	msgStatAny: {msqidSize, mem.Write},
	ipcInfo:    {msginfoSize, mem.Write},
	msgInfo:    {msginfoSize, mem.Write},
}

var shmctlBuffers = map[int]ipcBuffer{
	ipcSet:     {shmidSize, mem.Read},
	ipcStat:    {shmidSize, mem.Write},
	shmStat:    {shmidSize, mem.Write},
	shmStatAny: {shmidSize, mem.Write},
	ipcInfo:    {shminfoSize, mem.Write},
	shmInfo:    {shmInfoSize, mem.Write},
}

func sysMsgctl(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.ipcctl(unix.SYS_MSGCTL, c, msgctlBuffers)
}

func sysShmctl(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.ipcctl(unix.SYS_SHMCTL, c, shmctlBuffers)
}

// ipcctl carries out a control call on id, command and structure.
func (t *Task) ipcctl(nr uintptr, c *Call, buffers map[int]ipcBuffer) (uint64, syscall.Errno) {
	cmd := c.Int(1)
	m := marshaller{t: t}
	var p uintptr
	if b, ok := buffers[cmd]; ok {
		var e syscall.Errno
		if p, e = m.buffer(c.Args[2], b.size, b.access, true); e != 0 {
			return 0, e
		}
	}
	r, e := t.Syscall(nr, uintptr(c.Int(0)), uintptr(cmd), p)
	if f := m.finish(); f != nil && e == 0 {
		e = syscall.EFAULT
	}
	return r, e
}

// msgTypeSize is the size of struct msgbuf's mtype, which precedes the text.
const msgTypeSize = 8

func sysMsgsnd(t *Task, c *Call) (uint64, syscall.Errno) {
	size := c.Args[2]
	if _, f := t.Mem.Load(c.Args[1], msgTypeSize); f != nil {
		return 0, syscall.EFAULT
	}
	if size > mem.PageSize && size > maxMessage() {
		return 0, syscall.EINVAL // the host would say so, but may never look at so much memory
	}
	m := marshaller{t: t}
	p, e := m.buffer(c.Args[1], msgTypeSize+size, mem.Read, true)
	if e != 0 {
		return 0, e
	}
	r, e := t.Syscall(unix.SYS_MSGSND, uintptr(c.Int(0)), p, uintptr(size), uintptr(c.Int(3)))
	m.finish()
	return restart(r, e, ERESTARTNOHAND)
}

// sysMsgrcv receives into a buffer of hospes unless the guest's is one piece: a
// program may give a size beyond its buffer when it knows that messages are small.
func sysMsgrcv(t *Task, c *Call) (uint64, syscall.Errno) {
	addr, size := c.Args[1], c.Args[2]
	if int64(size) < 0 {
		return 0, syscall.EINVAL
	}
	m := marshaller{t: t}
	p, direct := t.hostPointer(addr, msgTypeSize+size, mem.Write)
	var buf []byte
	if !direct {
		buf = make([]byte, msgTypeSize+min(size, maxMessage()))
		size = uint64(len(buf)) - msgTypeSize
		p = m.keep(&buf[0])
	}
	r, e := t.Syscall(unix.SYS_MSGRCV, uintptr(c.Int(0)), p, uintptr(size), uintptr(c.Args[3]), uintptr(c.Int(4)))
	m.finish()
	if e == 0 && !direct {
		e = faultErrno(t.Mem.CopyOut(addr, buf[:msgTypeSize+r]))
	}
	return restart(r, e, ERESTARTNOHAND)
}

// maxMessage is the size of the largest message that anyone can send now (msgmax).
func maxMessage() uint64 {
	var info [msginfoSize / 4]int32
	const msgmax = 2 // its index in struct msginfo
	_, _, e := syscall.RawSyscall(unix.SYS_MSGCTL, 0, ipcInfo, uintptr(unsafe.Pointer(&info)))
	if e != 0 || info[msgmax] < 0 {
		return 1 << 16
	}
	return uint64(info[msgmax])
}

// guestSemid is struct semid64_ds of the generic ABI; x86-64 has padding after
// each time, for which hostSemid is there.
type guestSemid struct {
	Perm   [ipcPermSize]byte
	Otime  int64
	Ctime  int64
	Nsems  uint64
	Unused [2]uint64
}

type hostSemid struct {
	Perm   [ipcPermSize]byte
	Otime  int64
	_      uint64
	Ctime  int64
	_      uint64
	Nsems  uint64
	Unused [2]uint64
}

// Of struct sembuf.
const (
	sembufSize  = 6
	sembufFlags = 4 // offset
	semUndo     = 0x1000
)

// semop is the handler of semop(2) and semtimedop(2). That the process has adjustments to
// undo is told to kcmp(2).
func semop(nr uintptr) Handler {
	call := hostCall(nr)
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		const most = 500 // SEMOPM
		for i := range min(c.Args[2], most) {
			if flags, f := t.Mem.Load(c.Args[1]+i*sembufSize+sembufFlags, 2); f == nil && flags&semUndo != 0 {
				peer.SetUndoes(true)
				break
			}
		}
		return call(t, c)
	}
}

func sysSemctl(t *Task, c *Call) (uint64, syscall.Errno) {
	id, arg := c.Int(0), c.Args[3]
	switch c.Int(2) {
	case ipcSet:
		var g guestSemid
		if f := t.Mem.ReadObject(arg, &g); f != nil {
			return 0, syscall.EFAULT
		}
		h := hostSemid{Perm: g.Perm}
		return semctl(c, unsafe.Pointer(&h))
	case ipcStat, semStat, semStatAny:
		var h hostSemid
		r, e := semctl(c, unsafe.Pointer(&h))
		if e != 0 {
			return 0, e
		}
		return r, faultErrno(t.Mem.WriteObject(arg, &guestSemid{Perm: h.Perm, Otime: h.Otime, Ctime: h.Ctime, Nsems: h.Nsems}))
	case ipcInfo, semInfo:
		var info [seminfoSize]byte
		r, e := semctl(c, unsafe.Pointer(&info))
		if e != 0 {
			return 0, e
		}
		return r, faultErrno(t.Mem.CopyOut(arg, info[:]))
	case semGetAll, semSetAll:
		return t.semctlAll(c, id)
	case semSetVal:
		r, _, e := syscall.RawSyscall6(unix.SYS_SEMCTL, uintptr(id), uintptr(c.Int(1)), semSetVal, uintptr(int32(arg)), 0, 0)
		return uint64(r), e
	}
	return semctl(c, nil)
}

// semctl is semctl(2) of the host, with what the last argument points to given.
func semctl(c *Call, arg unsafe.Pointer) (uint64, syscall.Errno) {
	r, _, e := syscall.RawSyscall6(unix.SYS_SEMCTL, uintptr(c.Int(0)), uintptr(c.Int(1)), uintptr(c.Int(2)), uintptr(arg), 0, 0)
	return uint64(r), e
}

// semctlAll reads or sets all values of a set, of which the kernel knows the number.
func (t *Task) semctlAll(c *Call, id int) (uint64, syscall.Errno) {
	var h hostSemid
	_, _, e := syscall.RawSyscall6(unix.SYS_SEMCTL, uintptr(id), 0, ipcStat, uintptr(unsafe.Pointer(&h)), 0, 0)
	values := make([]uint16, h.Nsems+1)
	size := 2 * h.Nsems
	if e != 0 { // one may be allowed to set values, but not to read their number
		return 0, e
	}
	set := c.Int(2) == semSetAll
	if set {
		b := make([]byte, size)
		if f := t.Mem.CopyIn(b, c.Args[3]); f != nil {
			return 0, syscall.EFAULT
		}
		for i := range h.Nsems {
			values[i] = binary.LittleEndian.Uint16(b[2*i:])
		}
	}
	r, e := semctl(c, unsafe.Pointer(&values[0]))
	if e != 0 || set {
		return r, e
	}
	return r, faultErrno(t.Mem.WriteObject(c.Args[3], values[:h.Nsems]))
}

// sigeventNotify and sigevThread: where struct sigevent holds the kind of
// notification, and the one that needs translation.
const (
	sigeventSize  = 64
	sigevThread   = 2
	notifyCookie  = 32 // NOTIFY_COOKIE_LEN of linux/mqueue.h
	mqNotifyValue = 0  // offset of sigev_value
	mqNotifyKind  = 12 // offset of sigev_notify
)

// sysMqNotify registers for one notification. With SIGEV_THREAD the value is the
// address of a cookie that the kernel copies at once and sends to a socket.
func sysMqNotify(t *Task, c *Call) (uint64, syscall.Errno) {
	if t.P.reserved.has(c.Int(0)) {
		return 0, syscall.EBADF
	}
	if c.Args[1] == 0 {
		return t.Syscall(unix.SYS_MQ_NOTIFY, uintptr(c.Int(0)), 0)
	}
	ev := make([]byte, sigeventSize)
	if f := t.Mem.CopyIn(ev, c.Args[1]); f != nil {
		return 0, syscall.EFAULT
	}
	m := marshaller{t: t}
	defer m.finish()
	if binary.LittleEndian.Uint32(ev[mqNotifyKind:]) == sigevThread {
		cookie := make([]byte, notifyCookie)
		if f := t.Mem.CopyIn(cookie, binary.LittleEndian.Uint64(ev[mqNotifyValue:])); f != nil {
			return 0, syscall.EFAULT
		}
		binary.LittleEndian.PutUint64(ev[mqNotifyValue:], uint64(m.keep(&cookie[0])))
	}
	return t.Syscall(unix.SYS_MQ_NOTIFY, uintptr(c.Int(0)), m.keep(&ev[0]))
}

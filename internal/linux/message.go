//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// struct msghdr has the same layout on both sides, and so have control messages;
// what differs are the pointers. Offsets in it, and those of struct mmsghdr.
const (
	msgName       = 0
	msgNamelen    = 8
	msgIov        = 16
	msgIovlen     = 24
	msgControl    = 32
	msgControllen = 40
	msgFlags      = 48
	msghdrSize    = 56
	mmsgLen       = 56
	mmsghdrSize   = 64
)

// hostMsghdr is the host's struct msghdr, with addresses as numbers, followed by
// what struct mmsghdr adds.
type hostMsghdr struct {
	name       uintptr
	namelen    uint32
	_          uint32
	iov        uintptr
	iovlen     uintptr
	control    uintptr
	controllen uintptr
	flags      int32
	_          uint32
	len        uint32 // struct mmsghdr: bytes sent or received
	_          uint32
}

// message is one message under way.
type message struct {
	addr uint64 // of the guest's struct msghdr
	host *hostMsghdr
	to   sockaddr           // sending: the address
	from *[maxSockaddr]byte // receiving: room for it
	room uint32             // receiving: the guest's room for it
	name uint64             // receiving: the guest's address for it

	controlAt uint64 // the guest's address of control messages
}

// message translates the struct msghdr at addr into host. receive tells the
// direction.
func (m *marshaller) message(addr uint64, host *hostMsghdr, receive bool) (*message, syscall.Errno) {
	var raw [msghdrSize]byte
	if m.t.Mem.CopyIn(raw[:], addr) != nil {
		return nil, syscall.EFAULT
	}
	msg := &message{addr: addr, host: host, to: sockaddr{dir: -1}, name: le64(raw[msgName:])}
	msg.room = binary.LittleEndian.Uint32(raw[msgNamelen:])
	*host = hostMsghdr{controllen: uintptr(le64(raw[msgControllen:])), flags: int32(binary.LittleEndian.Uint32(raw[msgFlags:]))}
	access := mem.Read
	if receive {
		access = mem.Write
	}
	iovlen := le64(raw[msgIovlen:])
	if iovlen > maxIovecs {
		return nil, syscall.EMSGSIZE
	}
	iov, e := m.iovecs(make([]iovec, 0, iovlen+1), le64(raw[msgIov:]), int(iovlen), access)
	if e != 0 {
		return nil, e
	}
	if len(iov) > 0 {
		host.iov, host.iovlen = m.keep((*byte)(unsafe.Pointer(&iov[0]))), uintptr(len(iov))
	}
	if e := msg.address(m, receive); e != 0 {
		return nil, e
	}
	if e := msg.control(m, le64(raw[msgControl:]), receive); e != 0 {
		msg.to.close()
		return nil, e
	}
	return msg, 0
}

// address translates msg_name.
func (msg *message) address(m *marshaller, receive bool) (e syscall.Errno) {
	switch {
	case msg.name == 0:
		return 0
	case int32(msg.room) < 0:
		return syscall.EINVAL
	case receive:
		msg.from = new([maxSockaddr]byte)
		msg.host.name, msg.host.namelen = m.keep(&msg.from[0]), maxSockaddr
		return 0
	}
	n := uint64(min(msg.room, maxSockaddr)) // the kernel cuts it, too
	msg.to, e = m.sockaddr(msg.name, n, false)
	msg.host.name, msg.host.namelen = msg.to.addr, uint32(msg.to.len)
	return e
}

// maxControl bounds the size of control messages that are copied.
const maxControl = 1 << 20

// control translates msg_control.
func (msg *message) control(m *marshaller, addr uint64, receive bool) (e syscall.Errno) {
	msg.controlAt = addr
	n := uint64(msg.host.controllen)
	if addr == 0 || n == 0 {
		return 0
	}
	if receive {
		msg.host.control, e = m.buffer(addr, n, mem.Write, false)
		return e
	}
	if n > maxControl {
		return syscall.ENOBUFS
	}
	b := make([]byte, n)
	if m.t.Mem.CopyIn(b, addr) != nil {
		return syscall.EFAULT
	}
	if m.t.P.passesReserved(b) {
		return syscall.EBADF
	}
	msg.host.control = m.keep(&b[0])
	return 0
}

// passesReserved reports whether control messages hand over a descriptor of hospes
// (SCM_RIGHTS), which is closed as far as the guest can tell.
func (p *Process) passesReserved(b []byte) bool {
	const header = unix.SizeofCmsghdr
	for len(b) >= header {
		n := binary.NativeEndian.Uint64(b)
		level, typ := binary.NativeEndian.Uint32(b[8:]), binary.NativeEndian.Uint32(b[12:])
		if n < header || n > uint64(len(b)) {
			return false // the kernel refuses it
		}
		if level == unix.SOL_SOCKET && typ == unix.SCM_RIGHTS {
			for fds := b[header:n]; len(fds) >= 4; fds = fds[4:] {
				if p.reserved.has(int(int32(binary.NativeEndian.Uint32(fds)))) {
					return true
				}
			}
		}
		b = b[min(uint64(len(b)), (n+7)&^7):]
	}
	return false
}

// renumberRights gives descriptors that have just been received the numbers that they
// would have if hospes had none.
func (t *Task) renumberRights(addr, n uint64) syscall.Errno {
	const header = unix.SizeofCmsghdr
	list := t.P.reserved.list()
	if addr == 0 || n < header || len(list) == 0 {
		return 0
	}
	b := make([]byte, n)
	if t.Mem.CopyIn(b, addr) != nil {
		return syscall.EFAULT
	}
	lowest := list[0]
	for at := uint64(0); at+header <= n; {
		size := binary.NativeEndian.Uint64(b[at:])
		level, typ := binary.NativeEndian.Uint32(b[at+8:]), binary.NativeEndian.Uint32(b[at+12:])
		if size < header || size > n-at {
			return 0
		}
		for i := at + header; level == unix.SOL_SOCKET && typ == unix.SCM_RIGHTS && i+4 <= at+size; i += 4 {
			fd := uint64(binary.NativeEndian.Uint32(b[i:]))
			own := t.newDescriptor(fd, 0)
			if own == fd && int(fd) > lowest {
				own = lowestNumber(fd, 0) // others of the message have left a gap
			}
			if own != fd && t.Mem.Store(addr+i, 4, own) != nil {
				return syscall.EFAULT
			}
		}
		at += (size + 7) &^ 7
	}
	return 0
}

// received stores what recvmsg(2) changes in the guest's struct msghdr.
func (msg *message) received(t *Task) syscall.Errno {
	if msg.name != 0 {
		b := t.P.guestSockaddr(msg.from[:min(msg.host.namelen, maxSockaddr)])
		if t.Mem.CopyOut(msg.name, b[:min(len(b), int(msg.room))]) != nil ||
			t.Mem.Store(msg.addr+msgNamelen, 4, uint64(len(b))) != nil {
			return syscall.EFAULT
		}
	}
	if e := t.renumberRights(msg.controlAt, min(uint64(msg.host.controllen), maxControl)); e != 0 {
		return e
	}
	if t.Mem.Store(msg.addr+msgControllen, 8, uint64(msg.host.controllen)) != nil ||
		t.Mem.Store(msg.addr+msgFlags, 4, uint64(uint32(msg.host.flags))) != nil {
		return syscall.EFAULT
	}
	return 0
}

func sysSendmsg(t *Task, c *Call) (uint64, syscall.Errno) {
	fd := c.Int(0)
	if t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	m := marshaller{t: t}
	defer m.finish()
	host := new(hostMsghdr)
	msg, e := m.message(c.Args[1], host, false)
	if e != 0 {
		return 0, e
	}
	defer msg.to.close()
	r, e := t.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(host)), uintptr(c.Uint(2)))
	return restart(r, e, ERESTARTNOHAND)
}

func sysRecvmsg(t *Task, c *Call) (uint64, syscall.Errno) {
	fd := c.Int(0)
	if t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	m := marshaller{t: t}
	host := new(hostMsghdr)
	msg, e := m.message(c.Args[1], host, true)
	if e != 0 {
		m.finish()
		return 0, e
	}
	r, e := t.Syscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(host)), uintptr(c.Uint(2)))
	if m.finish() != nil && e == 0 {
		e = syscall.EFAULT
	}
	if e != 0 {
		return restart(r, e, ERESTARTNOHAND)
	}
	return r, msg.received(t)
}

// messages translates an array of struct mmsghdr. Like the kernel it goes as far as
// it gets; there is an error only if that is nowhere.
func (m *marshaller) messages(addr uint64, n uint32, receive bool) (msgs []*message, hosts []hostMsghdr, e syscall.Errno) {
	hosts = make([]hostMsghdr, min(n, maxIovecs)) // the kernel takes no more at once
	for i := range hosts {
		msg, e := m.message(addr+uint64(i)*mmsghdrSize, &hosts[i], receive)
		switch {
		case e != 0 && i == 0:
			return nil, nil, e
		case e != 0:
			return msgs, hosts[:i], 0
		}
		msgs = append(msgs, msg)
	}
	return msgs, hosts, 0
}

func closeAddresses(msgs []*message) {
	for _, msg := range msgs {
		msg.to.close()
	}
}

func sysSendmmsg(t *Task, c *Call) (uint64, syscall.Errno) {
	fd := c.Int(0)
	if t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	m := marshaller{t: t}
	defer m.finish()
	msgs, hosts, e := m.messages(c.Args[1], c.Uint(2), false)
	if e != 0 {
		return 0, e
	}
	defer closeAddresses(msgs)
	r, e := t.mmsg(unix.SYS_SENDMMSG, fd, hosts, c.Uint(3), 0)
	if e != 0 {
		return restart(r, e, ERESTARTNOHAND)
	}
	return r, t.storeLengths(msgs[:r])
}

func sysRecvmmsg(t *Task, c *Call) (uint64, syscall.Errno) {
	fd := c.Int(0)
	if t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	m := marshaller{t: t}
	timeout, e := m.timeout(c.Args[4])
	if e != 0 {
		return 0, e
	}
	msgs, hosts, e := m.messages(c.Args[1], c.Uint(2), true)
	if e != 0 {
		m.finish()
		return 0, e
	}
	r, e := t.mmsg(unix.SYS_RECVMMSG, fd, hosts, c.Uint(3), timeout)
	if m.finish() != nil && e == 0 {
		e = syscall.EFAULT
	}
	if e != 0 {
		return restart(r, e, ERESTARTNOHAND)
	}
	for _, msg := range msgs[:r] {
		if e := msg.received(t); e != 0 {
			return 0, e
		}
	}
	return r, t.storeLengths(msgs[:r])
}

// mmsg makes the host's sendmmsg or recvmmsg call.
func (t *Task) mmsg(nr uintptr, fd int, hosts []hostMsghdr, flags uint32, timeout uintptr) (uint64, syscall.Errno) {
	return t.Syscall(nr, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(hosts))), uintptr(len(hosts)), uintptr(flags), timeout)
}

// storeLengths stores msg_len of each message that was transferred.
func (t *Task) storeLengths(msgs []*message) syscall.Errno {
	for _, msg := range msgs {
		if t.Mem.Store(msg.addr+mmsgLen, 4, uint64(msg.host.len)) != nil {
			return syscall.EFAULT
		}
	}
	return 0
}

//go:build linux

package sandbox

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// newSocket makes a socket, and its file.
func (t *Task) newSocket(domain, typ, proto int) (*socket, *vfs.File, syscall.Errno) {
	const flags = unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
	kind := typ &^ flags
	switch {
	case kind != unix.SOCK_STREAM && kind != unix.SOCK_DGRAM && kind != unix.SOCK_SEQPACKET:
		if kind == unix.SOCK_RAW {
			return nil, nil, syscall.EPERM
		}
		return nil, nil, syscall.EINVAL
	case domain == unix.AF_UNIX && proto != 0 && proto != unix.AF_UNIX:
		return nil, nil, syscall.EPROTONOSUPPORT
	case domain == unix.AF_UNIX:
	case domain != unix.AF_INET && domain != unix.AF_INET6:
		return nil, nil, syscall.EAFNOSUPPORT
	case kind == unix.SOCK_SEQPACKET:
		return nil, nil, syscall.ESOCKTNOSUPPORT
	case proto == 0:
		proto = map[int]int{unix.SOCK_STREAM: unix.IPPROTO_TCP, unix.SOCK_DGRAM: unix.IPPROTO_UDP}[kind]
	case (proto == unix.IPPROTO_TCP) != (kind == unix.SOCK_STREAM) || proto != unix.IPPROTO_TCP && proto != unix.IPPROTO_UDP:
		return nil, nil, syscall.EPROTONOSUPPORT
	}
	s := &socket{kf: t.K.files, domain: domain, typ: kind, proto: proto, owner: t.cred()}
	return s, t.K.socketFile(s, typ&unix.SOCK_NONBLOCK), 0
}

// socketFile makes the file of a socket.
func (k *Kernel) socketFile(s *socket, flags int) *vfs.File {
	ino := k.files.newIno()
	n := vfs.NewAnon(ino, vfs.S_IFSOCK|0o777, k.realtime(), nil)
	return vfs.OpenHandle(s, n, fmt.Sprintf("socket:[%d]", ino), vfs.O_RDWR|flags)
}

func sysSocket(t *Task, c *Call) (uint64, syscall.Errno) {
	_, f, e := t.newSocket(c.Int(0), c.Int(1), c.Int(2))
	if e != 0 {
		return 0, e
	}
	return t.install(f, c.Int(1)&unix.SOCK_CLOEXEC != 0)
}

func sysSocketpair(t *Task, c *Call) (uint64, syscall.Errno) {
	domain, typ := c.Int(0), c.Int(1)
	a, fa, e := t.newSocket(domain, typ, c.Int(2))
	if e != 0 {
		return 0, e
	}
	b, fb, _ := t.newSocket(domain, typ, c.Int(2))
	if domain != unix.AF_UNIX {
		fa.Unref()
		fb.Unref()
		return 0, syscall.EOPNOTSUPP
	}
	pair(a, b)
	return 0, t.installPair(c.Args[3], fa, fb, typ&unix.SOCK_CLOEXEC != 0)
}

// socket returns the socket of a descriptor; the file has to be released.
func (t *Task) socket(fd int) (*socket, *vfs.File, syscall.Errno) {
	f, e := t.file(fd)
	if e != 0 {
		return nil, nil, e
	}
	if s, ok := f.Handle.(*socket); ok {
		return s, f, 0
	}
	f.Unref()
	return nil, nil, syscall.ENOTSOCK
}

// withSocket makes a handler of what is done with the socket of the first argument.
func withSocket(do func(t *Task, c *Call, s *socket, f *vfs.File) (uint64, syscall.Errno)) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		s, f, e := t.socket(c.Int(0))
		if e != 0 {
			return 0, e
		}
		defer f.Unref()
		return do(t, c, s, f)
	}
}

func doBind(t *Task, c *Call, s *socket, _ *vfs.File) (uint64, syscall.Errno) {
	b, e := t.readSockaddr(c.Args[1], c.Int(2))
	if e != 0 {
		return 0, e
	}
	return 0, t.bindSocket(s, b)
}

func doListen(t *Task, c *Call, s *socket, _ *vfs.File) (uint64, syscall.Errno) {
	if !s.connects() {
		return 0, syscall.EOPNOTSUPP
	}
	s.mu.Lock()
	bound := s.name != nil
	s.mu.Unlock()
	if !bound {
		if s.domain == unix.AF_UNIX {
			return 0, syscall.EINVAL
		}
		if e := t.bindSocket(s, noName(s.domain)); e != 0 {
			return 0, e
		}
	}
	who := t.cred()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hadPeer {
		return 0, syscall.EINVAL
	}
	const somaxconn = 4096
	s.listening, s.most, s.owner = true, int(min(uint32(c.Int(1)), somaxconn)), who
	return 0, 0
}

// until is when a call with a time-out of d nanoseconds gives up.
func (t *Task) until(d int64) int64 {
	if d == 0 {
		return never
	}
	return t.K.after(d)
}

// timedOut makes what a call returns of what await does: a time-out is EAGAIN.
func timedOut(e syscall.Errno) syscall.Errno {
	if e == syscall.ETIMEDOUT {
		return syscall.EAGAIN
	}
	return e
}

func doAccept(t *Task, c *Call, s *socket, f *vfs.File) (uint64, syscall.Errno) {
	flags := 0
	if c.Row.Name == "accept4" {
		flags = c.Int(3)
	}
	if flags&^(unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC) != 0 {
		return 0, syscall.EINVAL
	}
	var conn *socket
	e := t.await(f, vfs.POLLIN, t.until(s.timeout(false)), func() (e syscall.Errno) {
		conn, e = s.accept()
		return e
	})
	if e != 0 {
		return 0, timedOut(e)
	}
	cf := t.K.socketFile(conn, flags&unix.SOCK_NONBLOCK)
	if c.Args[1] != 0 {
		if e := t.writeSockaddr(conn.peername(), c.Args[1], c.Args[2]); e != 0 {
			cf.Unref()
			return 0, e
		}
	}
	return t.install(cf, flags&unix.SOCK_CLOEXEC != 0)
}

// peername is getpeername(2).
func (s *socket) peername() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peerName != nil {
		return s.peerName
	}
	return noName(s.domain)
}

func doConnect(t *Task, c *Call, s *socket, f *vfs.File) (uint64, syscall.Errno) {
	b, e := t.readSockaddr(c.Args[1], c.Int(2))
	if e != 0 {
		return 0, e
	}
	if familyOf(b) == unix.AF_UNSPEC && len(b) >= 2 {
		if !s.connects() { // a datagram socket forgets its peer
			s.mu.Lock()
			s.peer, s.peerName = nil, nil
			s.mu.Unlock()
			return 0, 0
		}
		return 0, syscall.EINVAL
	}
	to, e := t.findSocket(s, b)
	if e == syscall.ENETUNREACH && s.isStream() && t.K.files.cfg.Dial != nil {
		if e = t.bindForPeer(s); e == 0 {
			e = t.dial(s, b)
		}
		return 0, e
	}
	if e != 0 {
		return 0, e
	}
	if s.domain != unix.AF_UNIX {
		if e := t.bindForPeer(s); e != 0 {
			return 0, e
		}
	}
	who := t.cred()
	s.mu.Lock()
	s.owner = who
	if !s.connects() {
		s.peer, s.hadPeer, s.peerName = to, true, b
	}
	s.mu.Unlock()
	if !s.connects() {
		return 0, 0
	}
	w := vfs.Waiter{Wake: t.Wake} // until the backlog has room
	to.queue.Add(&w)
	defer to.queue.Remove(&w)
	return 0, timedOut(t.await(f, 0, t.until(s.timeout(true)), func() syscall.Errno { return s.connect(to, b) }))
}

// bindForPeer binds a socket of the Internet that has no name to a port, so that it can be answered.
func (t *Task) bindForPeer(s *socket) syscall.Errno {
	s.mu.Lock()
	bound := s.name != nil
	s.mu.Unlock()
	if bound {
		return 0
	}
	return t.bindPort(s, netip.AddrPortFrom(loopback(s.domain), 0))
}

func doGetsockname(t *Task, c *Call, s *socket, _ *vfs.File) (uint64, syscall.Errno) {
	return 0, t.writeSockaddr(s.sockname(), c.Args[1], c.Args[2])
}

func doGetpeername(t *Task, c *Call, s *socket, _ *vfs.File) (uint64, syscall.Errno) {
	s.mu.Lock()
	connected := s.peer != nil
	s.mu.Unlock()
	if !connected {
		return 0, syscall.ENOTCONN
	}
	return 0, t.writeSockaddr(s.peername(), c.Args[1], c.Args[2])
}

func doShutdown(_ *Task, c *Call, s *socket, _ *vfs.File) (uint64, syscall.Errno) {
	return 0, s.shutdown(c.Int(1))
}

// msghdr is struct msghdr.
type msghdr struct {
	Name        uint64
	Namelen, _  uint32
	Iov, Iovlen uint64
	Control     uint64
	Controllen  uint64
	Flags, _    uint32
}

// transmission is one sendmsg(2) or recvmsg(2).
type transmission struct {
	s     *socket
	f     *vfs.File
	list  []iovec
	flags int
}

// awaitSocket is await, but for MSG_DONTWAIT.
func (t *Task) awaitSocket(x *transmission, ev vfs.Events, until int64, try func() syscall.Errno) syscall.Errno {
	if x.flags&unix.MSG_DONTWAIT != 0 {
		return try()
	}
	return timedOut(t.await(x.f, ev, until, try))
}

// sendTo sends the bytes of x with files, to an address unless that is empty.
func (t *Task) sendTo(x *transmission, name []byte, files []*vfs.File) (uint64, syscall.Errno) {
	s := x.s
	if x.flags&unix.MSG_OOB != 0 {
		return 0, syscall.EOPNOTSUPP
	}
	var to *socket
	if len(name) > 0 {
		var e syscall.Errno
		if to, e = t.destination(s, name); e != 0 {
			return 0, e
		}
	}
	if s.domain != unix.AF_UNIX && !s.connects() {
		if e := t.bindForPeer(s); e != 0 {
			return 0, e
		}
	}
	size := total(x.list)
	if !s.isStream() && size > socketBuffer {
		return 0, syscall.EMSGSIZE
	}
	m := message{files: files, cred: t.cred()}
	until := t.until(s.timeout(true))
	sent, e := inChunks(x.list, size, func(list []iovec, b []byte, _ uint64) (int, syscall.Errno) {
		if _, e := t.gather(list, b); e != 0 {
			return 0, e
		}
		done := 0
		for {
			n := 0
			m.data = b[done:]
			e := t.awaitSocket(x, vfs.POLLOUT, until, func() (e syscall.Errno) { n, e = s.send(to, &m); return e })
			if e == 0 {
				m.files = nil // they are in the queue
			}
			if done += n; e != 0 || done == len(b) {
				return done, e
			}
		}
	})
	if e == syscall.EPIPE && s.connects() && x.flags&unix.MSG_NOSIGNAL == 0 {
		t.raise(unix.SIGPIPE)
	}
	for _, f := range m.files { // not sent
		t.K.files.open.Add(-1)
		f.Unref()
	}
	return sent, e
}

// destination is the socket that a message with an address goes to; nil for the peer.
func (t *Task) destination(s *socket, name []byte) (*socket, syscall.Errno) {
	if s.connects() {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.peer != nil && s.domain == unix.AF_UNIX:
			return nil, syscall.EISCONN
		case s.peer == nil && !s.hadPeer:
			return nil, syscall.ENOTCONN
		}
		return nil, 0
	}
	return t.findSocket(s, name)
}

func doSendto(t *Task, c *Call, s *socket, f *vfs.File) (uint64, syscall.Errno) {
	x := &transmission{s, f, one(c.Args[1], c.Args[2]), c.Int(3)}
	var name []byte
	if c.Args[4] != 0 {
		var e syscall.Errno
		if name, e = t.readSockaddr(c.Args[4], c.Int(5)); e != 0 {
			return 0, e
		}
	}
	return t.sendTo(x, name, nil)
}

// sendMessage is sendmsg(2) of a struct msghdr.
func (t *Task) sendMessage(s *socket, f *vfs.File, addr uint64, flags int) (n uint64, e syscall.Errno) {
	var h msghdr
	if e := t.readObject(addr, &h); e != 0 {
		return 0, e
	}
	x := &transmission{s: s, f: f, flags: flags}
	if x.list, e = t.readIovecs(h.Iov, h.Iovlen); e != 0 {
		if h.Iovlen > maxIovec {
			e = syscall.EMSGSIZE
		}
		return 0, e
	}
	var name []byte
	if h.Name != 0 && h.Namelen > 0 {
		if name, e = t.readSockaddr(h.Name, int(h.Namelen)); e != 0 {
			return 0, e
		}
	}
	files, e := t.readControl(s, &h)
	if e != 0 {
		return 0, e
	}
	return t.sendTo(x, name, files)
}

// readControl reads control messages that are sent: descriptors. Credentials are the sender's own anyway.
func (t *Task) readControl(s *socket, h *msghdr) (files []*vfs.File, e syscall.Errno) {
	if h.Control == 0 || h.Controllen == 0 {
		return nil, 0
	}
	if h.Controllen > 20480 { // net.core.optmem_max
		return nil, syscall.ENOBUFS
	}
	b, e := t.copyIn(h.Control, h.Controllen)
	if e != 0 {
		return nil, e
	}
	defer func() {
		if e != 0 {
			for _, f := range files {
				t.K.files.open.Add(-1)
				f.Unref()
			}
			files = nil
		}
	}()
	const header = 16
	for len(b) >= header {
		n := binary.LittleEndian.Uint64(b)
		level, typ := int(binary.LittleEndian.Uint32(b[8:])), int(binary.LittleEndian.Uint32(b[12:]))
		if n < header || n > uint64(len(b)) {
			return files, syscall.EINVAL
		}
		if level == unix.SOL_SOCKET && typ == unix.SCM_RIGHTS {
			if s.domain != unix.AF_UNIX {
				return files, syscall.EINVAL
			}
			if files, e = t.takeRights(files, b[header:n]); e != 0 {
				return files, e
			}
		} else if level == unix.SOL_SOCKET && typ != unix.SCM_CREDENTIALS {
			return files, syscall.EINVAL
		}
		b = b[min((n+7)&^7, uint64(len(b))):]
	}
	return files, 0
}

// takeRights adds the files of descriptors to those that are sent.
func (t *Task) takeRights(files []*vfs.File, b []byte) ([]*vfs.File, syscall.Errno) {
	if len(files)+len(b)/4 > maxRights {
		return files, syscall.EINVAL
	}
	for ; len(b) >= 4; b = b[4:] {
		f, e := t.anyFile(int(int32(binary.LittleEndian.Uint32(b))))
		if e != 0 {
			return files, e
		}
		if !t.K.files.another() {
			f.Unref()
			return files, syscall.ETOOMANYREFS
		}
		files = append(files, f)
	}
	return files, 0
}

func doSendmsg(t *Task, c *Call, s *socket, f *vfs.File) (uint64, syscall.Errno) {
	return t.sendMessage(s, f, c.Args[1], c.Int(2))
}

// sizeofMmsghdr is the size of struct mmsghdr: a msghdr, and the number of bytes behind it.
const sizeofMmsghdr = 64

// several makes the handler of sendmmsg(2): it ends at the first message that fails.
func several(one func(t *Task, s *socket, f *vfs.File, addr uint64, flags int) (uint64, syscall.Errno)) func(*Task, *Call, *socket, *vfs.File) (uint64, syscall.Errno) {
	return func(t *Task, c *Call, s *socket, f *vfs.File) (uint64, syscall.Errno) {
		flags := c.Int(3)
		done := uint64(0)
		for ; done < uint64(min(c.Uint(2), maxIovec)); done++ {
			addr := c.Args[1] + done*sizeofMmsghdr
			n, e := one(t, s, f, addr, flags&^unix.MSG_WAITFORONE)
			if e == 0 {
				e = faultErrno(t.Mem.Store(addr+sizeofMmsghdr-8, 4, n))
			}
			if e != 0 {
				if done > 0 {
					e = 0
				}
				return done, e
			}
			if flags&unix.MSG_WAITFORONE != 0 {
				flags |= unix.MSG_DONTWAIT
			}
		}
		return done, 0
	}
}

// receiveFrom receives to the memory of x.
func (t *Task) receiveFrom(x *transmission) (r received, e syscall.Errno) {
	s := x.s
	if x.flags&unix.MSG_OOB != 0 {
		return r, syscall.EOPNOTSUPP
	}
	if x.flags&unix.MSG_ERRQUEUE != 0 {
		return r, syscall.EAGAIN
	}
	size := min(total(x.list), socketBuffer)
	until := t.until(s.timeout(false))
	all := x.flags&unix.MSG_WAITALL != 0 && s.isStream() && x.flags&unix.MSG_PEEK == 0
	b := make([]byte, size)
	for {
		var part received
		e = t.awaitSocket(x, vfs.POLLIN, until, func() (e syscall.Errno) {
			part, e = s.receive(b[r.n:], x.flags)
			return e
		})
		if e != 0 && r.n > 0 {
			e = 0
			break
		}
		if e != 0 {
			return r, e
		}
		n := r.n + part.n
		if !r.more {
			r = part
		} else {
			part.drop()
		}
		if r.n = n; !all || part.n == 0 || n == len(b) || len(r.files) > 0 {
			break
		}
	}
	if _, e := t.scatter(x.list, b[:r.n]); e != 0 {
		r.drop()
		return r, e
	}
	return r, 0
}

// length is what a call says to have received: with MSG_TRUNC, the whole of a datagram.
func (r *received) length(x *transmission) uint64 {
	if x.flags&unix.MSG_TRUNC != 0 && !x.s.isStream() {
		return uint64(r.size)
	}
	return uint64(r.n)
}

func doRecvfrom(t *Task, c *Call, s *socket, f *vfs.File) (uint64, syscall.Errno) {
	x := &transmission{s, f, one(c.Args[1], c.Args[2]), c.Int(3)}
	r, e := t.receiveFrom(x)
	r.drop()
	if e != 0 {
		return 0, e
	}
	if c.Args[4] != 0 {
		if e := t.writeSockaddr(r.from, c.Args[4], c.Args[5]); e != 0 {
			return 0, e
		}
	}
	return r.length(x), 0
}

func doRecvmsg(t *Task, c *Call, s *socket, f *vfs.File) (uint64, syscall.Errno) {
	return t.receiveMessage(s, f, c.Args[1], c.Int(2))
}

// receiveMessage is recvmsg(2) to a struct msghdr.
func (t *Task) receiveMessage(s *socket, f *vfs.File, addr uint64, flags int) (uint64, syscall.Errno) {
	var h msghdr
	if e := t.readObject(addr, &h); e != 0 {
		return 0, e
	}
	list, e := t.readIovecs(h.Iov, h.Iovlen)
	if e != 0 {
		if h.Iovlen > maxIovec {
			e = syscall.EMSGSIZE
		}
		return 0, e
	}
	x := &transmission{s, f, list, flags}
	r, e := t.receiveFrom(x)
	if e != 0 {
		return 0, e
	}
	defer r.drop()
	h.Flags = 0
	if !s.isStream() && r.size > r.n {
		h.Flags |= unix.MSG_TRUNC
	}
	if h.Name != 0 {
		if e := t.copyOut(h.Name, r.from[:min(len(r.from), int(h.Namelen))]); e != 0 {
			return 0, e
		}
		h.Namelen = uint32(len(r.from))
	}
	if e := t.writeControl(s, &h, &r, flags); e != 0 {
		return 0, e
	}
	return r.length(x), t.writeObject(addr, &h)
}

// writeControl writes control messages that are received: credentials if they are wanted, and descriptors. What there
// is no room for is lost.
func (t *Task) writeControl(s *socket, h *msghdr, r *received, flags int) syscall.Errno {
	room := h.Controllen
	var b []byte
	const header = 16
	put := func(typ int, data []byte) {
		b = binary.LittleEndian.AppendUint64(b, uint64(header+len(data)))
		b = binary.LittleEndian.AppendUint32(b, unix.SOL_SOCKET)
		b = binary.LittleEndian.AppendUint32(b, uint32(typ))
		b = append(b, data...)
		b = append(b, make([]byte, -len(data)&7)...)
	}
	if s.option(unix.SOL_SOCKET, unix.SO_PASSCRED) != 0 && s.domain == unix.AF_UNIX {
		if data, _ := binary.Append(nil, binary.LittleEndian, r.cred); room >= header+uint64(len(data)) {
			put(unix.SCM_CREDENTIALS, data)
		} else {
			h.Flags |= unix.MSG_CTRUNC
		}
	}
	var fds []byte
	for len(r.files) > 0 {
		if uint64(len(b)+header+len(fds)+4) > room {
			h.Flags |= unix.MSG_CTRUNC
			break
		}
		f := r.files[0]
		r.files = r.files[1:]
		fd, e := t.install(f, flags&unix.MSG_CMSG_CLOEXEC != 0)
		if e != 0 {
			h.Flags |= unix.MSG_CTRUNC
			break
		}
		fds = binary.LittleEndian.AppendUint32(fds, uint32(fd))
	}
	if len(fds) > 0 {
		put(unix.SCM_RIGHTS, fds)
	}
	h.Controllen = min(uint64(len(b)), room)
	return t.copyOut(h.Control, b[:h.Controllen])
}

// socketOption is an option of setsockopt(2).
type socketOption struct{ level, name int }

// option is the value of an option that has no meaning here but that it is kept.
func (s *socket) option(level, name int) int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.options[socketOption{level, name}]
}

// timeout is SO_RCVTIMEO or SO_SNDTIMEO.
func (s *socket) timeout(send bool) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if send {
		return s.sndTimeout
	}
	return s.rcvTimeout
}

// knownOption reports whether an option may be set, and is kept.
func (s *socket) knownOption(level, name int) bool {
	switch level {
	case unix.SOL_SOCKET:
		switch name {
		case unix.SO_REUSEADDR, unix.SO_REUSEPORT, unix.SO_KEEPALIVE, unix.SO_BROADCAST, unix.SO_OOBINLINE, unix.SO_SNDBUF, unix.SO_RCVBUF,
			unix.SO_PASSCRED, unix.SO_LINGER, unix.SO_PRIORITY, unix.SO_RCVLOWAT, unix.SO_TIMESTAMP, unix.SO_DONTROUTE:
			return true
		}
	case unix.IPPROTO_TCP, unix.IPPROTO_IP, unix.IPPROTO_IPV6:
		return s.domain != unix.AF_UNIX
	}
	return false
}

func doSetsockopt(t *Task, c *Call, s *socket, _ *vfs.File) (uint64, syscall.Errno) {
	level, name, size := c.Int(1), c.Int(2), c.Int(4)
	if size < 0 {
		return 0, syscall.EINVAL
	}
	if level == unix.SOL_SOCKET && (name == unix.SO_RCVTIMEO || name == unix.SO_SNDTIMEO) {
		return 0, t.setSocketTimeout(s, name == unix.SO_SNDTIMEO, c.Args[3], size)
	}
	if !s.knownOption(level, name) {
		return 0, syscall.ENOPROTOOPT
	}
	if size < 4 {
		return 0, syscall.EINVAL
	}
	v, f := t.Mem.Load(c.Args[3], 4)
	if f != nil {
		return 0, syscall.EFAULT
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.options == nil {
		s.options = map[socketOption]int32{}
	}
	s.options[socketOption{level, name}] = int32(v)
	return 0, 0
}

func (t *Task) setSocketTimeout(s *socket, send bool, addr uint64, size int) syscall.Errno {
	var tv unix.Timeval
	if size < 16 {
		return syscall.EINVAL
	}
	if e := t.readObject(addr, &tv); e != 0 {
		return e
	}
	if tv.Usec < 0 || tv.Usec >= 1e6 {
		return syscall.EDOM
	}
	d := max(tv.Nano(), 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	if send {
		s.sndTimeout = d
	} else {
		s.rcvTimeout = d
	}
	return 0
}

func doGetsockopt(t *Task, c *Call, s *socket, _ *vfs.File) (uint64, syscall.Errno) {
	size, f := t.Mem.Load(c.Args[4], 4)
	if f != nil {
		return 0, syscall.EFAULT
	}
	if int32(size) < 0 {
		return 0, syscall.EINVAL
	}
	v, ok := s.getOption(c.Int(1), c.Int(2))
	if !ok {
		return 0, syscall.ENOPROTOOPT
	}
	b, _ := binary.Append(nil, binary.LittleEndian, v)
	b = b[:min(len(b), int(size))]
	if e := t.copyOut(c.Args[3], b); e != 0 {
		return 0, e
	}
	return 0, faultErrno(t.Mem.Store(c.Args[4], 4, uint64(len(b))))
}

// getOption is the value of an option: an int32, peerCred or unix.Timeval.
func (s *socket) getOption(level, name int) (any, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if level == unix.SOL_SOCKET {
		switch name {
		case unix.SO_TYPE:
			return int32(s.typ), true
		case unix.SO_DOMAIN:
			return int32(s.domain), true
		case unix.SO_PROTOCOL:
			return int32(s.proto), true
		case unix.SO_ACCEPTCONN:
			return int32(flag(s.listening)), true
		case unix.SO_ERROR:
			e := s.err
			s.err = 0
			return int32(e), true
		case unix.SO_PEERCRED:
			if !s.hadPeer {
				return peerCred{0, 1<<32 - 1, 1<<32 - 1}, true
			}
			return s.peerCred, true
		case unix.SO_RCVTIMEO:
			return unix.NsecToTimeval(s.rcvTimeout), true
		case unix.SO_SNDTIMEO:
			return unix.NsecToTimeval(s.sndTimeout), true
		case unix.SO_SNDBUF, unix.SO_RCVBUF:
			return int32(socketBuffer), true
		case unix.SO_LINGER:
			return [2]int32{}, true
		}
	}
	if !s.knownOption(level, name) {
		return nil, false
	}
	return s.options[socketOption{level, name}], true
}

// doRecvmmsg is recvmmsg(2). Its time-out is looked at between messages only, as by the kernel.
func doRecvmmsg(t *Task, c *Call, s *socket, f *vfs.File) (uint64, syscall.Errno) {
	if c.Args[4] != 0 {
		d, e := t.readTimespec(c.Args[4])
		if e != 0 {
			return 0, e
		}
		end := t.K.after(d)
		return several(func(t *Task, s *socket, f *vfs.File, addr uint64, flags int) (uint64, syscall.Errno) {
			if t.K.clock.Monotonic() >= end && d > 0 {
				return 0, syscall.EAGAIN
			}
			return t.receiveMessage(s, f, addr, flags)
		})(t, c, s, f)
	}
	return several((*Task).receiveMessage)(t, c, s, f)
}

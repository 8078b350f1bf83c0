//go:build linux

package sandbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// sockName is what a socket is bound to.
type sockName struct {
	key  any    // abstractName, pathName or portName
	addr []byte // struct sockaddr
}

// What names are known by.
type (
	abstractName struct {
		typ  int
		name string
	}
	pathName struct {
		fs  *vfs.FS
		ino uint64
	}
	portName struct {
		typ  int
		port uint16
	}
)

// socketNames are the names of a kernel's sockets.
type socketNames struct {
	mu       sync.Mutex
	bound    map[any]*socket
	lastPort uint16
	lastName int
	// carriers are sockets in whose queues there are files. Such a file may be the socket itself, so that it is never closed
	// by anybody but the end of the kernel.
	carriers map[*socket]bool
}

// bind gives s a name; EADDRINUSE if another socket has it.
func (n *socketNames) bind(s *socket, name *sockName) syscall.Errno {
	n.mu.Lock()
	if n.bound[name.key] != nil {
		n.mu.Unlock()
		return syscall.EADDRINUSE
	}
	if n.bound == nil {
		n.bound = map[any]*socket{}
	}
	n.bound[name.key] = s
	n.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name = name
	return 0
}

// find returns the socket with a name, or nil.
func (n *socketNames) find(key any) *socket {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.bound[key]
}

// remove forgets a socket that is closed.
func (n *socketNames) remove(s *socket, name *sockName) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.carriers, s)
	if name != nil && n.bound[name.key] == s {
		delete(n.bound, name.key)
	}
}

// carries notes that there are files in the queue of s, which is locked.
func (n *socketNames) carries(s *socket) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.carriers == nil {
		n.carriers = map[*socket]bool{}
	}
	n.carriers[s] = true
}

// close closes the files in all queues.
func (n *socketNames) close() {
	n.mu.Lock()
	carriers := n.carriers
	n.carriers = nil
	n.mu.Unlock()
	for s := range carriers {
		s.mu.Lock()
		messages := s.messages
		s.messages = nil
		s.mu.Unlock()
		for _, m := range messages {
			m.dropFiles(s)
		}
	}
}

// freePort is a port that no socket of a type has, or 0.
func (n *socketNames) freePort(typ int) uint16 {
	const first, last = 32768, 60999
	n.mu.Lock()
	defer n.mu.Unlock()
	for range last - first {
		if n.lastPort++; n.lastPort < first || n.lastPort > last {
			n.lastPort = first
		}
		if n.bound[portName{typ, n.lastPort}] == nil {
			return n.lastPort
		}
	}
	return 0
}

// Sizes of struct sockaddr_un, _in and _in6.
const (
	sizeofUnix  = 110
	sizeofInet  = 16
	sizeofInet6 = 28
	maxSockaddr = 128
)

// readSockaddr reads a struct sockaddr.
func (t *Task) readSockaddr(addr uint64, n int) ([]byte, syscall.Errno) {
	if n < 0 || n > maxSockaddr {
		return nil, syscall.EINVAL
	}
	return t.copyIn(addr, uint64(n))
}

// writeSockaddr writes as much of a struct sockaddr as there is room for, and its length.
func (t *Task) writeSockaddr(b []byte, addr, lenAddr uint64) syscall.Errno {
	size, f := t.Mem.Load(lenAddr, 4)
	if f != nil {
		return syscall.EFAULT
	}
	if int32(size) < 0 {
		return syscall.EINVAL
	}
	if e := t.copyOut(addr, b[:min(len(b), int(size))]); e != 0 {
		return e
	}
	return faultErrno(t.Mem.Store(lenAddr, 4, uint64(len(b))))
}

// familyOf is the address family of a struct sockaddr.
func familyOf(b []byte) int {
	if len(b) < 2 {
		return unix.AF_UNSPEC
	}
	return int(binary.LittleEndian.Uint16(b))
}

// inetAddr takes apart a struct sockaddr_in or sockaddr_in6.
func inetAddr(domain int, b []byte) (netip.AddrPort, syscall.Errno) {
	switch {
	case familyOf(b) != domain && len(b) >= 2:
		return netip.AddrPort{}, syscall.EAFNOSUPPORT
	case domain == unix.AF_INET && len(b) >= sizeofInet:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), binary.BigEndian.Uint16(b[2:])), 0
	case domain == unix.AF_INET6 && len(b) >= sizeofInet6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), binary.BigEndian.Uint16(b[2:])), 0
	}
	return netip.AddrPort{}, syscall.EINVAL
}

// sockaddrOf makes a struct sockaddr_in or sockaddr_in6.
func sockaddrOf(domain int, a netip.AddrPort) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(domain))
	b = binary.BigEndian.AppendUint16(b, a.Port())
	if domain == unix.AF_INET {
		ip := a.Addr().Unmap().As4()
		return append(append(b, ip[:]...), make([]byte, 8)...)
	}
	ip := a.Addr().As16()
	b = append(b, 0, 0, 0, 0)
	return append(append(b, ip[:]...), 0, 0, 0, 0)
}

// isLocal reports whether an address is the sandbox's: loopback, or any.
func isLocal(a netip.Addr) bool { a = a.Unmap(); return a.IsLoopback() || a.IsUnspecified() }

// loopback is the address that a socket has if nothing else is said.
func loopback(domain int) netip.Addr {
	if domain == unix.AF_INET {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// bindSocket is bind(2).
func (t *Task) bindSocket(s *socket, b []byte) syscall.Errno {
	s.mu.Lock()
	bound := s.name != nil
	s.mu.Unlock()
	if s.domain != unix.AF_UNIX {
		a, e := inetAddr(s.domain, b)
		switch {
		case e != 0:
			return e
		case bound:
			return syscall.EINVAL
		case !isLocal(a.Addr()):
			return syscall.EADDRNOTAVAIL
		}
		return t.bindPort(s, a)
	}
	switch {
	case familyOf(b) != unix.AF_UNIX, len(b) > sizeofUnix:
		return syscall.EINVAL
	case len(b) == 2:
		return t.autobind(s)
	case bound:
		return syscall.EINVAL
	case b[2] == 0:
		return t.K.files.sockets.bind(s, &sockName{abstractName{s.typ, string(b[3:])}, b})
	}
	return t.bindPath(s, b)
}

// bindPort binds to a port, to any if it is 0.
func (t *Task) bindPort(s *socket, a netip.AddrPort) syscall.Errno {
	names := &t.K.files.sockets
	if a.Port() == 0 {
		port := names.freePort(s.typ)
		if port == 0 {
			return syscall.EADDRINUSE
		}
		a = netip.AddrPortFrom(a.Addr(), port)
	}
	return names.bind(s, &sockName{portName{s.typ, a.Port()}, sockaddrOf(s.domain, a)})
}

// autobind gives a socket an abstract name of five digits, unless it has one (unix(7)).
func (t *Task) autobind(s *socket) syscall.Errno {
	names := &t.K.files.sockets
	s.mu.Lock()
	bound := s.name != nil
	s.mu.Unlock()
	for !bound {
		names.mu.Lock()
		names.lastName++
		name := fmt.Sprintf("%05x", names.lastName&0xfffff)
		names.mu.Unlock()
		addr := append(binary.LittleEndian.AppendUint16(nil, unix.AF_UNIX), "\x00"+name...)
		if e := names.bind(s, &sockName{abstractName{s.typ, name}, addr}); e != syscall.EADDRINUSE {
			return e
		}
	}
	return 0
}

// pathOf is the path in a struct sockaddr_un.
func pathOf(b []byte) string {
	path, _, _ := bytes.Cut(b[2:], []byte{0})
	return string(path)
}

// bindPath makes a socket in a directory.
func (t *Task) bindPath(s *socket, b []byte) syscall.Errno {
	c, path := t.caller(), pathOf(b)
	if e := c.Mknod(c.Cwd, path, vfs.S_IFSOCK|0o777, 0); e != 0 {
		if e == syscall.EEXIST {
			e = syscall.EADDRINUSE
		}
		return e
	}
	p, e := c.Walk(c.Cwd, path, 0)
	if e != 0 {
		return e
	}
	addr := append(append([]byte{}, b[:2]...), path+"\x00"...)
	return t.K.files.sockets.bind(s, &sockName{pathName{p.FS(), p.Node().Ino()}, addr})
}

// findSocket finds the socket that has an address.
func (t *Task) findSocket(s *socket, b []byte) (*socket, syscall.Errno) {
	key, e := t.socketKey(s, b)
	if e != 0 {
		return nil, e
	}
	to := t.K.files.sockets.find(key)
	switch {
	case to == nil:
		return nil, syscall.ECONNREFUSED
	case to.typ != s.typ:
		return nil, syscall.EPROTOTYPE
	}
	return to, 0
}

// socketKey is what the socket of an address is known by.
func (t *Task) socketKey(s *socket, b []byte) (any, syscall.Errno) {
	if s.domain != unix.AF_UNIX {
		a, e := inetAddr(s.domain, b)
		if e == 0 && !isLocal(a.Addr()) {
			e = syscall.ENETUNREACH
		}
		return portName{s.typ, a.Port()}, e
	}
	switch {
	case len(b) < 3 || len(b) > sizeofUnix || familyOf(b) != unix.AF_UNIX:
		return nil, syscall.EINVAL
	case b[2] == 0:
		return abstractName{s.typ, string(b[3:])}, 0
	}
	c := t.caller()
	p, e := c.Walk(c.Cwd, pathOf(b), vfs.Follow)
	if e != 0 {
		return nil, e
	}
	if e := c.Access(p, vfs.MayWrite); e != 0 {
		return nil, e
	}
	if p.Node().Type() != vfs.S_IFSOCK {
		return nil, syscall.ECONNREFUSED
	}
	return pathName{p.FS(), p.Node().Ino()}, 0
}

// sockname is getsockname(2): without a name, only the family, or address and port 0.
func (s *socket) sockname() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.name != nil {
		return s.name.addr
	}
	return noName(s.domain)
}

func noName(domain int) []byte {
	switch domain {
	case unix.AF_INET:
		return sockaddrOf(domain, netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
	case unix.AF_INET6:
		return sockaddrOf(domain, netip.AddrPortFrom(netip.IPv6Unspecified(), 0))
	}
	return binary.LittleEndian.AppendUint16(nil, uint16(domain))
}

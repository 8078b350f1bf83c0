//go:build linux && amd64

package linux

import (
	"bytes"
	"encoding/binary"
	"path"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Socket addresses have the same layouts on both sides. The path names in those of
// AF_UNIX mean files: they are resolved in the sysroot, and given back in the
// guest's terms.

const (
	maxSockaddr  = 128 // sizeof(struct sockaddr_storage)
	unixPath     = 2   // offset of sun_path
	maxUnixPath  = 108 // sizeof(sun_path)
	abstractName = 0   // first byte of sun_path of names that mean no file
)

// sockaddr is an address handed to the host.
type sockaddr struct {
	addr, len uintptr
	dir       int // descriptor that addr's path goes through, or -1
}

func (a *sockaddr) close() {
	if a.dir >= 0 {
		_ = unix.Close(a.dir)
		a.dir = -1
	}
}

// sockaddr makes the socket address at addr available to the host. create says that
// the call makes the file (bind(2)). The caller closes the result after the call.
func (m *marshaller) sockaddr(addr, n uint64, create bool) (sockaddr, syscall.Errno) {
	a := sockaddr{dir: -1, len: uintptr(uint32(n))}
	if int32(n) < 0 || uint32(n) > maxSockaddr {
		return a, syscall.EINVAL
	}
	if addr == 0 || uint32(n) == 0 {
		return a, 0
	}
	b := make([]byte, uint32(n))
	if m.t.Mem.CopyIn(b, addr) != nil {
		return a, syscall.EFAULT
	}
	if name, ok := unixName(b); ok && m.t.P.root().Dir != "" {
		b = a.translate(m.t.P, name, create)
	}
	a.addr, a.len = m.keep(&b[0]), uintptr(len(b))
	return a, 0
}

// unixName returns the path name in an address of AF_UNIX, if it has one.
func unixName(b []byte) (string, bool) {
	if len(b) <= unixPath || binary.NativeEndian.Uint16(b) != unix.AF_UNIX || b[unixPath] == abstractName {
		return "", false
	}
	name, _, _ := bytes.Cut(b[unixPath:], []byte{0})
	return string(name), true
}

// translate returns the host's address of AF_UNIX for a guest's path name. A host
// path that is too long for it goes through a descriptor of its directory.
func (a *sockaddr) translate(p *Process, name string, create bool) []byte {
	host := p.resolvePath(unix.AT_FDCWD, name, !create)
	if len(host) > maxUnixPath {
		dir, base := path.Split(host)
		if fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
			a.dir = fd
			host = "/proc/self/fd/" + strconv.Itoa(fd) + "/" + base
		}
	}
	b := binary.NativeEndian.AppendUint16(nil, unix.AF_UNIX)
	b = append(b, host...)
	if len(host) < maxUnixPath {
		b = append(b, 0)
	}
	return b
}

// guestSockaddr returns an address of the host in the guest's terms.
func (p *Process) guestSockaddr(b []byte) []byte {
	root := p.root()
	if root.Dir == "" {
		return b
	}
	name, ok := unixName(b)
	if !ok {
		return b
	}
	if rest, ok := strings.CutPrefix(name, "/proc/self/fd/"); ok {
		_, base, _ := strings.Cut(rest, "/")
		name = base // bound through a descriptor that is closed by now
	}
	guest := root.Guest(name)
	return append(append(b[:unixPath:unixPath], guest...), 0)
}

// sockaddrResult is where a call stores a socket address: at most as many bytes as
// the integer at lenAddr says, which then becomes the address's full size.
type sockaddrResult struct {
	addr, lenAddr uint64
	room          uint32
	raw           *[maxSockaddr]byte
	len           *uint32
}

// sockaddrResult prepares for a call that returns an address; addr 0 means that it is not
// wanted.
func (t *Task) sockaddrResult(addr, lenAddr uint64) (r sockaddrResult, e syscall.Errno) {
	r = sockaddrResult{addr: addr, lenAddr: lenAddr, raw: new([maxSockaddr]byte), len: new(uint32)}
	if addr == 0 {
		return r, 0
	}
	n, f := t.Mem.Load(lenAddr, 4)
	switch {
	case f != nil:
		return r, syscall.EFAULT
	case int32(n) < 0:
		return r, syscall.EINVAL
	}
	r.room, *r.len = uint32(n), maxSockaddr
	return r, 0
}

// store gives the address to the guest.
func (r *sockaddrResult) store(t *Task) syscall.Errno {
	if r.addr == 0 {
		return 0
	}
	b := t.P.guestSockaddr(r.raw[:min(*r.len, maxSockaddr)])
	if t.Mem.CopyOut(r.addr, b[:min(len(b), int(r.room))]) != nil {
		return syscall.EFAULT
	}
	if t.Mem.Store(r.lenAddr, 4, uint64(len(b))) != nil {
		return syscall.EFAULT
	}
	return 0
}

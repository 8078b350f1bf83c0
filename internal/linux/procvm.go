//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"syscall"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/peer"
)

// sysProcessVMReadv copies from the memory of another guest process, or of the caller.
func sysProcessVMReadv(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.processVM(c, func(p *peer.Peer, local, remote uint64, b []byte) (int, bool) {
		if p == nil {
			return t.copyWithin(local, remote, b)
		}
		n, _ := p.ReadMem(b, remote)
		return n, t.Mem.CopyOut(local, b[:n]) == nil && n == len(b)
	})
}

// sysProcessVMWritev is the reverse.
func sysProcessVMWritev(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.processVM(c, func(p *peer.Peer, local, remote uint64, b []byte) (int, bool) {
		if p == nil {
			return t.copyWithin(remote, local, b)
		}
		if t.Mem.CopyIn(b, local) != nil {
			return 0, false
		}
		n, _ := p.WriteMem(remote, b)
		return n, n == len(b)
	})
}

// guestIovec is struct iovec: addresses are the guest's.
type guestIovec struct{ base, n uint64 }

const iovecSize = 16

// processVM checks the arguments and copies piece by piece, no piece larger than a
// page, until either list or the memory ends. Like the kernel's, a copy that fails
// in the middle gives the number of bytes before it.
func (t *Task) processVM(c *Call, move func(p *peer.Peer, local, remote uint64, b []byte) (int, bool)) (uint64, syscall.Errno) {
	if c.Args[5] != 0 {
		return 0, syscall.EINVAL
	}
	local, e := t.readIovecs(c.Args[1], c.Args[2])
	if e != 0 {
		return 0, e
	}
	remote, e := t.readIovecs(c.Args[3], c.Args[4])
	if e != 0 {
		return 0, e
	}
	p, e := t.P.peerOf(c.Int(0))
	if e != 0 {
		return 0, e
	}
	var done uint64
	buf := make([]byte, mem.PageSize)
	for len(local) > 0 && len(remote) > 0 {
		l, r := &local[0], &remote[0]
		n := min(l.n, r.n, mem.PageSize-r.base%mem.PageSize)
		got, ok := move(p, l.base, r.base, buf[:n])
		done += uint64(got)
		if !ok {
			if done == 0 {
				return 0, syscall.EFAULT
			}
			return done, 0
		}
		local, remote = advance(local, n), advance(remote, n)
	}
	return done, 0
}

// peerOf finds another guest process; nil is the caller's own. The memory of a
// process that runs no guest is not offered.
func (p *Process) peerOf(pid int) (*peer.Peer, syscall.Errno) {
	if pid <= 0 {
		return nil, syscall.ESRCH
	}
	if p.isSelf(pid) {
		return nil, 0
	}
	other, err := peer.Open(pid)
	if e, ok := err.(syscall.Errno); ok {
		return nil, e
	} else if err != nil {
		return nil, syscall.EPERM
	}
	return other, 0
}

// advance drops n bytes, and then what is empty, from the front of a list.
func advance(v []guestIovec, n uint64) []guestIovec {
	v[0].base += n
	v[0].n -= n
	for len(v) > 0 && v[0].n == 0 {
		v = v[1:]
	}
	return v
}

// copyWithin copies len(b) bytes of guest memory by way of b.
func (t *Task) copyWithin(to, from uint64, b []byte) (int, bool) {
	if t.Mem.CopyIn(b, from) != nil || t.Mem.CopyOut(to, b) != nil {
		return 0, false
	}
	return len(b), true
}

// readIovecs reads a list of n iovecs without those that are empty at its front.
func (t *Task) readIovecs(addr, n uint64) ([]guestIovec, syscall.Errno) {
	if n > maxIovecs {
		return nil, syscall.EINVAL
	}
	b := make([]byte, n*iovecSize)
	if f := t.Mem.CopyIn(b, addr); f != nil {
		return nil, syscall.EFAULT
	}
	v := make([]guestIovec, n)
	for i := range v {
		v[i].base = binary.LittleEndian.Uint64(b[iovecSize*i:])
		v[i].n = binary.LittleEndian.Uint64(b[iovecSize*i+8:])
		if int64(v[i].n) < 0 {
			return nil, syscall.EINVAL
		}
	}
	if len(v) > 0 {
		v = advance(v, 0)
	}
	return v, 0
}

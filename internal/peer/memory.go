//go:build linux && amd64

package peer

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Guest memory of a peer.

const (
	pageSize  = 4096
	pageShift = 12

	// Permission bits of a page table's entry, as in package mem/table: those of PROT_,
	// and one for pages that exist.
	entryRead    = 1
	entryWrite   = 2
	entryPresent = 8
)

// ReadMem reads guest memory, as process_vm_readv(2) does: it returns how much could
// be read from the start; the error says why none could.
func (p *Peer) ReadMem(b []byte, addr uint64) (int, syscall.Errno) {
	return p.copy(unix.ProcessVMReadv, b, addr, entryRead)
}

// WriteMem writes guest memory, as process_vm_writev(2) does.
func (p *Peer) WriteMem(addr uint64, b []byte) (int, syscall.Errno) {
	return p.copy(unix.ProcessVMWritev, b, addr, entryWrite)
}

// copy goes page by page: a piece in the middle may be missing, and the kernel
// counts whole iovecs only.
func (p *Peer) copy(call vmCall, b []byte, addr uint64, access uint64) (done int, e syscall.Errno) {
	for done < len(b) {
		at := addr + uint64(done)
		n := min(len(b)-done, int(pageSize-at%pageSize))
		host, ok := p.Host(at, access)
		got := 0
		e = syscall.EFAULT
		if ok {
			got, e = transfer(call, p.PID, b[done:done+n], host)
		}
		if e != 0 || got == 0 {
			break
		}
		done += got
	}
	if done > 0 {
		e = 0
	}
	return done, e
}

// Host returns the host address, in the peer, of guest memory. In the table mapping it
// reports false if the page lacks the access, of entryRead and entryWrite: 0 asks
// for any page. In the offset mapping the kernel finds out.
func (p *Peer) Host(addr uint64, access uint64) (uint64, bool) {
	d := &p.D
	if addr >= d.Limit {
		return 0, false
	}
	if d.Kind == Offset {
		return d.Base + addr, true
	}
	var leaf, entry uint64
	if p.read(bytesOf(&leaf), d.Root+addr>>d.LeafShift*8) != 0 || leaf == 0 {
		return 0, false
	}
	if p.read(bytesOf(&entry), leaf+addr>>pageShift%(1<<(d.LeafShift-pageShift))*8) != 0 {
		return 0, false
	}
	want := access | entryPresent
	return entry&^(pageSize-1) | addr%pageSize, entry&want == want
}

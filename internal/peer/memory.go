//go:build linux && amd64

package peer

import (
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Guest memory of a peer.

const pageSize = 4096

// Permissions, those of PROT_.
const (
	protRead  = 1
	protWrite = 2
)

// run is consecutive guest memory that is consecutive on the host, too, in the layout of
// package mem/table's list.
type run struct {
	guest, n uint64 // where it begins, bytes
	host     uint64
	prot     uint8
	_        [7]byte
}

// allows reports whether addr lies in r, with the access.
func (r *run) allows(addr uint64, access uint8) bool {
	prot := r.prot
	if prot&protWrite != 0 {
		prot |= protRead // as everywhere on Linux
	}
	return addr-r.guest < r.n && prot&access == access
}

// maxRuns bounds the list of a peer.
const maxRuns = 1 << 20

// runs reads where the peer's memory is. In the mappings with a window that is one run,
// and the kernel finds out what the guest has.
func (p *Peer) runs() []run {
	d := &p.D
	if d.Kind == Offset {
		return []run{{n: d.Limit, host: d.Base, prot: protRead | protWrite}}
	}
	for range 5 { // the list may be changing
		var head, again [3]uint64 // of a slice: pointer, length, capacity
		if p.read(bytesOf(&head), d.Runs) != 0 || head[1] > maxRuns {
			return nil
		}
		list := make([]run, head[1])
		if p.read(listBytes(list), head[0]) != 0 {
			continue
		}
		if p.read(bytesOf(&again), d.Runs) == 0 && again == head {
			return slices.DeleteFunc(list, p.outside)
		}
	}
	return nil
}

// outside reports whether a run is not guest memory, whatever the list says.
func (p *Peer) outside(r run) bool {
	at := r.host - p.D.Base
	return r.n > p.D.Size || at > p.D.Size-r.n
}

// ReadMem reads guest memory, as process_vm_readv(2) does: it returns how much could
// be read from the start; the error says why none could.
func (p *Peer) ReadMem(b []byte, addr uint64) (int, syscall.Errno) {
	return p.copy(unix.ProcessVMReadv, b, addr, protRead)
}

// WriteMem writes guest memory, as process_vm_writev(2) does.
func (p *Peer) WriteMem(addr uint64, b []byte) (int, syscall.Errno) {
	return p.copy(unix.ProcessVMWritev, b, addr, protWrite)
}

// copy goes page by page: a piece in the middle may be missing, and the kernel
// counts whole iovecs only.
func (p *Peer) copy(call vmCall, b []byte, addr uint64, access uint8) (done int, e syscall.Errno) {
	list := p.runs()
	for done < len(b) {
		at := addr + uint64(done)
		n := min(len(b)-done, int(pageSize-at%pageSize))
		host, ok := p.find(list, at, access)
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

func (p *Peer) find(list []run, addr uint64, access uint8) (host uint64, ok bool) {
	for i := range list {
		if r := &list[i]; r.allows(addr, access) {
			return p.detour(r.host+addr-r.guest, addr, access)
		}
	}
	return 0, false
}

// detour is where to find what lies at host if that is in a window: elsewhere, if the peer
// has an entry for it.
func (p *Peer) detour(host, addr uint64, access uint8) (uint64, bool) {
	if addr >= p.D.DetoursEnd {
		return host, true
	}
	var entry uint64
	if p.read(bytesOf(&entry), p.D.Detours+addr/pageSize*8) != 0 {
		return 0, false
	}
	if entry == 0 { // the kernel finds out
		return host, true
	}
	return entry&^(pageSize-1) + addr, uint8(entry)&access == access
}

// Host returns the host address, in the peer, of guest memory. In the table mapping it
// reports false if there is no page; in the others the kernel finds out.
func (p *Peer) Host(addr uint64) (uint64, bool) { return p.find(p.runs(), addr, 0) }

// EachRun calls f with the host memory, in the peer, of what there is in [addr, addr+n).
func (p *Peer) EachRun(addr, n uint64, f func(host, n uint64)) {
	for _, r := range p.runs() {
		from, to := max(addr, r.guest), min(addr+n, r.guest+r.n)
		if from < to {
			f(r.host+from-r.guest, to-from)
		}
	}
}

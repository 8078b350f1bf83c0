//go:build linux && amd64

package ptrace

import (
	"encoding/binary"
	"syscall"

	"github.com/hospes-vm/hospes/internal/peer"
)

// Memory of a tracee. A tracer may write what the tracee itself may not (FOLL_FORCE of
// the kernel): what process_vm_writev(2) refuses goes word by word through ptrace. But
// of what cannot be read nothing tells whether the guest has it: in the offset mapping
// all of its addresses are reserved.

// open finds out where the tracee's memory is.
func (t *Tracee) open() syscall.Errno {
	if t.peer != nil {
		return 0
	}
	p, err := peer.Open(t.TID)
	if err != nil {
		return syscall.EIO
	}
	t.peer = p
	return 0
}

// Read reads memory; the number of bytes is less than len(b) if it ends before.
func (t *Tracee) Read(b []byte, addr uint64) int {
	if t.open() != 0 {
		return 0
	}
	done, _ := t.peer.ReadMem(b, addr)
	for done < len(b) && t.peer.D.Kind == peer.Table {
		v, at, ok := t.peekWord(addr + uint64(done))
		if !ok {
			break
		}
		done += copy(b[done:], v[at:])
	}
	return done
}

// Write writes memory, and has the threads of the process decode it anew if it is code.
func (t *Tracee) Write(addr uint64, b []byte) int {
	if len(b) == 0 || t.open() != 0 {
		return 0
	}
	t.group.CodeChanged(t.pid)
	done, _ := t.peer.WriteMem(addr, b)
	for done < len(b) {
		v, at, ok := t.peekWord(addr + uint64(done))
		if !ok {
			break
		}
		n := copy(v[at:], b[done:])
		host, _ := t.peer.Host((addr + uint64(done)) &^ 7)
		if poke(t.TID, host, binary.NativeEndian.Uint64(v[:])) != 0 {
			break
		}
		done += n
	}
	return done
}

// peekWord reads the aligned word that addr lies in, and says where in it.
func (t *Tracee) peekWord(addr uint64) (v [8]byte, at int, ok bool) {
	at = int(addr & 7)
	if n, _ := t.peer.ReadMem(v[:], addr&^7); n == len(v) {
		return v, at, true
	}
	host, ok := t.peer.Host(addr &^ 7)
	if !ok || t.peer.D.Kind != peer.Table {
		return v, at, false
	}
	w, e := peek(t.TID, host)
	binary.NativeEndian.PutUint64(v[:], w)
	return v, at, e == 0
}

// CodeChanged notes that memory of a process has been written: all tracees in it have to look at their code again.
func (g *Tracer) CodeChanged(pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.tracees {
		if t.pid == pid || t.TID == pid {
			t.code = true
		}
	}
}

//go:build linux && amd64

package linux

import (
	"path"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/peer"
	"github.com/hospes-vm/hospes/internal/procview"
)

// /proc/pid/mem is the host's, opened as the guest asks. Positions in it are guest
// addresses, so transfers go through memTransfer, which finds the host's. What the
// file allows beyond mprotect, such as writing to read-only pages, is left to the
// kernel.

// memFiles knows the open files that are /proc/pid/mem, whatever descriptors they
// have.
type memFiles struct {
	any atomic.Bool // there is one: spares all others the look
	mu  sync.Mutex
	ids map[fileID]*peer.Peer // nil for the process's own
}

type fileID struct{ dev, ino uint64 }

// openMem opens /proc/pid/mem of a guest process if that is what full, a clean
// absolute path, means.
func (t *Task) openMem(full string, flags uint64) (uint64, syscall.Errno, bool) {
	dir, base := path.Split(full)
	if base != "mem" {
		return 0, 0, false
	}
	var other *peer.Peer
	if _, own := t.P.ownProcDir(path.Clean(dir)); !own {
		if other = otherPeer(path.Clean(dir)); other == nil {
			return 0, 0, false
		}
	}
	fd, err := unix.Open(full, int(flags), 0)
	if err != nil {
		return 0, errnoOf(err), true
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd)
		return 0, errnoOf(err), true
	}
	f := &t.P.files.mem
	f.mu.Lock()
	if f.ids == nil {
		f.ids = map[fileID]*peer.Peer{}
	}
	f.ids[fileID{st.Dev, st.Ino}] = other
	f.mu.Unlock()
	f.any.Store(true)
	return uint64(fd), 0, true
}

// has reports whether fd is /proc/pid/mem, and whose: nil is the process's own.
func (f *memFiles) has(fd int) (other *peer.Peer, ok bool) {
	if !f.any.Load() {
		return nil, false
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return nil, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	other, ok = f.ids[fileID{st.Dev, st.Ino}]
	return other, ok
}

// otherPeer returns the guest process whose directory in /proc, or whose thread's, a
// clean path is; nil if there is none.
func otherPeer(dir string) *peer.Peer {
	pid, _, ok := otherProcDir(dir)
	if !ok {
		return nil
	}
	p, err := peer.Open(pid)
	if err != nil {
		return nil
	}
	return p
}

// memTransfer is a transfer of n bytes between guest memory at addr and
// /proc/pid/mem of other, or the own one: by the call nr, of the family of read and write, at pos if it has
// a position of its own. access is what it does with the memory at addr.
func (t *Task) memTransfer(other *peer.Peer, nr uintptr, fd int, addr, n, pos uint64, access mem.Prot) (uint64, syscall.Errno) {
	own := nr == unix.SYS_PREAD64 || nr == unix.SYS_PWRITE64
	if !own {
		at, err := unix.Seek(fd, 0, unix.SEEK_CUR)
		if err != nil {
			return 0, errnoOf(err)
		}
		pos = uint64(at)
	}
	m := marshaller{t: t}
	p, e := m.buffer(addr, min(n, maxTransfer), access, access == mem.Read)
	if e != 0 {
		return 0, e
	}
	var done uint64
	if n = min(n, maxTransfer); other != nil {
		done, e = t.peerMemCopy(other, fd, p, n, pos, access)
	} else {
		done, e = t.memCopy(fd, p, n, pos, access)
	}
	if !own && done > 0 {
		_, _ = unix.Seek(fd, int64(pos+done), unix.SEEK_SET)
	}
	if m.finish() != nil {
		return 0, syscall.EFAULT
	}
	return done, e
}

// memCopy moves n bytes between host memory at p and guest memory at pos, through
// fd, which is /proc/self/mem. It is an error if it moves none.
func (t *Task) memCopy(fd int, p uintptr, n, pos uint64, access mem.Prot) (done uint64, e syscall.Errno) {
	if n == 0 {
		return 0, 0
	}
	if n = t.mappedPrefix(pos, n); n == 0 {
		return 0, syscall.EIO
	}
	call := uintptr(unix.SYS_PWRITE64)
	if access == mem.Write {
		call = unix.SYS_PREAD64
	}
	for _, piece := range t.pieces(nil, pos, n, mem.Read) {
		r, e := t.Syscall(call, uintptr(fd), p+uintptr(done), piece.len, piece.base)
		if e != 0 && done == 0 {
			return 0, e
		}
		if e != 0 {
			break
		}
		if done += r; r < uint64(piece.len) {
			break
		}
	}
	if access == mem.Read { // the pages need not be writable for this
		t.Mem.CodeChanged(pos, done)
	}
	return done, 0
}

// peerMemCopy is memCopy for the memory of another process.
func (t *Task) peerMemCopy(other *peer.Peer, fd int, p uintptr, n, pos uint64, access mem.Prot) (done uint64, e syscall.Errno) {
	call := uintptr(unix.SYS_PWRITE64)
	if access == mem.Write {
		call = unix.SYS_PREAD64
	}
	if access == mem.Read {
		t.P.tracees.CodeChanged(other.PID) // debuggers set their breakpoints so
	}
	view := procview.FromPeer(other, other.PID, 0)
	for done < n {
		at := pos + done
		host, ok := other.Host(at)
		if !ok || !view.Mapped(at) {
			e = syscall.EIO
			break
		}
		var r uint64
		r, e = t.Syscall(call, uintptr(fd), p+uintptr(done), uintptr(min(n-done, mem.PageSize-at%mem.PageSize)), uintptr(host))
		if e != 0 || r == 0 {
			break
		}
		done += r
	}
	if done > 0 {
		e = 0
	}
	return done, e
}

// mappedPrefix is how many of the n bytes at addr come before the first that is not
// mapped.
func (t *Task) mappedPrefix(addr, n uint64) uint64 {
	end := addr
	for end-addr < n {
		v, ok := t.Mem.Lookup(end)
		if !ok {
			break
		}
		end = v.End
	}
	return min(n, end-addr)
}

// memVectored is a transfer with iovecs. It makes do with the first that is not
// empty: any transfer may be short.
func (t *Task) memVectored(other *peer.Peer, c *Call, access mem.Prot) (uint64, syscall.Errno) {
	v, e := t.readIovecs(c.Args[1], c.Args[2])
	if e != 0 || len(v) == 0 {
		return 0, e
	}
	nr := map[string]uintptr{
		"preadv": unix.SYS_PREAD64, "preadv2": unix.SYS_PREAD64, "pwritev": unix.SYS_PWRITE64, "pwritev2": unix.SYS_PWRITE64,
	}[c.Row.Name]
	return t.memTransfer(other, nr, c.Int(0), v[0].base, v[0].n, c.Args[3], access)
}

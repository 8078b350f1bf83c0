//go:build linux && amd64

package linux

import (
	"path"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// /proc/self/mem is the host's, opened as the guest asks. Positions in it are guest
// addresses, so transfers go through memTransfer, which finds the host's. What the
// file allows beyond mprotect, such as writing to read-only pages, is left to the
// kernel.

// memFiles knows the open files that are /proc/self/mem, whatever descriptors they
// have.
type memFiles struct {
	any atomic.Bool // there is one: spares all others the look
	mu  sync.Mutex
	ids map[fileID]bool
}

type fileID struct{ dev, ino uint64 }

// openMem opens /proc/self/mem if that is what full, a clean absolute path, means.
func (t *Task) openMem(full string, flags uint64) (uint64, syscall.Errno, bool) {
	dir, base := path.Split(full)
	if base != "mem" {
		return 0, 0, false
	}
	if _, own := t.P.ownProcDir(path.Clean(dir)); !own {
		return 0, 0, false
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
		f.ids = map[fileID]bool{}
	}
	f.ids[fileID{st.Dev, st.Ino}] = true
	f.mu.Unlock()
	f.any.Store(true)
	return uint64(fd), 0, true
}

// has reports whether fd is /proc/self/mem.
func (f *memFiles) has(fd int) bool {
	if !f.any.Load() {
		return false
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ids[fileID{st.Dev, st.Ino}]
}

// memTransfer is a transfer of n bytes between guest memory at addr and
// /proc/self/mem: by the call nr, of the family of read and write, at pos if it has
// a position of its own. access is what it does with the memory at addr.
func (t *Task) memTransfer(nr uintptr, fd int, addr, n, pos uint64, access mem.Prot) (uint64, syscall.Errno) {
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
	done, e := t.memCopy(fd, p, min(n, maxTransfer), pos, access)
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
	return done, 0
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
func (t *Task) memVectored(c *Call, access mem.Prot) (uint64, syscall.Errno) {
	v, e := t.readIovecs(c.Args[1], c.Args[2])
	if e != 0 || len(v) == 0 {
		return 0, e
	}
	nr := map[string]uintptr{
		"preadv": unix.SYS_PREAD64, "preadv2": unix.SYS_PREAD64, "pwritev": unix.SYS_PWRITE64, "pwritev2": unix.SYS_PWRITE64,
	}[c.Row.Name]
	return t.memTransfer(nr, c.Int(0), v[0].base, v[0].n, c.Args[3], access)
}

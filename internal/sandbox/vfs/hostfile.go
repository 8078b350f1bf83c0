//go:build linux

package vfs

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func (n *hostNode) Open(_ *Caller, flags int) (Handle, Errno) {
	switch n.typ {
	case S_IFREG:
		return n.openFile(flags)
	case S_IFIFO:
		return openFIFO(n.fs.pipe(n.ino), flags)
	}
	return nil, syscall.EACCES // devices of the host are not the guest's
}

func (n *hostNode) openFile(flags int) (Handle, Errno) {
	if n.fs.readOnly && flags&O_ACCMODE != O_RDONLY {
		return nil, syscall.EROFS
	}
	fd, e := n.open(hostFlags(flags))
	if e != 0 {
		return nil, e
	}
	return n.fs.handle(n.ino, fd), 0
}

// pipe is the pipe behind a FIFO.
func (h *hostFS) pipe(ino uint64) (p *Pipe) {
	h.inode(ino, func(i *hostInode) {
		if i.pipe == nil {
			i.pipe = &Pipe{}
		}
		p = i.pipe
	})
	return p
}

// handle makes a handle of a descriptor.
func (h *hostFS) handle(ino uint64, fd int) *hostHandle {
	h.inode(ino, func(i *hostInode) { i.opens++ })
	return &hostHandle{fs: h, ino: ino, fd: fd}
}

// hostHandle is an open regular file of the host.
type hostHandle struct {
	ready
	fs  *hostFS
	ino uint64
	fd  int
}

func (h *hostHandle) Read(b []byte, off int64) (int, Errno) {
	if len(b) == 0 {
		return 0, 0
	}
	return preadFull(h.fd, b, off)
}

func (h *hostHandle) Write(b []byte, off int64) (int, Errno) {
	if len(b) == 0 {
		return 0, 0
	}
	return pwriteFull(h.fd, b, off)
}

// Append leaves it to the host to find the end: others may write there, too.
func (h *hostHandle) Append(b []byte) (int, int64, Errno) {
	n, err := unix.Pwritev2(h.fd, [][]byte{b}, 0, unix.RWF_APPEND)
	if err != nil {
		return 0, 0, errno(err)
	}
	end, err := unix.Seek(h.fd, 0, unix.SEEK_END)
	return n, end, errno(err)
}

func (h *hostHandle) Attr() (Attr, Errno) {
	var st unix.Stat_t
	err := unix.Fstat(h.fd, &st)
	return h.fs.attr(&st), errno(err)
}

func (h *hostHandle) SetAttr(c *Change) Errno {
	if h.fs.readOnly {
		return syscall.EROFS
	}
	return errno(h.fs.setAttr(h.fd, c))
}

func (h *hostHandle) Sync() Errno { return errno(unix.Fsync(h.fd)) }

func (h *hostHandle) Allocate(mode uint32, off, n int64) Errno {
	return errno(unix.Fallocate(h.fd, mode, off, n))
}

func (h *hostHandle) SeekHole(off int64, whence int) (int64, Errno) {
	to, err := unix.Seek(h.fd, off, whence)
	return to, errno(err)
}

func (h *hostHandle) MapFD() (int, Errno) { return h.fd, 0 }

func (h *hostHandle) Close() {
	unix.Close(h.fd)
	h.fs.inode(h.ino, func(i *hostInode) { i.opens-- })
}

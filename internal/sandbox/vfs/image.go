//go:build linux

package vfs

import (
	"io"
	"syscall"
	"time"
)

// Image is a program that is in no file system, for Namespace.Place.
type Image struct {
	base
	File io.ReaderAt
	FD   int // a descriptor of the host that it can be mapped from
	Size int64

	ino uint64
}

func (i *Image) number(ino uint64) { i.ino = ino }

func (i *Image) Ino() uint64  { return i.ino }
func (i *Image) Type() uint32 { return S_IFREG }

func (i *Image) Attr() (Attr, Errno) {
	t := time.Unix(0, 0)
	return Attr{
		Ino: i.ino, Mode: S_IFREG | 0o555, Nlink: 1, Size: i.Size, Blocks: (i.Size + 511) / 512, Blksize: pageSize,
		Atime: t, Mtime: t, Ctime: t, Btime: t,
	}, 0
}

func (i *Image) Open(_ *Caller, flags int) (Handle, Errno) {
	if flags&O_ACCMODE != O_RDONLY {
		return nil, syscall.ETXTBSY
	}
	return &imageHandle{i: i}, 0
}

// imageHandle is an open Image.
type imageHandle struct {
	ready
	i *Image
}

func (h *imageHandle) Read(b []byte, off int64) (int, Errno) {
	n, err := h.i.File.ReadAt(b, off)
	return result(b, n, err)
}

// Write never is called: such files are opened for reading only.
func (h *imageHandle) Write([]byte, int64) (int, Errno) { return 0, syscall.EBADF }

func (h *imageHandle) MapFD() (int, Errno) { return h.i.FD, 0 }

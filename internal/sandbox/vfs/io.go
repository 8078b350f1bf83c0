//go:build linux

package vfs

import (
	"errors"
	"hash/fnv"
	"io"
	"io/fs"
	"path"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// ioFS is a Go file system, read-only.
type ioFS struct{ fsys fs.FS }

// NewIO makes a file system of Go's. All files belong to root. Symbolic links are
// links where fsys is an fs.ReadLinkFS, and otherwise what they lead to.
func NewIO(fsys fs.FS) *FS {
	return newFS("iofs", &ioNode{fs: &ioFS{fsys}, name: ".", typ: S_IFDIR, ino: inoOf(".")}, nil)
}

// ioNode is a file of a Go file system.
type ioNode struct {
	base
	fs   *ioFS
	name string // as fs.ValidPath has it
	typ  uint32
	ino  uint64
}

// inoOf makes an inode number of a path: Go's file systems have none.
func inoOf(name string) uint64 {
	h := fnv.New64a()
	io.WriteString(h, name)
	return h.Sum64() >> 1
}

func (n *ioNode) Ino() uint64  { return n.ino }
func (n *ioNode) Type() uint32 { return n.typ }

func (n *ioNode) Attr() (Attr, Errno) {
	info, err := lstat(n.fs.fsys, n.name)
	if err != nil {
		return Attr{}, errno(err)
	}
	return ioAttr(info, n.ino), 0
}

// lstat is lstat(2) as far as fsys has it.
func lstat(fsys fs.FS, name string) (fs.FileInfo, error) {
	if l, ok := fsys.(fs.ReadLinkFS); ok {
		return l.Lstat(name)
	}
	return fs.Stat(fsys, name)
}

func ioAttr(info fs.FileInfo, ino uint64) Attr {
	t := info.ModTime()
	a := Attr{
		Ino: ino, Mode: modeOf(info.Mode()), Nlink: 1, Size: info.Size(), Blocks: (info.Size() + 511) / 512,
		Blksize: pageSize, Atime: t, Mtime: t, Ctime: t, Btime: t,
	}
	if info.IsDir() {
		a.Nlink = 2
	}
	return a
}

// modeOf makes a Linux mode of Go's.
func modeOf(m fs.FileMode) uint32 {
	mode := typeOf(m) | uint32(m.Perm())
	if m.Type() == fs.ModeSymlink {
		mode |= 0o777
	}
	for _, b := range [...]struct {
		in  fs.FileMode
		out uint32
	}{{fs.ModeSetuid, S_ISUID}, {fs.ModeSetgid, S_ISGID}, {fs.ModeSticky, S_ISVTX}} {
		if m&b.in != 0 {
			mode |= b.out
		}
	}
	return mode
}

func typeOf(m fs.FileMode) uint32 {
	switch m.Type() {
	case 0:
		return S_IFREG
	case fs.ModeDir:
		return S_IFDIR
	case fs.ModeSymlink:
		return S_IFLNK
	case fs.ModeNamedPipe:
		return S_IFIFO
	case fs.ModeSocket:
		return S_IFSOCK
	case fs.ModeDevice:
		return S_IFBLK
	}
	return S_IFCHR
}

func (n *ioNode) Lookup(_ *Caller, name string) (Node, Errno) {
	if n.typ != S_IFDIR {
		return nil, syscall.ENOTDIR
	}
	full := path.Join(n.name, name)
	if !fs.ValidPath(full) {
		return nil, syscall.ENOENT
	}
	info, err := lstat(n.fs.fsys, full)
	if err != nil {
		return nil, errno(err)
	}
	return &ioNode{fs: n.fs, name: full, typ: typeOf(info.Mode()), ino: inoOf(full)}, 0
}

func (n *ioNode) List(*Caller) ([]Dirent, Errno) {
	entries, err := fs.ReadDir(n.fs.fsys, n.name)
	if err != nil {
		return nil, errno(err)
	}
	list := make([]Dirent, len(entries))
	for i, e := range entries {
		list[i] = Dirent{e.Name(), inoOf(path.Join(n.name, e.Name())), typeOf(e.Type())}
	}
	return list, 0
}

func (n *ioNode) Readlink(*Caller) (string, Errno) {
	target, err := fs.ReadLink(n.fs.fsys, n.name)
	return target, errno(err)
}

func (n *ioNode) Open(_ *Caller, flags int) (Handle, Errno) {
	if flags&O_ACCMODE != O_RDONLY {
		return nil, syscall.EROFS
	}
	if n.typ != S_IFREG {
		return nil, syscall.EACCES
	}
	f, err := n.fs.fsys.Open(n.name)
	if err != nil {
		return nil, errno(err)
	}
	return &ioHandle{n: n, f: f}, 0
}

// ioHandle is an open file of a Go file system. It may be read in any order, whatever
// the fs.File can do.
type ioHandle struct {
	ready
	n   *ioNode
	mu  sync.Mutex // Go's files are used by one at a time
	f   fs.File
	off int64  // of f
	all []byte // the contents, if f can only be read from start to end
}

func (h *ioHandle) Read(b []byte, off int64) (int, Errno) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r, ok := h.f.(io.ReaderAt); ok {
		n, err := r.ReadAt(b, off)
		return result(b, n, err)
	}
	if s, ok := h.f.(io.Seeker); ok {
		if _, err := s.Seek(off, io.SeekStart); err != nil {
			return 0, errno(err)
		}
		n, err := io.ReadFull(h.f, b)
		return result(b, n, err)
	}
	if h.all == nil && off == h.off { // the common case needs no copy
		n, err := io.ReadFull(h.f, b)
		h.off += int64(n)
		return result(b, n, err)
	}
	return h.readAll(b, off)
}

// readAll reads from a copy of the file, which is made the first time.
func (h *ioHandle) readAll(b []byte, off int64) (int, Errno) {
	if h.all == nil {
		all, err := fs.ReadFile(h.n.fs.fsys, h.n.name)
		if err != nil {
			return 0, errno(err)
		}
		h.all = append(make([]byte, 0, len(all)+1), all...) // not nil, though empty
	}
	if off >= int64(len(h.all)) {
		return 0, 0
	}
	return copy(b, h.all[off:]), 0
}

// result is what a read into b gives: a short one is none of the guest's concern.
func result(b []byte, n int, err error) (int, Errno) {
	if n < 0 || n > len(b) { // whoever implements fs.File has a bug
		return 0, syscall.EIO
	}
	if n > 0 || err == io.EOF || err == io.ErrUnexpectedEOF {
		return n, 0
	}
	return 0, errno(err)
}

// Write never is called: files are opened for reading only.
func (h *ioHandle) Write([]byte, int64) (int, Errno) { return 0, syscall.EBADF }

func (h *ioHandle) Close() { h.f.Close() }

// errno makes a number of an error of Go's library.
func errno(err error) Errno {
	if err == nil {
		return 0
	}
	var e Errno
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, fs.ErrNotExist):
		return syscall.ENOENT
	case errors.Is(err, fs.ErrPermission):
		return syscall.EACCES
	case errors.Is(err, fs.ErrExist):
		return syscall.EEXIST
	case errors.Is(err, fs.ErrInvalid):
		return syscall.EINVAL
	case errors.Is(err, fs.ErrClosed):
		return syscall.EBADF
	}
	return unix.EIO
}

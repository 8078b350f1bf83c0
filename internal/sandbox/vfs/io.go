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

	"github.com/hospes-vm/hospes/internal/guarded"
)

// ioFS is a Go file system, read-only.
type ioFS struct {
	fsys fs.FS
	*FS
}

// call calls fsys, or one of its files, by f. What panics has failed.
func (i *ioFS) call(f func() error) (err error) {
	if i.panics == nil {
		return f()
	}
	if p := guarded.Call("file system", func() { err = f() }); p != nil {
		i.panics(p)
		return syscall.EIO
	}
	return err
}

// NewIO makes a file system of Go's. All files belong to root. Symbolic links are
// links where fsys is an fs.ReadLinkFS, and otherwise what they lead to.
func NewIO(fsys fs.FS) *FS {
	i := &ioFS{fsys: fsys}
	i.FS = newFS("iofs", &ioNode{fs: i, name: ".", typ: S_IFDIR, ino: inoOf(".")}, nil)
	return i.FS
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

func (n *ioNode) Attr() (a Attr, _ Errno) {
	err := n.fs.lstat(n.name, func(info fs.FileInfo) { a = ioAttr(info, n.ino) })
	return a, errno(err)
}

// lstat is lstat(2) as far as fsys has it; use is called with what it gives.
func (i *ioFS) lstat(name string, use func(fs.FileInfo)) error {
	return i.call(func() error {
		stat := func(name string) (fs.FileInfo, error) { return fs.Stat(i.fsys, name) }
		if l, ok := i.fsys.(fs.ReadLinkFS); ok {
			stat = l.Lstat
		}
		info, err := stat(name)
		if err == nil {
			use(info)
		}
		return err
	})
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
	found := &ioNode{fs: n.fs, name: full, ino: inoOf(full)}
	if err := n.fs.lstat(full, func(info fs.FileInfo) { found.typ = typeOf(info.Mode()) }); err != nil {
		return nil, errno(err)
	}
	return found, 0
}

func (n *ioNode) List(*Caller) (list []Dirent, _ Errno) {
	err := n.fs.call(func() error {
		entries, err := fs.ReadDir(n.fs.fsys, n.name)
		if err != nil {
			return err
		}
		list = make([]Dirent, len(entries))
		for i, e := range entries {
			list[i] = Dirent{e.Name(), inoOf(path.Join(n.name, e.Name())), typeOf(e.Type())}
		}
		return nil
	})
	return list, errno(err)
}

func (n *ioNode) Readlink(*Caller) (target string, _ Errno) {
	err := n.fs.call(func() (err error) { target, err = fs.ReadLink(n.fs.fsys, n.name); return err })
	return target, errno(err)
}

func (n *ioNode) Open(_ *Caller, flags int) (Handle, Errno) {
	if flags&O_ACCMODE != O_RDONLY {
		return nil, syscall.EROFS
	}
	if n.typ != S_IFREG {
		return nil, syscall.EACCES
	}
	h := &ioHandle{n: n}
	if err := n.fs.call(func() (err error) { h.f, err = n.fs.fsys.Open(n.name); return err }); err != nil {
		return nil, errno(err)
	}
	return h, 0
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

func (h *ioHandle) Read(b []byte, off int64) (n int, _ Errno) {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.n.fs.call(func() (err error) { n, err = h.read(b, off); return err })
	return result(b, n, err)
}

// read is Read, with mu held.
func (h *ioHandle) read(b []byte, off int64) (int, error) {
	if r, ok := h.f.(io.ReaderAt); ok {
		return r.ReadAt(b, off)
	}
	if s, ok := h.f.(io.Seeker); ok {
		if _, err := s.Seek(off, io.SeekStart); err != nil {
			return 0, err
		}
		return io.ReadFull(h.f, b)
	}
	if h.all == nil && off == h.off { // the common case needs no copy
		n, err := io.ReadFull(h.f, b)
		h.off += int64(n)
		return n, err
	}
	return h.readAll(b, off)
}

// readAll reads from a copy of the file, which is made the first time.
func (h *ioHandle) readAll(b []byte, off int64) (int, error) {
	if h.all == nil {
		all, err := fs.ReadFile(h.n.fs.fsys, h.n.name)
		if err != nil {
			return 0, err
		}
		h.all = append(make([]byte, 0, len(all)+1), all...) // not nil, though empty
	}
	if off >= int64(len(h.all)) {
		return 0, io.EOF
	}
	return copy(b, h.all[off:]), nil
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

func (h *ioHandle) Close() { _ = h.n.fs.call(h.f.Close) }

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

//go:build linux

package vfs

import (
	"fmt"
	"os"
	"path"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// hostFS is a directory of the host. Each call names a file by its path from there,
// which the host's kernel resolves without following any link and without leaving the
// directory (openat2(2)); links are the guest's business. So whoever moves directories
// and links about meanwhile gets calls to fail, never to go elsewhere. Files that are
// neither regular ones, directories nor links are seen, but not opened.
//
// Owners, and set-id bits, are the sandbox's own and last as long as the FS: a guest
// gives nothing away to users of the host. What belongs to who runs hospes is root's.
type hostFS struct {
	root     int // descriptor (O_PATH)
	readOnly bool
	dev      uint64
	uid, gid uint32

	mu     sync.Mutex // guards what follows, and the names of nodes
	inodes map[uint64]*hostInode
}

// hostInode is what the sandbox keeps of a file, as long as it is open, or there is
// something to keep.
type hostInode struct {
	owned *owned
	pipe  *Pipe // of a FIFO: its bytes stay in the sandbox
	opens int
	gone  bool // it has no name any more
}

// owned are the attributes that the sandbox keeps.
type owned struct {
	uid, gid uint32
	setID    uint32 // S_ISUID and S_ISGID
}

// HostOptions say what may be done with a directory of the host.
type HostOptions struct {
	ReadOnly bool
}

// NewHost makes a file system of a directory of the host. Close it.
func NewHost(dir string, o HostOptions) (*FS, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	h := &hostFS{
		root: fd, readOnly: o.ReadOnly, dev: st.Dev, uid: uint32(os.Geteuid()), gid: uint32(os.Getegid()),
		inodes: map[uint64]*hostInode{},
	}
	fs := newFS("hostfs", h.node(nil, "", &st), h.statfs)
	fs.close = sync.OnceValue(func() error { return unix.Close(fd) })
	return fs, nil
}

func (h *hostFS) statfs() Statfs {
	var s unix.Statfs_t
	if unix.Fstatfs(h.root, &s) != nil {
		return Statfs{}
	}
	return Statfs{
		Type: s.Type, Bsize: s.Bsize, Blocks: s.Blocks, Bfree: s.Bavail, Files: s.Files, Ffree: s.Ffree, Namelen: s.Namelen,
	}
}

// hostNode is a file in a directory of the host.
type hostNode struct {
	fs     *hostFS
	ino    uint64
	typ    uint32
	parent *hostNode // nil for the root; like name, guarded by fs.mu
	name   string
	pins   int // guarded by fs.mu
	fd     int // a descriptor (O_PATH) while there are pins
}

// inode calls f with what is kept of a file, and then keeps what is worth it.
func (h *hostFS) inode(ino uint64, f func(i *hostInode)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := h.inodes[ino]
	if i == nil {
		i = &hostInode{}
		h.inodes[ino] = i
	}
	f(i)
	if i.opens == 0 && (i.gone || i.owned == nil && i.pipe == nil) {
		delete(h.inodes, ino)
	}
}

func (h *hostFS) node(parent *hostNode, name string, st *unix.Stat_t) *hostNode {
	return &hostNode{fs: h, ino: h.inoOf(st), typ: st.Mode & S_IFMT, parent: parent, name: name, fd: -1}
}

// inoOf is a number for a file: the host's, unless it is on another device than the root.
func (h *hostFS) inoOf(st *unix.Stat_t) uint64 {
	if st.Dev == h.dev {
		return st.Ino
	}
	return inoOf(fmt.Sprint(st.Dev, ":", st.Ino))
}

// path is where the file is, from the root of the file system.
func (n *hostNode) path() string {
	n.fs.mu.Lock()
	defer n.fs.mu.Unlock()
	p := n.name
	for d := n.parent; d != nil && d.parent != nil; d = d.parent {
		p = d.name + "/" + p
	}
	if p == "" {
		return "."
	}
	return p
}

// open opens a file by its path, if it is still there; flags are the host's.
func (n *hostNode) open(flags int) (int, Errno) {
	fd, e := n.fs.open(n.path(), flags)
	if e != 0 {
		return -1, e
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || n.fs.inoOf(&st) != n.ino || st.Mode&S_IFMT != n.typ {
		unix.Close(fd)
		return -1, syscall.ENOENT
	}
	return fd, 0
}

// open opens what is at a path without following links. The caller closes it.
func (h *hostFS) open(name string, flags int) (int, Errno) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_NOFOLLOW | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	for {
		fd, err := unix.Openat2(h.root, name, &how)
		switch err {
		case unix.EINTR, unix.EAGAIN: // the latter: something was renamed meanwhile
			continue
		case unix.ENOSYS, unix.EPERM, unix.ENAMETOOLONG:
			return h.openByStep(name, flags)
		case unix.ELOOP: // a directory has become a link since it was looked up
			err = unix.ENOENT
		}
		if err != nil {
			return -1, errno(err)
		}
		return fd, 0
	}
}

// openByStep is open for kernels without openat2, and paths that are too long for it.
func (h *hostFS) openByStep(name string, flags int) (int, Errno) {
	dir := h.root
	defer func() {
		if dir != h.root {
			unix.Close(dir)
		}
	}()
	for {
		first, rest, more := cutPath(name)
		if !more {
			fd, err := unix.Openat(dir, first, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
			return fd, errno(err)
		}
		fd, err := unix.Openat(dir, first, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, errno(err)
		}
		if dir != h.root {
			unix.Close(dir)
		}
		dir, name = fd, rest
	}
}

// withFD calls f with a descriptor of the file, which is good for what flags say.
func (n *hostNode) withFD(flags int, f func(fd int) error) Errno {
	fd, e := n.open(flags)
	if e != 0 {
		return e
	}
	defer unix.Close(fd)
	return errno(f(fd))
}

func (n *hostNode) Ino() uint64  { return n.ino }
func (n *hostNode) Type() uint32 { return n.typ }

func (n *hostNode) Attr() (Attr, Errno) {
	var st unix.Stat_t
	n.fs.mu.Lock()
	if n.pins > 0 && n.fd >= 0 { // it may have no name any more
		err := unix.Fstat(n.fd, &st)
		n.fs.mu.Unlock()
		return n.fs.attr(&st), errno(err)
	}
	n.fs.mu.Unlock()
	if e := n.withFD(unix.O_PATH, func(fd int) error { return unix.Fstat(fd, &st) }); e != 0 {
		return Attr{}, e
	}
	return n.fs.attr(&st), 0
}

// Pin keeps the file at hand although its name may go.
func (n *hostNode) Pin() {
	fd, _ := n.open(unix.O_PATH)
	n.fs.inode(n.ino, func(i *hostInode) {
		i.opens++
		if n.pins++; n.pins == 1 {
			n.fd, fd = fd, -1
		}
	})
	if fd >= 0 {
		unix.Close(fd)
	}
}

// Unpin undoes Pin.
func (n *hostNode) Unpin() {
	fd := -1
	n.fs.inode(n.ino, func(i *hostInode) {
		i.opens--
		if n.pins--; n.pins == 0 {
			n.fd, fd = -1, n.fd
		}
	})
	if fd >= 0 {
		unix.Close(fd)
	}
}

// attr is what the guest is told of a file's attributes.
func (h *hostFS) attr(st *unix.Stat_t) Attr {
	a := Attr{
		Ino: h.inoOf(st), Mode: st.Mode, Nlink: uint32(st.Nlink), UID: h.guestID(st.Uid, h.uid),
		GID: h.guestID(st.Gid, h.gid), Size: st.Size, Blocks: st.Blocks, Blksize: int64(st.Blksize),
		Atime: time.Unix(st.Atim.Unix()), Mtime: time.Unix(st.Mtim.Unix()), Ctime: time.Unix(st.Ctim.Unix()),
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := h.inodes[a.Ino]; i != nil && i.owned != nil {
		o := i.owned
		a.UID, a.GID, a.Mode = o.uid, o.gid, a.Mode&^(S_ISUID|S_ISGID)|o.setID
	}
	return a
}

// guestID is the user or group that a file seems to belong to: root for whoever runs
// hospes, nobody for others, whom it cannot tell apart; root sees all as they are.
func (h *hostFS) guestID(id, own uint32) uint32 {
	const nobody = 65534
	switch {
	case id == own:
		return 0
	case own == 0:
		return id
	}
	return nobody
}

func (n *hostNode) SetAttr(c *Change) Errno {
	if n.fs.readOnly {
		return syscall.EROFS
	}
	flags := unix.O_PATH
	if c.Size != nil {
		flags = unix.O_WRONLY | unix.O_NONBLOCK | unix.O_NOCTTY
	}
	return n.withFD(flags, func(fd int) error { return n.fs.setAttr(fd, c) })
}

// setAttr changes the attributes of an open file. For another size it has to be open for
// writing.
func (h *hostFS) setAttr(fd int, c *Change) error {
	if c.Size != nil {
		if err := unix.Ftruncate(fd, *c.Size); err != nil {
			return err
		}
	}
	if c.Mode != nil || c.UID != nil || c.GID != nil {
		if err := h.setOwned(fd, c); err != nil {
			return err
		}
	}
	if c.Mode != nil {
		if err := fchmod(fd, *c.Mode&0o1777); err != nil {
			return err
		}
	}
	if c.Atime == nil && c.Mtime == nil {
		return nil
	}
	ts := [2]unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Nsec: unix.UTIME_OMIT}}
	for i, t := range []*time.Time{c.Atime, c.Mtime} {
		if t != nil {
			ts[i] = unix.NsecToTimespec(t.UnixNano())
		}
	}
	return unix.UtimesNanoAt(fd, "", ts[:], unix.AT_EMPTY_PATH)
}

// setOwned notes what the sandbox keeps itself.
func (h *hostFS) setOwned(fd int, c *Change) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	a := h.attr(&st)
	o := owned{a.UID, a.GID, a.Mode & (S_ISUID | S_ISGID)}
	if c.UID != nil {
		o.uid = *c.UID
	}
	if c.GID != nil {
		o.gid = *c.GID
	}
	if c.Mode != nil {
		o.setID = *c.Mode & (S_ISUID | S_ISGID)
	}
	host := owned{h.guestID(st.Uid, h.uid), h.guestID(st.Gid, h.gid), st.Mode & (S_ISUID | S_ISGID)}
	h.inode(a.Ino, func(i *hostInode) {
		if i.owned = &o; o == host {
			i.owned = nil
		}
	})
	return nil
}

// fchmod changes the mode of an open file, also of one that is open as a path only.
func fchmod(fd int, mode uint32) error {
	err := unix.Fchmodat(fd, "", mode, unix.AT_EMPTY_PATH)
	if err == unix.ENOSYS || err == unix.EOPNOTSUPP || err == unix.EINVAL { // before Linux 6.6
		err = unix.Fchmodat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), mode, 0)
	}
	return err
}

func (n *hostNode) Readlink(*Caller) (string, Errno) {
	b := make([]byte, PathMax)
	e := n.withFD(unix.O_PATH, func(fd int) error {
		k, err := unix.Readlinkat(fd, "", b)
		b = b[:max(k, 0)]
		return err
	})
	return string(b), e
}

func (n *hostNode) Lookup(_ *Caller, name string) (Node, Errno) {
	if n.typ != S_IFDIR {
		return nil, syscall.ENOTDIR
	}
	fd, e := n.fs.open(path.Join(n.path(), name), unix.O_PATH)
	if e != 0 {
		return nil, e
	}
	defer unix.Close(fd)
	return n.stat(name, fd)
}

// stat makes the node of a name in the directory n, which is open as fd.
func (n *hostNode) stat(name string, fd int) (*hostNode, Errno) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, errno(err)
	}
	return n.fs.node(n, name, &st), 0
}

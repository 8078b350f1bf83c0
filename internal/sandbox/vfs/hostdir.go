//go:build linux

package vfs

import (
	"encoding/binary"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// cutPath cuts the first component off a path.
func cutPath(p string) (first, rest string, more bool) { return strings.Cut(p, "/") }

// inDir calls f with a descriptor of the directory n, to change it.
func (n *hostNode) inDir(f func(fd int) error) Errno {
	if n.fs.readOnly {
		return syscall.EROFS
	}
	return n.withFD(unix.O_PATH|unix.O_DIRECTORY, f)
}

func (n *hostNode) Create(name string, f *NewFile) (child Node, e Errno) {
	e = n.inDir(func(dir int) error {
		fd, err := makeAt(dir, name, f)
		if err != nil {
			return err
		}
		c, e := n.created(name, fd, f)
		if e != 0 {
			unix.Close(fd)
			return e
		}
		child = c
		if f.Open != nil && f.Mode&S_IFMT == S_IFREG {
			f.Open.Handle = n.fs.handle(c.ino, fd)
			return nil
		}
		return unix.Close(fd)
	})
	return child, e
}

// makeAt makes a file and opens it: a regular one as it is asked for, others as a path.
func makeAt(dir int, name string, f *NewFile) (fd int, err error) {
	const nofollow = unix.O_NOFOLLOW | unix.O_CLOEXEC
	perm := f.Mode & 0o1777
	switch f.Mode & S_IFMT {
	case S_IFREG:
		flags := unix.O_RDWR
		if f.Open != nil {
			flags = hostFlags(f.Open.Flags)
		}
		return unix.Openat(dir, name, flags|unix.O_CREAT|unix.O_EXCL|nofollow, perm)
	case S_IFDIR:
		err = unix.Mkdirat(dir, name, perm)
	case S_IFLNK:
		err = unix.Symlinkat(f.Target, dir, name)
	default:
		err = unix.Mknodat(dir, name, f.Mode&S_IFMT|perm, 0)
	}
	if err != nil {
		return -1, err
	}
	return unix.Openat(dir, name, unix.O_PATH|nofollow, 0)
}

// hostFlags are the host's flags for opening a regular file as flags say. Whether
// writing is synchronous is the only further thing that matters to the host.
func hostFlags(flags int) int {
	f := unix.O_NONBLOCK | unix.O_NOCTTY | flags&O_DSYNC
	switch flags & O_ACCMODE {
	case O_RDONLY:
		return f | unix.O_RDONLY
	case O_WRONLY:
		return f | unix.O_WRONLY
	}
	return f | unix.O_RDWR
}

// created makes the node of a new file, and its mode what was asked for: the host's
// umask may have taken from it.
func (n *hostNode) created(name string, fd int, f *NewFile) (*hostNode, Errno) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, errno(err)
	}
	c := &Change{UID: &f.UID, GID: &f.GID}
	if f.Mode&S_IFMT != S_IFLNK && (st.Mode^f.Mode)&0o7777 != 0 {
		c.Mode = &f.Mode
	}
	return n.fs.node(n, name, &st), errno(n.fs.setAttr(fd, c))
}

func (n *hostNode) Link(name string, target Node) Errno {
	t := target.(*hostNode)
	if t.parent == nil {
		return syscall.EPERM
	}
	return n.inDir(func(dir int) error {
		return toError(t.parent.inDir(func(from int) error { return unix.Linkat(from, t.name, dir, name, 0) }))
	})
}

// toError is the reverse of errno.
func toError(e Errno) error {
	if e == 0 {
		return nil
	}
	return e
}

func (n *hostNode) Remove(name string, child Node) Errno {
	flags := 0
	if child.Type() == S_IFDIR {
		flags = unix.AT_REMOVEDIR
	}
	return n.inDir(func(dir int) error {
		last := n.fs.lastName(dir, name, child)
		err := unix.Unlinkat(dir, name, flags)
		if err == nil && last {
			n.fs.forget(child.Ino())
		}
		return err
	})
}

// lastName reports whether a name in dir is the only one of a file.
func (h *hostFS) lastName(dir int, name string, child Node) bool {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && h.inoOf(&st) == child.Ino() && (st.Nlink == 1 || child.Type() == S_IFDIR)
}

// forget drops what is kept of a file that has no name any more, once it is closed.
func (h *hostFS) forget(ino uint64) {
	h.inode(ino, func(i *hostInode) { i.gone = true })
}

func (n *hostNode) Rename(name string, child Node, to Node, newName string, over Node, exchange bool) Errno {
	t, c := to.(*hostNode), child.(*hostNode)
	flags := uint(0)
	if exchange {
		flags = unix.RENAME_EXCHANGE
	}
	return n.inDir(func(from int) error {
		return toError(t.inDir(func(dir int) error {
			last := over != nil && !exchange && n.fs.lastName(dir, newName, over)
			if err := unix.Renameat2(from, name, dir, newName, flags); err != nil {
				return err
			}
			if last {
				n.fs.forget(over.Ino())
			}
			n.fs.mu.Lock()
			defer n.fs.mu.Unlock()
			c.parent, c.name = t, newName
			if exchange {
				o := over.(*hostNode)
				o.parent, o.name = n, name
			}
			return nil
		}))
	})
}

func (n *hostNode) List(*Caller) (list []Dirent, e Errno) {
	e = n.withFD(unix.O_RDONLY|unix.O_DIRECTORY, func(fd int) error {
		buf := make([]byte, 32<<10)
		for {
			k, err := unix.Getdents(fd, buf)
			if err != nil || k == 0 {
				return err
			}
			list = n.appendDirents(list, fd, buf[:k])
		}
	})
	return list, e
}

// appendDirents appends the entries of a list of struct linux_dirent64.
func (n *hostNode) appendDirents(list []Dirent, fd int, b []byte) []Dirent {
	const reclen, typ, name = 16, 18, 19 // offsets
	for len(b) > name {
		size := binary.NativeEndian.Uint16(b[reclen:])
		entry, _, _ := strings.Cut(string(b[name:size]), "\x00")
		d := Dirent{entry, binary.NativeEndian.Uint64(b), uint32(b[typ]) << 12}
		b = b[size:]
		if entry == "." || entry == ".." {
			continue
		}
		if d.Type == 0 { // this file system does not say
			var st unix.Stat_t
			if unix.Fstatat(fd, entry, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
				d.Type = st.Mode & S_IFMT
			}
		}
		list = append(list, d)
	}
	return list
}

//go:build linux

package vfs

import (
	"fmt"
	"syscall"
	"time"
)

// Files that are in no file system: pipes, and what package sandbox makes.

// AnonNode is the Node of such a file. Anybody may open it again, by its link in /proc.
type AnonNode struct {
	synth
	open func(flags int) (Handle, Errno)
}

// NewAnon makes the node of a file without a name. mode has the type, too; open may be
// nil for what cannot be opened again.
func NewAnon(ino uint64, mode uint32, at time.Time, open func(flags int) (Handle, Errno)) *AnonNode {
	return &AnonNode{synth: synth{ino: ino, mode: mode, time: at}, open: open}
}

func (n *AnonNode) Open(_ *Caller, flags int) (Handle, Errno) {
	if n.open == nil {
		return nil, syscall.ENXIO
	}
	return n.open(flags)
}

// SetAttr does nothing: such files belong to whoever has them.
func (n *AnonNode) SetAttr(*Change) Errno { return 0 }

// NewPipe makes a pipe (pipe(2)). flags may have O_NONBLOCK and O_DIRECT.
func NewPipe(ino uint64, at time.Time, flags int) (r, w *File) {
	p := &Pipe{}
	n := NewAnon(ino, S_IFIFO|0o600, at, func(flags int) (Handle, Errno) { return p.Open(flags), 0 })
	path := Anonymous(n, fmt.Sprintf("pipe:[%d]", ino))
	return newFile(path, p.Open(O_RDONLY), O_RDONLY|flags), newFile(path, p.Open(O_WRONLY), O_WRONLY|flags)
}

// NewMemfd makes a file in a file system in memory that no directory has
// (memfd_create(2)).
func NewMemfd(c *Caller, fs *FS, name string) (*File, Errno) {
	t, ok := fs.root.node.(tempDir)
	if !ok {
		return nil, syscall.ENOSYS
	}
	n, e := t.CreateTemp(&NewFile{Mode: S_IFREG | 0o777, UID: c.UID, GID: c.GID})
	if e != 0 {
		return nil, e
	}
	h, e := n.Open(c, O_RDWR)
	if e != 0 {
		return nil, e
	}
	return newFile(Anonymous(n, "/memfd:"+name+" (deleted)"), h, O_RDWR|O_LARGEFILE), 0
}

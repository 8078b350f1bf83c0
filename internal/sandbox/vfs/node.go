//go:build linux

package vfs

import "syscall"

// Node is a file of a file system: an inode. Names passed to it are single
// components, never ".", ".." or empty, and at most NameMax bytes long. Whether the
// caller may do something has been checked before, and that what is there is of the
// right type. Nodes that cannot do something embed base.
type Node interface {
	// Ino is the number of the file, which is unique in its file system.
	Ino() uint64
	// Type is the type of the file, one of the S_IF constants.
	Type() uint32
	// Attr returns the attributes; Dev is the mount's matter.
	Attr() (Attr, Errno)
	SetAttr(c *Change) Errno
	// Open returns a handle for what flags ask for. The file exists.
	Open(c *Caller, flags int) (Handle, Errno)
	Readlink(c *Caller) (string, Errno)

	// Lookup finds a name in a directory; ENOENT if it is not there.
	Lookup(c *Caller, name string) (Node, Errno)
	// List returns all entries but "." and "..".
	List(c *Caller) ([]Dirent, Errno)
	// Create makes a file of any type; EEXIST if the name is there.
	Create(name string, n *NewFile) (Node, Errno)
	Link(name string, target Node) Errno
	// Remove takes away the name of child; directories have to be empty.
	Remove(name string, child Node) Errno
	// Rename moves child to newName in the directory to. over is what has that name,
	// or nil: it is replaced, or with exchange gets the old name.
	Rename(name string, child Node, to Node, newName string, over Node, exchange bool) Errno
}

// magicLink is a symbolic link of /proc that leads to a place without a name being
// resolved.
type magicLink interface {
	Jump(c *Caller) (Path, Errno)
}

// tempDir is a directory that can hold files without a name (O_TMPFILE).
type tempDir interface {
	CreateTemp(n *NewFile) (Node, Errno)
}

// pinned is a Node that has to know of files that are open without a Handle of their own: with
// O_PATH, and directories.
type pinned interface {
	Pin()
	Unpin()
}

// revalidator is a Node that may be another one when its name is looked up again,
// though its number is the same, as files of processes are.
type revalidator interface{ Stale() bool }

// base is a Node that can do nothing: what a read-only file system says.
type base struct{}

func (base) SetAttr(*Change) Errno                               { return syscall.EROFS }
func (base) Readlink(*Caller) (string, Errno)                    { return "", syscall.EINVAL }
func (base) Lookup(*Caller, string) (Node, Errno)                { return nil, syscall.ENOTDIR }
func (base) List(*Caller) ([]Dirent, Errno)                      { return nil, syscall.ENOTDIR }
func (base) Create(string, *NewFile) (Node, Errno)               { return nil, syscall.EROFS }
func (base) Link(string, Node) Errno                             { return syscall.EROFS }
func (base) Remove(string, Node) Errno                           { return syscall.EROFS }
func (base) Rename(string, Node, Node, string, Node, bool) Errno { return syscall.EROFS }
func (base) Open(*Caller, int) (Handle, Errno)                   { return nil, syscall.ENXIO }

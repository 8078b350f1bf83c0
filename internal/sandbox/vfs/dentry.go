//go:build linux

package vfs

import (
	"strconv"
	"sync"
	"syscall"
	"weak"
)

// FS is a file system: a root and the tree of names that are in use. It may be
// mounted in several places and namespaces at once.
type FS struct {
	typ    string // as in /proc/mounts: tmpfs, proc, ...
	statfs func() Statfs
	close  func() error
	panics func(error) // see OnPanic

	// mu guards parents, names and children of dentries. It is held over changes of
	// names, so that what has been looked up under it is still so.
	mu   sync.Mutex
	root *Dentry

	locks lockTable
}

// newFS makes a file system of a root. statfs may be nil.
func newFS(typ string, root Node, statfs func() Statfs) *FS {
	fs := &FS{typ: typ, statfs: statfs}
	fs.root = &Dentry{fs: fs, node: root}
	return fs
}

// Type is the file system's name, as in /proc/mounts.
func (fs *FS) Type() string { return fs.typ }

// OnPanic has f told of panics of what an embedder has made the file system of; else they are the caller's.
// It may be called before the file system is used.
func (fs *FS) OnPanic(f func(error)) { fs.panics = f }

// Close lets go of what the file system holds of the host. Files that are still open
// stay so.
func (fs *FS) Close() error {
	if fs.close == nil {
		return nil
	}
	return fs.close()
}

// Dentry is a name of a file, in a directory. Two dentries that are the same name of
// the same file are the same pointer, as long as one is in use: what was opened, or
// is a working directory, is found again under its new name after a rename.
type Dentry struct {
	fs   *FS
	node Node

	// Guarded by fs.mu:
	parent   *Dentry // nil for a root, and for files that never had a name
	name     string
	gone     bool // the name has been removed
	children map[string]weak.Pointer[Dentry]
	swept    int // how many children were there after the last sweep
}

// Node is the file.
func (d *Dentry) Node() Node { return d.node }

// Name is the file's name in its directory.
func (d *Dentry) Name() string {
	_, name, _ := d.up()
	return name
}

func (d *Dentry) isDir() bool { return d.node.Type() == S_IFDIR }

// nameless makes a dentry of a file in d that has no name (O_TMPFILE). It is shown
// under one all the same.
func (d *Dentry) nameless(n Node) *Dentry {
	return &Dentry{fs: d.fs, node: n, parent: d, name: "#" + strconv.FormatUint(n.Ino(), 10), gone: true}
}

// Anonymous makes a place of a file that is in no file system. Links in /proc show
// name.
func Anonymous(n Node, name string) Path {
	return Path{Dentry: &Dentry{fs: anonFS, node: n, name: name}}
}

// anonFS is the file system of pipes, sockets and the like: it has locks only.
var anonFS = &FS{typ: "anon_inodefs"}

// lookup finds a name in the directory d.
func (d *Dentry) lookup(c *Caller, name string) (*Dentry, Errno) {
	if len(name) > NameMax {
		return nil, syscall.ENAMETOOLONG
	}
	n, e := d.node.Lookup(c, name)
	if e != 0 {
		return nil, e
	}
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	return d.intern(name, n), 0
}

// lookupLocked is lookup for callers that hold fs.mu. A directory that has been
// removed has no entries.
func (d *Dentry) lookupLocked(c *Caller, name string) (*Dentry, Errno) {
	if len(name) > NameMax {
		return nil, syscall.ENAMETOOLONG
	}
	if d.gone {
		return nil, syscall.ENOENT
	}
	n, e := d.node.Lookup(c, name)
	if e != 0 {
		return nil, e
	}
	return d.intern(name, n), 0
}

// intern returns the dentry of n under name: the one that is in use, if there is one.
func (d *Dentry) intern(name string, n Node) *Dentry {
	if c := d.child(name); c != nil && same(c.node, n) {
		return c
	}
	c := &Dentry{fs: d.fs, node: n, parent: d, name: name}
	d.adopt(name, c)
	return c
}

// same reports whether two Nodes of a file system are the same file, and the older one
// is still good.
func same(old, n Node) bool {
	if old == n {
		return true
	}
	if r, ok := old.(revalidator); ok && r.Stale() {
		return false
	}
	return old.Ino() == n.Ino() && old.Type() == n.Type()
}

// child returns the dentry that is in use under name, or nil.
func (d *Dentry) child(name string) *Dentry { return d.children[name].Value() }

func (d *Dentry) adopt(name string, c *Dentry) {
	if d.children == nil {
		d.children = map[string]weak.Pointer[Dentry]{}
	}
	if len(d.children) > 2*d.swept+64 {
		d.sweep()
	}
	d.children[name] = weak.Make(c)
}

// sweep forgets the names that nobody uses any more.
func (d *Dentry) sweep() {
	for name, w := range d.children {
		if w.Value() == nil {
			delete(d.children, name)
		}
	}
	d.swept = len(d.children)
}

// drop removes the name of c: files without one stay what they are.
func (d *Dentry) drop(c *Dentry) {
	delete(d.children, c.name)
	c.gone = true
}

// move gives c another name in another directory of the same file system.
func (d *Dentry) move(c *Dentry, to *Dentry, name string) {
	if d.child(c.name) == c { // not what it has just been exchanged with
		delete(d.children, c.name)
	}
	c.parent, c.name = to, name
	to.adopt(name, c)
}

// isAncestor reports whether d is c or a directory above it.
func (d *Dentry) isAncestor(c *Dentry) bool {
	for ; c != nil; c = c.parent {
		if c == d {
			return true
		}
	}
	return false
}

// up is the directory above d and d's name there, or nil for a root.
func (d *Dentry) up() (parent *Dentry, name string, gone bool) {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	return d.parent, d.name, d.gone
}

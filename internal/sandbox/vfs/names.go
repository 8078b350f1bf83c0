//go:build linux

package vfs

import "syscall"

// entry is the last component of a path whose name is to be made or removed: the
// directory is resolved, the name is not.
type entry struct {
	dir   Path
	name  string
	slash bool // slashes follow
}

// isDot reports whether the name is no name that can be made or removed. An empty one
// is that of the root.
func (n *entry) isDot() bool { return n.name == "" || n.name == "." || n.name == ".." }

// entryOf resolves all but the last component of a path.
func (c *Caller) entryOf(at Path, path string) (entry, Errno) {
	w, e := c.walk(at, path, 0)
	if e != 0 {
		return entry{}, e
	}
	name, rest, e := w.parent(path)
	return entry{w.at, name, rest != ""}, e
}

// lookupLocked finds the entry; its file system is locked. What is mounted there is
// not looked at.
func (c *Caller) lookupLocked(n *entry) (Path, Errno) {
	if d := n.dir.Mount.pointsIn(n.dir.Dentry)[n.name]; d != nil {
		return Path{n.dir.Mount, d}, 0
	}
	d, e := n.dir.Dentry.lookupLocked(c, n.name)
	return Path{n.dir.Mount, d}, e
}

// create makes a file of any type: mknod(2), mkdir(2), symlink(2).
func (c *Caller) create(at Path, path string, f *NewFile) Errno {
	n, e := c.entryOf(at, path)
	if e != 0 {
		return e
	}
	if n.isDot() {
		return syscall.EEXIST
	}
	fs := n.dir.FS()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if e := c.vacant(&n, f.Mode&S_IFMT == S_IFDIR); e != 0 {
		return e
	}
	if e := c.mayChange(n.dir); e != 0 {
		return e
	}
	_, e = c.createLocked(&n, f)
	return e
}

// vacant checks that an entry is not there yet; only directories may have slashes
// behind their names.
func (c *Caller) vacant(n *entry, dir bool) Errno {
	switch _, e := c.lookupLocked(n); {
	case e == 0:
		return syscall.EEXIST
	case e != syscall.ENOENT:
		return e
	case n.slash && !dir:
		return syscall.ENOENT
	}
	return 0
}

// createLocked makes a file with the caller as its owner.
func (c *Caller) createLocked(n *entry, f *NewFile) (Path, Errno) {
	dir := n.dir.Dentry
	if dir.gone {
		return Path{}, syscall.ENOENT
	}
	if e := c.own(n.dir, f); e != 0 {
		return Path{}, e
	}
	node, e := dir.node.Create(n.name, f)
	if e != 0 {
		return Path{}, e
	}
	return Path{n.dir.Mount, dir.intern(n.name, node)}, 0
}

// own sets the owner of a file to be made in dir. In a set-group-id directory, the
// group is the directory's (inode(7)).
func (c *Caller) own(dir Path, f *NewFile) Errno {
	f.UID, f.GID = c.UID, c.GID
	a, e := dir.Node().Attr()
	if e == 0 && a.Mode&S_ISGID != 0 {
		f.GID = a.GID
		if f.Mode&S_IFMT == S_IFDIR {
			f.Mode |= S_ISGID
		}
	}
	return e
}

// Mkdir is mkdirat(2).
func (c *Caller) Mkdir(at Path, path string, mode uint32) Errno {
	return c.create(at, path, &NewFile{Mode: S_IFDIR | mode&0o1777&^c.Umask})
}

// Symlink is symlinkat(2).
func (c *Caller) Symlink(target string, at Path, path string) Errno {
	switch {
	case target == "":
		return syscall.ENOENT
	case len(target) >= PathMax:
		return syscall.ENAMETOOLONG
	}
	return c.create(at, path, &NewFile{Mode: S_IFLNK | 0o777, Target: target})
}

// Mknod is mknodat(2). Nobody may make devices.
func (c *Caller) Mknod(at Path, path string, mode uint32, rdev uint64) Errno {
	typ := mode & S_IFMT
	switch typ {
	case 0:
		typ = S_IFREG
	case S_IFREG, S_IFIFO, S_IFSOCK:
	case S_IFCHR, S_IFBLK:
		return syscall.EPERM
	default:
		return syscall.EINVAL
	}
	return c.create(at, path, &NewFile{Mode: typ | mode&0o7777&^c.Umask, Rdev: rdev})
}

// Link is linkat(2) for a file that has been resolved.
func (c *Caller) Link(from Path, at Path, path string) Errno {
	n, e := c.entryOf(at, path)
	if e != 0 {
		return e
	}
	if n.isDot() {
		return syscall.EEXIST
	}
	fs := n.dir.FS()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if e := c.vacant(&n, false); e != 0 {
		return e
	}
	if from.Mount != n.dir.Mount {
		return syscall.EXDEV
	}
	if e := c.mayLink(from); e != 0 {
		return e
	}
	if e := c.mayChange(n.dir); e != 0 {
		return e
	}
	switch {
	case from.IsDir():
		return syscall.EPERM
	case n.dir.Dentry.gone:
		return syscall.ENOENT
	}
	return n.dir.Node().Link(n.name, from.Node())
}

// Unlink is unlinkat(2) without AT_REMOVEDIR.
func (c *Caller) Unlink(at Path, path string) Errno {
	n, e := c.entryOf(at, path)
	if e != 0 {
		return e
	}
	if n.isDot() {
		return syscall.EISDIR
	}
	return c.remove(&n, false)
}

// Rmdir is unlinkat(2) with AT_REMOVEDIR.
func (c *Caller) Rmdir(at Path, path string) Errno {
	n, e := c.entryOf(at, path)
	switch {
	case e != 0:
		return e
	case n.name == "..":
		return syscall.ENOTEMPTY
	case n.name == ".":
		return syscall.EINVAL
	case n.name == "":
		return syscall.EBUSY
	}
	return c.remove(&n, true)
}

// remove removes an entry, which has to be a directory, or none.
func (c *Caller) remove(n *entry, dir bool) Errno {
	fs := n.dir.FS()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if n.dir.readOnly() {
		return syscall.EROFS
	}
	p, e := c.lookupLocked(n)
	if e != 0 {
		return e
	}
	wrongType := syscall.ENOTDIR
	if p.IsDir() {
		wrongType = syscall.EISDIR
	}
	if n.slash && !dir {
		return wrongType
	}
	if e := c.mayRemove(n.dir, p); e != 0 {
		return e
	}
	if p.IsDir() != dir {
		return wrongType
	}
	if p == c.Root || c.NS.isMountPoint(p) {
		return syscall.EBUSY
	}
	if e := n.dir.Node().Remove(n.name, p.Node()); e != 0 {
		return e
	}
	n.dir.Dentry.drop(p.Dentry)
	return 0
}

// Flags of renameat2(2).
const (
	RenameNoReplace = 1
	RenameExchange  = 2
	RenameWhiteout  = 4
)

// Rename is renameat2(2).
func (c *Caller) Rename(oldAt Path, oldPath string, newAt Path, newPath string, flags uint32) Errno {
	if flags&^(RenameNoReplace|RenameExchange) != 0 || flags == RenameNoReplace|RenameExchange {
		return syscall.EINVAL
	}
	from, e := c.entryOf(oldAt, oldPath)
	if e != 0 {
		return e
	}
	to, e := c.entryOf(newAt, newPath)
	if e != 0 {
		return e
	}
	switch {
	case from.dir.Mount != to.dir.Mount:
		return syscall.EXDEV
	case from.isDot():
		return syscall.EBUSY
	case to.isDot() && flags&RenameNoReplace != 0:
		return syscall.EEXIST
	case to.isDot():
		return syscall.EBUSY
	case from.dir.readOnly() || from.dir.isPoint() || to.dir.isPoint():
		return syscall.EROFS
	}
	fs := from.dir.FS()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return c.renameLocked(&from, &to, flags)
}

// renameLocked renames what is found at from. The order of the checks is the kernel's
// (fs/namei.c, do_renameat2).
func (c *Caller) renameLocked(from, to *entry, flags uint32) Errno {
	old, e := c.lookupLocked(from)
	if e != 0 {
		return e
	}
	over, e := c.lookupLocked(to)
	if e != 0 && e != syscall.ENOENT {
		return e
	}
	exists, exchange := e == 0, flags&RenameExchange != 0
	if exists && flags&RenameNoReplace != 0 {
		return syscall.EEXIST
	}
	if exchange {
		if !exists {
			return syscall.ENOENT
		}
		if !over.IsDir() && to.slash {
			return syscall.ENOTDIR
		}
	}
	if !old.IsDir() && (from.slash || !exchange && to.slash) {
		return syscall.ENOTDIR
	}
	if old.Dentry.isAncestor(to.dir.Dentry) {
		return syscall.EINVAL
	}
	if exists && over.Dentry.isAncestor(from.dir.Dentry) {
		if exchange {
			return syscall.EINVAL
		}
		return syscall.ENOTEMPTY
	}
	return c.renameChecked(from, to, old, over, exists, exchange)
}

// renameChecked is vfs_rename of the kernel.
func (c *Caller) renameChecked(from, to *entry, old, over Path, exists, exchange bool) Errno {
	if exists && old.Node().Ino() == over.Node().Ino() {
		return 0
	}
	if e := c.mayRemove(from.dir, old); e != 0 {
		return e
	}
	var overNode Node
	if !exists {
		if to.dir.Dentry.gone {
			return syscall.ENOENT
		}
		if e := c.mayNode(to.dir, MayWrite|MayExec); e != 0 {
			return e
		}
	} else {
		overNode = over.Node()
		if e := c.mayRemove(to.dir, over); e != 0 {
			return e
		}
		switch {
		case exchange:
		case old.IsDir() && !over.IsDir():
			return syscall.ENOTDIR
		case !old.IsDir() && over.IsDir():
			return syscall.EISDIR
		}
	}
	if c.NS.isMountPoint(old) || exists && c.NS.isMountPoint(over) {
		return syscall.EBUSY
	}
	if from.dir != to.dir {
		if e := c.mayMove(old); e != 0 {
			return e
		}
		if exchange {
			if e := c.mayMove(over); e != 0 {
				return e
			}
		}
	}
	if e := from.dir.Node().Rename(from.name, old.Node(), to.dir.Node(), to.name, overNode, exchange); e != 0 {
		return e
	}
	if exists && exchange {
		to.dir.Dentry.move(over.Dentry, from.dir.Dentry, from.name)
	} else if exists {
		to.dir.Dentry.drop(over.Dentry)
	}
	old.Dentry.parent.move(old.Dentry, to.dir.Dentry, to.name)
	return 0
}

// mayMove checks that p may get into another directory: if it is one itself, its ".."
// changes.
func (c *Caller) mayMove(p Path) Errno {
	if !p.IsDir() {
		return 0
	}
	return c.mayNode(p, MayWrite)
}

// Readlink is readlinkat(2) of what has been resolved without following it.
func (c *Caller) Readlink(p Path) (string, Errno) {
	if p.Node().Type() != S_IFLNK {
		return "", syscall.EINVAL
	}
	return p.Node().Readlink(c)
}

// Set changes attributes of p: chmod(2), chown(2), utimensat(2). touch says that times
// are set to the present one, which those who may write may do.
func (c *Caller) Set(p Path, ch Change, touch bool) Errno {
	if p.readOnly() {
		return syscall.EROFS
	}
	a, e := p.Node().Attr()
	if e != 0 {
		return e
	}
	if e := c.maySet(&a, &ch, touch); e != 0 {
		return e
	}
	return p.Node().SetAttr(&ch)
}

// Truncate is truncate(2).
func (c *Caller) Truncate(at Path, path string, size int64) Errno {
	if size < 0 {
		return syscall.EINVAL
	}
	p, e := c.Walk(at, path, Follow)
	switch {
	case e != 0:
		return e
	case p.IsDir():
		return syscall.EISDIR
	case p.Node().Type() != S_IFREG:
		return syscall.EINVAL
	}
	if e := c.Access(p, MayWrite); e != 0 {
		return e
	}
	return p.Node().SetAttr(c.truncation(p, size))
}

// truncation is the change that a new size makes: set-id bits go, unless it is root's.
func (c *Caller) truncation(p Path, size int64) *Change {
	ch := &Change{Size: &size}
	if c.UID != 0 {
		if a, e := p.Node().Attr(); e == 0 && withoutSetID(a.Mode) != a.Mode {
			mode := withoutSetID(a.Mode) & 0o7777
			ch.Mode = &mode
		}
	}
	return ch
}

// Chdir checks that p can become a working directory or root.
func (c *Caller) Chdir(p Path) Errno {
	if !p.IsDir() {
		return syscall.ENOTDIR
	}
	return c.mayNode(p, MayExec)
}

//go:build linux

package vfs

import (
	"slices"
	"syscall"
)

// What a caller wants to do with a file, as in access(2).
const (
	MayExec  = 1 // also: look up names in a directory
	MayWrite = 2
	MayRead  = 4
)

// mayNode checks the permissions of a file, without whether it is on a read-only mount.
func (c *Caller) mayNode(p Path, want uint32) Errno {
	if c.UID == 0 && (want&MayExec == 0 || p.IsDir()) {
		return 0
	}
	a, e := p.Node().Attr()
	if e != 0 {
		return e
	}
	return c.mayAttr(&a, want)
}

// mayAttr checks permission bits (path_resolution(7)): root may do all but execute what
// nobody may execute.
func (c *Caller) mayAttr(a *Attr, want uint32) Errno {
	if c.UID == 0 {
		if want&MayExec != 0 && a.Mode&S_IFMT != S_IFDIR && a.Mode&0o111 == 0 {
			return syscall.EACCES
		}
		return 0
	}
	bits := a.Mode
	switch {
	case a.UID == c.UID:
		bits >>= 6
	case c.inGroup(a.GID):
		bits >>= 3
	}
	if bits&want != want {
		return syscall.EACCES
	}
	return 0
}

func (c *Caller) inGroup(gid uint32) bool { return gid == c.GID || slices.Contains(c.Groups, gid) }

// Access is access(2): whether the caller may do what want says.
func (c *Caller) Access(p Path, want uint32) Errno {
	if want&MayWrite != 0 && p.readOnly() && writesToMount(p.Node().Type()) {
		return syscall.EROFS
	}
	if want&MayExec != 0 && p.Node().Type() == S_IFREG && p.Mount != nil && p.Mount.opts.NoExec {
		return syscall.EACCES
	}
	return c.mayNode(p, want)
}

// writesToMount reports whether writing to a file of a type changes the file system
// that it is in.
func writesToMount(typ uint32) bool { return typ == S_IFREG || typ == S_IFDIR || typ == S_IFLNK }

// mayChange checks that names in the directory dir may be added or removed.
func (c *Caller) mayChange(dir Path) Errno {
	if dir.readOnly() {
		return syscall.EROFS
	}
	return c.mayNode(dir, MayWrite|MayExec)
}

// mayRemove checks that the name of child in dir may be removed: in a sticky
// directory, only by the owner of either.
func (c *Caller) mayRemove(dir, child Path) Errno {
	if e := c.mayNode(dir, MayWrite|MayExec); e != 0 || c.UID == 0 {
		return e
	}
	d, e := dir.Node().Attr()
	if e != 0 || d.Mode&S_ISVTX == 0 || d.UID == c.UID {
		return e
	}
	a, e := child.Node().Attr()
	if e == 0 && a.UID != c.UID {
		e = syscall.EPERM
	}
	return e
}

// mayLink checks that the caller may give a file another name: with the kernel's usual
// protection of hard links (proc_sys_fs(5), protected_hardlinks), only its own, and those
// that it could read and change.
func (c *Caller) mayLink(p Path) Errno {
	if c.UID == 0 {
		return 0
	}
	a, e := p.Node().Attr()
	switch {
	case e != 0 || a.UID == c.UID:
		return e
	case a.Mode&S_IFMT != S_IFREG, a.Mode&S_ISUID != 0, a.Mode&(S_ISGID|0o010) == S_ISGID|0o010,
		c.mayAttr(&a, MayRead|MayWrite) != 0:
		return syscall.EPERM
	}
	return 0
}

// maySet checks that attributes may be changed (chmod(2), chown(2), utimensat(2)).
// touch says that the times are to become the present one, which those who may write may
// do, too. It corrects ch: set-id bits that are lost.
func (c *Caller) maySet(a *Attr, ch *Change, touch bool) Errno {
	owner := c.UID == 0 || a.UID == c.UID
	if ch.Mode != nil {
		if !owner {
			return syscall.EPERM
		}
		mode := *ch.Mode & 0o7777
		if c.UID != 0 && !c.inGroup(a.GID) {
			mode &^= S_ISGID
		}
		ch.Mode = &mode
	}
	if ch.UID != nil || ch.GID != nil {
		if e := c.mayChown(a, ch, owner); e != 0 {
			return e
		}
	}
	if (ch.Atime != nil || ch.Mtime != nil) && !owner {
		if !touch {
			return syscall.EPERM
		}
		return c.mayAttr(a, MayWrite)
	}
	return 0
}

// mayChown is the part of maySet for owners.
func (c *Caller) mayChown(a *Attr, ch *Change, owner bool) Errno {
	if c.UID != 0 {
		keepsUser := ch.UID == nil || *ch.UID == a.UID
		hasGroup := ch.GID == nil || *ch.GID == a.GID || c.inGroup(*ch.GID)
		if !owner || !keepsUser || !hasGroup {
			return syscall.EPERM
		}
	}
	if a.Mode&S_IFMT != S_IFDIR && ch.Mode == nil {
		if mode := withoutSetID(a.Mode); mode != a.Mode {
			perm := mode & 0o7777
			ch.Mode = &perm
		}
	}
	return 0
}

// withoutSetID is mode after the file has been changed: programs lose set-id bits.
func withoutSetID(mode uint32) uint32 {
	mode &^= S_ISUID
	if mode&0o010 != 0 {
		mode &^= S_ISGID
	}
	return mode
}

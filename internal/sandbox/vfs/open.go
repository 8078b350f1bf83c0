//go:build linux

package vfs

import "syscall"

// OpenHow is what openat2(2) is told.
type OpenHow struct {
	Flags   int
	Mode    uint32
	Resolve WalkFlags
}

// check refuses combinations of flags as the kernel does (build_open_flags).
func (h *OpenHow) check() Errno {
	if h.Resolve&^resolveAll != 0 || h.Resolve&(ResolveBeneath|ResolveInRoot) == ResolveBeneath|ResolveInRoot {
		return syscall.EINVAL
	}
	const tmpfile = O_TMPFILE &^ O_DIRECTORY
	switch {
	case h.Flags&O_PATH != 0:
		h.Flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
	case h.Flags&tmpfile != 0:
		if h.Flags&O_TMPFILE != O_TMPFILE || h.Flags&O_CREAT != 0 || h.Flags&O_ACCMODE == O_RDONLY {
			return syscall.EINVAL
		}
	case h.Flags&(O_CREAT|O_DIRECTORY) == O_CREAT|O_DIRECTORY:
		return syscall.EINVAL
	}
	if h.Resolve&ResolveCached != 0 {
		return syscall.EAGAIN // nothing is cached: the caller tries again without
	}
	return 0
}

// access is which permissions of the file an open needs.
func (h *OpenHow) access() uint32 {
	want := [...]uint32{O_RDONLY: MayRead, O_WRONLY: MayWrite, O_RDWR: MayRead | MayWrite, 3: MayRead | MayWrite}[h.Flags&O_ACCMODE]
	if h.Flags&O_TRUNC != 0 {
		want |= MayWrite
	}
	return want
}

// Open is openat2(2).
func (c *Caller) Open(at Path, path string, how OpenHow) (*File, Errno) {
	if e := how.check(); e != 0 {
		return nil, e
	}
	switch {
	case how.Flags&O_TMPFILE == O_TMPFILE:
		return c.openTemp(at, path, &how)
	case how.Flags&O_CREAT != 0:
		return c.openCreate(at, path, &how)
	}
	flags := how.Resolve
	if how.Flags&O_NOFOLLOW == 0 {
		flags |= Follow
	}
	p, e := c.Walk(at, path, flags)
	if e != 0 {
		return nil, e
	}
	return c.OpenPath(p, how.Flags)
}

// OpenPath opens what has been resolved.
func (c *Caller) OpenPath(p Path, flags int) (*File, Errno) {
	how := OpenHow{Flags: flags}
	switch typ := p.Node().Type(); {
	case flags&O_DIRECTORY != 0 && typ != S_IFDIR:
		return nil, syscall.ENOTDIR
	case flags&O_PATH != 0:
		return newFile(p, nil, flags), 0
	case typ == S_IFLNK:
		return nil, syscall.ELOOP
	case typ == S_IFDIR && how.access()&MayWrite != 0:
		return nil, syscall.EISDIR
	}
	if e := c.Access(p, how.access()); e != 0 {
		return nil, e
	}
	return c.openChecked(p, flags, false)
}

// OpenAny opens a file for reading whatever its permissions, as execve(2) does. That it may be
// executed has been checked.
func (c *Caller) OpenAny(p Path) (*File, Errno) { return c.openChecked(p, O_RDONLY, false) }

// openChecked opens a file that the caller may open.
func (c *Caller) openChecked(p Path, flags int, created bool) (*File, Errno) {
	if flags&O_NOATIME != 0 && c.UID != 0 {
		if a, e := p.Node().Attr(); e != 0 || a.UID != c.UID {
			return nil, syscall.EPERM
		}
	}
	if p.IsDir() {
		return newFile(p, &dirHandle{p: p}, flags), 0
	}
	if p.Node().Type() == S_IFSOCK {
		return nil, syscall.ENXIO
	}
	if flags&O_TRUNC != 0 && !created && p.Node().Type() == S_IFREG {
		if e := p.Node().SetAttr(c.truncation(p, 0)); e != 0 {
			return nil, e
		}
	}
	h, e := p.Node().Open(c, flags)
	if e != 0 {
		return nil, e
	}
	return newFile(p, h, flags), 0
}

// openCreate opens with O_CREAT.
func (c *Caller) openCreate(at Path, path string, how *OpenHow) (*File, Errno) {
	w, e := c.walk(at, path, how.Resolve)
	if e != 0 {
		return nil, e
	}
	for {
		name, rest, e := w.parent(path)
		if e != 0 {
			return nil, e
		}
		n := entry{w.at, name, rest != ""}
		switch {
		case n.isDot() && how.Flags&O_EXCL != 0:
			return nil, syscall.EEXIST
		case n.isDot() || n.slash:
			return nil, syscall.EISDIR
		}
		p, created, e := c.findOrCreate(w, &n, how)
		if e != 0 {
			return nil, e
		}
		if created != nil {
			return created, 0
		}
		if p.Node().Type() != S_IFLNK || how.Flags&O_NOFOLLOW != 0 {
			if p.IsDir() {
				return nil, syscall.EISDIR
			}
			return c.OpenPath(p, how.Flags)
		}
		if path, e = w.follow(p, ""); e != 0 {
			return nil, e
		}
		if path == "" { // a magic link has led there
			return c.OpenPath(w.at, how.Flags)
		}
	}
}

// findOrCreate finds the file that an entry is of, or creates and opens it.
func (c *Caller) findOrCreate(w *walk, n *entry, how *OpenHow) (found Path, created *File, e Errno) {
	fs := n.dir.FS()
	fs.mu.Lock()
	p, e := c.lookupLocked(n)
	if e == syscall.ENOENT {
		defer fs.mu.Unlock()
		created, e = c.createOpen(n, how)
		return p, created, e
	}
	fs.mu.Unlock()
	if e != 0 {
		return p, nil, e
	}
	if how.Flags&O_EXCL != 0 {
		return p, nil, syscall.EEXIST
	}
	if over := c.NS.top(p); over != p {
		if w.flags&ResolveNoXdev != 0 {
			return p, nil, syscall.EXDEV
		}
		p = over
	}
	return p, nil, 0
}

// createOpen creates a regular file and opens it, whatever its permissions say.
func (c *Caller) createOpen(n *entry, how *OpenHow) (*File, Errno) {
	if e := c.mayChange(n.dir); e != 0 {
		return nil, e
	}
	open := &Opening{Flags: how.Flags}
	p, e := c.createLocked(n, &NewFile{Mode: S_IFREG | how.Mode&0o7777&^c.Umask, Open: open})
	if e != 0 {
		return nil, e
	}
	if open.Handle != nil {
		return newFile(p, open.Handle, how.Flags), 0
	}
	return c.openChecked(p, how.Flags, true)
}

// openTemp opens with O_TMPFILE: a file without a name in a directory.
func (c *Caller) openTemp(at Path, path string, how *OpenHow) (*File, Errno) {
	if how.Flags&O_NOFOLLOW == 0 {
		how.Resolve |= Follow
	}
	dir, e := c.Walk(at, path, how.Resolve)
	if e != 0 {
		return nil, e
	}
	if !dir.IsDir() {
		return nil, syscall.ENOTDIR
	}
	if e := c.mayChange(dir); e != 0 {
		return nil, e
	}
	t, ok := dir.Node().(tempDir)
	if !ok {
		return nil, syscall.EOPNOTSUPP
	}
	f := &NewFile{Mode: S_IFREG | how.Mode&0o7777&^c.Umask}
	if e := c.own(dir, f); e != 0 {
		return nil, e
	}
	node, e := t.CreateTemp(f)
	if e != 0 {
		return nil, e
	}
	return c.openChecked(Path{dir.Mount, dir.Dentry.nameless(node)}, how.Flags&^(O_TMPFILE|O_EXCL)|O_LARGEFILE, true)
}

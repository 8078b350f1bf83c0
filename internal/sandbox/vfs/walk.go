//go:build linux

package vfs

import (
	"slices"
	"strings"
	"syscall"
)

// Caller is who makes a call: the root and working directory, creation mask,
// credentials and numbers of a process. It is used by one call at a time.
type Caller struct {
	NS        *Namespace
	Root, Cwd Path
	Umask     uint32
	UID, GID  uint32
	Groups    []uint32
	PID, TID  int
}

// WalkFlags say how a path is resolved. The Resolve bits have the values of
// openat2(2)'s RESOLVE_ flags.
type WalkFlags uint32

const (
	ResolveNoXdev       WalkFlags = 0x01
	ResolveNoMagiclinks WalkFlags = 0x02
	ResolveNoSymlinks   WalkFlags = 0x04
	ResolveBeneath      WalkFlags = 0x08
	ResolveInRoot       WalkFlags = 0x10
	ResolveCached       WalkFlags = 0x20
	resolveAll                    = 0x3f

	Follow     WalkFlags = 0x100 // a symbolic link as the last component is followed
	AllowEmpty WalkFlags = 0x200 // an empty path is the directory (or file) it is relative to
)

// walk is the resolution of one path.
type walk struct {
	c     *Caller
	root  Path
	at    Path
	flags WalkFlags
	links int // symbolic links followed
}

// Walk resolves a path that is relative to at.
func (c *Caller) Walk(at Path, path string, flags WalkFlags) (Path, Errno) {
	w, e := c.walk(at, path, flags)
	if e != 0 {
		return Path{}, e
	}
	e = w.run(path)
	return w.at, e
}

// walk begins a resolution.
func (c *Caller) walk(at Path, path string, flags WalkFlags) (*walk, Errno) {
	if path == "" && flags&AllowEmpty == 0 {
		return nil, syscall.ENOENT
	}
	if len(path) >= PathMax {
		return nil, syscall.ENAMETOOLONG
	}
	w := &walk{c: c, root: c.Root, at: at, flags: flags}
	if flags&(ResolveInRoot|ResolveBeneath) != 0 {
		w.root = at
	}
	return w, w.begin(path)
}

// begin goes to the root if a path is absolute.
func (w *walk) begin(path string) Errno {
	if !strings.HasPrefix(path, "/") {
		return 0
	}
	if w.flags&ResolveBeneath != 0 {
		return syscall.EXDEV
	}
	return w.jump(w.root)
}

// jump goes to a place that is not reached by a name.
func (w *walk) jump(to Path) Errno {
	if w.flags&ResolveNoXdev != 0 && to.Mount != w.at.Mount {
		return syscall.EXDEV
	}
	w.at = to
	return 0
}

// run resolves all of path.
func (w *walk) run(path string) Errno {
	for {
		name, rest, e := w.parent(path)
		if e != 0 {
			return e
		}
		if name == "" {
			return 0
		}
		next, e := w.component(name)
		if e != 0 {
			return e
		}
		slash := rest != ""
		if next.Node().Type() == S_IFLNK && (slash || w.flags&Follow != 0) {
			if path, e = w.follow(next, rest); e != 0 {
				return e
			}
			if path == "" {
				return 0
			}
			continue
		}
		w.at = next
		if slash && !next.IsDir() {
			return syscall.ENOTDIR
		}
		return 0
	}
}

// parent resolves all of path but the last component, which it returns with the
// slashes that follow. An empty name means that path has only slashes, or is empty.
func (w *walk) parent(path string) (name, rest string, e Errno) {
	for {
		path = strings.TrimLeft(path, "/")
		if path == "" {
			return "", "", 0
		}
		if e := w.search(); e != 0 {
			return "", "", e
		}
		name, rest = path, ""
		if i := strings.IndexByte(path, '/'); i >= 0 {
			name, rest = path[:i], path[i:]
		}
		if strings.TrimLeft(rest, "/") == "" {
			return name, rest, 0
		}
		next, e := w.component(name)
		if e != 0 {
			return "", "", e
		}
		path = rest
		if next.Node().Type() == S_IFLNK {
			if path, e = w.follow(next, rest); e != 0 {
				return "", "", e
			}
			continue
		}
		w.at = next
	}
}

// search checks that names can be looked up in the directory w.at.
func (w *walk) search() Errno {
	if !w.at.IsDir() {
		return syscall.ENOTDIR
	}
	return w.c.mayNode(w.at, MayExec)
}

// component is what name leads to from the directory w.at: what is mounted there. It
// does not follow links.
func (w *walk) component(name string) (Path, Errno) {
	switch name {
	case ".":
		return w.at, 0
	case "..":
		return w.up()
	}
	next, e := w.c.child(w.at, name)
	if e != 0 {
		return Path{}, e
	}
	if over := w.c.NS.top(next); over != next {
		if w.flags&ResolveNoXdev != 0 {
			return Path{}, syscall.EXDEV
		}
		return over, 0
	}
	return next, 0
}

// child looks up a name in a directory, without what is mounted there.
func (c *Caller) child(dir Path, name string) (Path, Errno) {
	if d := dir.Mount.pointsIn(dir.Dentry)[name]; d != nil {
		return Path{dir.Mount, d}, 0
	}
	d, e := dir.Dentry.lookup(c, name)
	return Path{dir.Mount, d}, e
}

// up is the directory above w.at: that of the mount point for the root of a mount,
// and the same at the caller's root.
func (w *walk) up() (Path, Errno) {
	p := w.at
	if p == w.root {
		if w.flags&ResolveBeneath != 0 {
			return Path{}, syscall.EXDEV
		}
		return p, 0
	}
	for p.Mount.parent != nil && p.Dentry == p.Mount.root {
		if w.flags&ResolveNoXdev != 0 {
			return Path{}, syscall.EXDEV
		}
		p = Path{p.Mount.parent, p.Mount.at}
		if p == w.root {
			return p, 0
		}
	}
	if parent, _, _ := p.Dentry.up(); parent != nil {
		p.Dentry = parent
	}
	return w.c.NS.top(p), 0
}

// follow goes on from a symbolic link: it returns the path to resolve from w.at.
func (w *walk) follow(link Path, rest string) (string, Errno) {
	if w.links++; w.links > maxLinks || w.flags&ResolveNoSymlinks != 0 {
		return "", syscall.ELOOP
	}
	if m, ok := link.Node().(magicLink); ok {
		return w.magic(m, rest)
	}
	target, e := link.Node().Readlink(w.c)
	if e != 0 {
		return "", e
	}
	if target == "" {
		return "", syscall.ENOENT
	}
	if e := w.begin(target); e != 0 {
		return "", e
	}
	return target + rest, 0
}

// magic goes on from a link that leads to a place itself.
func (w *walk) magic(m magicLink, rest string) (string, Errno) {
	switch {
	case w.flags&ResolveNoMagiclinks != 0:
		return "", syscall.ELOOP
	case w.flags&(ResolveBeneath|ResolveInRoot) != 0:
		return "", syscall.EXDEV
	}
	to, e := m.Jump(w.c)
	if e != 0 {
		return "", e
	}
	if rest != "" && !to.IsDir() {
		return "", syscall.ENOTDIR
	}
	return rest, w.jump(to)
}

// Name is the path of p as the caller sees it, as getcwd(2) and links in /proc have it.
func (c *Caller) Name(p Path) string {
	name, gone, _ := c.name(p)
	if gone {
		name += " (deleted)"
	}
	return name
}

// name is Name, and whether p can be reached by it: not what has been removed, and not
// what lies outside of the caller's root.
func (c *Caller) name(p Path) (name string, gone, reachable bool) {
	if p.Mount == nil {
		return p.Dentry.name, false, false
	}
	var parts []string
	_, _, gone = p.Dentry.up()
	for p != c.Root {
		parent, name, _ := p.Dentry.up()
		switch {
		case p.Dentry == p.Mount.root && p.Mount.parent != nil:
			p = Path{p.Mount.parent, p.Mount.at}
			continue
		case parent == nil:
			return joined(parts), gone, false
		}
		parts = append(parts, name)
		p.Dentry = parent
	}
	return joined(parts), gone, true
}

// joined makes a path of its components, the last one first.
func joined(parts []string) string {
	if len(parts) == 0 {
		return "/"
	}
	var b strings.Builder
	for _, p := range slices.Backward(parts) {
		b.WriteByte('/')
		b.WriteString(p)
	}
	return b.String()
}

// Getcwd is getcwd(2): ENOENT if the directory has been removed. A directory outside of
// the caller's root gets "(unreachable)" before it, as from the kernel.
func (c *Caller) Getcwd() (string, Errno) {
	name, gone, reachable := c.name(c.Cwd)
	switch {
	case gone:
		return "", syscall.ENOENT
	case !reachable:
		return "(unreachable)" + name, 0
	}
	return name, 0
}

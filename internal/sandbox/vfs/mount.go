//go:build linux

package vfs

import (
	"fmt"
	"path"
	"strings"
	"sync"
	"syscall"
)

// Mount is a file system in a place of a namespace.
type Mount struct {
	ns     *Namespace
	fs     *FS
	root   *Dentry
	parent *Mount  // nil for the root of the namespace
	at     *Dentry // in parent
	target string  // as it was mounted
	dev    uint64
	opts   MountOptions

	// points are files that exist only in this mount, directories so that others can be
	// mounted there: by the directory that they are in, and name. Guarded by ns.mu.
	points map[*Dentry]map[string]*Dentry
}

// MountOptions are what mount(8) would be told.
type MountOptions struct {
	Source   string // the first word in /proc/mounts; empty for the type
	ReadOnly bool
	NoExec   bool
}

// Flags of a mount in statfs(2).
const (
	stRdonly = 0x1
	stNosuid = 0x2
	stNodev  = 0x4
	stNoexec = 0x8
	stValid  = 0x20
)

func (o *MountOptions) statfsFlags() int64 {
	f := int64(stValid | stNosuid | stNodev)
	if o.ReadOnly {
		f |= stRdonly
	}
	if o.NoExec {
		f |= stNoexec
	}
	return f
}

// NoExec reports whether programs of the mount must not be executed.
func (m *Mount) NoExec() bool { return m.opts.NoExec }

// Namespace is a set of mounts. Its root is an empty directory until something is
// mounted there.
type Namespace struct {
	mu     sync.RWMutex
	mounts []*Mount // in the order of mounting; the first is the root
	over   map[Path]*Mount
}

// NewNamespace makes a namespace whose root is fs, or empty if that is nil.
func NewNamespace(fs *FS, opts MountOptions) *Namespace {
	if fs == nil {
		fs, opts.ReadOnly = newFS("rootfs", &pointDir{ino: 1}, nil), true
	}
	ns := &Namespace{over: map[Path]*Mount{}}
	ns.add(fs, nil, nil, "/", opts)
	return ns
}

// Root is the root directory.
func (ns *Namespace) Root() Path {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	m := ns.mounts[0]
	return ns.topLocked(Path{m, m.root})
}

// add needs ns.mu, but for the first.
func (ns *Namespace) add(fs *FS, parent *Mount, at *Dentry, target string, opts MountOptions) *Mount {
	m := &Mount{ns: ns, fs: fs, root: fs.root, parent: parent, at: at, target: target, opts: opts}
	m.dev = Mkdev(0, uint32(len(ns.mounts)+minorBase))
	ns.mounts = append(ns.mounts, m)
	return m
}

// minorBase is the minor number of the first mount: the kernel uses low ones itself.
const minorBase = 32

// Mount mounts fs at target, an absolute path in the namespace. What is missing of the
// path becomes directories that only this namespace has.
func (ns *Namespace) Mount(fs *FS, target string, opts MountOptions) error {
	if !strings.HasPrefix(target, "/") {
		return fmt.Errorf("mount on %q: not an absolute path", target)
	}
	c := &Caller{NS: ns, Root: ns.Root(), Cwd: ns.Root()}
	p, e := c.mountPoint(target)
	if e != 0 {
		return fmt.Errorf("mount on %s: %w", target, e)
	}
	name := c.Name(p)
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.over[p] = ns.add(fs, p.Mount, p.Dentry, name, opts)
	return nil
}

// Place has a file be at target, an absolute path in the namespace, that only the namespace has, if there is none. What is missing of the
// path becomes directories.
func (ns *Namespace) Place(target string, file *Image) error {
	if !strings.HasPrefix(target, "/") {
		return fmt.Errorf("%q is not an absolute path", target)
	}
	c := &Caller{NS: ns, Root: ns.Root(), Cwd: ns.Root()}
	if _, e := c.Walk(c.Root, target, Follow); e != syscall.ENOENT {
		return nil
	}
	dir, name := path.Split(path.Clean(target))
	p, e := c.mountPoint(dir)
	if e != 0 {
		return fmt.Errorf("%s: %w", target, e)
	}
	ns.point(p, name, file)
	return nil
}

// mountPoint resolves a path, and makes the directories of it that are missing.
func (c *Caller) mountPoint(target string) (Path, Errno) {
	p := c.Root
	for name := range strings.SplitSeq(target, "/") {
		next, e := c.Walk(p, name, Follow|AllowEmpty)
		if e == syscall.ENOENT {
			next, e = c.NS.point(p, name, &pointDir{}), 0
		}
		if e != 0 {
			return Path{}, e
		}
		p = next
	}
	if !p.IsDir() {
		return Path{}, syscall.ENOTDIR
	}
	return p, 0
}

// pointNode is a file that exists only in a mount.
type pointNode interface {
	Node
	number(ino uint64)
}

// point makes a file that exists only in the mount of dir.
func (ns *Namespace) point(dir Path, name string, n pointNode) Path {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	m := dir.Mount
	if m.points == nil {
		m.points = map[*Dentry]map[string]*Dentry{}
	}
	if m.points[dir.Dentry] == nil {
		m.points[dir.Dentry] = map[string]*Dentry{}
	}
	n.number(pointIno + uint64(len(m.points))<<16 + uint64(len(m.points[dir.Dentry])))
	d := &Dentry{fs: m.fs, node: n, parent: dir.Dentry, name: name}
	m.points[dir.Dentry][name] = d
	return Path{m, d}
}

// pointIno is where the numbers of such files begin.
const pointIno = 1 << 62

// pointDir is an empty directory that nobody can write to, for something to be mounted there.
type pointDir struct {
	base
	ino uint64
}

func (d *pointDir) number(ino uint64) { d.ino = ino }

func (d *pointDir) Ino() uint64  { return d.ino }
func (d *pointDir) Type() uint32 { return S_IFDIR }
func (d *pointDir) Attr() (Attr, Errno) {
	return Attr{Ino: d.ino, Mode: S_IFDIR | 0o555, Nlink: 2, Blksize: 4096}, 0
}
func (d *pointDir) Lookup(*Caller, string) (Node, Errno) { return nil, syscall.ENOENT }
func (d *pointDir) List(*Caller) ([]Dirent, Errno)       { return nil, 0 }

// pointsIn returns the files that exist only in m, in the directory d.
func (m *Mount) pointsIn(d *Dentry) map[string]*Dentry {
	if m == nil {
		return nil
	}
	m.ns.mu.RLock()
	defer m.ns.mu.RUnlock()
	return m.points[d]
}

// top is what is mounted at p, or p.
func (ns *Namespace) top(p Path) Path {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return ns.topLocked(p)
}

func (ns *Namespace) topLocked(p Path) Path {
	for m := ns.over[p]; m != nil; m = ns.over[p] {
		p = Path{m, m.root}
	}
	return p
}

// isMountPoint reports whether something is mounted at p.
func (ns *Namespace) isMountPoint(p Path) bool {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	if ns.over[p] != nil {
		return true
	}
	for _, d := range p.Mount.points[p.Dentry.parent] {
		if d == p.Dentry {
			return true
		}
	}
	return false
}

// Mounts is the text of /proc/self/mounts.
func (ns *Namespace) Mounts() []byte {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	var b []byte
	for i, m := range ns.mounts {
		if i == 0 && ns.over[Path{m, m.root}] != nil {
			continue // hidden by the real root
		}
		source := m.opts.Source
		if source == "" {
			source = m.fs.typ
		}
		b = fmt.Appendf(b, "%s %s %s %s 0 0\n", mangle(source), mangle(m.target), m.fs.typ, m.options())
	}
	return b
}

// MountInfo is the text of /proc/self/mountinfo (proc_pid_mountinfo(5)).
func (ns *Namespace) MountInfo() []byte {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	id := map[*Mount]int{}
	var b []byte
	for i, m := range ns.mounts {
		id[m] = i + 1
		source := m.opts.Source
		if source == "" {
			source = m.fs.typ
		}
		b = fmt.Appendf(b, "%d %d 0:%d / %s %s - %s %s %s\n", i+1, id[m.parent], i+minorBase, mangle(m.target), m.options(),
			m.fs.typ, mangle(source), m.options())
	}
	return b
}

func (m *Mount) options() string {
	o := "rw"
	if m.opts.ReadOnly {
		o = "ro"
	}
	o += ",nosuid,nodev"
	if m.opts.NoExec {
		o += ",noexec"
	}
	return o
}

// mangle escapes what separates words in /proc/mounts.
func mangle(s string) string {
	return strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace(s)
}

// Path is a place in a namespace: a name in a mounted file system. Mount is nil for
// files that never had a name, such as pipes.
type Path struct {
	Mount  *Mount
	Dentry *Dentry
}

// IsZero reports whether p is no place.
func (p Path) IsZero() bool { return p.Dentry == nil }

// Node is the file at p.
func (p Path) Node() Node { return p.Dentry.node }

// IsDir reports whether p is a directory.
func (p Path) IsDir() bool { return p.Dentry.isDir() }

// FS is the file system of p.
func (p Path) FS() *FS { return p.Dentry.fs }

// Attr is what stat(2) tells of p.
func (p Path) Attr() (Attr, Errno) {
	a, e := p.Dentry.node.Attr()
	a.Dev = p.dev()
	return a, e
}

// dev is the number of the device that p is on.
func (p Path) dev() uint64 {
	if p.Mount == nil {
		return anonymousDev
	}
	return p.Mount.dev
}

// anonymousDev is the device of pipes and the like.
var anonymousDev = Mkdev(0, 15)

// isPoint reports whether p is a directory that is not of its file system: only a
// place to mount something at.
func (p Path) isPoint() bool { _, ok := p.Node().(*pointDir); return ok }

func (p Path) readOnly() bool { return p.Mount != nil && p.Mount.opts.ReadOnly }

// Statfs is what statfs(2) tells of the file system of p.
func (p Path) Statfs() Statfs {
	s := Statfs{Type: 0x858458f6, Bsize: 4096, Namelen: NameMax} // ramfs, as the kernel's root
	if p.FS() != nil && p.FS().statfs != nil {
		s = p.FS().statfs()
	}
	if p.Mount != nil {
		s.Flags, s.Fsid = p.Mount.opts.statfsFlags(), int64(p.Mount.dev)
	}
	return s
}

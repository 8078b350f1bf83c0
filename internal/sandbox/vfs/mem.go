//go:build linux

package vfs

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// memFS is a file system in memory: Linux's tmpfs.
type memFS struct {
	maxPages, maxInodes int64 // 0 for no limit
	pages, inodes       atomic.Int64
	lastIno             atomic.Uint64
	now                 func() time.Time

	mu     sync.Mutex
	mapped map[*memNode]bool // files whose bytes are in a file of the host's memory
}

// MemOptions are the limits of a file system in memory, and its clock.
type MemOptions struct {
	Size int64            // bytes of files, counted in pages; 0 for no limit
	Mode uint32           // permissions of the root; 0 for 01777
	Now  func() time.Time // nil for the host's clock
}

// NewMem makes an empty file system in memory. Beyond its size, calls fail with
// ENOSPC; each KiB allows for one file.
func NewMem(o MemOptions) *FS {
	m := &memFS{maxPages: o.Size / pageSize, now: o.Now, mapped: map[*memNode]bool{}}
	if o.Size > 0 {
		m.maxInodes = o.Size/1024 + 16
		m.maxPages = max(m.maxPages, 1)
	}
	if m.now == nil {
		m.now = time.Now
	}
	if o.Mode == 0 {
		o.Mode = 0o1777
	}
	root, _ := m.node(&NewFile{Mode: S_IFDIR | o.Mode})
	root.parent = root
	fs := newFS("tmpfs", root, m.statfs)
	fs.close = m.close
	return fs
}

const (
	pageSize   = 4096
	tmpfsMagic = 0x01021994
	// direntSize is what each entry adds to the size of a directory in tmpfs.
	direntSize = 20
	// shortLink is how long targets of symbolic links are that take a page.
	shortLink = 128
)

func (m *memFS) statfs() Statfs {
	s := Statfs{Type: tmpfsMagic, Bsize: pageSize, Namelen: NameMax}
	if m.maxPages > 0 {
		s.Blocks, s.Bfree = uint64(m.maxPages), uint64(m.maxPages-m.pages.Load())
		s.Files, s.Ffree = uint64(m.maxInodes), uint64(m.maxInodes-m.inodes.Load())
	}
	return s
}

// charge takes n pages of the limit, unless that is exceeded.
func (m *memFS) charge(n int64) bool {
	if used := m.pages.Add(n); m.maxPages > 0 && used > m.maxPages && n > 0 {
		m.pages.Add(-n)
		return false
	}
	return true
}

// another counts a file, or one more name of it, unless there are too many.
func (m *memFS) another() bool {
	if n := m.inodes.Add(1); m.maxInodes > 0 && n > m.maxInodes {
		m.inodes.Add(-1)
		return false
	}
	return true
}

// memNode is a file in memory.
type memNode struct {
	fs  *memFS
	ino uint64
	typ uint32

	mu                         sync.RWMutex // guards what follows
	mode, nlink, uid, gid      uint32
	rdev                       uint64
	atime, mtime, ctime, btime time.Time
	opens                      int  // handles, and other open files
	temp                       bool // made without a name, and may get one
	dead                       bool // its memory has been freed
	target                     string
	entries                    map[string]memEntry
	seq                        uint64   // of the last entry
	parent                     *memNode // of a directory
	pipe                       *Pipe    // of a FIFO
	data                       memData
}

// memEntry is an entry of a directory; later ones have greater numbers.
type memEntry struct {
	node *memNode
	seq  uint64
}

// node makes a file that has no name yet.
func (m *memFS) node(f *NewFile) (*memNode, Errno) {
	if !m.another() {
		return nil, syscall.ENOSPC
	}
	if len(f.Target) >= shortLink && !m.charge(1) {
		m.inodes.Add(-1)
		return nil, syscall.ENOSPC
	}
	now := m.now()
	n := &memNode{
		fs: m, ino: m.lastIno.Add(1), typ: f.Mode & S_IFMT, mode: f.Mode & 0o7777, nlink: 1,
		uid: f.UID, gid: f.GID, rdev: f.Rdev, target: f.Target, atime: now, mtime: now, ctime: now, btime: now,
	}
	switch n.typ {
	case S_IFDIR:
		n.entries, n.nlink = map[string]memEntry{}, 2
	case S_IFIFO:
		n.pipe = &Pipe{}
	}
	return n, 0
}

func (n *memNode) Ino() uint64  { return n.ino }
func (n *memNode) Type() uint32 { return n.typ }

func (n *memNode) Attr() (Attr, Errno) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	a := Attr{
		Ino: n.ino, Mode: n.typ | n.mode, Nlink: n.nlink, UID: n.uid, GID: n.gid, Rdev: n.rdev,
		Atime: n.atime, Mtime: n.mtime, Ctime: n.ctime, Btime: n.btime, Blksize: pageSize,
	}
	switch n.typ {
	case S_IFDIR:
		a.Size = int64(2+len(n.entries)) * direntSize
	case S_IFLNK:
		a.Size = int64(len(n.target))
		if a.Size >= shortLink {
			a.Blocks = pageSize / 512
		}
	default:
		a.Size, a.Blocks = n.data.size, n.data.pages()*(pageSize/512)
	}
	return a, 0
}

func (n *memNode) SetAttr(c *Change) Errno {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.fs.now()
	if c.Size != nil {
		changed := *c.Size != n.data.size
		if e := n.data.truncate(n.fs, *c.Size); e != 0 {
			return e
		}
		if changed || *c.Size == 0 {
			n.mtime = now
		}
	}
	if c.Mode != nil {
		n.mode = *c.Mode & 0o7777
	}
	if c.UID != nil {
		n.uid = *c.UID
	}
	if c.GID != nil {
		n.gid = *c.GID
	}
	if c.Atime != nil {
		n.atime = *c.Atime
	}
	if c.Mtime != nil {
		n.mtime = *c.Mtime
	}
	n.ctime = now
	return 0
}

func (n *memNode) Readlink(*Caller) (string, Errno) { return n.target, 0 }

func (n *memNode) Lookup(_ *Caller, name string) (Node, Errno) {
	if n.typ != S_IFDIR {
		return nil, syscall.ENOTDIR
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	e, ok := n.entries[name]
	if !ok {
		return nil, syscall.ENOENT
	}
	return e.node, 0
}

// List returns the entries, the newest first, as tmpfs does.
func (n *memNode) List(*Caller) ([]Dirent, Errno) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	list := make([]Dirent, 0, len(n.entries))
	for name, e := range n.entries {
		list = append(list, Dirent{name, e.node.ino, e.node.typ})
	}
	slices.SortFunc(list, func(a, b Dirent) int {
		return cmp.Compare(n.entries[b.Name].seq, n.entries[a.Name].seq)
	})
	return list, 0
}

// Create makes a file. What changes names is called one at a time (FS.mu).
func (n *memNode) Create(name string, f *NewFile) (Node, Errno) {
	if _, e := n.Lookup(nil, name); e == 0 {
		return nil, syscall.EEXIST
	}
	child, e := n.fs.node(f)
	if e != 0 {
		return nil, e
	}
	n.put(name, child)
	return child, 0
}

// CreateTemp makes a regular file without a name.
func (n *memNode) CreateTemp(f *NewFile) (Node, Errno) {
	child, e := n.fs.node(f)
	if e != 0 {
		return nil, e
	}
	child.nlink, child.temp = 0, true
	return child, 0
}

// put adds an entry.
func (n *memNode) put(name string, child *memNode) {
	n.mu.Lock()
	n.seq++
	n.entries[name] = memEntry{child, n.seq}
	n.changed()
	if child.typ == S_IFDIR {
		n.nlink++
	}
	n.mu.Unlock()
	if child.typ == S_IFDIR {
		child.mu.Lock()
		child.parent = n
		child.mu.Unlock()
	}
}

// changed notes that a directory has changed; n.mu is held.
func (n *memNode) changed() {
	n.mtime = n.fs.now()
	n.ctime = n.mtime
}

// take removes an entry.
func (n *memNode) take(name string, child *memNode) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.entries, name)
	n.changed()
	if child.typ == S_IFDIR {
		n.nlink--
	}
}

func (n *memNode) Link(name string, target Node) Errno {
	t := target.(*memNode)
	t.mu.Lock()
	if t.dead || t.nlink == 0 && !t.temp {
		t.mu.Unlock()
		return syscall.ENOENT
	}
	if t.nlink > 0 && !n.fs.another() {
		t.mu.Unlock()
		return syscall.ENOSPC
	}
	t.nlink++
	t.ctime = n.fs.now()
	t.mu.Unlock()
	n.put(name, t)
	return 0
}

func (n *memNode) Remove(name string, child Node) Errno {
	c := child.(*memNode)
	if c.typ == S_IFDIR {
		c.mu.RLock()
		full := len(c.entries) > 0
		c.mu.RUnlock()
		if full {
			return syscall.ENOTEMPTY
		}
	}
	n.take(name, c)
	c.unlinked()
	return 0
}

// unlinked notes that a file has a name less.
func (n *memNode) unlinked() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ctime = n.fs.now()
	if n.typ == S_IFDIR {
		n.nlink = 0
	} else if n.nlink--; n.nlink > 0 {
		n.fs.inodes.Add(-1)
	}
	n.release()
}

// release frees the memory of a file that has no name and is not open; n.mu is held.
func (n *memNode) release() {
	if n.nlink > 0 || n.opens > 0 || n.dead {
		return
	}
	n.dead = true
	n.free()
	if len(n.target) >= shortLink {
		n.fs.charge(-1)
	}
	n.fs.inodes.Add(-1)
}

// free frees the contents; n.mu is held.
func (n *memNode) free() {
	n.fs.mu.Lock()
	delete(n.fs.mapped, n)
	n.fs.mu.Unlock()
	n.data.free(n.fs)
}

// close frees the files whose bytes are in files of the host's memory.
func (m *memFS) close() error {
	m.mu.Lock()
	nodes := slices.Collect(maps.Keys(m.mapped))
	m.mu.Unlock()
	for _, n := range nodes {
		n.mu.Lock()
		n.free()
		n.mu.Unlock()
	}
	return nil
}

func (n *memNode) Rename(name string, child Node, to Node, newName string, over Node, exchange bool) Errno {
	c, t := child.(*memNode), to.(*memNode)
	o, _ := over.(*memNode)
	switch {
	case exchange:
		n.take(name, c)
		t.take(newName, o)
		n.put(name, o)
		o.touch()
	case o != nil:
		if e := t.Remove(newName, o); e != 0 {
			return e
		}
		fallthrough
	default:
		n.take(name, c)
	}
	t.put(newName, c)
	c.touch()
	return 0
}

// touch notes that the attributes have changed.
func (n *memNode) touch() {
	n.mu.Lock()
	n.ctime = n.fs.now()
	n.mu.Unlock()
}

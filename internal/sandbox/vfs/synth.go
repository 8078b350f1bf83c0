//go:build linux

package vfs

import (
	"cmp"
	"slices"
	"sync"
	"syscall"
	"time"
)

// What the file systems share that the kernel makes up: files without a size whose
// contents are made when they are read.

// synth is embedded by files that nobody can change. Their time is that of the start.
type synth struct {
	base
	ino  uint64
	mode uint32 // type and permissions
	time time.Time
}

func (s *synth) Ino() uint64  { return s.ino }
func (s *synth) Type() uint32 { return s.mode & S_IFMT }

func (s *synth) Attr() (Attr, Errno) {
	a := Attr{Ino: s.ino, Mode: s.mode, Nlink: 1, Blksize: 1024, Atime: s.time, Mtime: s.time, Ctime: s.time, Btime: s.time}
	if s.Type() == S_IFDIR {
		a.Nlink = 2
	}
	return a, 0
}

// SetAttr does nothing to times and refuses what would matter: truncating is allowed, as
// programs open such files as they would others.
func (s *synth) SetAttr(c *Change) Errno {
	if c.Mode != nil || c.UID != nil || c.GID != nil {
		return syscall.EPERM
	}
	return 0
}

func (s *synth) Create(string, *NewFile) (Node, Errno) { return nil, syscall.EACCES }
func (s *synth) Link(string, Node) Errno               { return syscall.EPERM }
func (s *synth) Remove(string, Node) Errno             { return syscall.EPERM }
func (s *synth) Rename(string, Node, Node, string, Node, bool) Errno {
	return syscall.EPERM
}

// synthDir is a directory whose entries stay the same. They are made when somebody first
// looks: many sandboxes never do.
type synthDir struct {
	synth
	nodes func() map[string]Node
}

// newSynthDir makes one; make is called once.
func newSynthDir(s synth, make func() map[string]Node) *synthDir {
	return &synthDir{s, sync.OnceValue(make)}
}

func (d *synthDir) Lookup(_ *Caller, name string) (Node, Errno) {
	if n := d.nodes()[name]; n != nil {
		return n, 0
	}
	return nil, syscall.ENOENT
}

func (d *synthDir) List(*Caller) ([]Dirent, Errno) { return direntsOf(d.nodes()), 0 }

// direntsOf lists nodes in the order of their names.
func direntsOf(nodes map[string]Node) []Dirent {
	list := make([]Dirent, 0, len(nodes))
	for name, n := range nodes {
		list = append(list, Dirent{name, n.Ino(), n.Type()})
	}
	slices.SortFunc(list, func(a, b Dirent) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// synthLink is a symbolic link.
type synthLink struct {
	synth
	target func(c *Caller) string
}

func (l *synthLink) Readlink(c *Caller) (string, Errno) { return l.target(c), 0 }

// textFile is a file whose text is made at each reading from its start.
type textFile struct {
	synth
	text  func(c *Caller) ([]byte, Errno)
	write func(b []byte) Errno // nil: it cannot be written to
}

func (f *textFile) Open(c *Caller, flags int) (Handle, Errno) {
	if flags&O_ACCMODE != O_RDONLY && f.write == nil {
		return nil, syscall.EACCES
	}
	text, e := f.text(c)
	return &textHandle{f: f, c: *c, text: text}, e
}

// textHandle is an open textFile.
type textHandle struct {
	ready
	f    *textFile
	c    Caller // who opened it
	text []byte
	read bool // text has been read
}

func (h *textHandle) Read(b []byte, off int64) (int, Errno) {
	if off == 0 && h.read { // a file that is read again shows what is so now
		text, e := h.f.text(&h.c)
		if e != 0 {
			return 0, e
		}
		h.text = text
	}
	h.read = true
	if off >= int64(len(h.text)) {
		return 0, 0
	}
	return copy(b, h.text[off:]), 0
}

func (h *textHandle) Write(b []byte, _ int64) (int, Errno) {
	if e := h.f.write(b); e != 0 {
		return 0, e
	}
	return len(b), 0
}

//go:build linux

package vfs

import (
	"cmp"
	"slices"
	"syscall"
)

// dirHandle is an open directory of any file system.
type dirHandle struct {
	ready
	p Path
}

func (*dirHandle) Read([]byte, int64) (int, Errno)  { return 0, syscall.EISDIR }
func (*dirHandle) Write([]byte, int64) (int, Errno) { return 0, syscall.EBADF }

// ReadDir calls emit for the entries from where the file is, until it returns false:
// that entry is not taken. next is the position behind the entry (d_off). What is there
// is what was there when reading began, or the file was rewound.
func (f *File) ReadDir(c *Caller, emit func(d *Dirent, next int64) bool) Errno {
	if f.Handle == nil {
		return syscall.EBADF
	}
	if !f.Path.IsDir() {
		return syscall.ENOTDIR
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.entries == nil {
		list, e := f.list(c)
		if e != 0 {
			return e
		}
		f.entries = list
	}
	for f.off.Load() < int64(len(f.entries)) {
		if at := f.off.Load(); !emit(&f.entries[at], at+1) {
			return 0
		}
		f.off.Add(1)
	}
	return 0
}

// list makes the entries of a directory: ".", "..", those of the file system, and
// mount points that are not in it.
func (f *File) list(c *Caller) ([]Dirent, Errno) {
	d := f.Path.Dentry
	parent, _, gone := d.up()
	if gone {
		return nil, syscall.ENOENT
	}
	up := d
	if parent != nil {
		up = parent
	}
	list := []Dirent{{".", d.node.Ino(), S_IFDIR}, {"..", up.node.Ino(), S_IFDIR}}
	own, e := d.node.List(c)
	if e != 0 {
		return nil, e
	}
	list = append(list, own...)
	points := f.Path.Mount.pointsIn(d)
	for name, p := range points {
		list = append(list, Dirent{name, p.node.Ino(), p.node.Type()})
	}
	extra := list[len(list)-len(points):]
	slices.SortFunc(extra, func(a, b Dirent) int { return cmp.Compare(a.Name, b.Name) })
	return list, 0
}

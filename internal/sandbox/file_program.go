//go:build linux

package sandbox

import (
	"io"
	"io/fs"
	"path"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/loader"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// Files that become memory: programs, and what is mapped.

// setCredentials has c be who the task is to file systems.
func (t *Task) setCredentials(c *vfs.Caller) {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	cred := &t.P.cred
	c.UID, c.GID, c.Groups = cred.uid.fs, cred.gid.fs, cred.groups
}

// setRealCredentials has c be who the task really is, as access(2) wants it.
func (t *Task) setRealCredentials(c *vfs.Caller) {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	c.UID, c.GID = t.P.cred.uid.real, t.P.cred.gid.real
}

// openProgram opens a program for execve(2). The name is what the program is called from now on: absolute,
// without symbolic links, as in /proc/self/exe.
func (t *Task) openProgram(dirfd int, name string, flags int) (loader.File, string, syscall.Errno) {
	if flags&^(unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW) != 0 {
		return nil, "", syscall.EINVAL
	}
	p := place{c: t.caller(), path: name}
	var e syscall.Errno
	if p.at, e = t.dir(p.c, dirfd, name); e != 0 {
		return nil, "", e
	}
	at, e := p.walk(flags)
	switch {
	case e != 0:
		return nil, "", e
	case at.Node().Type() == vfs.S_IFLNK:
		return nil, "", syscall.ELOOP
	case at.Node().Type() != vfs.S_IFREG:
		return nil, "", syscall.EACCES
	}
	if e := p.c.Access(at, vfs.MayExec); e != 0 {
		return nil, "", e
	}
	f, e := p.c.OpenAny(at)
	if e != 0 {
		return nil, "", e
	}
	return &programFile{f: f}, p.c.Name(at), 0
}

// place has the file of the first program be there under its name.
func (kf *kernelFiles) place(name string, file loader.Mappable) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return kf.ns.Place(name, &vfs.Image{File: file, FD: file.Mapped(name).FD, Size: info.Size()})
}

// programFile is an open program, for the loader.
type programFile struct{ f *vfs.File }

func (p *programFile) ReadAt(b []byte, off int64) (int, error) {
	done := 0
	for done < len(b) {
		n, e := p.f.Pread(b[done:], off+int64(done))
		if e != 0 {
			return done, e
		}
		if n == 0 {
			return done, io.EOF
		}
		done += n
	}
	return done, nil
}

func (p *programFile) Close() error {
	p.f.Unref()
	return nil
}

func (p *programFile) Stat() (fs.FileInfo, error) {
	a, e := p.f.Attr()
	if e != 0 {
		return nil, e
	}
	return &programInfo{p, a}, nil
}

// Mapped implements loader.Mappable.
func (p *programFile) Mapped(name string) *mem.File {
	a, _ := p.f.Attr()
	m, e := mappingOf(p.f, name, &a)
	if e != 0 { // it can be read, then
		m = &mem.File{FD: -1, Path: name, Dev: a.Dev, Ino: a.Ino, Content: p}
	}
	return m
}

// mappingOf describes an open file for mappings. Files of fs.FS are copied; those of /proc, which are made while they are read,
// cannot be mapped.
func mappingOf(f *vfs.File, name string, a *vfs.Attr) (*mem.File, syscall.Errno) {
	m := &mem.File{FD: -1, Path: name, Dev: a.Dev, Ino: a.Ino}
	fd, e := f.MapFD()
	switch e {
	case 0:
		m.FD = fd
	case syscall.EOPNOTSUPP:
		m.Content = &programFile{f}
	default:
		return nil, e
	}
	return m, 0
}

// programInfo is fs.FileInfo of a program.
type programInfo struct {
	*programFile
	a vfs.Attr
}

func (i *programInfo) Name() string       { return path.Base(i.f.Path.Dentry.Name()) }
func (i *programInfo) Size() int64        { return i.a.Size }
func (i *programInfo) ModTime() time.Time { return i.a.Mtime }
func (i *programInfo) IsDir() bool        { return false }
func (i *programInfo) Sys() any           { return nil }

func (i *programInfo) Mode() fs.FileMode {
	m := fs.FileMode(i.a.Mode & 0o777)
	if i.a.Mode&vfs.S_ISUID != 0 {
		m |= fs.ModeSetuid
	}
	return m
}

// mappedFile describes an open file for a mapping with permissions prot. The description is good until release is
// called.
func (t *Task) mappedFile(fd int, prot mem.Prot, shared bool) (m *mem.File, release func(), e syscall.Errno) {
	f, e := t.file(fd)
	if e != 0 {
		return nil, nil, e
	}
	a, e := f.Attr()
	acc := f.Flags() & vfs.O_ACCMODE
	switch {
	case e != 0:
	case acc == vfs.O_WRONLY, shared && prot&mem.Write != 0 && (acc != vfs.O_RDWR || f.Flags()&vfs.O_APPEND != 0):
		e = syscall.EACCES
	case prot&mem.Exec != 0 && f.Path.Mount != nil && f.Path.Mount.NoExec():
		e = syscall.EPERM
	case a.Mode&vfs.S_IFMT != vfs.S_IFREG:
		e = syscall.ENODEV
	}
	if e == 0 {
		m, e = mappingOf(f, t.caller().Name(f.Path), &a)
	}
	if e != 0 {
		f.Unref()
		return nil, nil, e
	}
	m.ReadOnly = acc != vfs.O_RDWR
	return m, f.Unref, 0
}

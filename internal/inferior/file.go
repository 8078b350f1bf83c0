//go:build linux && amd64

package inferior

import (
	"bytes"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/gdbstub"
	"github.com/hospes-vm/hospes/internal/linux"
	"github.com/hospes-vm/hospes/internal/peer"
	"github.com/hospes-vm/hospes/internal/procview"
)

// Files as a guest sees them: in its sysroot and its root directory, and those of /proc that
// tell of it.

// hostFile is a file of the host.
type hostFile struct{ *os.File }

func (f hostFile) Stat() (gdbstub.Stat, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return gdbstub.Stat{}, err
	}
	return statOf(&st), nil
}

// statOf is the part of st that GDB wants.
func statOf(st *unix.Stat_t) gdbstub.Stat {
	return gdbstub.Stat{
		Dev: uint32(st.Dev), Ino: uint32(st.Ino), Mode: st.Mode, Nlink: uint32(st.Nlink), UID: st.Uid, GID: st.Gid, Rdev: uint32(st.Rdev),
		Size: uint64(st.Size), BlockSize: uint64(st.Blksize), Blocks: uint64(st.Blocks),
		Atime: uint32(st.Atim.Sec), Mtime: uint32(st.Mtim.Sec), Ctime: uint32(st.Ctim.Sec),
	}
}

// content is a file of /proc that is written when it is opened.
type content struct{ *bytes.Reader }

func (c content) WriteAt([]byte, int64) (int, error) { return 0, syscall.EACCES }
func (c content) Close() error                       { return nil }
func (c content) Stat() (gdbstub.Stat, error) {
	return gdbstub.Stat{Mode: unix.S_IFREG | 0o444, Nlink: 1}, nil // of no size, as all in /proc
}

// Open opens a file.
func (t *Target) Open(pid int, name string, flags, mode int) (gdbstub.File, error) {
	name = path.Clean(name)
	if b, err, ok := t.procFile(pid, name); ok {
		if err != nil {
			return nil, err
		}
		return content{bytes.NewReader(b)}, nil
	}
	f, err := os.OpenFile(hostPath(pid, name), flags|unix.O_CLOEXEC|unix.O_NOCTTY, os.FileMode(mode&0o777))
	if err != nil {
		return nil, err
	}
	return hostFile{f}, nil
}

// hostPath is where the host has what a process calls name.
func hostPath(pid int, name string) string {
	p, err := peer.Open(pid)
	if err != nil || !path.IsAbs(name) {
		return name
	}
	if name == p.Exe {
		return p.HostExe
	}
	root, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/root")
	if err != nil {
		root = "/"
	}
	return linux.NewSysroot(root + p.Root).Host(name)
}

// procFile is a file in a guest's directory of /proc, if name is one.
func (t *Target) procFile(pid int, name string) (b []byte, err error, ok bool) {
	rest, ok := strings.CutPrefix(name, "/proc/")
	if !ok {
		return nil, nil, false
	}
	part := strings.Split(rest, "/")
	if n, err := strconv.Atoi(part[0]); err == nil {
		pid = n
	} else if part[0] != "self" {
		return nil, nil, false
	}
	tid := 0
	if len(part) == 4 && part[1] == "task" {
		tid, _ = strconv.Atoi(part[2])
		part = part[2:]
	}
	p, err := peer.Open(pid)
	if err != nil || len(part) != 2 {
		return nil, nil, false
	}
	if part[1] == "auxv" {
		return t.Auxv(pid), nil, true
	}
	if write := procview.Files[part[1]]; write != nil {
		b, err = write(procview.FromPeer(p, pid, tid))
		return b, err, true
	}
	return nil, nil, false
}

// linkPath is hostPath of what a symbolic link at the end of a name is, not of what it leads to.
func linkPath(pid int, name string) string {
	dir, base := path.Split(path.Clean(name))
	return path.Join(hostPath(pid, path.Clean(dir)), base)
}

// Unlink removes a file.
func (t *Target) Unlink(pid int, name string) error { return unix.Unlink(linkPath(pid, name)) }

// Stat tells of a file.
func (t *Target) Stat(pid int, name string, follow bool) (gdbstub.Stat, error) {
	name = path.Clean(name)
	if b, err, ok := t.procFile(pid, name); ok {
		if err != nil {
			return gdbstub.Stat{}, err
		}
		return content{bytes.NewReader(b)}.Stat()
	}
	var st unix.Stat_t
	var err error
	if follow {
		err = unix.Stat(hostPath(pid, name), &st)
	} else {
		err = unix.Lstat(linkPath(pid, name), &st)
	}
	if err != nil {
		return gdbstub.Stat{}, err
	}
	return statOf(&st), nil
}

// Readlink reads a symbolic link.
func (t *Target) Readlink(pid int, name string) (string, error) {
	name = path.Clean(name)
	if name == "/proc/"+strconv.Itoa(pid)+"/exe" || name == "/proc/self/exe" {
		if exe := t.Exe(pid); exe != "" {
			return exe, nil
		}
	}
	return os.Readlink(linkPath(pid, name))
}

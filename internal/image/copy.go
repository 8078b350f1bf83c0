//go:build linux

package image

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/inroot"
)

// Copy makes a copy of a directory below runs/. Files are shared with the original where
// the file system can do that (copy_file_range(2)), hard links among them stay ones,
// and device nodes are left out. Owners are kept if this process may change them. The copy is in use
// as long as the result, its directory, is open somewhere; later it is removed by
// the next call, or by RemoveAfter.
func (c Cache) Copy(dir string) (*os.File, error) {
	runs := filepath.Join(c.Dir, "runs")
	if err := os.MkdirAll(runs, 0o755); err != nil {
		return nil, err
	}
	lock, err := tempDir(runs)
	if err != nil {
		return nil, err
	}
	if err := copyTree(dir, lock.Name()); err != nil {
		lock.Close()
		return nil, errors.Join(err, removeDir(lock.Name()))
	}
	return lock, nil
}

// inode names a file of the original.
type inode struct{ dev, ino uint64 }

func copyTree(from, to string) error {
	links := map[inode]string{}
	dirs := map[string]unix.Stat_t{}
	err := filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(name, &st); err != nil {
			return inroot.Named(name, err)
		}
		dest := filepath.Join(to, name[len(from):])
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			dirs[dest] = st
			if dest != to {
				err = os.Mkdir(dest, 0o700)
			}
			return err
		case unix.S_IFCHR, unix.S_IFBLK, unix.S_IFSOCK:
			return nil
		}
		id := inode{st.Dev, st.Ino}
		if first, ok := links[id]; ok {
			return os.Link(first, dest)
		}
		if st.Nlink > 1 {
			links[id] = dest
		}
		if err := copyFile(name, dest, &st); err != nil {
			return err
		}
		return likeOriginal(dest, &st)
	})
	for dest, st := range dirs {
		err = errors.Join(err, likeOriginal(dest, &st))
	}
	return err
}

// copyFile copies a regular file, a symbolic link or a FIFO.
func copyFile(name, dest string, st *unix.Stat_t) error {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		target, err := os.Readlink(name)
		if err != nil {
			return err
		}
		return os.Symlink(target, dest)
	case unix.S_IFIFO:
		return unix.Mkfifo(dest, 0o600)
	}
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(dest, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// likeOriginal gives a copy the owner, mode and times of the original.
func likeOriginal(dest string, st *unix.Stat_t) error {
	if os.Geteuid() == 0 {
		if err := unix.Lchown(dest, int(st.Uid), int(st.Gid)); err != nil && err != unix.EINVAL && err != unix.EPERM {
			return inroot.Named(dest, err)
		}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		if err := unix.Chmod(dest, st.Mode&0o7777); err != nil {
			return inroot.Named(dest, err)
		}
	}
	times := []unix.Timespec{st.Atim, st.Mtim}
	return inroot.Named(dest, unix.UtimesNanoAt(unix.AT_FDCWD, dest, times, unix.AT_SYMLINK_NOFOLLOW))
}

// RemoveAfter waits until the process behind a pidfd has ended and removes the directory
// base in the open directory dirfd. It needs no paths: by then they may lead elsewhere.
func RemoveAfter(pidfd, dirfd int, base string) error {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, -1)
		if err == nil {
			return inroot.RemoveAll(dirfd, base)
		}
		if err != unix.EINTR {
			return err
		}
	}
}

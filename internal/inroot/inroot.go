//go:build linux

// Package inroot opens, makes and removes files inside a directory as if it were the root
// directory: no path leads out of it, by ".." or by a symbolic link, not even while somebody
// changes them.
package inroot

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links Linux follows.
const maxLinks = 40

// Open opens a directory, to be the root, or another path of the host, with O_PATH. The
// descriptor is the caller's to close.
func Open(name string) (int, error) {
	fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
	return fd, Named(name, err)
}

// LookUp opens what a path leads to inside root, with O_PATH.
func LookUp(root int, name string) (int, error) {
	return unix.Openat2(root, name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
}

// Place is LookUp for a path at which something has to be: if nothing is there, it makes
// an empty directory, or an empty file, and the directories above. A ".." takes the word
// before it away, whatever that is.
func Place(root int, name string, dir bool) (int, error) {
	for range maxLinks {
		name = path.Clean("/" + name)
		fd, err := LookUp(root, name)
		if err != unix.ENOENT {
			return fd, Named(name, err)
		}
		above, base := path.Split(name)
		parent, err := Place(root, above, true)
		if err != nil {
			return -1, err
		}
		target, err := readlinkat(parent, base)
		if err == nil { // a link to what is not there
			if !strings.HasPrefix(target, "/") {
				target = path.Join(above, target)
			}
			name = target
		} else if err == unix.ENOENT {
			err = create(parent, base, dir)
		} else {
			err = unix.EEXIST
		}
		_ = unix.Close(parent)
		if err != nil && err != unix.EEXIST {
			return -1, Named(name, err)
		}
	}
	return -1, Named(name, unix.ELOOP)
}

// create makes an empty directory or file.
func create(dirfd int, base string, dir bool) error {
	if dir {
		return Mkdir(dirfd, base)
	}
	fd, err := unix.Openat(dirfd, base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(unix.Fchmod(fd, 0o644), unix.Close(fd))
}

// Mkdir makes a directory of mode 0755, whatever the umask is: other users of the root go
// through it.
func Mkdir(dirfd int, base string) error {
	if err := unix.Mkdirat(dirfd, base, 0o755); err != nil {
		return err
	}
	fd, err := unix.Openat(dirfd, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Fchmod(fd, 0o755), unix.Close(fd))
}

// RemoveAll removes a file, or a directory with all that is in it; that there is none is no
// error. Directories that do not permit it are made to.
func RemoveAll(dirfd int, base string) error {
	err := unix.Unlinkat(dirfd, base, 0)
	switch err {
	case nil, unix.ENOENT:
		return nil
	case unix.EISDIR, unix.EPERM:
	default:
		return Named(base, err)
	}
	names, fd, err := List(dirfd, base)
	if errors.Is(err, unix.EACCES) {
		permit(dirfd, base)
		names, fd, err = List(dirfd, base)
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_ = unix.Fchmod(fd, 0o700)
	for _, name := range names {
		if err := RemoveAll(fd, name); err != nil {
			return err
		}
	}
	return Named(base, unix.Unlinkat(dirfd, base, unix.AT_REMOVEDIR))
}

// permit lets the owner of a directory do everything with it.
func permit(dirfd int, base string) {
	fd, err := unix.Openat(dirfd, base, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == nil {
		_ = unix.Chmod(Path(fd), 0o700)
		_ = unix.Close(fd)
	}
}

// List returns the names in a directory, which is no symbolic link, and a descriptor of
// it that is the caller's to close.
func List(dirfd int, base string) (names []string, fd int, err error) {
	fd, err = unix.Openat(dirfd, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, -1, Named(base, err)
	}
	again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		_ = unix.Close(fd)
		return nil, -1, Named(base, err)
	}
	f := os.NewFile(uintptr(again), base)
	defer f.Close()
	if names, err = f.Readdirnames(-1); err != nil {
		_ = unix.Close(fd)
		return nil, -1, err
	}
	return names, fd, nil
}

func readlinkat(dirfd int, name string) (string, error) {
	var buf [unix.PathMax]byte
	n, err := unix.Readlinkat(dirfd, name, buf[:])
	return string(buf[:max(n, 0)]), err
}

// Named adds the path to an error.
func Named(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// Path is a path of an open file, for calls that take no descriptor.
func Path(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }

// IsDir reports whether an open file is a directory.
func IsDir(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

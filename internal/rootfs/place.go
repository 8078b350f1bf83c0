//go:build linux

package rootfs

import (
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links Linux follows.
const maxLinks = 40

// lookUp opens what a path leads to inside the directory root, as if that were the root
// directory, with O_PATH. The descriptor is the caller's to close.
func lookUp(root int, name string) (int, error) {
	return unix.Openat2(root, name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
}

// place is lookUp for a path at which something is to be mounted: if nothing is there, it
// makes an empty directory, or an empty file, and the directories above.
func place(root int, name string, dir bool) (int, error) {
	for range maxLinks {
		fd, err := lookUp(root, name)
		if err != unix.ENOENT {
			return fd, named(name, err)
		}
		above, base := path.Split(path.Clean("/" + name))
		parent, err := place(root, above, true)
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
			return -1, named(name, err)
		}
	}
	return -1, named(name, unix.ELOOP)
}

// create makes an empty directory or file.
func create(dirfd int, base string, dir bool) error {
	if dir {
		return unix.Mkdirat(dirfd, base, 0o755)
	}
	fd, err := unix.Openat(dirfd, base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o644)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

func readlinkat(dirfd int, name string) (string, error) {
	var buf [unix.PathMax]byte
	n, err := unix.Readlinkat(dirfd, name, buf[:])
	return string(buf[:max(n, 0)]), err
}

// named adds the path to an error.
func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// fdPath is a path of an open file, for calls that take no descriptor.
func fdPath(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }

// isDir reports whether an open file is a directory.
func isDir(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// openPath opens a path of the host with O_PATH.
func openPath(name string) (int, error) {
	fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
	return fd, named(name, err)
}

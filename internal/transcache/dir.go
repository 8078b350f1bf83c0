//go:build linux

package transcache

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// openDir opens a directory that is the effective user's alone to write to.
func openDir(path string) (fd int, err error) {
	fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if _, err = statOwn(fd, unix.S_IFDIR); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// openOwn opens a regular file of a directory that is the effective user's alone to write to.
func openOwn(dir int, name string) (fd int, st unix.Stat_t, err error) {
	fd, err = unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, st, err
	}
	if st, err = statOwn(fd, unix.S_IFREG); err != nil {
		_ = unix.Close(fd)
		return -1, st, err
	}
	return fd, st, nil
}

// statOwn reports a file of another type, of another user, or that others can write to, as EPERM.
func statOwn(fd int, typ uint32) (st unix.Stat_t, err error) {
	if err = unix.Fstat(fd, &st); err != nil {
		return st, err
	}
	if st.Mode&unix.S_IFMT != typ || int(st.Uid) != unix.Geteuid() || st.Mode&0o022 != 0 {
		return st, unix.EPERM
	}
	return st, nil
}

// makeDir makes a directory, and those above it, but in no other user's: a home directory may be that of who has called sudo.
func makeDir(path string) {
	for above := filepath.Dir(path); ; above = filepath.Dir(above) {
		var st unix.Stat_t
		switch err := unix.Stat(above, &st); {
		case err == unix.ENOENT && above != "/":
		case err == nil && int(st.Uid) == unix.Geteuid():
			_ = os.MkdirAll(path, 0o700)
			return
		default:
			return
		}
	}
}

// maxTotal is how much all files of a directory may have, in bytes.
const maxTotal = 512 << 20

// tempPrefix begins the names of files that are being written; staleAfter is how old they are when nobody does any more.
const (
	tempPrefix = "new-"
	staleAfter = time.Hour
)

// saved is a file of a directory.
type saved struct {
	name string
	size int64
	used time.Time
}

// prune removes the files that have not been used for the longest time until no more than limit bytes are left, and
// temporary ones that have been left behind.
func prune(dir int, limit int64) {
	var list []saved
	total := int64(0)
	for _, name := range names(dir) {
		var st unix.Stat_t
		if unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		s := saved{name, st.Size, time.Unix(st.Mtim.Unix())}
		if read := time.Unix(st.Atim.Unix()); read.After(s.used) {
			s.used = read
		}
		if strings.HasPrefix(s.name, tempPrefix) {
			if time.Since(s.used) > staleAfter {
				_ = unix.Unlinkat(dir, s.name, 0)
			}
			continue
		}
		if filepath.Ext(s.name) == Ext {
			list = append(list, s)
			total += s.size
		}
	}
	slices.SortFunc(list, func(a, b saved) int { return cmp.Or(a.used.Compare(b.used), strings.Compare(a.name, b.name)) })
	for _, s := range list {
		if total <= limit {
			return
		}
		if unix.Unlinkat(dir, s.name, 0) == nil {
			total -= s.size
		}
	}
}

// names are those of what is in a directory.
func names(dir int) []string {
	fd, err := unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	d := os.NewFile(uintptr(fd), ".")
	defer d.Close()
	list, _ := d.Readdirnames(-1)
	return list
}

// Ext ends the names of files.
const Ext = ".trans"

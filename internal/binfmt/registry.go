//go:build linux

package binfmt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Dir is where binfmt_misc is mounted.
const Dir = "/proc/sys/fs/binfmt_misc"

// The reasons why binfmt_misc cannot be used.
var (
	ErrNoProc     = errors.New("/proc is not mounted")
	ErrNoKernel   = errors.New("this kernel has no binfmt_misc (CONFIG_BINFMT_MISC)")
	ErrNoModule   = errors.New("the kernel's module binfmt_misc is not available")
	ErrNotMounted = errors.New("binfmt_misc is not mounted at " + Dir)
	ErrReadOnly   = errors.New(Dir + " is read-only here, as in most containers: register on the host, entries hold in containers too")
	ErrPermission = errors.New("permission denied: only root can register binary formats")
	ErrDisabled   = errors.New("binfmt_misc as a whole is disabled (echo 1 > " + Dir + "/status)")
)

// Check returns why the entries cannot be read, or nil. It does not tell whether
// they can be changed.
func Check() error {
	var fs unix.Statfs_t
	if unix.Statfs("/proc", &fs) != nil || fs.Type != unix.PROC_SUPER_MAGIC {
		return ErrNoProc
	}
	switch err := unix.Statfs(Dir, &fs); {
	case err == unix.ENOENT:
		return ErrNoKernel
	case err != nil:
		return &os.PathError{Op: "statfs", Path: Dir, Err: err}
	case fs.Type != unix.BINFMTFS_MAGIC:
		return ErrNotMounted
	}
	return nil
}

// Mount mounts binfmt_misc where it belongs, if it is not there.
func Mount() error {
	err := Check()
	if err != ErrNotMounted {
		return err
	}
	switch err := unix.Mount("binfmt_misc", Dir, "binfmt_misc", 0, ""); err {
	case nil:
		return nil
	case unix.ENODEV:
		return ErrNoModule
	case unix.EPERM, unix.EACCES:
		return fmt.Errorf("%w, and only root can mount it", ErrNotMounted)
	default:
		return &os.PathError{Op: "mount", Path: Dir, Err: err}
	}
}

// Enabled reports whether binfmt_misc as a whole is enabled.
func Enabled() (bool, error) {
	b, err := os.ReadFile(filepath.Join(Dir, "status"))
	return strings.TrimSpace(string(b)) == "enabled", err
}

// Entries returns what is registered, in the order of names. Nobody but the kernel
// knows the order of precedence: the latest comes first.
func Entries() ([]Entry, error) {
	files, err := os.ReadDir(Dir)
	if err != nil {
		return nil, err
	}
	var list []Entry
	for _, f := range files {
		if f.Name() == "register" || f.Name() == "status" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(Dir, f.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed since
		} else if err != nil {
			return nil, err
		}
		e, err := parse(f.Name(), string(text))
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// Register adds an entry.
func Register(e Entry) error {
	line, err := e.Line()
	if err != nil {
		return err
	}
	return write("register", line)
}

// Remove removes an entry. Programs that it has started go on.
func Remove(name string) error { return write(name, "-1") }

// Disable has the kernel pass an entry over.
func Disable(name string) error { return write(name, "0") }

// write writes to a file of binfmt_misc.
func write(name, text string) error {
	path := filepath.Join(Dir, name)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(text)
		f.Close()
	}
	switch {
	case errors.Is(err, unix.EROFS):
		return ErrReadOnly
	case errors.Is(err, os.ErrPermission):
		return ErrPermission
	}
	return err
}

// headSize is how much of a file the kernel compares (BINPRM_BUF_SIZE).
const headSize = 256

// Credentials reports whether an entry would start an open program with the
// privileges that its set-id bits grant.
func Credentials(fd int) bool {
	if Check() != nil {
		return false
	}
	var head [headSize]byte
	if n, err := unix.Pread(fd, head[:], 0); err != nil || n <= 0 {
		return false
	}
	if on, err := Enabled(); err != nil || !on {
		return false
	}
	list, err := Entries()
	if err != nil {
		return false
	}
	matches, credentials := 0, 0
	for i := range list {
		if e := &list[i]; e.Enabled && e.Matches(head[:]) {
			matches++
			if e.Has('C') {
				credentials++
			}
		}
	}
	return matches > 0 && matches == credentials
}

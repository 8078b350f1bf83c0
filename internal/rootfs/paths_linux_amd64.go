package rootfs

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/forkall"
	"github.com/hospes-vm/hospes/internal/hostthread"
	"github.com/hospes-vm/hospes/internal/inroot"
	"github.com/hospes-vm/hospes/internal/self"
	"github.com/hospes-vm/hospes/internal/trap"
)

// Paths prepares a root for a guest whose paths are resolved by hospes. It returns its
// directory, and all that is to be bound in it. What Enter mounts is made in the directory
// itself, if it is not there: /dev/shm, links in /dev, and what binds are listed by.
func Paths(cfg Config) (dir string, binds []Bind, err error) {
	switch {
	case cfg.Keep != "":
		return "", nil, errors.New("changes cannot be kept elsewhere without user namespaces")
	case cfg.User.UID != os.Geteuid() && os.Geteuid() != 0 && cfg.User.UID != 0:
		return "", nil, fmt.Errorf("user %d: not without user namespaces", cfg.User.UID)
	}
	dir = cfg.Root
	if cfg.Discard {
		if cfg.Copy == nil {
			return "", nil, errors.New("changes cannot be discarded without user namespaces")
		}
		if dir, err = cfg.Copy(); err != nil {
			return "", nil, err
		}
	}
	root, err := inroot.Open(dir)
	if err != nil {
		return "", nil, err
	}
	defer unix.Close(root)
	if err := placeDev(root); err != nil {
		return "", nil, err
	}
	for _, b := range append(defaultBinds(root), cfg.Binds...) {
		host, err := inroot.Open(b.Host)
		if err != nil {
			return "", nil, err
		}
		at, err := inroot.Place(root, b.Guest, inroot.IsDir(host))
		_ = unix.Close(host)
		if err != nil {
			return "", nil, err
		}
		_ = unix.Close(at)
		binds = append(binds, b)
	}
	walled, err := restrict(dir, binds, append(cfg.Files[:len(cfg.Files):len(cfg.Files)], cfg.Log))
	if err != nil {
		return "", nil, err
	}
	for _, b := range cfg.Binds {
		if b.ReadOnly && !walled {
			return "", nil, fmt.Errorf("%s cannot be read-only: this kernel has neither user namespaces nor Landlock for this process", b.Host)
		}
	}
	forgetChildren() // of the copy and the image
	if err := asUser(cfg.User); err != nil {
		return "", nil, err
	}
	if unix.Access(dir, unix.X_OK) != nil {
		return "", nil, fmt.Errorf("user %d is not allowed into %s, or a directory above it: --user root, or a root elsewhere (XDG_CACHE_HOME)", cfg.User.UID, dir)
	}
	return dir, binds, nil
}

// asUser becomes the user, if this process may.
func asUser(u User) error {
	if os.Geteuid() != 0 || u.UID == 0 {
		return nil
	}
	return become(u)
}

// defaultBinds are what is there without being asked for.
func defaultBinds(root int) []Bind {
	binds := []Bind{{"/proc", "/proc", false}, {"/dev/pts", "/dev/pts", false}, {"/dev/ptmx", "/dev/ptmx", false}}
	for _, name := range devices {
		binds = append(binds, Bind{"/dev/" + name, "/dev/" + name, false})
	}
	binds = append(binds, names(root)...)
	there := binds[:0]
	for _, b := range binds {
		if unix.Access(b.Host, unix.F_OK) == nil {
			there = append(there, b)
		}
	}
	return there
}

// placeDev makes what is in the root's own /dev.
func placeDev(root int) error {
	shm, err := inroot.Place(root, "/dev/shm", true)
	if err != nil {
		return err
	}
	defer unix.Close(shm)
	_ = unix.Chmod(inroot.Path(shm), 0o1777)
	dev, err := inroot.LookUp(root, "/dev")
	if err != nil {
		return inroot.Named("/dev", err)
	}
	defer unix.Close(dev)
	for _, l := range devLinks {
		if err := unix.Symlinkat(l.target, dev, l.name); err != nil && err != unix.EEXIST {
			return inroot.Named("/dev/"+l.name, err)
		}
	}
	return nil
}

// Rights of Landlock: to read and execute; all that make sense for a file; those that each
// version of its interface knows (Documentation/userspace-api/landlock.rst).
const (
	rightsRead = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR | rightIoctl
	rightsFile = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | rightIoctl
	rightIoctl = 1 << 15 // LANDLOCK_ACCESS_FS_IOCTL_DEV
)

var rightsByVersion = []uint64{2: 1<<14 - 1, 3: 1<<15 - 1, 4: 1<<15 - 1, 5: 1<<16 - 1}

// Landlock returns the version of Landlock's interface, or 0 if the kernel has none.
func Landlock() int {
	version, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if e != 0 {
		return 0
	}
	return int(version)
}

// restrict has Landlock hold the process, and all that it starts, to the root and what is
// bound in it, and to files that hospes writes to. It reports false if the kernel cannot. Version 1 would forbid to move
// files between directories.
func restrict(dir string, binds []Bind, files []string) (walled bool, err error) {
	version := Landlock()
	if version < 2 {
		return false, nil
	}
	handled := rightsByVersion[min(version, len(rightsByVersion)-1)]
	attr := struct{ fs uint64 }{handled}
	set, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if e != 0 {
		return false, nil
	}
	ruleset := int(set)
	defer unix.Close(ruleset)
	allow(ruleset, self.FD(), handled&(unix.LANDLOCK_ACCESS_FS_EXECUTE|unix.LANDLOCK_ACCESS_FS_READ_FILE))
	for fd := range 3 {
		if !inroot.IsDir(fd) {
			allow(ruleset, fd, handled&rightsFile)
		}
	}
	for _, f := range files {
		if f != "" {
			binds = append(binds, Bind{Host: f})
		}
	}
	for _, b := range append(binds, Bind{Host: dir}) {
		rights := handled
		if b.ReadOnly {
			rights &= rightsRead
		}
		fd, err := inroot.Open(b.Host)
		if err != nil {
			return false, err
		}
		allow(ruleset, fd, rights)
		_ = unix.Close(fd)
	}
	trap.Init()
	_ = hostthread.Init()
	if forkall.Init() != nil {
		return false, nil
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return false, err
	}
	if e := alone(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0); e != 0 {
		return false, fmt.Errorf("Landlock: %w", e)
	}
	return true, nil
}

// allow adds a rule for an open file or directory. One for something else, such as a
// pipe, is not needed, and refused.
func allow(ruleset, fd int, rights uint64) {
	if !inroot.IsDir(fd) {
		rights &= rightsFile
	}
	attr := struct {
		rights uint64
		parent int32
	}{rights, int32(fd)}
	_, _, _ = unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
}

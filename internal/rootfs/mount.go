//go:build linux

package rootfs

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/inroot"
)

// changeRoot makes the root and moves the process there. It is in a mount namespace of
// its own.
func changeRoot(cfg Config) error {
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount namespace: %w", err)
	}
	dir, err := rootMount(cfg)
	if err != nil {
		return err
	}
	root, err := inroot.Open(dir)
	if err != nil {
		return err
	}
	defer unix.Close(root)
	if err := fill(root, cfg); err != nil {
		return err
	}
	// The old root ends up below the new one, and is taken off (pivot_root(2)).
	if err := unix.Fchdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("the old root: %w", err)
	}
	return unix.Chdir("/")
}

// rootMount mounts what is going to be the root, and returns where.
func rootMount(cfg Config) (dir string, err error) {
	if cfg.Discard || cfg.Keep != "" {
		dir, err = overlay(cfg)
		if err == nil || cfg.Keep != "" || cfg.Copy == nil {
			return dir, err
		}
		if cfg.Root, err = cfg.Copy(); err != nil {
			return "", err
		}
	}
	if err := unix.Mount(cfg.Root, cfg.Root, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return "", inroot.Named(cfg.Root, err)
	}
	return cfg.Root, nil
}

// overlay lays a directory for changes over the root. It is mounted on a file system in
// memory that covers the root itself.
func overlay(cfg Config) (dir string, err error) {
	lower, err := inroot.Open(cfg.Root)
	if err != nil {
		return "", err
	}
	defer unix.Close(lower)
	changes := -1
	if cfg.Keep != "" {
		if changes, err = inroot.Open(cfg.Keep); err != nil {
			return "", err
		}
		defer unix.Close(changes)
	}
	if err := unix.Mount("tmpfs", cfg.Root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return "", inroot.Named(cfg.Root, err)
	}
	defer func() {
		if err != nil {
			_ = unix.Unmount(cfg.Root, unix.MNT_DETACH)
		}
	}()
	above := cfg.Root
	if changes >= 0 {
		above = inroot.Path(changes)
	} else if err := unix.Setxattr(above, "user.hospes", []byte{1}, 0); err != nil {
		return "", fmt.Errorf("file systems in memory without attributes of users (Linux before 6.6): %w", err)
	}
	for _, d := range []string{above + "/upper", above + "/work", cfg.Root + "/root"} {
		if err := unix.Mkdir(d, 0o755); err != nil && !(changes >= 0 && errors.Is(err, unix.EEXIST)) {
			return "", inroot.Named(d, err)
		}
	}
	copyMode(lower, above+"/upper")
	options := fmt.Sprintf("userxattr,lowerdir=%s,upperdir=%s/upper,workdir=%s/work", inroot.Path(lower), above, above)
	if err := unix.Mount("overlay", cfg.Root+"/root", "overlay", 0, options); err != nil {
		return "", fmt.Errorf("overlay: %w", err)
	}
	return cfg.Root + "/root", nil
}

// copyMode gives a directory the permissions of another.
func copyMode(from int, to string) {
	var st unix.Stat_t
	if unix.Fstat(from, &st) == nil {
		_ = unix.Chmod(to, st.Mode&0o7777)
	}
}

// fill mounts everything in the root.
func fill(root int, cfg Config) error {
	if err := fillDev(root, cfg.Log); err != nil {
		return err
	}
	binds := append([]Bind{{"/proc", "/proc", false}}, names(root)...)
	for _, b := range append(binds, cfg.Binds...) {
		if err := bind(root, b); err != nil {
			return err
		}
	}
	return nil
}

// names are the files by which names of the network are resolved. The root's own hosts stays, but if it is
// empty, as it is in images: their builders have mounted another one there.
func names(root int) (binds []Bind) {
	for _, name := range []string{resolvConf, hosts} {
		if unix.Access(name, unix.R_OK) == nil && !(name == hosts && filled(root, name)) {
			binds = append(binds, Bind{name, name, true})
		}
	}
	return binds
}

// filled reports whether there is a file inside that is not empty.
func filled(root int, name string) bool {
	fd, err := inroot.LookUp(root, name)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Size > 0
}

// fillDev makes /dev.
func fillDev(root int, log string) error {
	if err := mountAt(root, "/dev", "tmpfs", "mode=755"); err != nil {
		return err
	}
	var binds []Bind
	for _, name := range devices {
		binds = append(binds, Bind{"/dev/" + name, "/dev/" + name, false})
	}
	if tty := terminal(); tty != "" {
		binds = append(binds, Bind{tty, "/dev/console", false})
	}
	if log != "" {
		binds = append(binds, Bind{log, LogFile, false})
	}
	for _, b := range binds {
		if unix.Access(b.Host, unix.F_OK) != nil {
			continue
		}
		if err := bind(root, b); err != nil {
			return err
		}
	}
	dev, err := inroot.LookUp(root, "/dev")
	if err != nil {
		return inroot.Named("/dev", err)
	}
	defer unix.Close(dev)
	for _, l := range append(devLinks[:len(devLinks):len(devLinks)], link{"ptmx", "pts/ptmx"}) {
		if err := unix.Symlinkat(l.target, dev, l.name); err != nil {
			return inroot.Named("/dev/"+l.name, err)
		}
	}
	if err := mountAt(root, "/dev/pts", "devpts", "newinstance,ptmxmode=0666,mode=620"); err != nil {
		return err
	}
	return mountAt(root, "/dev/shm", "tmpfs", "mode=1777")
}

// terminal is the path of the terminal that the process has from its start, or "".
func terminal() string {
	for fd := range 3 {
		if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
			continue
		}
		if name, err := os.Readlink(inroot.Path(fd)); err == nil && strings.HasPrefix(name, "/dev/") {
			return name
		}
	}
	return ""
}

// mountAt mounts a new file system at a path inside.
func mountAt(root int, name, kind, options string) error {
	at, err := inroot.Place(root, name, true)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	flags := uintptr(unix.MS_NOSUID)
	if kind != "devpts" { // which has nothing but devices
		flags |= unix.MS_NODEV
	}
	return inroot.Named(name, unix.Mount(kind, inroot.Path(at), kind, flags, options))
}

// bind mounts a file or directory of the host at a path inside.
func bind(root int, b Bind) error {
	host, err := inroot.Open(b.Host)
	if err != nil {
		return err
	}
	defer unix.Close(host)
	at, err := inroot.Place(root, b.Guest, inroot.IsDir(host))
	if err != nil {
		return err
	}
	defer unix.Close(at)
	if err := unix.Mount(inroot.Path(host), inroot.Path(at), "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("%s at %s: %w", b.Host, b.Guest, err)
	}
	if !b.ReadOnly {
		return nil
	}
	mounted, err := inroot.LookUp(root, b.Guest)
	if err != nil {
		return inroot.Named(b.Guest, err)
	}
	defer unix.Close(mounted)
	err = unix.MountSetattr(mounted, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	if err != nil {
		return fmt.Errorf("%s read-only at %s: %w", b.Host, b.Guest, err)
	}
	return nil
}

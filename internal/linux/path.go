//go:build linux && amd64

package linux

import (
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/linux/abi"
	"github.com/hospes-vm/hospes/internal/reserved"
)

// Sysroot lays a directory over the host's file system: an absolute guest path
// that exists below Dir means the file there, any other the host's own. A file
// that exists in neither is created below Dir if only Dir has the directory.
// An empty Dir means no overlay; any other is absolute, without symbolic links
// (see NewSysroot).
type Sysroot struct {
	Dir  string
	tree *Tree // if set, there is nothing but this, whose root is Dir
}

// Confined returns the root that is all that the guest sees.
func Confined(tree *Tree) Sysroot { return Sysroot{tree.Dir, tree} }

// Tree is what the guest is confined to, or nil.
func (s Sysroot) Tree() *Tree { return s.tree }

// NewSysroot returns the overlay of a directory, which may be named in any way.
func NewSysroot(dir string) Sysroot {
	if dir == "" {
		return Sysroot{}
	}
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	if dir == "/" {
		dir = "" // the host's root lies over itself
	}
	return Sysroot{Dir: dir}
}

// hostOnly are trees that always mean the host's.
var hostOnly = []string{"/proc", "/dev", "/sys", "/tmp"}

// below reports whether name is dir or lies in it.
func below(name, dir string) bool {
	rest, ok := strings.CutPrefix(name, dir)
	return ok && (rest == "" || rest[0] == '/')
}

// isHost reports whether a clean absolute path means the host's whatever Dir holds.
func (s Sysroot) isHost(name string) bool {
	for _, d := range hostOnly {
		if below(name, d) {
			return true
		}
	}
	return below(name, s.Dir)
}

// Host returns the host path of what an absolute guest path leads to. Absolute
// symbolic links inside the sysroot point into the sysroot.
func (s Sysroot) Host(name string) string { return s.resolve(name, true) }

// maxLinks is how many symbolic links Linux follows.
const maxLinks = 40

func (s Sysroot) resolve(name string, follow bool) string {
	if s.tree != nil {
		return s.tree.resolve("/", name, follow)
	}
	if s.Dir == "" || !strings.HasPrefix(name, "/") {
		return name
	}
	slash := strings.HasSuffix(name, "/")
	for range maxLinks {
		if s.isHost(path.Clean(name)) {
			return name
		}
		host, e := s.inside(name, follow || slash)
		if e == 0 {
			return host
		}
		if e != syscall.ENOENT || !follow {
			break
		}
		// A link that leads out of the sysroot, as to /proc, leads to the host's.
		next, ok := s.readlink(name)
		if !ok {
			break
		}
		name = next
	}
	return s.missing(name)
}

// inside looks a path up with Dir as the root, and returns the host path of what
// it found: with follow, what a link leads to.
func (s Sysroot) inside(name string, follow bool) (string, syscall.Errno) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
	if !follow {
		how.Flags |= unix.O_NOFOLLOW
	}
	root, err := rootFD(s.Dir)
	if err != nil {
		return "", errnoOf(err)
	}
	fd, err := openTransient(func() (int, error) { return unix.Openat2(root, name, &how) })
	if err != nil {
		return "", errnoOf(err)
	}
	defer unix.Close(fd)
	if host := fdPath(fd); host != "" {
		return host, 0
	}
	return s.walk(name, follow), 0
}

// walk is inside for a file that is there, where /proc does not tell its path.
func (s Sysroot) walk(name string, follow bool) string {
	at, rest, links := "/", strings.Split(name, "/"), 0
	for len(rest) > 0 {
		next := path.Join(at, rest[0]) // ".." of the root is the root
		rest = rest[1:]
		target, link := readlink(s.Dir + next)
		if !link || !follow && len(rest) == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			break // it has been changed since
		}
		if strings.HasPrefix(target, "/") {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return s.Dir + strings.TrimSuffix(at, "/")
}

// readlink returns the path that a symbolic link of the sysroot leads to.
func (s Sysroot) readlink(name string) (string, bool) {
	host, e := s.inside(name, false)
	if e != 0 {
		return "", false
	}
	target, ok := readlink(host)
	if !ok {
		return "", false
	}
	if strings.HasPrefix(target, "/") {
		return target, true
	}
	return path.Join(path.Dir(s.Guest(host)), target), true
}

// missing returns the host path of a name that the sysroot does not have.
func (s Sysroot) missing(name string) string {
	dir, base := path.Split(name)
	if base == "" || base == ".." {
		return name
	}
	var st unix.Stat_t
	if unix.Lstat(dir, &st) == nil {
		return name
	}
	if host, e := s.inside(dir, true); e == 0 {
		return host + "/" + base
	}
	return name
}

// relative returns the host path of a relative guest path: as it is, unless the
// starting point lies in the sysroot and the way leads over an absolute link or
// above the root.
func (s Sysroot) relative(dirfd int, name string, follow bool) string {
	if s.tree != nil {
		return s.tree.relative(dirfd, name, follow)
	}
	simple := !strings.Contains(name, "/") && name != ".."
	if name == "" || simple && !follow {
		return name
	}
	if simple {
		var buf [1]byte
		if _, err := unix.Readlinkat(dirfd, name, buf[:]); err != nil {
			return name // no link: nothing can lead astray
		}
	}
	dir, ok := dirPath(dirfd)
	if !ok || !below(dir, s.Dir) {
		return name
	}
	start := s.Guest(dir)
	if host, e := s.inside(start+"/"+name, follow); e == 0 {
		return host
	}
	parent, base := path.Split(name)
	if host, e := s.inside(start+"/"+parent, true); e == 0 && base != "" && base != ".." {
		if !follow {
			return host + "/" + base
		}
		return s.resolve(s.Guest(host+"/"+base), true)
	}
	return name
}

// Guest returns the guest's name of a host path: what lies below Dir loses that prefix.
func (s Sysroot) Guest(name string) string {
	if s.tree != nil {
		return s.tree.name(name)
	}
	if s.Dir == "" || !below(name, s.Dir) {
		return name
	}
	if name == s.Dir {
		return "/"
	}
	return name[len(s.Dir):]
}

// linkText is what readlink(2) says to the guest of a link at a host path: those of /proc
// show host paths.
func (s Sysroot) linkText(dirfd int, host, target string) string {
	switch {
	case s.Dir == "" || !strings.HasPrefix(target, "/") || !isProc(dirfd, host):
	case s.tree != nil:
		return s.tree.linkText(host, target)
	case below(target, s.Dir):
		return s.Guest(target)
	}
	return target
}

// rootFD returns a descriptor of a sysroot's directory. It is one of hospes.
func rootFD(dir string) (int, error) {
	rootFDs.Lock()
	defer rootFDs.Unlock()
	if d, ok := rootFDs.m[dir]; ok {
		return d.Int(), nil
	}
	fd, err := openTransient(func() (int, error) { return unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return -1, err
	}
	d, err := reserved.Keep(fd)
	if err != nil {
		return -1, err
	}
	rootFDs.m[dir] = d
	return d.Int(), nil
}

var rootFDs = struct {
	sync.Mutex
	m map[string]*reserved.Descriptor
}{m: map[string]*reserved.Descriptor{}}

// openTransient opens a descriptor that does not stay, also where the guest has as
// many as it may, or with a number above the limit.
func openTransient(open func() (int, error)) (fd int, err error) {
	if fd, err = open(); err == unix.EMFILE || err == unix.EINVAL {
		reserved.Room(func() { fd, err = open() })
	}
	return fd, err
}

// dirPath returns the host path of a directory as *at calls name it.
func dirPath(dirfd int) (string, bool) {
	if dirfd != unix.AT_FDCWD {
		dir := fdPath(dirfd)
		return dir, dir != ""
	}
	dir, err := unix.Getwd()
	return dir, err == nil
}

func readlink(name string) (string, bool) {
	var buf [unix.PathMax]byte
	n, err := unix.Readlink(name, buf[:])
	return string(buf[:max(n, 0)]), err == nil
}

// hostPath returns the host path that a guest path, relative to dirfd, leads to.
func (p *Process) hostPath(dirfd int, name string) string { return p.resolvePath(dirfd, name, true) }

// hostLinkPath is hostPath for calls that act on a symbolic link itself.
func (p *Process) hostLinkPath(dirfd int, name string) string {
	return p.resolvePath(dirfd, name, false)
}

func (p *Process) resolvePath(dirfd int, name string, follow bool) string {
	if follow {
		if host, _, ok := p.exe(dirfd, name); ok {
			return host
		}
	}
	if p.isHidden(dirfd, name) {
		return nowhere
	}
	root := p.root()
	switch {
	case root.Dir == "":
		return name
	case strings.HasPrefix(name, "/"):
		return root.resolve(name, follow)
	}
	return root.relative(dirfd, name, follow)
}

// follows reports whether a call follows a final symbolic link in its argument a,
// of kind path. The argument's parameter says what decides: "" follows, "link" does
// not, "at" and "atfollow" do as AT_SYMLINK_NOFOLLOW or AT_SYMLINK_FOLLOW among the
// call's AT_ flags says.
func follows(a *abi.Arg, spec []abi.Arg, args *[6]uint64) bool {
	switch a.Type {
	case "link":
		return false
	case "at", "atfollow":
		for i := range spec {
			if spec[i].Kind == "flags" && spec[i].Type == "at" {
				if a.Type == "atfollow" {
					return args[i]&unix.AT_SYMLINK_FOLLOW != 0
				}
				return args[i]&unix.AT_SYMLINK_NOFOLLOW == 0
			}
		}
	}
	return true
}

// sysGetcwd is getcwd(2) in the guest's terms: the sysroot is the root.
func sysGetcwd(t *Task, c *Call) (uint64, syscall.Errno) {
	var buf [unix.PathMax]byte
	n, err := unix.Getcwd(buf[:])
	if err != nil {
		return 0, errnoOf(err)
	}
	dir := t.P.root().Guest(string(buf[:n-1]))
	if uint64(len(dir)) >= c.Args[1] {
		return 0, syscall.ERANGE
	}
	if t.Mem.CopyOut(c.Args[0], append([]byte(dir), 0)) != nil {
		return 0, syscall.EFAULT
	}
	return uint64(len(dir) + 1), 0
}

// changesRoot is the handler of a call that gives the process another root directory.
// Where the sysroot was laid over the old root, the new one has nothing over it: it
// lies in either.
func changesRoot(nr uintptr) Handler {
	call := hostCall(nr)
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		if t.P.confined() {
			return 0, syscall.EPERM
		}
		r, e := call(t, c)
		if e == 0 {
			t.P.files.chrooted.Store(true)
		}
		return r, e
	}
}

// confined reports whether the guest is confined to a tree by its paths alone. It must
// not have the kernel lead it elsewhere then.
func (p *Process) confined() bool { return p.Root.tree != nil }

// root is the sysroot, until the guest has changed its root directory.
func (p *Process) root() Sysroot {
	if p.files.chrooted.Load() {
		return Sysroot{}
	}
	return p.Root
}

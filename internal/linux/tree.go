//go:build linux && amd64

package linux

import (
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Tree is a file system of its own, made of directories and files of the host: no path
// of the guest leads out of it, neither by ".." nor by a symbolic link. It is what a
// process that changes its root and mounts something in there has from the kernel, for
// hosts where that is not allowed. It is no wall: the paths are resolved before the
// host's kernel resolves them once more, so a guest that changes links meanwhile may
// get out. Listing a directory does not show what is bound in it.
type Tree struct {
	Dir   string // the root; absolute, without symbolic links
	Binds []Bind
}

// Bind has a path of the guest mean one of the host. Both are absolute, clean and without
// symbolic links.
type Bind struct{ Host, Guest string }

// bound returns the bind that a clean guest path lies in: the innermost.
func (t *Tree) bound(guest string) Bind {
	best := Bind{t.Dir, ""}
	for _, b := range t.Binds {
		if below(guest, b.Guest) && len(b.Guest) > len(best.Guest) {
			best = b
		}
	}
	return best
}

// host returns the host's name of a clean guest path whose directories are no links.
func (t *Tree) host(guest string) string {
	b := t.bound(guest)
	return b.Host + strings.TrimSuffix(guest[len(b.Guest):], "/")
}

// guest returns the guest's name of a host path. It reports false for what is not in
// the tree.
func (t *Tree) guest(host string) (string, bool) {
	best := Bind{t.Dir, ""}
	found := below(host, t.Dir)
	for _, b := range t.Binds {
		if below(host, b.Host) && (!found || len(b.Host) > len(best.Host)) {
			best, found = b, true
		}
	}
	if !found {
		return "", false
	}
	return path.Clean("/" + best.Guest + host[len(best.Host):]), true
}

// isBound reports whether something is bound at a clean guest path.
func (t *Tree) isBound(guest string) bool {
	for _, b := range t.Binds {
		if b.Guest == guest {
			return true
		}
	}
	return false
}

// resolve returns the host path of what a guest path leads to, counted from the clean
// guest path at: with follow, also of what a link at its end leads to. It is nowhere
// for a path that leads out.
func (t *Tree) resolve(at, name string, follow bool) string {
	if strings.HasPrefix(name, "/") {
		at = "/"
	}
	directory := strings.HasSuffix(name, "/")
	follow = follow || directory
	rest := strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		word := rest[0]
		rest = rest[1:]
		switch word {
		case "", ".":
			continue
		case "..":
			if !isDir(t.host(at)) {
				return t.host(at) + "/."
			}
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, word)
		host := t.host(next)
		last := lastWord(rest)
		target, link := readlink(host)
		if !link || !follow && last || last && isOwnFD(host) {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return nowhere
		}
		if magic(host, target) {
			ok := false
			if at, ok = t.magicTarget(host, target); !ok {
				return nowhere
			}
			continue
		}
		if strings.HasPrefix(target, "/") {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	if directory && at != "/" {
		return t.host(at) + "/" // the host says if it is none
	}
	return t.host(at)
}

// lastWord reports whether nothing but slashes follows.
func lastWord(rest []string) bool {
	for _, w := range rest {
		if w != "" {
			return false
		}
	}
	return true
}

// relative returns the host path of a guest path that is relative to dirfd.
func (t *Tree) relative(dirfd int, name string, follow bool) string {
	dir, ok := dirPath(dirfd)
	if name == "" || !ok || !strings.HasPrefix(dir, "/") {
		return name // the descriptor itself, or the host says what is wrong with it
	}
	start, ok := t.guest(dir)
	if simple := !strings.Contains(name, "/") && name != ".."; simple && !(ok && t.isBound(path.Join(start, name))) {
		var buf [1]byte
		_, err := unix.Readlinkat(dirfd, name, buf[:])
		if err != nil || !follow || isOwnFD(path.Join(dir, name)) {
			return name // it leads nowhere else
		}
	}
	if !ok {
		return nowhere // a directory that the guest was given leads to what is in it
	}
	return t.resolve(start, name, follow)
}

// isOwnFD reports whether a host path is that of a descriptor of this process in
// /proc: the file is one that the guest has already.
func isOwnFD(host string) bool {
	dir, fd := path.Split(host)
	if !below(host, procDir) || fd == "" || fd[0] < '0' || fd[0] > '9' {
		return false
	}
	words := strings.Split(dir, "/")
	for i, w := range words {
		if w == "self" || w == "thread-self" {
			words[i] = strconv.Itoa(os.Getpid())
		}
	}
	own := procDir + "/" + strconv.Itoa(os.Getpid()) + "/"
	dir = strings.Join(words, "/")
	return dir == own+"fd/" || strings.HasPrefix(dir, own+"task/") && strings.HasSuffix(dir, "/fd/")
}

// magic reports whether a symbolic link leads to an object of the kernel, not to a
// name: only /proc has such links, and they show absolute paths, or names with a colon.
func magic(host, target string) bool {
	return below(host, procDir) && (strings.HasPrefix(target, "/") || strings.Contains(target, ":"))
}

// magicTarget returns the guest path that a link of /proc leads to: another process's root
// is this one's, and what is not in the tree is not to be reached.
func (t *Tree) magicTarget(host, target string) (guest string, ok bool) {
	switch {
	case path.Base(host) == "root":
		return "/", true
	case path.Base(path.Dir(host)) == "ns":
		return host, true
	}
	return t.guest(target)
}

// linkText is what readlink(2) says of a link of /proc.
func (t *Tree) linkText(host, target string) string {
	if path.Base(host) == "root" {
		return "/"
	}
	return t.name(target)
}

// name is the guest's name of a host path, or, as the kernel names what the root
// directory does not lead to.
func (t *Tree) name(host string) string {
	if guest, ok := t.guest(host); ok {
		return guest
	}
	return "(unreachable)" + host
}

func isDir(host string) bool {
	var st unix.Stat_t
	return unix.Lstat(host, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

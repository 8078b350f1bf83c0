//go:build linux && amd64

package linux

import (
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Names in /proc that mean something else to the guest than to the host: see
// procfs.go for the files, exe for the link.

const procDir = "/proc"

// procPath returns the clean absolute path of a name that may be one of procFiles
// or an exe link, or "" if it cannot be.
func procPath(dirfd int, name string) string {
	if strings.HasPrefix(name, "/") {
		if !strings.Contains(name, "proc") {
			return ""
		}
	} else {
		base := name[strings.LastIndexByte(name, '/')+1:]
		if _, ok := procFiles[base]; !ok && base != "exe" && base != "mem" && base != "cpuinfo" {
			return ""
		}
		dir, ok := dirPath(dirfd)
		if !ok || !below(dir, procDir) {
			return ""
		}
		name = dir + "/" + name
	}
	if name = path.Clean(name); !below(name, procDir) {
		return ""
	}
	return name
}

// ownProcDir reports whether a clean absolute path is the directory of this
// process or of one of its threads in /proc, and whose: 0 stands for the process.
func (p *Process) ownProcDir(dir string) (tid int, ok bool) {
	rest, ok := strings.CutPrefix(dir, procDir+"/")
	if !ok {
		return 0, false
	}
	first, rest, _ := strings.Cut(rest, "/")
	switch n, err := strconv.Atoi(first); {
	case first == "self" || err == nil && n == p.Pid():
	case first == "thread-self":
		return unix.Gettid(), rest == ""
	case err == nil && p.hasTask(n):
		tid = n
	default:
		return 0, false
	}
	if rest == "" {
		return tid, true
	}
	thread, ok := strings.CutPrefix(rest, "task/")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(thread)
	return n, err == nil && p.hasTask(n)
}

// isExe reports whether name is the link to this process's program.
func (p *Process) isExe(dirfd int, name string) bool {
	if !strings.HasSuffix(name, "exe") {
		return false
	}
	dir, base := path.Split(procPath(dirfd, name))
	if base != "exe" {
		return false
	}
	_, ok := p.ownProcDir(path.Clean(dir))
	return ok
}

// isProc reports whether a host path, relative to dirfd, lies in /proc.
func isProc(dirfd int, name string) bool {
	if !strings.HasPrefix(name, "/") {
		dir, ok := dirPath(dirfd)
		if !ok {
			return false
		}
		name = dir + "/" + name
	}
	return below(path.Clean(name), procDir)
}

// nowhere is a path that leads to nothing.
const nowhere = procDir + "/self/fd/-"

// isHiddenFD reports whether a path means a descriptor of hospes in /proc or /dev/fd.
func (p *Process) isHiddenFD(dirfd int, name string) bool {
	base := name[strings.LastIndexByte(name, '/')+1:]
	if base == "" || base[0] < '0' || base[0] > '9' || len(base) > 9 {
		return false
	}
	if fd, err := strconv.Atoi(base); err != nil || !p.reserved.has(fd) {
		return false
	}
	if !strings.HasPrefix(name, "/") {
		dir, ok := dirPath(dirfd)
		if !ok {
			return false
		}
		name = dir + "/" + name
	}
	dir := path.Dir(path.Clean(name))
	if dir == "/dev/fd" {
		return true
	}
	parent, kind := path.Split(dir)
	_, own := p.ownProcDir(path.Clean(parent))
	return own && (kind == "fd" || kind == "fdinfo")
}

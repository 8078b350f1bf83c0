//go:build linux && amd64

package linux

import (
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/peer"
	"github.com/hospes-vm/hospes/internal/procview"
)

// Names in /proc that mean something else to the guest than to the host: see
// procfs.go for the files, exe for the link.

const procDir = "/proc"

// procPath returns the clean absolute path of a name that may be one of procview.Files
// or an exe link, or "" if it cannot be.
func procPath(dirfd int, name string) string {
	if strings.HasPrefix(name, "/") {
		if !strings.Contains(name, "proc") {
			return ""
		}
	} else {
		base := name[strings.LastIndexByte(name, '/')+1:]
		if _, ok := procview.Files[base]; !ok && base != "exe" && base != "mem" && base != "cpuinfo" && base != "arch" {
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

// otherProcDir parses the directory of another process in /proc, or of a thread of it:
// tid is 0 for the process. Whether there is one it does not know.
func otherProcDir(dir string) (pid, tid int, ok bool) {
	rest, ok := strings.CutPrefix(dir, procDir+"/")
	if !ok {
		return 0, 0, false
	}
	first, rest, _ := strings.Cut(rest, "/")
	pid, err := strconv.Atoi(first)
	if err != nil || pid <= 0 {
		return 0, 0, false
	}
	if rest == "" {
		return pid, 0, true
	}
	thread, ok := strings.CutPrefix(rest, "task/")
	if !ok {
		return 0, 0, false
	}
	tid, err = strconv.Atoi(thread)
	return pid, tid, err == nil && tid > 0
}

// exe returns the program of the guest process whose link to it a path is: the host's
// name of it and the guest's. ok is false for all other paths.
func (p *Process) exe(dirfd int, name string) (host, guest string, ok bool) {
	if !strings.HasSuffix(name, "exe") {
		return "", "", false
	}
	dir, base := path.Split(procPath(dirfd, name))
	if base != "exe" {
		return "", "", false
	}
	dir = path.Clean(dir)
	if _, own := p.ownProcDir(dir); own {
		return p.exeHost(), p.root().Guest(p.Exe), true
	}
	pid, _, ok := otherProcDir(dir)
	if !ok {
		return "", "", false
	}
	other, err := peer.Open(pid)
	if err != nil {
		return "", "", false
	}
	return other.HostExe, p.root().Guest(other.HostExe), true
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

// isHidden reports whether a path means a descriptor of hospes in /proc or /dev/fd, or
// something of a thread of hospes, or a file of /proc/pid that makes no sense for a guest.
func (p *Process) isHidden(dirfd int, name string) bool {
	base := name[strings.LastIndexByte(name, '/')+1:]
	fd := -1
	if base != "" && base[0] >= '0' && base[0] <= '9' && len(base) < 10 {
		if n, err := strconv.Atoi(base); err == nil && p.reserved.has(n) {
			fd = n
		}
	}
	if fd < 0 && !foreignFiles[base] && !strings.Contains(name, "task/") && !strings.HasPrefix(name, procDir+"/") {
		return false
	}
	if !strings.HasPrefix(name, "/") {
		dir, ok := dirPath(dirfd)
		if !ok {
			return false
		}
		name = dir + "/" + name
	}
	name = path.Clean(name)
	dir := path.Dir(name)
	if dir == "/dev/fd" {
		return fd >= 0
	}
	if !below(name, procDir) {
		return false
	}
	if p.inHiddenThread(name) {
		return true
	}
	if fd >= 0 {
		parent, kind := path.Split(dir)
		_, own := p.ownProcDir(path.Clean(parent))
		return own && (kind == "fd" || kind == "fdinfo")
	}
	if !foreignFiles[base] {
		return false
	}
	return p.isGuestDir(dir)
}

// foreignFiles are files of /proc/pid that speak of the host's addresses or machine. A
// kernel may lack them.
var foreignFiles = map[string]bool{"pagemap": true, "map_files": true, "arch_status": true, "clear_refs": true, "stack": true}

// inHiddenThread reports whether a clean path in /proc lies in the directory of a thread
// of hospes: /proc/tid, or task/tid in that of this process.
func (p *Process) inHiddenThread(name string) bool {
	words := strings.Split(name[1:], "/")
	if len(words) < 2 {
		return false
	}
	if n, err := strconv.Atoi(words[1]); err == nil && p.isHiddenThread(n) {
		return true
	}
	if len(words) < 4 || words[2] != "task" {
		return false
	}
	if _, own := p.ownProcDir("/" + words[0] + "/" + words[1]); !own {
		return false
	}
	tid, err := strconv.Atoi(words[3])
	return err == nil && !p.hasTask(tid)
}

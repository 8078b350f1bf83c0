//go:build linux && amd64

package linux

import (
	"bytes"
	"os"
	"path"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/peer"
	"github.com/hospes-vm/hospes/internal/procview"
)

// Files of /proc/<pid> that speak of memory, of the program or of hospes's own
// threads are written by package procview. A guest that opens one gets a snapshot in
// anonymous memory. Everything else of /proc is the host's.

// openProc opens a file whose contents are written here. It reports false if name
// is none, or if it is not just to be read.
func (t *Task) openProc(dirfd int, name string, flags uint64) (uint64, syscall.Errno, bool) {
	if flags&(unix.O_PATH|unix.O_DIRECTORY) != 0 {
		return 0, 0, false
	}
	full := procPath(dirfd, name)
	if full == "" {
		return 0, 0, false
	}
	if fd, e, ok := t.openMem(full, flags); ok || flags&unix.O_ACCMODE != unix.O_RDONLY {
		return fd, e, ok
	}
	content, ok, err := t.P.procContent(full)
	if !ok {
		return 0, 0, false
	}
	if err == nil {
		var fd int
		if fd, err = snapshot(full, content, int(flags)); err == nil {
			t.P.files.snapshots.add(fd, t.P.absoluteProc(full))
			return uint64(fd), 0, true
		}
	}
	return 0, errnoOf(err), true
}

// procContent returns what the guest finds in the file at a clean absolute path,
// if that is not what the host has there.
func (p *Process) procContent(full string) (content []byte, ok bool, err error) {
	if full == procDir+"/cpuinfo" {
		content, err = p.procCPUInfo()
		return content, true, err
	}
	if full == procDir+"/sys/kernel/arch" {
		return []byte(p.Arch.Name() + "\n"), true, nil
	}
	dir, base := path.Split(full)
	write := procview.Files[base]
	if write == nil {
		return nil, false, nil
	}
	v := p.procView(path.Clean(dir))
	if v == nil {
		return nil, false, nil
	}
	content, err = write(v)
	return content, true, err
}

// procView returns the guest process or thread that a directory of /proc stands for,
// or nil if it is none.
func (p *Process) procView(dir string) *procview.View {
	if tid, own := p.ownProcDir(dir); own {
		return p.ownView(tid)
	}
	pid, tid, ok := otherProcDir(dir)
	if !ok {
		return nil
	}
	other, err := peer.Open(pid)
	if err != nil {
		return nil
	}
	return procview.FromPeer(other, pid, tid)
}

// ownView is the view of this process, or of one of its threads.
func (p *Process) ownView(tid int) *procview.View {
	d := p.description()
	v := &procview.View{PID: p.Pid(), TID: tid, D: d, VMAs: p.Mem.VMAs, Threads: p.numTasks(), Limits: map[string]procview.Limit{}}
	_, v.Brk = p.Mem.BrkRange()
	_, v.Peak = p.Mem.Size()
	v.Ignored, v.Handled = p.sig.sets()
	v.Signals = p.virtualSignals(tid)
	v.Host = func(addr, n uint64, f func(host, n uint64)) {
		_ = p.Mem.Mapping().Spans(addr, n, mem.None, func(b []byte) bool {
			f(uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))), uint64(len(b)))
			return true
		})
	}
	v.Secure = map[string]string{}
	v.Secure["Seccomp"], v.Secure["Seccomp_filters"] = p.secureStatus(tid)
	for name, resource := range map[string]int{
		"Max stack size": unix.RLIMIT_STACK, "Max data size": unix.RLIMIT_DATA, "Max address space": unix.RLIMIT_AS,
		"Max open files": unix.RLIMIT_NOFILE,
	} {
		var l rlimit
		if p.prlimit(resource, nil, &l) == 0 {
			v.Limits[name] = procview.Limit(l)
		}
	}
	return v
}

// procCPUInfo describes as many harts as the host has processors.
func (p *Process) procCPUInfo() ([]byte, error) {
	host, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return nil, err
	}
	return p.Arch.CPUInfo(p.Mem, bytes.Count(host, []byte("processor\t"))), nil
}

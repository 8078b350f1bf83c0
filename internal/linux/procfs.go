//go:build linux && amd64

package linux

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Files of /proc/<pid> that speak of memory, of the program or of hospes's own
// threads are written here, in the kernel's format (proc(5)). A guest that opens
// one gets a snapshot in anonymous memory. Everything else of /proc is the host's.

// procFiles are the files of a process's or thread's directory. The function
// returns the contents; tid is the thread, or 0 for the process.
var procFiles = map[string]func(p *Process, tid int) ([]byte, error){
	"maps":    (*Process).procMaps,
	"smaps":   (*Process).procSmaps,
	"cmdline": (*Process).procCmdline,
	"environ": (*Process).procEnviron,
	"auxv":    (*Process).procAuxv,
	"stat":    (*Process).procStat,
	"statm":   (*Process).procStatm,
	"status":  (*Process).procStatus,
	"limits":  (*Process).procLimits,
}

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
	dir, base := path.Split(full)
	write := procFiles[base]
	if write == nil {
		return nil, false, nil
	}
	tid, own := p.ownProcDir(path.Clean(dir))
	if !own {
		return nil, false, nil
	}
	content, err = write(p, tid)
	return content, true, err
}

// snapshotPrefix is how the kernel names memory files in /proc/self/fd; snapshots
// are called like the file that they stand for.
const (
	snapshotPrefix = "/memfd:" + procDir
	deletedSuffix  = " (deleted)"
)

// snapshotName returns the name of the /proc file that a snapshot stands for,
// given where its link in /proc/self/fd leads to.
func snapshotName(target string) (string, bool) {
	if !strings.HasPrefix(target, snapshotPrefix) {
		return "", false
	}
	return strings.TrimSuffix(strings.TrimPrefix(target, "/memfd:"), deletedSuffix), true
}

// snapshot returns a descriptor, opened with flags, of a read-only file. Its number is
// the lowest that is free.
func snapshot(name string, content []byte, flags int) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return -1, err
	}
	if err := fillSnapshot(fd, content, flags); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// fillSnapshot writes the contents and opens the file anew, as the guest wants it.
func fillSnapshot(fd int, content []byte, flags int) error {
	for b := content; len(b) > 0; {
		n, err := unix.Write(fd, b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	if err := unix.Fchmod(fd, 0o444); err != nil {
		return err
	}
	reader, err := openTransient(func() (int, error) {
		return unix.Open("/proc/self/fd/"+strconv.Itoa(fd), flags&^unix.O_NOFOLLOW, 0)
	})
	if err != nil {
		return err
	}
	defer unix.Close(reader)
	return unix.Dup3(reader, fd, flags&unix.O_CLOEXEC)
}

// hostProcFile reads a file of the host's directory of the process or a thread.
func hostProcFile(tid int, base string) ([]byte, error) {
	dir := "/proc/self/"
	if tid != 0 {
		dir += "task/" + strconv.Itoa(tid) + "/"
	}
	return os.ReadFile(dir + base)
}

// procCPUInfo describes as many harts as the host has processors.
func (p *Process) procCPUInfo() ([]byte, error) {
	host, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return nil, err
	}
	return p.Arch.CPUInfo(bytes.Count(host, []byte("processor\t"))), nil
}

// memory reads a range of guest memory. What cannot be read is left out.
func (p *Process) memory(start, end uint64) []byte {
	b := make([]byte, end-start)
	if p.Mem.CopyIn(b, start) != nil {
		return nil
	}
	return b
}

func (p *Process) procCmdline(int) ([]byte, error) {
	return p.memory(p.Image.ArgStart, p.Image.ArgEnd), nil
}

func (p *Process) procEnviron(int) ([]byte, error) {
	return p.memory(p.Image.EnvStart, p.Image.EnvEnd), nil
}

func (p *Process) procAuxv(int) ([]byte, error) { return p.Image.Auxv, nil }

func (p *Process) procMaps(int) ([]byte, error) {
	var b []byte
	for _, v := range p.Mem.VMAs() {
		b = appendVMA(b, &v)
	}
	return b, nil
}

// nameColumn is where names begin in /proc/pid/maps.
const nameColumn = 73

// appendVMA appends the line of /proc/pid/maps that describes v.
func appendVMA(b []byte, v *mem.VMA) []byte {
	sharing, name := byte('p'), v.Name
	var dev, ino, offset uint64
	switch {
	case v.File != nil:
		dev, ino, offset = v.File.Dev, v.File.Ino, v.Offset
		name = strings.ReplaceAll(v.File.Path, "\n", `\012`)
	case v.Shared && name == "":
		dev, name = unix.Mkdev(0, 1), "/dev/zero (deleted)" // how the kernel backs it
	}
	if v.Shared {
		sharing = 's'
	}
	start := len(b)
	b = fmt.Appendf(b, "%08x-%08x %s%c %08x %02x:%02x %d ", v.Start, v.End, v.Prot, sharing,
		offset, unix.Major(dev), unix.Minor(dev), ino)
	if name != "" {
		for len(b)-start < nameColumn {
			b = append(b, ' ')
		}
		b = append(b, name...)
	}
	return append(b, '\n')
}

// procSmaps has the true sizes and resident sets; it counts each page as private to
// the process and does not tell clean pages from dirty ones.
func (p *Process) procSmaps(int) ([]byte, error) {
	var b []byte
	for _, v := range p.Mem.VMAs() {
		b = appendVMA(b, &v)
		rss := p.resident(&v) / 1024
		anon := rss
		if v.File != nil {
			anon = 0
		}
		for _, f := range [...]struct {
			name string
			kb   uint64
		}{
			{"Size", v.Len() / 1024}, {"KernelPageSize", mem.PageSize / 1024}, {"MMUPageSize", mem.PageSize / 1024},
			{"Rss", rss}, {"Pss", rss}, {"Pss_Dirty", anon}, {"Shared_Clean", 0}, {"Shared_Dirty", 0},
			{"Private_Clean", rss - anon}, {"Private_Dirty", anon}, {"Referenced", rss}, {"Anonymous", anon},
			{"KSM", 0}, {"LazyFree", 0}, {"AnonHugePages", 0}, {"ShmemPmdMapped", 0}, {"FilePmdMapped", 0},
			{"Shared_Hugetlb", 0}, {"Private_Hugetlb", 0}, {"Swap", 0}, {"SwapPss", 0}, {"Locked", 0},
		} {
			b = fmt.Appendf(b, "%-16s%8d kB\n", f.name+":", f.kb)
		}
		b = append(b, "THPeligible:           0\n"...)
		b = append(appendVMFlags(b, &v), '\n')
	}
	return b, nil
}

// appendVMFlags appends the VmFlags line of /proc/pid/smaps.
func appendVMFlags(b []byte, v *mem.VMA) []byte {
	b = append(b, "VmFlags: "...)
	for _, f := range [...]struct {
		name string
		on   bool
	}{
		{"rd ", v.Prot&mem.Read != 0}, {"wr ", v.Prot&mem.Write != 0}, {"ex ", v.Prot&mem.Exec != 0},
		{"sh ", v.Shared}, {"mr ", true}, {"mw ", true}, {"me ", true}, {"nr ", v.NoReserve},
	} {
		if f.on {
			b = append(b, f.name...)
		}
	}
	return b
}

// resident is the number of bytes of v that are in the host's memory.
func (p *Process) resident(v *mem.VMA) (n uint64) {
	_ = p.Mem.Mapping().Spans(v.Start, v.Len(), mem.None, func(b []byte) bool {
		n += residentBytes(b)
		return true
	})
	return n
}

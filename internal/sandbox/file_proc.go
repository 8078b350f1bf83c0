//go:build linux

package sandbox

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// What /proc shows (vfs.Processes). Nothing of it is the host's.

type procSource Kernel

func (s *procSource) Pids() []int {
	k := (*Kernel)(s)
	k.mu.Lock()
	defer k.mu.Unlock()
	pids := make([]int, 0, len(k.processes))
	for pid := range k.processes {
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids
}

func (s *procSource) Process(id int) vfs.Process {
	k := (*Kernel)(s)
	k.mu.Lock()
	defer k.mu.Unlock()
	if p := k.processes[id]; p != nil {
		return procProcess{p}
	}
	if t := k.tasks[id]; t != nil {
		return procProcess{t.P}
	}
	return nil
}

func (s *procSource) System(name string) []byte {
	k := (*Kernel)(s)
	switch name {
	case "cpuinfo":
		return k.cpuinfo()
	case "meminfo":
		return k.meminfo()
	case "stat":
		return k.statText()
	case "loadavg":
		return fmt.Appendf(nil, "0.00 0.00 0.00 1/%d %d\n", len(s.Pids()), k.newest())
	case "uptime":
		up := float64(k.clock.Monotonic()) / 1e9
		return fmt.Appendf(nil, "%.2f %.2f\n", up, 0.0)
	case "version":
		return fmt.Appendf(nil, "%s version %s (hospes) %s\n", "Linux", release, version)
	case "filesystems":
		return []byte("nodev\tproc\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\thostfs\nnodev\tiofs\n")
	case "cmdline":
		return []byte("\n")
	}
	if v, ok := strings.CutPrefix(name, "sys/"); ok {
		return k.sysctl(v)
	}
	return nil
}

// newest is the last process ID that was given.
func (k *Kernel) newest() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lastID
}

// sysctl is a file below /proc/sys.
func (k *Kernel) sysctl(name string) []byte {
	switch name {
	case "kernel/hostname":
		k.mu.Lock()
		defer k.mu.Unlock()
		return fmt.Appendln(nil, k.cfg.Hostname)
	case "kernel/random/uuid", "kernel/random/boot_id":
		return k.uuid(name == "kernel/random/boot_id")
	}
	values := map[string]any{
		"fs/file-max": k.files.cfg.Descriptors, "fs/nr_open": maxDescriptor, "fs/pipe-max-size": vfs.PipeMaxSize,
		"kernel/cap_last_cap": 40, "kernel/domainname": "(none)", "kernel/ngroups_max": 65536, "kernel/osrelease": release,
		"kernel/ostype": "Linux", "kernel/overflowgid": 65534, "kernel/overflowuid": 65534, "kernel/pid_max": 1 << 22,
		"kernel/random/entropy_avail": 256, "kernel/random/poolsize": 256, "kernel/threads-max": k.cfg.Limits.Tasks,
		"kernel/version": version, "net/core/somaxconn": 4096, "vm/max_map_count": 65530, "vm/mmap_min_addr": 65536,
		"vm/overcommit_memory": 0,
	}
	if v, ok := values[name]; ok {
		return fmt.Appendln(nil, v)
	}
	return nil
}

// uuid is a random UUID; that of the boot stays the same.
func (k *Kernel) uuid(boot bool) []byte {
	var b [16]byte
	if !boot {
		_ = k.readRandom(b[:])
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return fmt.Appendf(nil, "%s-%s-%s-%s-%s\n", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}

func (k *Kernel) cpuinfo() []byte {
	var b []byte
	for i := range k.cfg.CPUs {
		b = fmt.Appendf(b, "processor\t: %d\nhart\t\t: %d\nisa\t\t: rv64imafdc_zicsr_zifencei_zba_zbb_zbs\nmmu\t\t: sv39\nuarch\t\t: hospes\n\n", i, i)
	}
	return b
}

func (k *Kernel) meminfo() []byte {
	total, used := k.ram()
	total, free := total/1024, (total-used)/1024
	var b []byte
	for _, line := range []struct {
		name string
		kib  uint64
	}{
		{"MemTotal", total}, {"MemFree", free}, {"MemAvailable", free}, {"Buffers", 0}, {"Cached", 0}, {"SwapCached", 0},
		{"Active", used / 1024}, {"Inactive", 0}, {"SwapTotal", 0}, {"SwapFree", 0}, {"Dirty", 0}, {"Writeback", 0},
		{"AnonPages", used / 1024}, {"Mapped", 0}, {"Shmem", 0}, {"CommitLimit", total}, {"Committed_AS", used / 1024},
	} {
		b = fmt.Appendf(b, "%-15s %8d kB\n", line.name+":", line.kib)
	}
	return b
}

// statText is /proc/stat.
func (k *Kernel) statText() []byte {
	ticks := k.clock.Monotonic() / 1e7
	b := fmt.Appendf(nil, "cpu  0 0 0 %d 0 0 0 0 0 0\n", ticks*int64(k.cfg.CPUs))
	for i := range k.cfg.CPUs {
		b = fmt.Appendf(b, "cpu%d 0 0 0 %d 0 0 0 0 0 0\n", i, ticks)
	}
	boot := (k.clock.Realtime() - k.clock.Monotonic()) / 1e9
	k.mu.Lock()
	defer k.mu.Unlock()
	return fmt.Appendf(b, "ctxt 0\nbtime %d\nprocesses %d\nprocs_running 1\nprocs_blocked 0\n", boot, k.lastID)
}

// procProcess is a process in /proc.
type procProcess struct{ *Process }

func (p procProcess) Pid() int { return p.Process.Pid }

func (p procProcess) Threads() (ids []int) {
	p.K.mu.Lock()
	defer p.K.mu.Unlock()
	for _, t := range p.tasks {
		ids = append(ids, t.TID)
	}
	slices.Sort(ids)
	return ids
}

func (p procProcess) Owner() (uid, gid uint32) {
	p.K.mu.Lock()
	defer p.K.mu.Unlock()
	return p.cred.uid.effective, p.cred.gid.effective
}

// files are the descriptors and directories of the first task.
func (p procProcess) files() (f taskFiles, ok bool) {
	p.K.mu.Lock()
	defer p.K.mu.Unlock()
	if len(p.tasks) == 0 {
		return f, false
	}
	return p.tasks[0].files, true
}

func (p procProcess) FDs() []int {
	if f, ok := p.files(); ok {
		return f.fds.list()
	}
	return nil
}

func (p procProcess) File(fd int) *vfs.File {
	if f, ok := p.files(); ok {
		return f.fds.get(fd)
	}
	return nil
}

func (p procProcess) place(get func(fs *fsInfo) vfs.Path) (vfs.Path, vfs.Errno) {
	f, ok := p.files()
	if !ok {
		return vfs.Path{}, syscall.ENOENT
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return get(f.fs), 0
}

func (p procProcess) Cwd() (vfs.Path, vfs.Errno) {
	return p.place(func(fs *fsInfo) vfs.Path { return fs.cwd })
}

func (p procProcess) Root() (vfs.Path, vfs.Errno) {
	return p.place(func(fs *fsInfo) vfs.Path { return fs.root })
}

// Exe is found by its name: what has been renamed since is not there any more.
func (p procProcess) Exe() (vfs.Path, vfs.Errno) {
	root, e := p.Root()
	if e != 0 {
		return root, e
	}
	p.K.mu.Lock()
	mm := p.mm
	p.K.mu.Unlock()
	if mm == nil {
		return root, syscall.ENOENT
	}
	c := vfs.Caller{NS: p.K.files.ns, Root: root, Cwd: root}
	return c.Walk(root, mm.image.Exe, vfs.Follow)
}

// SetComm is a write to comm.
func (p procProcess) SetComm(tid int, name []byte) vfs.Errno {
	p.K.mu.Lock()
	defer p.K.mu.Unlock()
	for _, t := range p.tasks {
		if t.TID == tid {
			clear(t.name[:])
			copy(t.name[:len(t.name)-1], bytes.TrimRight(name, "\n"))
		}
	}
	return 0
}

// Text is the text of a file about a thread, or about the process if that is a zombie.
func (p procProcess) Text(tid int, name string) ([]byte, vfs.Errno) {
	s, ok := p.snapshot(tid)
	defer s.release()
	if !ok {
		return nil, syscall.ESRCH
	}
	switch name {
	case "comm":
		return fmt.Appendln(nil, s.comm), 0
	case "stat":
		return s.stat(), 0
	case "statm":
		pages := s.size / mem.PageSize
		return fmt.Appendf(nil, "%d %d 0 0 0 %d 0\n", pages, pages, pages), 0
	case "status":
		return s.statusText(), 0
	case "limits":
		return s.limitsText(), 0
	case "cgroup":
		return []byte("0::/\n"), 0
	case "oom_score", "oom_score_adj":
		return []byte("0\n"), 0
	}
	if s.mm == nil {
		return nil, 0 // a zombie has no memory
	}
	switch name {
	case "auxv":
		return s.mm.image.Auxv, 0
	case "cmdline":
		return s.strings(s.mm.image.ArgStart, s.mm.image.ArgEnd), 0
	case "environ":
		return s.strings(s.mm.image.EnvStart, s.mm.image.EnvEnd), 0
	case "maps":
		return s.maps(false), 0
	case "smaps":
		return s.maps(true), 0
	}
	return nil, syscall.ENOENT
}

// procSnapshot is what is known of a thread at one time.
type procSnapshot struct {
	p                        *Process
	tid                      int
	comm                     string
	state                    byte
	ppid, group, session     int
	threads                  int
	cred                     credentials
	limits                   rlimits
	pending, shared, blocked uint64
	ignored, caught          uint64
	user                     int64 // nanoseconds
	reaped                   int64
	size, peak               uint64
	mm                       *memory
	descriptors              int
	umask                    uint32
}

// release lets go of the process's memory.
func (s *procSnapshot) release() {
	if s.mm != nil {
		s.mm.release()
	}
}

// snapshot looks at the thread tid. The caller releases it.
func (p procProcess) snapshot(tid int) (s procSnapshot, ok bool) {
	files, alive := p.files()
	if alive {
		s.descriptors = len(files.fds.list())
		files.fs.mu.Lock()
		s.umask = files.fs.umask
		files.fs.mu.Unlock()
	}
	p.K.mu.Lock()
	s.p, s.tid, s.state, s.ppid, s.group, s.session = p.Process, tid, 'S', p.ppid(), p.group, p.session
	s.threads, s.cred, s.limits, s.mm, s.shared = len(p.tasks), p.cred, p.limits, p.hold(), p.pending.set
	s.user, s.reaped = p.usage().user, p.reaped.user
	for sig := 1; sig <= numSignals; sig++ {
		switch a := &p.actions[sig]; {
		case a.Handler == sigIgn:
			s.ignored |= sigbit(sig)
		case a.handles():
			s.caught |= sigbit(sig)
		}
	}
	ok = p.zombie && tid == p.Process.Pid
	if ok {
		s.state = 'Z'
	}
	for _, t := range p.tasks {
		if t.TID == tid {
			ok = true
			s.comm, s.pending, s.blocked = string(bytes.TrimRight(t.name[:], "\x00")), t.sig.pending.set, t.sig.mask
			if !t.sleeper.isAsleep() {
				s.state = 'R'
			}
		}
	}
	if p.stopped {
		s.state = 'T'
	}
	p.K.mu.Unlock()
	if s.mm != nil {
		s.size, s.peak = s.mm.Size()
	}
	return s, ok
}

// strings is memory of the process between two addresses. What is not there is empty.
func (s *procSnapshot) strings(start, end uint64) []byte {
	if end < start || end-start > maxArgStrings {
		return nil
	}
	b := make([]byte, end-start)
	if s.mm.CopyIn(b, start) != nil {
		return nil
	}
	return b
}

// ticks are times in the unit of /proc/pid/stat, 1/100 s.
func ticks(ns int64) int64 { return ns / 1e7 }

// stat is /proc/pid/stat (proc_pid_stat(5)).
func (s *procSnapshot) stat() []byte {
	b := fmt.Appendf(nil, "%d (%s) %c %d %d %d 0 -1 4194560 0 0 0 0 %d 0 %d 0 20 0 %d 0 0 %d %d %d", s.tid, s.comm, s.state,
		s.ppid, s.group, s.session, ticks(s.user), ticks(s.reaped), s.threads, s.size, s.size/mem.PageSize, uint64(math.MaxUint64))
	var f [7]uint64 // what is of the program
	if s.mm != nil {
		i := s.mm.image
		f = [7]uint64{i.StartData, i.EndData, i.Brk, i.ArgStart, i.ArgEnd, i.EnvStart, i.EnvEnd}
		b = fmt.Appendf(b, " %d %d %d 0 0", i.StartCode, i.EndCode, i.SP)
	} else {
		b = append(b, " 0 0 0 0 0"...)
	}
	b = fmt.Appendf(b, " %d %d %d %d 0 0 0 17 0 0 0 0 0 0", s.pending&math.MaxInt32, s.blocked&math.MaxInt32,
		s.ignored&math.MaxInt32, s.caught&math.MaxInt32)
	for _, v := range f {
		b = fmt.Appendf(b, " %d", v)
	}
	return append(b, " 0\n"...)
}

// states are the names of states in status.
var states = map[byte]string{'R': "running", 'S': "sleeping", 'T': "stopped", 'Z': "zombie"}

// statusText is /proc/pid/status (proc_pid_status(5)).
func (s *procSnapshot) statusText() []byte {
	b := fmt.Appendf(nil, "Name:\t%s\nUmask:\t%04o\nState:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		s.comm, s.umask, s.state, states[s.state], s.p.Pid, s.tid, s.ppid)
	u, g := s.cred.uid, s.cred.gid
	b = fmt.Appendf(b, "Uid:\t%d\t%d\t%d\t%d\nGid:\t%d\t%d\t%d\t%d\nFDSize:\t%d\nGroups:\t", u.real, u.effective, u.saved, u.fs,
		g.real, g.effective, g.saved, g.fs, max(s.descriptors, 64))
	for _, id := range s.cred.groups {
		b = fmt.Appendf(b, "%d ", id)
	}
	b = fmt.Appendf(b, "\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", s.p.Pid, s.tid, s.group, s.session)
	if s.mm != nil {
		kib := s.size / 1024
		b = fmt.Appendf(b, "VmPeak:\t%8d kB\nVmSize:\t%8d kB\nVmLck:\t%8d kB\nVmHWM:\t%8d kB\nVmRSS:\t%8d kB\nVmSwap:\t%8d kB\n",
			s.peak/1024, kib, 0, kib, kib, 0)
	}
	b = fmt.Appendf(b, "Threads:\t%d\nSigQ:\t0/%d\nSigPnd:\t%016x\nShdPnd:\t%016x\nSigBlk:\t%016x\nSigIgn:\t%016x\nSigCgt:\t%016x\n", s.threads,
		maxPending, s.pending, s.shared, s.blocked, s.ignored, s.caught)
	caps := uint64(0)
	if u.effective == 0 {
		caps = 1<<41 - 1
	}
	return fmt.Appendf(b, "CapInh:\t%016x\nCapPrm:\t%016x\nCapEff:\t%016x\nCapBnd:\t%016x\nCapAmb:\t%016x\nNoNewPrivs:\t1\nSeccomp:\t0\n"+
		"Cpus_allowed:\t%x\nCpus_allowed_list:\t0-%d\nvoluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n",
		0, caps, caps, uint64(1<<41-1), 0, uint64(1)<<min(s.p.K.cfg.CPUs, 63)-1, s.p.K.cfg.CPUs-1)
}

// limitNames are the lines of /proc/pid/limits.
var limitNames = [...]struct {
	resource   int
	name, unit string
}{
	{unix.RLIMIT_CPU, "Max cpu time", "seconds"}, {unix.RLIMIT_FSIZE, "Max file size", "bytes"}, {unix.RLIMIT_DATA, "Max data size", "bytes"},
	{unix.RLIMIT_STACK, "Max stack size", "bytes"}, {unix.RLIMIT_CORE, "Max core file size", "bytes"},
	{unix.RLIMIT_RSS, "Max resident set", "bytes"}, {unix.RLIMIT_NPROC, "Max processes", "processes"},
	{unix.RLIMIT_NOFILE, "Max open files", "files"}, {unix.RLIMIT_MEMLOCK, "Max locked memory", "bytes"},
	{unix.RLIMIT_AS, "Max address space", "bytes"}, {unix.RLIMIT_LOCKS, "Max file locks", "locks"},
	{rlimitSigPending, "Max pending signals", "signals"}, {rlimitMsgQueue, "Max msgqueue size", "bytes"},
	{rlimitNice, "Max nice priority", ""}, {rlimitRTPrio, "Max realtime priority", ""}, {unix.RLIMIT_RTTIME, "Max realtime timeout", "us"},
}

// limitsText is /proc/pid/limits.
func (s *procSnapshot) limitsText() []byte {
	value := func(v uint64) string {
		if v == math.MaxUint64 {
			return "unlimited"
		}
		return fmt.Sprint(v)
	}
	b := fmt.Appendf(nil, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units")
	for _, l := range limitNames {
		b = fmt.Appendf(b, "%-25s %-20s %-20s %-10s\n", l.name, value(s.limits[l.resource].Cur), value(s.limits[l.resource].Max), l.unit)
	}
	return b
}

// maps is /proc/pid/maps, or smaps.
func (s *procSnapshot) maps(usage bool) []byte {
	var b []byte
	for _, v := range s.mm.VMAs() {
		b = v.AppendMaps(b)
		if usage {
			kib := v.Len() / 1024
			b = fmt.Appendf(b, "Size:           %8d kB\nKernelPageSize: %8d kB\nMMUPageSize:    %8d kB\nRss:            %8d kB\nPss:            %8d kB\n",
				kib, s.mm.PageSize()/1024, s.mm.PageSize()/1024, kib, kib)
		}
	}
	return b
}

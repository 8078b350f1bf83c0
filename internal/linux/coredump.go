//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/corefile"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/trap"
)

// Core dumps (core(5)). The kernel's would be of hospes; here is the guest's.

// coreSignals are all signals that by default end a process with a core dump.
const coreSignals = dumpsCore | trap.Unmaskable&^(1<<(unix.SIGSTKFLT-1))

// defaultFilter is /proc/pid/coredump_filter where nobody has changed it. Its bits:
const (
	dumpAnonPrivate = 1 << iota
	dumpAnonShared
	dumpFilePrivate
	dumpFileShared
	dumpELFHeaders

	defaultFilter = 0x33
)

// dumpCore writes a dump if the signal is one for that, and limits allow it. Others that die at the same
// time wait for it.
func (t *Task) dumpCore(info *trap.Info) {
	p := t.P
	if coreSignals&sigbit(info.Signal()) == 0 {
		return
	}
	limit := p.Limit(unix.RLIMIT_CORE)
	name := p.Core
	if name != "" {
		limit = math.MaxInt64
	} else if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || dumpable != 1 || p.ExecOptions == nil {
		return
	}
	if limit < corePageSize {
		return
	}
	if !p.dumping.CompareAndSwap(false, true) {
		t.awaitEnd()
		return
	}
	others := t.restOthers()
	pages := p.openPagemap()
	defer pages.close()
	c := t.core(info, others, pages)
	if others {
		defer p.stop.Release()
	}
	pattern := corePattern()
	if name == "" {
		if name = pattern; strings.HasPrefix(name, "|") { // what the kernel's program gets is of no use
			name = "core"
		}
	}
	f, err := openCore(t.coreName(name, info.Signal(), limit))
	if err != nil {
		return
	}
	_ = c.Write(&limitedFile{f: f, limit: int64(min(limit, math.MaxInt64))})
	_ = f.Close()
	if !strings.HasPrefix(pattern, "|") { // else the kernel would write to the same file
		t.divertKernel(t.coreName(pattern, info.Signal(), limit))
	}
}

// divertKernel has the kernel make its dump of this process, which is to get the given name, elsewhere, and
// empty. There has to be one: the kernel tells the parent of its own dumps only (WCOREDUMP). Where that is
// not possible there is none.
func (t *Task) divertKernel(name string) {
	resource := unix.RLIMIT_FSIZE
	if leaveForDumps(name) != nil {
		resource = unix.RLIMIT_CORE
	}
	var l rlimit
	hostLimit(0, resource, nil, &l)
	l.Cur = 0
	hostLimit(0, resource, &l, nil)
}

// leaveForDumps makes a directory for empty dumps of the given relative name the working directory of
// this thread, which is about to die. It is this user's, and not deleted: nothing of the process outlives the dump.
func leaveForDumps(name string) error {
	if !filepath.IsLocal(name) {
		return errors.New("its place is fixed")
	}
	dir := path.Join(os.TempDir(), "hospes-core-"+strconv.Itoa(os.Geteuid()))
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 {
		return errors.New("somebody else's")
	}
	sweepDumps(dir)
	if err := os.MkdirAll(path.Join(dir, path.Dir(name)), 0o700); err != nil {
		return err
	}
	return unix.Fchdir(fd)
}

// sweepDumps removes old files from the directory: their names differ where the pattern has a process ID.
func sweepDumps(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if i, err := e.Info(); err == nil && time.Since(i.ModTime()) > time.Minute {
			_ = os.Remove(path.Join(dir, e.Name())) // of directories, empty ones
		}
	}
}

// corePageSize is the least limit with which the kernel dumps.
const corePageSize = 4096

// awaitEnd waits until another thread has ended the process.
func (t *Task) awaitEnd() {
	for !t.P.ending.Load() {
		if t.P.stop.Ordered() {
			t.gate.Park(&t.P.stop)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// restOthers has all other threads wait until p.stop is released, at exact states. It fails if that
// cannot be, as when the process is ending, or one sleeps until its child has memory of its own.
func (t *Task) restOthers() bool {
	p := t.P
	for !p.ending.Load() {
		p.mu.Lock()
		vforks := p.vforks
		p.mu.Unlock()
		if vforks > 0 || p.vfork != nil {
			return false
		}
		if _, ok := p.stopOthers(t); ok {
			return true
		}
		if p.stop.Ordered() {
			t.gate.Park(&p.stop)
		}
	}
	return false
}

// core is the dump of t's process, with its other threads if they are at rest.
func (t *Task) core(info *trap.Info, others bool, pages *pagemap) *corefile.Core {
	p := t.P
	pgrp, _ := unix.Getpgid(0)
	sid, _ := unix.Getsid(0)
	c := &corefile.Core{
		Machine: p.Arch.Machine(), Siginfo: *info, Auxv: p.Image.Auxv, PageSize: p.Mem.PageSize(),
		Process: corefile.Process{
			UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), PID: p.Pid(), PPID: os.Getppid(), PGRP: pgrp, SID: sid,
			Name: commOf(t.TID), Args: strings.Join(p.Argv, " "),
		},
		Threads: []corefile.Thread{t.coreThread(info.Signal())}, // which all are said to get
	}
	if others {
		p.mu.Lock()
		for _, o := range p.tasks {
			if o != t {
				c.Threads = append(c.Threads, o.coreThread(info.Signal()))
			}
		}
		p.mu.Unlock()
	}
	filter := coreFilter()
	for _, v := range p.Mem.VMAs() {
		s := corefile.Segment{Start: v.Start, End: v.End, Prot: uint32(v.Prot), Dump: p.dumped(&v, filter, pages), Offset: v.Offset}
		if v.File != nil {
			s.File = v.File.Path
		}
		c.Segments = append(c.Segments, s)
	}
	c.Read = func(b []byte, addr uint64) bool { return pages.touched(addr) && p.Mem.CopyIn(b, addr) == nil }
	return c
}

// coreThread is what a dump says of a thread that is at rest.
func (t *Task) coreThread(sig int) corefile.Thread {
	return corefile.Thread{
		TID: t.TID, Signal: sig, Blocked: t.sig.mask,
		GP: t.CPU.Regset(guest.NT_PRSTATUS), FP: t.CPU.Regset(guest.NT_PRFPREG),
	}
}

// dumped is how many bytes of a mapping are dumped (vma_dump_size of the kernel).
func (p *Process) dumped(v *mem.VMA, filter uint64, pages *pagemap) uint64 {
	all := func(bit uint64) uint64 {
		if filter&bit != 0 {
			return v.Len()
		}
		return 0
	}
	switch {
	case v.Name == "[vdso]":
		return v.Len()
	case v.File == nil && v.Shared:
		return all(dumpAnonShared)
	case v.File == nil:
		return all(dumpAnonPrivate)
	case v.Shared:
		return all(dumpFileShared)
	case filter&dumpAnonPrivate != 0 && pages.written(v):
		return v.Len()
	case filter&dumpFilePrivate != 0:
		return v.Len()
	case filter&dumpELFHeaders != 0 && v.Offset == 0:
		var magic [4]byte
		if p.Mem.CopyIn(magic[:], v.Start) == nil && string(magic[:]) == "\x7fELF" {
			return min(v.Len(), p.Mem.PageSize())
		}
	}
	return 0
}

// coreFilter is /proc/self/coredump_filter.
func coreFilter() uint64 {
	b, err := os.ReadFile("/proc/self/coredump_filter")
	n, e := strconv.ParseUint(strings.TrimSpace(string(b)), 16, 64)
	if err != nil || e != nil {
		return defaultFilter
	}
	return n
}

func commOf(tid int) string {
	b, _ := os.ReadFile("/proc/self/task/" + strconv.Itoa(tid) + "/comm")
	return strings.TrimSuffix(string(b), "\n")
}

// pagemap reads /proc/self/pagemap, which tells of each page what is there: reading all of large
// reservations would take long.
type pagemap struct {
	p     *Process
	file  *os.File // nil if nothing is known
	base  uint64   // host address of guest address 0
	first uint64   // page that buf begins with
	buf   []byte
}

func (p *Process) openPagemap() *pagemap {
	base, limit := p.Mem.Mapping().Window()
	if _, divided := p.Mem.Mapping().(mem.Divided); divided || limit == 0 {
		return &pagemap{p: p}
	}
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		f = nil
	}
	return &pagemap{p: p, file: f, base: uint64(base)}
}

func (m *pagemap) close() {
	if m.file != nil {
		_ = m.file.Close()
	}
}

// Bits of an entry of pagemap.
const (
	pageThere  = 3 << 62 // it is in memory, or swapped out
	pageShared = 1 << 61 // it is a file's, or shared
)

// entry is that of a page, if it is known.
func (m *pagemap) entry(addr uint64) (e uint64, known bool) {
	if m.file == nil {
		return 0, false
	}
	n := (m.base + addr) / mem.PageSize
	if n < m.first || n-m.first >= uint64(len(m.buf)/8) {
		m.first, m.buf = n, make([]byte, 4096)
		got, _ := m.file.ReadAt(m.buf, int64(8*n))
		m.buf = m.buf[:got&^7]
	}
	if at := 8 * (n - m.first); at < uint64(len(m.buf)) {
		return binary.NativeEndian.Uint64(m.buf[at:]), true
	}
	return 0, false
}

// touched reports whether a page of anonymous memory was accessed; of all other memory it says so.
func (m *pagemap) touched(addr uint64) bool {
	if v, ok := m.p.Mem.Lookup(addr); !ok || v.File != nil || v.Shared {
		return true
	}
	e, known := m.entry(addr)
	return !known || e&pageThere != 0
}

// written reports whether a private mapping of a file has pages that differ from that.
func (m *pagemap) written(v *mem.VMA) bool {
	for addr := v.Start; addr < v.End; addr += mem.PageSize {
		switch e, known := m.entry(addr); {
		case !known:
			return v.Prot&mem.Exec == 0
		case e&pageThere != 0 && e&pageShared == 0:
			return true
		}
	}
	return false
}

// corePattern is what the host does with dumps: the name of a file, or a program behind "|".
func corePattern() string {
	b, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	pattern := strings.TrimSuffix(string(b), "\n")
	if err != nil || pattern == "" {
		return "core"
	}
	if uses, _ := os.ReadFile("/proc/sys/kernel/core_uses_pid"); len(uses) > 0 && uses[0] == '1' && pattern[0] != '|' && !strings.Contains(pattern, "%p") {
		pattern += ".%p"
	}
	return pattern
}

// coreName replaces what a pattern has behind percent signs.
func (t *Task) coreName(pattern string, sig int, limit uint64) string {
	var uts unix.Utsname
	_ = unix.Uname(&uts)
	bang := func(s string) string { return strings.ReplaceAll(s, "/", "!") }
	values := map[byte]string{
		'%': "%", 'p': strconv.Itoa(os.Getpid()), 'P': strconv.Itoa(os.Getpid()), 'i': strconv.Itoa(t.TID), 'I': strconv.Itoa(t.TID),
		'u': strconv.Itoa(os.Getuid()), 'g': strconv.Itoa(os.Getgid()), 'd': "1", 's': strconv.Itoa(sig), 't': strconv.FormatInt(time.Now().Unix(), 10),
		'h': bang(unix.ByteSliceToString(uts.Nodename[:])), 'e': bang(commOf(t.TID)), 'f': path.Base(t.P.Exe), 'E': bang(t.P.Exe),
		'c': strconv.FormatUint(limit, 10),
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' {
			b.WriteByte(pattern[i])
		} else if i++; i < len(pattern) {
			b.WriteString(values[pattern[i]])
		}
	}
	return b.String()
}

// openCore opens the file of a dump as the kernel does: it must be a regular one with one name, of this user.
func openCore(name string) (*os.File, error) {
	fd, err := unix.Open(name, unix.O_CREAT|unix.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && (st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink != 1 || int(st.Uid) != os.Geteuid()) {
		err = errors.New("not a file for a dump")
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// limitedFile is a file that is cut off by RLIMIT_CORE.
type limitedFile struct {
	f         *os.File
	at, limit int64
}

var errLimit = errors.New("limit of dumps")

func (l *limitedFile) Write(b []byte) (int, error) {
	n, err := l.f.Write(b[:max(min(int64(len(b)), l.limit-l.at), 0)])
	l.at += int64(n)
	if err == nil && n < len(b) {
		err = errLimit
	}
	return n, err
}

func (l *limitedFile) Seek(offset int64, whence int) (at int64, err error) {
	l.at, err = l.f.Seek(offset, whence)
	return l.at, err
}

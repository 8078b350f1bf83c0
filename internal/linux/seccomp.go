//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/ptrace"
	"github.com/hospes-vm/hospes/internal/seccomp"
	"github.com/hospes-vm/hospes/internal/trap"
)

// Secure computing (seccomp(2)). The guest's filters look at the guest's own system
// calls, by the guest's numbers, so they are evaluated here; the host knows nothing
// of them. What may install one, what inherits it, and what its actions do is as in
// the kernel (kernel/seccomp.c).

// secureState is what a thread has said about its system calls. It never changes, so
// that threads share it.
type secureState struct {
	mode   int             // SECCOMP_MODE_...
	filter *seccomp.Filter // of SECCOMP_MODE_FILTER
}

// Flags of SECCOMP_SET_MODE_FILTER.
const (
	seccompFlagsKnown = unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_LOG |
		unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
	sysSeccompCode = 1 // SYS_SECCOMP: si_code of SIGSYS
)

// carryOut performs a system call, if the thread's filters let it.
func (t *Task) carryOut(c *Call) (uint64, syscall.Errno) {
	if s := t.secure.Load(); s != nil && !c.allowed {
		if r, e, denied := t.filterCall(s, c); denied {
			return r, e
		}
		c.allowed = true
	}
	return t.do(c)
}

// filterCall does what the thread's mode says about a call. If denied is true the
// call is not to be made, and r and e are its result.
func (t *Task) filterCall(s *secureState, c *Call) (r uint64, e syscall.Errno, denied bool) {
	if s.mode == unix.SECCOMP_MODE_STRICT {
		switch c.Row.Name {
		case "read", "write", "exit", "rt_sigreturn":
			return 0, 0, false
		}
		t.dieThread(int(unix.SIGKILL))
		return 0, errNoResult, true
	}
	data := t.seccompData(c)
	switch a := s.filter.Evaluate(&data); a.Kind() {
	case seccomp.Allow, seccomp.Log:
		return 0, 0, false
	case seccomp.Errno:
		return 0, syscall.Errno(min(a.Data(), maxErrno)), true
	case seccomp.Trace:
		return t.askTracer(s, c, a)
	case seccomp.UserNotif: // there is nobody to ask
		return 0, syscall.ENOSYS, true
	case seccomp.Trap:
		return 0, t.trapSeccomp(&data, a), true
	case seccomp.KillThread:
		t.dieThread(int(unix.SIGSYS))
	default:
		info := seccompInfo(&data, a)
		t.die(&info)
	}
	return 0, errNoResult, true
}

// askTracer is the action SECCOMP_RET_TRACE: the tracer may change the call, whose new
// form has to pass the filters too, or skip it. Without a tracer that wants to be asked
// the call fails.
func (t *Task) askTracer(s *secureState, c *Call, a seccomp.Action) (r uint64, e syscall.Errno, denied bool) {
	switch {
	case c.asked:
		return 0, 0, false
	case !t.wantsEvent(ptrace.EventSeccomp):
		return 0, syscall.ENOSYS, true
	}
	c.asked = true
	if result, made := t.seccompStop(c, uint64(a.Data())); !made {
		return result, 0, true
	}
	return t.filterCall(s, c)
}

const maxErrno = 4095

// seccompData is what a filter gets to see of a call.
func (t *Task) seccompData(c *Call) seccomp.Data {
	return seccomp.Data{
		Nr: int32(c.Row.Nr), Arch: t.P.Arch.AuditArch(), InstructionPointer: t.CPU.PC(), Args: c.Args,
	}
}

// trapSeccomp is the action SECCOMP_RET_TRAP: SIGSYS, with the registers as they
// were when the call was made.
func (t *Task) trapSeccomp(data *seccomp.Data, a seccomp.Action) syscall.Errno {
	if !t.host.Freeze() {
		return ERESTARTNOINTR // the signal that has just arrived goes first; the call will be filtered again
	}
	info := seccompInfo(data, a)
	t.forceSignal(&info)
	return errNoResult
}

// seccompInfo is the siginfo_t of a SIGSYS.
func seccompInfo(data *seccomp.Data, a seccomp.Action) (info trap.Info) {
	info = kernelInfo(int(unix.SIGSYS), sysSeccompCode, data.InstructionPointer)
	binary.LittleEndian.PutUint32(info[4:], uint32(a.Data()))
	binary.LittleEndian.PutUint32(info[24:], uint32(data.Nr))
	binary.LittleEndian.PutUint32(info[28:], data.Arch)
	return info
}

// dieThread ends the thread as by exit(2) with a wait status that says that a signal
// killed it; that is seen if it is the last one.
func (t *Task) dieThread(sig int) {
	if t.leave() {
		t.P.end(Status{Signal: sig})
	}
	t.exiting = true
}

func sysSeccomp(t *Task, c *Call) (uint64, syscall.Errno) {
	switch op, flags, args := c.Uint(0), c.Uint(1), c.Args[2]; op {
	case unix.SECCOMP_SET_MODE_STRICT:
		if flags != 0 || args != 0 {
			return 0, syscall.EINVAL
		}
		return 0, t.setStrict()
	case unix.SECCOMP_SET_MODE_FILTER:
		return t.setFilter(flags, args)
	case unix.SECCOMP_GET_ACTION_AVAIL:
		if flags != 0 {
			return 0, syscall.EINVAL
		}
		a, f := t.Mem.Load(args, 4)
		if f != nil {
			return 0, syscall.EFAULT
		}
		if !seccomp.Action(a).Known() {
			return 0, syscall.EOPNOTSUPP
		}
		return 0, 0
	case unix.SECCOMP_GET_NOTIF_SIZES:
		if flags != 0 {
			return 0, syscall.EINVAL
		}
		return 0, faultErrno(t.Mem.WriteObject(args, [3]uint16{sizeofNotif, sizeofNotifResp, seccomp.DataSize}))
	}
	return 0, syscall.EINVAL
}

// Sizes of struct seccomp_notif and struct seccomp_notif_resp.
const (
	sizeofNotif     = 80
	sizeofNotifResp = 24
)

// prctlSetSeccomp is the older way to the two modes.
func prctlSetSeccomp(t *Task, c *Call) (uint64, syscall.Errno) {
	switch c.Args[1] {
	case unix.SECCOMP_MODE_STRICT:
		return 0, t.setStrict()
	case unix.SECCOMP_MODE_FILTER:
		return t.setFilter(0, c.Args[2])
	}
	return 0, syscall.EINVAL
}

// secureMode is the thread's mode.
func (t *Task) secureMode() int {
	if s := t.secure.Load(); s != nil {
		return s.mode
	}
	return unix.SECCOMP_MODE_DISABLED
}

func (t *Task) setStrict() syscall.Errno {
	if t.secureMode() == unix.SECCOMP_MODE_FILTER {
		return syscall.EINVAL
	}
	t.secure.Store(&secureState{mode: unix.SECCOMP_MODE_STRICT})
	return 0
}

// setFilter installs the program in the struct sock_fprog at an address.
func (t *Task) setFilter(flags uint32, addr uint64) (uint64, syscall.Errno) {
	const tsync, esrch = unix.SECCOMP_FILTER_FLAG_TSYNC, unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
	if flags&^seccompFlagsKnown != 0 {
		return 0, syscall.EINVAL
	}
	program, e := t.readFilter(addr)
	if e != 0 {
		return 0, e
	}
	p := t.P
	p.mu.Lock()
	defer p.mu.Unlock()
	old := t.secure.Load().filterOf()
	f, err := seccomp.Append(old, program, false)
	switch {
	case err == seccomp.ErrTooLong:
		return 0, syscall.ENOMEM
	case err != nil:
		return 0, syscall.EINVAL
	}
	if flags&tsync != 0 {
		if tid := p.otherFilters(old); tid != 0 && flags&esrch != 0 {
			return 0, syscall.ESRCH
		} else if tid != 0 {
			return uint64(tid), 0
		}
	}
	s := &secureState{unix.SECCOMP_MODE_FILTER, f}
	t.secure.Store(s)
	if flags&tsync != 0 {
		for _, other := range p.tasks {
			other.secure.Store(s)
		}
	}
	return 0, 0
}

// otherFilters returns the ID of a thread that has filters of its own, other than
// those of the chain f and its beginnings, or 0. It is called with p.mu locked.
func (p *Process) otherFilters(f *seccomp.Filter) int {
	for tid, t := range p.tasks {
		if s := t.secure.Load(); s != nil && (s.mode != unix.SECCOMP_MODE_FILTER || !f.Extends(s.filter)) {
			return tid
		}
	}
	return 0
}

// filterOf is the filter of a state, which may be nil.
func (s *secureState) filterOf() *seccomp.Filter {
	if s == nil {
		return nil
	}
	return s.filter
}

// readFilter reads a struct sock_fprog and its program, if the thread may install
// filters: those of one without privileges must not outlive execve of a set-ID program.
func (t *Task) readFilter(addr uint64) ([]seccomp.Instruction, syscall.Errno) {
	var fprog struct {
		Len    uint16
		_      [6]byte
		Filter uint64
	}
	if t.Mem.ReadObject(addr, &fprog) != nil {
		return nil, syscall.EFAULT
	}
	if fprog.Len == 0 || fprog.Len > seccomp.MaxInstructions {
		return nil, syscall.EINVAL
	}
	if prctl(unix.PR_GET_NO_NEW_PRIVS, 0, 0) != 1 && !capable(unix.CAP_SYS_ADMIN) {
		return nil, syscall.EACCES
	}
	if fprog.Filter == 0 {
		return nil, syscall.EINVAL
	}
	b := make([]byte, int(fprog.Len)*seccomp.InstructionSize)
	if t.Mem.CopyIn(b, fprog.Filter) != nil {
		return nil, syscall.EFAULT
	}
	return seccomp.Decode(b), 0
}

// filterFile returns a file that holds the thread's filters, for the next program,
// and its descriptor, which stays open over execve; -1 if there are none.
func (t *Task) filterFile() (int, syscall.Errno) {
	f := t.secure.Load().filterOf()
	if f == nil {
		return -1, 0
	}
	b, _ := f.MarshalBinary() // never fails
	fd, err := unix.MemfdCreate("seccomp", 0)
	if err != nil {
		return -1, errnoOf(err)
	}
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if err != nil {
			_ = unix.Close(fd)
			return -1, errnoOf(err)
		}
		b = b[n:]
	}
	return fd, 0
}

// takeFilters reads and closes a file of filterFile.
func takeFilters(fd int) (*secureState, error) {
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Size > maxFilterFile {
		return nil, errExecState
	}
	b := make([]byte, st.Size)
	if n, err := unix.Pread(fd, b, 0); err != nil || n < len(b) {
		return nil, errExecState
	}
	f, err := seccomp.Unmarshal(b)
	if err != nil || f == nil {
		return nil, errExecState
	}
	return &secureState{unix.SECCOMP_MODE_FILTER, f}, nil
}

// maxFilterFile is more than the filters of one thread can take, in bytes.
const maxFilterFile = 16 * mem.PageSize * seccomp.InstructionSize

// secureStatus is what /proc/pid/status says of a thread: its mode and the number of
// its filters. Thread 0 is the first one.
func (p *Process) secureStatus(tid int) (mode, filters string) {
	if tid == 0 {
		tid = p.Pid()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var s *secureState
	if t := p.tasks[tid]; t != nil {
		s = t.secure.Load()
	}
	if s == nil {
		return "0", "0"
	}
	return strconv.Itoa(s.mode), strconv.Itoa(s.filter.Len())
}

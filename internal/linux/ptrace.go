//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/ptrace"
	"github.com/hospes-vm/hospes/internal/trap"
)

// ptrace(2), the tracer's side: the work is done in package ptrace.

// Requests that package unix does not have for every machine.
const (
	ptraceSysemu         = 31
	ptraceSysemuStep     = 32
	ptraceSetSyscallInfo = 0x4212
)

// ptraceRequest serves a request for a stopped tracee.
type ptraceRequest func(t *Task, d *ptrace.Tracee, addr, data uint64) (uint64, syscall.Errno)

var ptraceRequests = map[int]ptraceRequest{
	unix.PTRACE_PEEKTEXT: ptracePeek,
	unix.PTRACE_PEEKDATA: ptracePeek,
	unix.PTRACE_POKETEXT: ptracePoke,
	unix.PTRACE_POKEDATA: ptracePoke,

	unix.PTRACE_CONT:       ptraceResume(ptrace.Cont),
	unix.PTRACE_SYSCALL:    ptraceResume(ptrace.Syscall),
	unix.PTRACE_SINGLESTEP: ptraceResume(ptrace.Step),
	ptraceSysemu:           ptraceResume(ptrace.Sysemu),
	ptraceSysemuStep:       ptraceResume(ptrace.SysemuStep),
	unix.PTRACE_DETACH: func(_ *Task, d *ptrace.Tracee, _, data uint64) (uint64, syscall.Errno) {
		return 0, d.Detach(signalNumber(data))
	},
	unix.PTRACE_LISTEN: func(_ *Task, d *ptrace.Tracee, _, _ uint64) (uint64, syscall.Errno) {
		return 0, d.Listen()
	},

	unix.PTRACE_SETOPTIONS: func(_ *Task, d *ptrace.Tracee, _, data uint64) (uint64, syscall.Errno) {
		return 0, d.SetOptions(data)
	},
	unix.PTRACE_GETEVENTMSG: func(t *Task, d *ptrace.Tracee, _, data uint64) (uint64, syscall.Errno) {
		return 0, faultErrno(t.Mem.Store(data, 8, d.Message()))
	},
	unix.PTRACE_GETSIGINFO:       ptraceGetInfo,
	unix.PTRACE_SETSIGINFO:       ptraceSetInfo,
	unix.PTRACE_PEEKSIGINFO:      ptracePeekInfo,
	unix.PTRACE_GETSIGMASK:       ptraceGetMask,
	unix.PTRACE_SETSIGMASK:       ptraceSetMask,
	unix.PTRACE_GETREGSET:        ptraceGetRegset,
	unix.PTRACE_SETREGSET:        ptraceSetRegset,
	unix.PTRACE_GET_SYSCALL_INFO: ptraceGetCall,
	ptraceSetSyscallInfo:         ptraceSetCall,
}

func sysPtrace(t *Task, c *Call) (uint64, syscall.Errno) {
	request, pid, g := int(int64(c.Args[0])), c.Int(1), &t.P.tracees
	switch request {
	case unix.PTRACE_TRACEME:
		return 0, t.traceMe()
	case unix.PTRACE_ATTACH:
		return 0, g.Attach(pid, false, 0)
	case unix.PTRACE_SEIZE:
		if c.Args[2] != 0 {
			return 0, syscall.EIO
		}
		if e := ptrace.CheckOptions(c.Args[3]); e != 0 {
			if e == syscall.EINVAL {
				e = syscall.EIO
			}
			return 0, e
		}
		return 0, g.Attach(pid, true, uint32(c.Args[3]))
	case unix.PTRACE_INTERRUPT:
		return 0, g.Interrupt(pid)
	case unix.PTRACE_KILL:
		return 0, g.Kill(pid)
	}
	d, e := g.Tracee(pid)
	if e != 0 {
		return 0, e
	}
	do := ptraceRequests[request]
	if do == nil {
		return 0, syscall.EIO
	}
	return do(t, d, c.Args[2], c.Args[3])
}

// signalNumber keeps numbers that are none what they are.
func signalNumber(data uint64) int {
	if data > numSignals {
		return numSignals + 1
	}
	return int(data)
}

func ptraceResume(mode ptrace.Mode) ptraceRequest {
	return func(_ *Task, d *ptrace.Tracee, _, data uint64) (uint64, syscall.Errno) {
		return 0, d.Resume(mode, signalNumber(data))
	}
}

func ptracePeek(t *Task, d *ptrace.Tracee, addr, data uint64) (uint64, syscall.Errno) {
	var b [8]byte
	if d.Read(b[:], addr) < len(b) {
		return 0, syscall.EIO
	}
	return 0, faultErrno(t.Mem.CopyOut(data, b[:]))
}

func ptracePoke(_ *Task, d *ptrace.Tracee, addr, data uint64) (uint64, syscall.Errno) {
	if d.Write(addr, binary.LittleEndian.AppendUint64(nil, data)) < 8 {
		return 0, syscall.EIO
	}
	return 0, 0
}

func ptraceGetInfo(t *Task, d *ptrace.Tracee, _, data uint64) (uint64, syscall.Errno) {
	info, e := d.Info()
	if e != 0 {
		return 0, e
	}
	return 0, faultErrno(t.Mem.CopyOut(data, info[:]))
}

func ptraceSetInfo(t *Task, d *ptrace.Tracee, _, data uint64) (uint64, syscall.Errno) {
	var info trap.Info
	if t.Mem.CopyIn(info[:], data) != nil {
		return 0, syscall.EFAULT
	}
	return 0, d.SetInfo(&info)
}

// ptracePeekInfo reads struct ptrace_peeksiginfo_args: off, flags, nr.
func ptracePeekInfo(t *Task, d *ptrace.Tracee, addr, data uint64) (uint64, syscall.Errno) {
	var a struct {
		Off   uint64
		Flags uint32
		N     int32
	}
	switch {
	case t.Mem.ReadObject(addr, &a) != nil:
		return 0, syscall.EFAULT
	case a.Flags&^uint32(unix.PTRACE_PEEKSIGINFO_SHARED) != 0, a.N < 0:
		return 0, syscall.EINVAL
	}
	list, e := d.PeekInfos(a.Off, a.Flags, min(int(a.N), 1024))
	for i := range list {
		if t.Mem.CopyOut(data+uint64(i*len(list[i])), list[i][:]) != nil {
			if i > 0 {
				return uint64(i), 0
			}
			return 0, syscall.EFAULT
		}
	}
	return uint64(len(list)), e
}

func ptraceGetMask(t *Task, d *ptrace.Tracee, addr, data uint64) (uint64, syscall.Errno) {
	if addr != sigsetSize {
		return 0, syscall.EINVAL
	}
	return 0, faultErrno(t.Mem.Store(data, sigsetSize, d.SigMask()))
}

func ptraceSetMask(t *Task, d *ptrace.Tracee, addr, data uint64) (uint64, syscall.Errno) {
	if addr != sigsetSize {
		return 0, syscall.EINVAL
	}
	mask, f := t.Mem.Load(data, sigsetSize)
	if f != nil {
		return 0, syscall.EFAULT
	}
	d.SetSigMask(mask &^ unblockable)
	return 0, 0
}

// regset finds the set of registers and the caller's memory for it, whose length is a
// number of whole words. The struct iovec at data gets the length that is used.
func (t *Task) regset(d *ptrace.Tracee, note, data uint64) (set []byte, base uint64, e syscall.Errno) {
	var v guestIovec
	var b [iovecSize]byte
	if t.Mem.CopyIn(b[:], data) != nil {
		return nil, 0, syscall.EFAULT
	}
	v.base, v.n = binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])
	set = d.Regset(note)
	switch {
	case set == nil, v.n%8 != 0:
		return nil, 0, syscall.EINVAL
	case len(set) == 0:
		return nil, 0, syscall.EIO // it has not told anything yet
	}
	set = set[:min(uint64(len(set)), v.n)]
	return set, v.base, faultErrno(t.Mem.Store(data+8, 8, uint64(len(set))))
}

func ptraceGetRegset(t *Task, d *ptrace.Tracee, addr, data uint64) (uint64, syscall.Errno) {
	set, base, e := t.regset(d, addr, data)
	if e != 0 {
		return 0, e
	}
	return 0, faultErrno(t.Mem.CopyOut(base, set))
}

func ptraceSetRegset(t *Task, d *ptrace.Tracee, addr, data uint64) (uint64, syscall.Errno) {
	set, base, e := t.regset(d, addr, data)
	if e != 0 {
		return 0, e
	}
	if t.Mem.CopyIn(set, base) != nil {
		return 0, syscall.EFAULT
	}
	d.Changed(addr)
	return 0, 0
}

func ptraceGetCall(t *Task, d *ptrace.Tracee, addr, data uint64) (uint64, syscall.Errno) {
	b := d.SyscallInfo()
	if t.Mem.CopyOut(data, b[:min(uint64(len(b)), addr)]) != nil {
		return 0, syscall.EFAULT
	}
	return uint64(len(b)), 0
}

func ptraceSetCall(t *Task, d *ptrace.Tracee, addr, data uint64) (uint64, syscall.Errno) {
	b := make([]byte, min(addr, 88))
	if t.Mem.CopyIn(b, data) != nil {
		return 0, syscall.EFAULT
	}
	return 0, d.SetSyscallInfo(b)
}

//go:build linux && amd64

package ptrace

// Record is what tracee and tracer tell each other. It lies in the tracee's memory.
type Record struct {
	Version uint32

	// What the tracee says.

	Kind     Kind
	Event    uint32    // Event: PTRACE_EVENT_*
	Pass     uint32    // a signal that the thread is about to send itself for its effect on the host; 0 for none
	Native   uint32    // 1: all signals are for the host, the thread is on its way out
	GPLen    uint32    // bytes in GP
	FPLen    uint32    // bytes in FP
	Arch     uint32    // AUDIT_ARCH_*
	Child    uint32    // Event: process ID of the child in Message
	Message  uint64    // what PTRACE_GETEVENTMSG returns
	PC, SP   uint64    // also in GP
	SigMask  uint64    // the blocked signals
	Info     [128]byte // siginfo_t of the signal, or as PTRACE_GETSIGINFO shows the stop
	GP       [512]byte // NT_PRSTATUS
	FP       [640]byte // NT_PRFPREG
	Nr       uint64    // SyscallEntry, and a seccomp event: number
	Args     [6]uint64 // and arguments
	Result   int64     // SyscallExit
	Returned uint64    // SECCOMP_RET_DATA of a seccomp event
	Reason   Reason    // Signal: SIGTRAP for the sake of a debugger
	Data     uint64    // Watched: the address of the access

	// What the tracer says.

	Answered uint32 // 1 if there is a tracer
	Mode     Mode   // how to go on
	Signal   uint32 // signal to be delivered; 0 for none
	Options  uint32 // PTRACE_O_*
	Seized   uint32 // 1 after PTRACE_SEIZE
	Dirty    uint32 // what the tracer has changed
	Tracer   uint32 // process ID of the tracer
	UID      uint32 // and its user

	From, To uint64 // Step: it goes on while the pc is in [From, To)

	NumPoints uint32 // Serve
	More      uint32 // 1 if there are more than these
	Points    [64]Point
}

// Point is a breakpoint or a watchpoint. All threads that share memory have the same.
type Point struct {
	Addr uint64
	Len  uint32 // of what is watched, in bytes
	Prot uint32 // PROT_EXEC of a breakpoint; which accesses are watched
}

// Reason is why a thread stops that has got no signal from anybody.
type Reason uint32

const (
	NoReason Reason = iota
	Stepped         // it has executed what it was to
	Broken          // it is at a breakpoint
	Watched         // it has accessed what is watched
)

// Version is that of the layout and meaning of Record.
const Version = 2

// Kind is why a tracee stops.
type Kind uint32

const (
	Ask          Kind = 1 + iota // the tracer has asked for it
	Born                         // a new thread or process, before its first instruction
	Exec                         // a new program, before its first instruction
	Native                       // the thread is about to execute a program of the host
	SyscallEntry                 // before a system call
	SyscallExit                  // after a system call
	Signal                       // before the signal in Info has its effect
	Event                        // another of PTRACE_EVENT_*
	Group                        // the thread is about to stop with its process
)

// Mode is how a tracee goes on.
type Mode uint32

const (
	Cont       Mode = iota
	Syscall         // up to the next system call or its end
	Step            // for one instruction
	Sysemu          // up to the next system call, which is not made
	SysemuStep      // for one instruction; a system call is not made
	Detached        // without a tracer
	Serve           // not: it is to take over Points, and stops again
)

// Steps reports whether the tracee stops after an instruction.
func (m Mode) Steps() bool { return m == Step || m == SysemuStep }

// Emulates reports whether system calls are left to the tracer.
func (m Mode) Emulates() bool { return m == Sysemu || m == SysemuStep }

// Bits of Record.Dirty.
const (
	DirtyGP   = 1 << iota // general registers
	DirtyFP               // floating-point registers
	DirtyCode             // memory, which may be code
	DirtyMask             // the signal mask
	DirtyCall             // Nr, Args or Result
)

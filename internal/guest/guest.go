// Package guest is the contract between a guest instruction set and everything
// above it: the engine, the loader and the Linux personality know a guest only
// through these types. Nothing here may name one instruction set, and nothing
// here may import an implementation of one.
//
// Signal numbers and si_code values are Linux's own (asm-generic), because every
// trap of a Linux guest ends as one.
package guest

import (
	"debug/elf"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/irq"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Arch describes one guest instruction set under Linux. Implementations are
// stateless and safe for concurrent use.
type Arch interface {
	// Name is the machine field of uname(2), such as "riscv64".
	Name() string

	// Machine is e_machine of its programs.
	Machine() elf.Machine

	// CheckELF reports why a program with this header cannot run here; nil means it can.
	// It is called after class and byte order have been checked.
	CheckELF(machine elf.Machine, flags uint32) error

	// Sysroots are the directories in which distributions put the libraries of
	// this architecture for cross-compilation.
	Sysroots() []string

	// NewCPU returns a hart with all registers zero, executing from as.
	NewCPU(as *mem.Space) CPU

	// HWCap and HWCap2 are AT_HWCAP and AT_HWCAP2: exactly what works.
	HWCap() uint64
	HWCap2() uint64

	// AuditArch is the AUDIT_ARCH_ number of linux/audit.h.
	AuditArch() uint32

	// Platform is AT_PLATFORM; empty means the auxv entry is absent.
	Platform() string

	// MinSigStackSize is AT_MINSIGSTKSZ in bytes.
	MinSigStackSize() uint64

	// VDSO is a complete position-independent ELF image to map into the address space
	// of a process.
	VDSO(*mem.Space) []byte

	// CPUInfo is the text of /proc/cpuinfo for a machine with n harts, on which the
	// process has an address space.
	CPUInfo(as *mem.Space, n int) []byte

	// Features are the registers, as debuggers know them.
	Features() []Feature

	// Syscalls are the system calls that exist on this instruction set only
	// (Linux reserves numbers 244 to 259 of the generic table for them).
	Syscalls() []Syscall
}

// Syscall is one architecture-specific row of the system call table.
type Syscall struct {
	Nr   uint64
	Name string
	// Args is the argument specification, in the form that package linux's table uses.
	Args string
	// Do performs the call; the result is what the kernel would leave in the
	// result register (negative errno on failure).
	Do func(c CPU, as *mem.Space, args [6]uint64) int64
}

// ExitKind says why CPU.Run came back.
type ExitKind uint8

const (
	// ExitInterrupt: the interrupt word was set; the state is at a block boundary.
	ExitInterrupt ExitKind = iota
	// ExitSyscall: a system call instruction has executed; PC is behind it.
	ExitSyscall
	// ExitTrap: an instruction trapped; PC is at that instruction and the
	// state is exact: everything before it has happened, nothing after.
	ExitTrap
	// ExitHot: the code at PC has been executed often enough to be translated; the state
	// is at a block boundary. Only a Translatable that has been told to returns it.
	ExitHot
	// ExitLimit: as many instructions have been executed as CPU.SetLimit allows.
	ExitLimit
	// ExitFailed: hospes itself has failed, and has said how; the guest is to end.
	ExitFailed
	// ExitBreak: there is a breakpoint at PC (mem.Space.SetBreaks), or in the midst of the
	// instruction there, which has not been executed.
	ExitBreak
)

// Exit is the reason why CPU.Run came back. Trap is valid for ExitTrap.
type Exit struct {
	Kind ExitKind
	Trap Trap
}

// Access is an access to memory of Size bytes; 0 is none.
type Access struct {
	Addr        uint64
	Size        uint64
	Read, Write bool
}

// Trap is a synchronous exception as Linux reports it: signal, si_code, si_addr.
type Trap struct {
	Signal int    // SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE
	Code   int32  // SEGV_MAPERR, ILL_ILLOPC, ...
	Addr   uint64 // si_addr
}

// Linux signal numbers and si_codes that traps use (asm-generic/siginfo.h).
const (
	SIGILL  = 4
	SIGTRAP = 5
	SIGBUS  = 7
	SIGFPE  = 8
	SIGSEGV = 11

	ILL_ILLOPC  = 1
	TRAP_BRKPT  = 1
	TRAP_TRACE  = 2
	TRAP_HWBKPT = 4
	BUS_ADRALN  = 1
	BUS_ADRERR  = 2
	SEGV_MAPERR = 1
	SEGV_ACCERR = 2
)

// CPU is one hart: the registers of one guest thread and the means to run them.
// A CPU belongs to one goroutine; only Interrupt and FlushCode may be called
// from others.
type CPU interface {
	// Run executes guest code from PC until something needs the engine.
	// The goroutine must have debug.SetPanicOnFault enabled.
	Run() Exit

	// Step is Run for a single instruction: it returns ExitInterrupt after it. The
	// interrupt word counts before it only, breakpoints not at all.
	Step() Exit

	// Access is the memory that the next instruction reads or writes, if it does.
	Access() Access

	// Regset returns a set of registers as core files and ptrace(2) have it: NT_PRSTATUS
	// or NT_PRFPREG, nil for others.
	Regset(note uint32) []byte
	// SetRegset sets the registers that b, the beginning of such a set, holds as a whole.
	SetRegset(note uint32, b []byte)

	// IRQ is the interrupt word. Any thread, or a host signal handler, raises it
	// to have Run return ExitInterrupt at the next block boundary.
	// The engine clears it before it looks for the reason.
	IRQ() *irq.Word

	// FlushCode makes the CPU re-read all guest code before it executes further
	// blocks. It may be called from any thread. The flush is complete for this
	// CPU no later than its next block boundary.
	FlushCode()

	// Clone copies the register state into a new CPU over the same address space.
	Clone() CPU

	PC() uint64
	SetPC(uint64)
	SP() uint64
	SetSP(uint64)
	SetTLS(uint64)

	// Syscall returns number and arguments as the system call convention has them.
	Syscall() (nr uint64, args [6]uint64)
	// SetResult stores a system call's result (negative errno on failure).
	SetResult(int64)
	// RestartSyscall rewinds PC to the system call instruction and puts back
	// the first argument, which the result register shares.
	RestartSyscall(arg0 uint64)
	// SetSyscallNr replaces the system call number (for restart_syscall).
	SetSyscallNr(nr uint64)

	// PushSignal builds the signal frame on the guest stack at f.SP and enters
	// the handler. An error means the frame could not be written (SIGSEGV).
	PushSignal(f *SignalFrame) error
	// PopSignal undoes PushSignal at rt_sigreturn: it restores all registers
	// from the frame at SP and returns the mask and alternate stack stored in
	// it. An error means that the frame is unreadable or malformed (SIGSEGV).
	PopSignal() (mask uint64, stack AltStack, err error)

	// Retired is the number of guest instructions executed so far; exact
	// whenever Run has returned.
	Retired() uint64

	// EnterFunction has the CPU go on at a function, on the present stack.
	EnterFunction(*FunctionCall)
	// Arguments are the registers for a function's arguments: integers, and the bits of floating-point
	// numbers. After a return the first ones are the results.
	Arguments() (ints, floats [8]uint64)
	// SetResults sets the registers for a function's result.
	SetResults(i, f uint64)
	// HostFunction is the address of the name of the function that the guest wants from whoever runs it.
	HostFunction() uint64

	// SetLimit has Run and Step return ExitLimit when Retired is n, neither earlier nor later. It
	// is exact, so it costs time; math.MaxUint64, as it is at first, is no limit and costs nothing.
	SetLimit(n uint64)

	// Disassemble returns the assembly text and length of the instruction at pc.
	Disassemble(pc uint64) (text string, n int)

	// SetClock has the guest's time registers show what now returns, the time since 1970 in
	// nanoseconds, instead of the host's time. CPUs that are cloned from this one do so, too.
	SetClock(now func() int64)

	// SetTrace makes Run hand over the disassembly of each block that it interprets, an
	// instruction at a time, before its first execution; nil turns tracing off.
	SetTrace(func(pc uint64, text string))

	// DumpRegs is a human-readable register listing, for diagnostics.
	DumpRegs() string
}

// FunctionCall is a call of a guest function by the C calling convention.
type FunctionCall struct {
	Entry, Return uint64    // addresses
	Global        uint64    // of the global pointer, if the architecture has one; 0 leaves it alone
	Ints, Floats  [8]uint64 // arguments
	More          []uint64  // integers for which there are no registers
}

// IntArgs is how many integers a FunctionCall has registers for.
const IntArgs = 8

// Translatable is a CPU whose code can also be executed by translations. It then is the
// interpreter of what is cold.
type Translatable interface {
	CPU

	// MoveRegisters keeps the registers in to from now on, which must not move, so that
	// translated code works on them too.
	MoveRegisters(to *ir.Registers)

	// SetHot makes Run return ExitHot before a block that has been executed n times.
	SetHot(n uint32)

	// SetKnown has blocks be hot at once where known says so of their address: there is a translation that only has to
	// be looked for. nil is for none.
	SetKnown(known func(pc uint64) bool)

	// Cold reports whether Run would execute the block at PC, as it is known not to be hot.
	Cold() bool

	// Interpret executes the instruction at PC, even if it is hot, and returns ExitHot
	// behind it, unless it returns as Run does. It may go on as Run does if the
	// instruction jumps.
	Interpret() Exit

	// Follow executes the next n instructions, at most as many as a trace has, as long as
	// each is at the address behind the one before, and returns ExitHot, unless it returns as
	// Run does. It calls before with each piece of memory that an instruction may write to,
	// ahead of that: size bytes at addr.
	Follow(n int, before func(addr uint64, size int)) Exit

	// Path is the path that execution takes mostly through code at pc, as far as the interpreter has seen: ways that it has
	// not taken seldom enough to tell are not in it.
	Path(pc uint64, code []byte) Path

	// Decoded is the number of blocks that have been made ready for interpretation.
	Decoded() uint64

	// NewLifter returns what makes traces of this CPU's code. It may be used by any
	// thread, one at a time.
	NewLifter() Lifter

	// Function returns the library function whose code is at pc, where begin is, and all places
	// in which it lies, that at pc first. It is ir.NoFunction unless that is known for sure.
	Function(pc uint64, begin []byte) (f ir.Function, code []Span)
}

// Profiled is a CPU that can say where a sample of a profile has found it.
type Profiled interface {
	CPU

	// Profile has the CPU ask, whenever it leaves translated code, for the host address at
	// which a sample has found that, or 0.
	Profile(sampled func() uintptr)

	// Sampled is the guest instruction that was executed where the last sample was taken, and by what. PC
	// and registers are those of a little later. It is false if the sample was not in translated code.
	Sampled() (pc uint64, by Tier, ok bool)
}

// Tier is what executes guest code.
type Tier uint8

const (
	Interpreter Tier = iota
	Translated       // translated blocks
	Optimised        // optimised regions
	Native           // host code for library functions
)

var tierNames = [...]string{Interpreter: "interpreter", Translated: "translated", Optimised: "optimised", Native: "native"}

func (t Tier) String() string { return tierNames[t] }

// Span is guest memory from Start up to End.
type Span struct{ Start, End uint64 }

// Path says which ways a trace takes: bit n is set if it goes on where the nth of its branches and jumps to known addresses
// leads. Only ways forward can be taken, within the code that is lifted.
type Path uint64

// Lifter turns guest code into traces of the translator's intermediate representation.
type Lifter interface {
	// Lift makes a trace of the code at pc, of which code is as much as could be read.
	// It ends at the first instruction that jumps for certain, unless the path follows that, that is to be
	// interpreted, or that code lacks. The trace is valid until the next call; count is the number of guest
	// instructions in it, size that of the bytes up to the end of the last one; both are 0 if there is none.
	Lift(code []byte, pc uint64, path Path) (t *ir.Trace, count, size int)

	// Size is that of the instruction that code begins with, in bytes.
	Size(code []byte) int

	// Function makes a trace of a pure library function whose code is at pc, as if it were one instruction. It is valid
	// as Lift's is.
	Function(f ir.Function, pc uint64) *ir.Trace
}

// SignalFrame is what the personality hands to the guest architecture to build
// struct rt_sigframe. Numbers and layouts are Linux's.
type SignalFrame struct {
	Signal  int
	Info    [128]byte // siginfo_t
	Mask    uint64    // uc_sigmask: the mask to be restored by rt_sigreturn
	Stack   AltStack  // uc_stack
	Handler uint64    // guest address of the handler
	Return  uint64    // guest address of the vdso's rt_sigreturn
	SP      uint64    // top of the stack to use: current SP or end of the alternate stack
}

// Sets of registers (linux/elf.h).
const (
	NT_PRSTATUS = 1
	NT_PRFPREG  = 2
)

// AltStack is stack_t (sigaltstack(2)).
type AltStack struct {
	SP    uint64
	Flags int32
	Size  uint64
}

// SS_AUTODISARM is the flag of an AltStack that is given up when a handler runs on
// it, 1U<<31 in the kernel's headers.
const SS_AUTODISARM = -1 << 31

// Holds is the kernel's on_sig_stack: it reports whether the stack pointer sp is on
// s. While there is an SS_AUTODISARM stack, nobody uses it.
func (s *AltStack) Holds(sp uint64) bool {
	return s.Flags&SS_AUTODISARM == 0 && sp > s.SP && sp-s.SP <= s.Size
}

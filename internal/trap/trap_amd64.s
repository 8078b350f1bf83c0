#include "go_asm.h"
#include "textflag.h"

// Offsets in the kernel's struct rt_sigframe's ucontext (uapi/asm/ucontext.h).
#define UC_RBP 120
#define UC_RAX 144
#define UC_RIP 168
#define UC_FPSTATE 224
#define UC_EFLAGS 176
#define UC_SIGMASK 296

// MXCSR in what UC_FPSTATE points to, and its masks of exceptions, which are so many bits
// above the flags: Intel's manual, volume 1, section 10.2.3.
#define FP_MXCSR 24
#define MASKS 0x1f80
#define MASKS_AT 7

#define SI_SIGNO 0
#define SI_ERRNO 4
#define SI_CODE 8
#define SI_PAD 12
#define SI_PID 16
#define SI_OVERRUN 20

#define SI_TKILL -6
#define TRAP_TRACE 2

// The trap flag: an exception behind each instruction.
#define TF 0x100

#define SYS_rt_sigreturn 15
#define SYS_rt_sigqueueinfo 129
#define SYS_gettid 186
#define SYS_restart_syscall 219

#define SIGSTKFLT 16

#define EINTR 4

// SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV: bit n for signal n.
#define FAULTS (1<<4 | 1<<5 | 1<<7 | 1<<8 | 1<<11)

// func stub(t *Thread, nr, a1, a2, a3, a4, a5, a6 uintptr) uintptr
//
// The frame is empty, so that the handler may move a thread from anywhere up to
// SYSCALL to the instruction behind it.
TEXT ·stub(SB),NOSPLIT,$0-72
	MOVQ t+0(FP), BX
	MOVQ nr+8(FP), AX
	MOVQ a1+16(FP), DI
	MOVQ a2+24(FP), SI
	MOVQ a3+32(FP), DX
	MOVQ a4+40(FP), R10
	MOVQ a5+48(FP), R8
	MOVQ a6+56(FP), R9
	MOVQ Thread_vforked(BX), CX
	TESTQ CX, CX
	JNE  record
recorded:
	MOVL Thread_ready(BX), CX
	TESTL CX, Thread_gate(BX)
	JNE  notmade
	BYTE $0x48  // REX.W; see the package comment
	SYSCALL
done:
	MOVQ AX, ret+64(FP)
	MOVQ t+0(FP), BX // the handler may have skipped all that is above
	MOVQ Thread_vforked(BX), CX
	TESTQ CX, CX
	JNE  forget
	RET
forget:
	MOVQ $0, Vforked_sp(CX)
	RET
record:
	// Should SIGKILL end a vfork child in its call, the parent goes on from here.
	LEAQ ret+64(FP), R11
	MOVQ R11, Vforked_result(CX)
	MOVQ BP, Vforked_bp(CX)
	MOVQ SP, Vforked_sp(CX)
	JMP  recorded
notmade:
	MOVQ $-const_NotMade, AX
	JMP  done

// The handler of all signals: sig DI, info SI, ucontext DX. It runs on the
// signal stack with all signals blocked, and may clobber every register: the
// kernel restores them.
TEXT ·handler(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVL SI_CODE(SI), AX
	TESTL AX, AX
	JLE  ours
	CMPL DI, $11
	JA   ours
	MOVL $FAULTS, CX
	BTL  DI, CX
	JCC  ours
	// An instruction raised it: the breakpoint of stop, which nobody waits for, an access
	// of the guest's by translated code, or a fault in Go's terms.
	MOVQ UC_RIP(DX), CX
	CMPQ CX, ·stopReturn(SB)
	JEQ  unnoticed
	TESTQ $TF, UC_EFLAGS(DX)
	JZ   raised
	CMPL AX, $TRAP_TRACE
	JNE  raised
	CMPL DI, $5
	JEQ  ours // a step of stepped
raised:
	LEAQ ·code(SB), R8
	MOVL ·codeUsed(SB), R9
	TESTL R9, R9
	JEQ  foreign
region:
	CMPQ CX, codeRegion_end(R8)
	JAE  elsewhere
	CMPQ CX, codeRegion_start(R8)
	JAE  translated
elsewhere:
	ADDQ $codeRegion__size, R8
	DECL R9
	JNE  region
foreign:
	MOVL DI, CX
	LEAQ ·goHandlers(SB), AX
	MOVQ (AX)(CX*8), AX
	JMP  AX

translated:
	CMPL DI, $8 // SIGFPE
	JEQ  exception
fault:
	MOVQ UC_RBP(DX), AX
	ADDQ codeRegion_at(R8), AX
	MOVQ CX, (AX)
	MOVQ codeRegion_landing(R8), AX
	MOVQ AX, UC_RIP(DX)
	RET
exception:
	// What has not been masked was no flag before the instruction, and need not be
	// one after it: an exact result that is tiny is an exception only if it is not masked.
	MOVQ UC_FPSTATE(DX), R10
	MOVL FP_MXCSR(R10), AX
	MOVL AX, R9
	SHRL $MASKS_AT, R9
	ANDL $0x3f, R9
	XORL $0x3f, R9
	JEQ  fault
	NOTL R9
	ANDL R9, AX
	ORL  $MASKS, AX
	MOVL AX, FP_MXCSR(R10)
	MOVQ UC_RBP(DX), AX
	ADDQ codeRegion_exceptions(R8), AX
	MOVL $-1, 0(AX)
	DECL 4(AX)
	RET

ours:
	MOVL DI, R12 // sig
	MOVQ SI, R13 // info
	MOVQ DX, R14 // ucontext
	LEAQ ·slotOf(SB), AX
	MOVBLZX (AX)(R12*1), R15 // slot
	CMPL R12, $SIGSTKFLT
	JNE  search
	CMPL SI_CODE(R13), $const_freezeCode
	JNE  search
	MOVQ ·freezer(SB), AX
	TESTQ AX, AX
	JZ   search
	JMP  AX

search:

	// R8 = the Thread of this thread ID, R9.
	MOVL $SYS_gettid, AX
	SYSCALL
	MOVL AX, R9
	MOVL AX, DX
	MOVL ·probes(SB), CX
	LEAQ ·registry(SB), BX
probe:
	ANDL $(const_registrySize-1), DX
	MOVL DX, R10
	SHLL $4, R10
	ADDQ BX, R10
	CMPL entry_tid(R10), R9
	JEQ  found
	INCL DX
	DECL CX
	JNE  probe

	// Not a guest thread: it is to have no further signals (kicks are for that),
	// and another one takes this. After Release it is to have them again.
	MOVQ ·quietMask(SB), AX
	MOVQ AX, UC_SIGMASK(R14)
	CMPL R12, $SIGSTKFLT
	JNE  strange
	// What is sent to this thread is for its mask, or it was a guest's and is no more.
	MOVL SI_CODE(R13), CX
	CMPL CX, $SI_TKILL
	JEQ  out
	SUBL $const_leastCode, CX
	CMPL CX, $(const_kickCode-const_leastCode)
	JLS  out
	CMPL SI_CODE(R13), $const_siTimer
	JNE  sent
	MOVQ $const_sampleValue, AX
	CMPQ const_siValue(R13), AX
	JEQ  out
sent:
	CMPL SI_CODE(R13), $0
	JNE  strange
	CMPL SI_PID(R13), $0
	JNE  strange
	// It lacks its information, for the queue is full (RLIMIT_SIGPENDING): of those
	// that come here, it may be the one that stops threads, which finds out.
	MOVQ ·freezer(SB), AX
	TESTQ AX, AX
	JZ   out
	JMP  AX
strange:
	CMPL ·released(SB), $0
	JEQ  requeue
	LEAQ ·goHandlers(SB), AX
	MOVQ (AX)(R12*8), AX
	TESTQ AX, AX
	JZ   requeue
	MOVL R12, DI
	MOVQ R13, SI
	MOVQ R14, DX
	JMP  AX
requeue:
	// The thread's own ID, with which any si_code is allowed, means its process.
	MOVL R9, DI
	MOVL R12, SI
	MOVQ R13, DX
	MOVL $SYS_rt_sigqueueinfo, AX
	SYSCALL
	RET

found:
	MOVQ entry_thread(R10), R8
	CMPL R12, $SIGSTKFLT
	JNE  step
	MOVL $const_kickBit, CX
	CMPL SI_CODE(R13), $const_kickCode
	JEQ  ready
	CMPL SI_CODE(R13), $0
	JNE  special
	CMPL SI_PID(R13), $0
	JEQ  ready // a kick that lacks its information
	JMP  signal
special:
	CMPL SI_CODE(R13), $const_siTimer
	JEQ  timer
	MOVL $(const_kickBit|const_traceBit), CX
	CMPL SI_CODE(R13), $const_traceCode
	JEQ  traced
	MOVL $const_carryCode, CX
	SUBL SI_CODE(R13), CX // the number of the signal that a tracer has wrapped up
	CMPL CX, $1
	JB   signal
	CMPL CX, $64
	JA   signal
	MOVL CX, SI_SIGNO(R13)
	MOVL SI_ERRNO(R13), AX
	MOVL AX, SI_CODE(R13)
	MOVL SI_PAD(R13), AX
	MOVL AX, SI_ERRNO(R13)
	MOVL $0, SI_PAD(R13)
	MOVL $1, Thread_traced(R8)
	MOVL CX, R12
	XORL R15, R15
	JMP  signal
traced:
	MOVL $1, Thread_traced(R8)
	JMP  ready

	// The timer of a profile: see profile.go.
timer:
	MOVQ $const_sampleValue, AX
	CMPQ const_siValue(R13), AX
	JNE  signal // of the guest's own
	MOVL SI_OVERRUN(R13), AX
	INCL AX
	ADDL AX, Thread_periods(R8)
	CMPL Thread_sampling(R8), $const_sampleNone
	JNE  out
	MOVQ UC_RIP(R14), R9
	MOVQ R9, Thread_sampledAt(R8)
	MOVL $const_maxSteps, Thread_steps(R8)
	JMP  locate

	// An instruction has been executed, of those that are one at a time.
step:
	CMPL R12, $5
	JNE  signal
	CMPL SI_CODE(R13), $TRAP_TRACE
	JNE  signal
	ANDQ $~TF, UC_EFLAGS(R14)
	CMPL Thread_sampling(R8), $const_sampleStepping
	JNE  out
	MOVQ UC_RIP(R14), R9

	// R9 = where the thread is. BX = the region of translated code that it is in.
locate:
	LEAQ ·code(SB), BX
	MOVL ·codeUsed(SB), AX
	TESTL AX, AX
	JEQ  outside
area:
	CMPQ R9, codeRegion_end(BX)
	JAE  another
	CMPQ R9, codeRegion_start(BX)
	JAE  inside
another:
	ADDQ $codeRegion__size, BX
	DECL AX
	JNE  area
outside:
	CMPL Thread_sampling(R8), $const_sampleStepping
	JEQ  sampled // it has left translated code, with exact state
	MOVQ $0, Thread_sampledAt(R8)
	JMP  sampled

inside:
	MOVQ codeRegion_exact(BX), AX
	TESTQ AX, AX
	JZ   sampled
	MOVQ R9, DX
	SUBQ codeRegion_start(BX), DX
	BTQ  DX, (AX)
	JCS  exact
	CMPL Thread_traced(R8), $0
	JNE  sampled // a tracer would see the steps
	DECL Thread_steps(R8)
	JEQ  sampled
	MOVL $const_sampleStepping, Thread_sampling(R8)
	ORQ  $TF, UC_EFLAGS(R14)
	RET

exact:
	MOVQ UC_RBP(R14), AX
	ADDQ codeRegion_at(BX), AX
	MOVQ R9, (AX)
	MOVQ codeRegion_landing(BX), AX
	MOVQ AX, UC_RIP(R14)
sampled:
	MOVL $const_sampleReady, Thread_sampling(R8)
	MOVL $const_kickBit, CX
	JMP  ready

signal:
	MOVL R15, CX
	MOVL $1, AX
	SHLL CX, AX
	MOVL AX, CX // the slot's bit
	TESTL R15, R15
	JNZ  unmaskable
	MOVQ $const_blocked, AX
	MOVQ AX, UC_SIGMASK(R14)
	TESTL Thread_ready(R8), CX
	JNZ  requeue // cannot be: everything is blocked while the slot is full
	JMP  copy
unmaskable:
	TESTL Thread_ready(R8), CX
	JNZ  full
copy:
	MOVL R15, DX
	SHLL $7, DX
	LEAQ Thread_slots(R8)(DX*1), DX
	MOVOU 0(R13), X0
	MOVOU 16(R13), X1
	MOVOU 32(R13), X2
	MOVOU 48(R13), X3
	MOVOU 64(R13), X4
	MOVOU 80(R13), X5
	MOVOU 96(R13), X6
	MOVOU 112(R13), X7
	MOVOU X0, 0(DX)
	MOVOU X1, 16(DX)
	MOVOU X2, 32(DX)
	MOVOU X3, 48(DX)
	MOVOU X4, 64(DX)
	MOVOU X5, 80(DX)
	MOVOU X6, 96(DX)
	MOVOU X7, 112(DX)
ready:
	LOCK
	ORL  CX, Thread_ready(R8)
	MOVQ Thread_irq(R8), AX
	LOCK
	ORL  $const_irqSignal, (AX)
	MOVQ $0, const_irqLimit(AX)
	MOVL $0, const_irqMask(AX)

	// In stub? Up to and including SYSCALL: the call was not made. Behind the
	// prefix: the kernel went back to restart it, or, with restart_syscall in
	// RAX, was about to go on with it after a stop.
full:
	MOVQ UC_RIP(R14), AX
	CMPQ AX, ·stubStart(SB)
	JB   out
	MOVQ ·stubSyscall(SB), CX
	MOVQ $-const_NotMade, DX
	CMPQ AX, CX
	JBE  redirect
	DECQ AX
	CMPQ AX, CX
	JNE  out
	MOVQ $-const_Restart, DX
	CMPQ UC_RAX(R14), $SYS_restart_syscall
	JNE  redirect
	MOVQ $-EINTR, DX
redirect:
	MOVQ DX, UC_RAX(R14)
	ADDQ $3, CX
	MOVQ CX, UC_RIP(R14)
	RET
unnoticed:
	MOVQ $0, UC_RAX(DX)
out:
	RET

TEXT ·restorer(SB),NOSPLIT|NOFRAME,$0
	MOVQ $SYS_rt_sigreturn, AX
	SYSCALL
	INT  $3

// func codeAddrs() (stub, handler, restorer uintptr)
TEXT ·codeAddrs(SB),NOSPLIT,$0-24
	LEAQ ·stub(SB), AX
	MOVQ AX, stub+0(FP)
	LEAQ ·handler(SB), AX
	MOVQ AX, handler+8(FP)
	LEAQ ·restorer(SB), AX
	MOVQ AX, restorer+16(FP)
	RET

// func stop(t *Thread, record unsafe.Pointer) (gone uintptr)
TEXT ·stop(SB),NOSPLIT|NOFRAME,$0-24
	MOVQ t+0(FP), CX
	MOVQ record+8(FP), BX
	MOVQ $0, gone+16(FP)
	MOVQ Thread_vforked(CX), R13
	TESTQ R13, R13
	JEQ  now
	// Should SIGKILL end a vfork child here, the parent goes on from here.
	LEAQ gone+16(FP), R11
	MOVQ R11, Vforked_result(R13)
	MOVQ BP, Vforked_bp(R13)
	MOVQ SP, Vforked_sp(R13)
now:
	MOVL $0, Thread_noticed(CX)
	MOVQ $const_StopMagic, AX
	BYTE $0xcc // INT3
	TESTQ R13, R13
	JEQ  done
	MOVQ $0, Vforked_sp(R13)
done:
	// The handler has cleared AX if the stop has become a signal.
	MOVQ $const_StopMagic, DX
	CMPQ AX, DX
	SETEQ Thread_noticed(CX)
	RET

// func stopAddr() uintptr
TEXT ·stopAddr(SB),NOSPLIT,$0-8
	LEAQ ·stop(SB), AX
	MOVQ AX, ret+0(FP)
	RET

#include "go_asm.h"
#include "textflag.h"

#define SYS_write 1
#define SYS_rt_sigprocmask 14
#define SYS_nanosleep 35
#define SYS_clone 56
#define SYS_exit 60
#define SYS_arch_prctl 158
#define SYS_gettid 186
#define SYS_futex 202

#define SIG_SETMASK 2
#define ARCH_SET_FS 0x1002
#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129

// CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_SYSVSEM|CLONE_THREAD|CLONE_PARENT_SETTID
#define PARK_FLAGS 0x150f00
#define CLONE_SETTLS 0x80000

// Offset of g's m.
#define g_m 48

// The pieces of pool.
#define INFLIGHT ·pool+0(SB)
#define HELD ·pool+4(SB)
#define SLOTS ·pool+8(SB)

// After so many attempts, with pause between, the user learns what is wrong: 20 s.
#define attempts 2000

DATA pause<>+0(SB)/8, $0
DATA pause<>+8(SB)/8, $10000000
GLOBL pause<>(SB), NOPTR|RODATA, $16

DATA everything<>+0(SB)/8, $-1
GLOBL everything<>(SB), NOPTR|RODATA, $8

DATA refused<>+0(SB)/8, $"hospes: "
DATA refused<>+8(SB)/8, $"the host"
DATA refused<>+16(SB)/8, $" refuses"
DATA refused<>+24(SB)/8, $" a threa"
DATA refused<>+32(SB)/8, $"d that i"
DATA refused<>+40(SB)/8, $"s needed"
DATA refused<>+48(SB)/8, $"; waitin"
DATA refused<>+56(SB)/8, $"g\n\000\000\000\000\000\000"
GLOBL refused<>(SB), NOPTR|RODATA, $64

// func park(s *slot) uintptr
//
// The thread uses no stack while it waits, and blocks all signals.
TEXT ·park(SB),NOSPLIT,$8-16
	MOVL $SIG_SETMASK, DI
	LEAQ everything<>(SB), SI
	LEAQ old-8(SP), DX
	MOVL $8, R10
	MOVL $SYS_rt_sigprocmask, AX
	SYSCALL
	MOVQ s+0(FP), R12
	MOVL $const_slotMaking, slot_state(R12)
	MOVL $PARK_FLAGS, DI
	XORL SI, SI
	LEAQ slot_tid(R12), DX
	XORL R10, R10
	XORL R8, R8
	MOVL $SYS_clone, AX
	SYSCALL
	TESTQ AX, AX
	JZ   wait
	MOVQ AX, ret+8(FP)
	MOVL $SIG_SETMASK, DI
	LEAQ old-8(SP), SI
	XORL DX, DX
	MOVL $8, R10
	MOVL $SYS_rt_sigprocmask, AX
	SYSCALL
	RET
wait:
	MOVL slot_state(R12), DX
	CMPL DX, $const_slotGo
	JEQ  start
	CMPL DX, $const_slotEnd
	JEQ  end
	LEAQ slot_state(R12), DI
	MOVL $FUTEX_WAIT_PRIVATE, SI
	XORL R10, R10
	MOVL $SYS_futex, AX
	SYSCALL
	JMP  wait
end:
	XORL DI, DI
	MOVL $SYS_exit, AX
	SYSCALL
	INT  $3
start:
	// From here on this is the thread that clone was asked for.
	MOVQ slot_stk(R12), SP
	MOVQ slot_mp(R12), R13
	MOVQ slot_gp(R12), R9
	MOVQ slot_fn(R12), R15
	MOVL $const_slotFree, slot_state(R12)
	LOCK
	DECL INFLIGHT
	MOVL $ARCH_SET_FS, DI
	LEAQ (const_tlsOffset+8)(R13), SI
	MOVL $SYS_arch_prctl, AX
	SYSCALL
	MOVQ R15, R12
	JMP  ·enter(SB)

// enter is a new thread's way into the runtime: m in R13, g in R9, function in R12.
TEXT ·enter(SB),NOSPLIT|NOFRAME,$0
	MOVL $SYS_gettid, AX
	SYSCALL
	MOVQ AX, const_procidOffset(R13)
	MOVQ R13, g_m(R9)
	MOVQ R9, (TLS)
	MOVQ R9, R14
	JMP  ·call(SB)

// call calls what is in R12, which does not return.
TEXT ·call(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	CALL R12
	MOVL $111, DI
	MOVL $SYS_exit, AX
	SYSCALL
	INT  $3

// func clone(flags int32, stk, mp, gp, fn unsafe.Pointer) int32
//
// The runtime's clone jumps here. Without mp and gp a thread is wanted that is none
// of the runtime's.
TEXT ·clone(SB),NOSPLIT|NOFRAME,$0-44
	XORL R15, R15
again:
	MOVQ mp+16(FP), R13
	MOVQ gp+24(FP), R9
	MOVQ fn+32(FP), R12
	TESTQ R13, R13
	JZ   ask
	TESTQ R9, R9
	JZ   ask

	// One of those in reserve?
	LOCK
	INCL INFLIGHT
	CMPL HELD, $0
	JNE  none
	LEAQ SLOTS, BX
	MOVL $const_maxReserve, CX
look:
	CMPL slot_state(BX), $const_slotParked
	JNE  next
	MOVL $const_slotParked, AX
	MOVL $const_slotClaimed, DX
	LOCK
	CMPXCHGL DX, slot_state(BX)
	JEQ  take
next:
	ADDQ $slot__size, BX
	DECL CX
	JNZ  look
none:
	LOCK
	DECL INFLIGHT

ask:
	MOVL flags+0(FP), DI
	MOVQ stk+8(FP), SI
	XORL DX, DX
	XORL R10, R10
	XORL R8, R8
	TESTQ R13, R13
	JZ   nog
	TESTQ R9, R9
	JZ   nog
	LEAQ (const_tlsOffset+8)(R13), R8
	ORL  $CLONE_SETTLS, DI
nog:
	MOVL $SYS_clone, AX
	SYSCALL
	TESTQ AX, AX
	JZ   child
	CMPQ AX, $-11 // EAGAIN
	JEQ  refuse
	CMPQ AX, $-12 // ENOMEM
	JEQ  refuse
	MOVL AX, ret+40(FP)
	RET
child:
	MOVQ SI, SP
	TESTQ R13, R13
	JZ   bare
	TESTQ R9, R9
	JZ   bare
	JMP  ·enter(SB)
bare:
	JMP  ·call(SB)

take:
	MOVQ stk+8(FP), AX
	MOVQ AX, slot_stk(BX)
	MOVQ R13, slot_mp(BX)
	MOVQ R9, slot_gp(BX)
	MOVQ R12, slot_fn(BX)
	MOVL slot_tid(BX), R12
	MOVL $const_slotGo, slot_state(BX)
	LEAQ slot_state(BX), DI
	MOVL $FUTEX_WAKE_PRIVATE, SI
	MOVL $1, DX
	MOVL $SYS_futex, AX
	SYSCALL
	MOVL R12, ret+40(FP)
	RET

refuse:
	INCL R15
	CMPL R15, $attempts
	JNE  sleep
	MOVL $2, DI
	LEAQ refused<>(SB), SI
	MOVL $58, DX
	MOVL $SYS_write, AX
	SYSCALL
sleep:
	LEAQ pause<>(SB), DI
	XORL SI, SI
	MOVL $SYS_nanosleep, AX
	SYSCALL
	JMP  again

// func cloneAddr() uintptr
TEXT ·cloneAddr(SB),NOSPLIT,$0-8
	LEAQ ·clone(SB), AX
	MOVQ AX, ret+0(FP)
	RET

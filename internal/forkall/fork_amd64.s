#include "go_asm.h"
#include "textflag.h"

#define SYS_rt_sigreturn 15
#define SYS_clone 56
#define SYS_exit 60
#define SYS_arch_prctl 158
#define SYS_futex 202

#define ARCH_GET_FS 0x1003

#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129

// CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_SYSVSEM|CLONE_THREAD|CLONE_SETTLS
#define THREAD_FLAGS 0xd0f00
#define CLONE_PARENT_SETTID 0x100000

// Offset of g's m: see the package comment.
#define g_m 48

// The system calls below and the pieces of control.
#define PHASE ·control+0(SB)
#define CLAIMED ·control+4(SB)
#define FROZEN ·control+8(SB)
#define INSIDE ·control+12(SB)
#define END ·control+16(SB)
#define RECORDS ·control+24(SB)

// The handler that stops a thread: all signals are blocked. It returns into the
// restorer of the kernel's frame; the kernel restores all registers.
TEXT ·freezer(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	LEAQ INSIDE, AX
	LOCK
	INCL (AX)
	MOVL PHASE, R12
	TESTL $1, R12
	JZ   out
	MOVL $1, R13
	LEAQ CLAIMED, AX
	LOCK
	XADDL R13, (AX)
	CMPL R13, $const_maxThreads
	JAE  out // the forking thread gives up
	SHLQ $4, R13
	LEAQ RECORDS, R14
	ADDQ R13, R14
	MOVQ SP, record_sp(R14)
	MOVL $ARCH_GET_FS, DI
	LEAQ record_fs(R14), SI
	MOVL $SYS_arch_prctl, AX
	SYSCALL
	LEAQ FROZEN, DI
	LOCK
	INCL (DI)
	MOVL $FUTEX_WAKE_PRIVATE, SI
	MOVL $1, DX
	MOVL $SYS_futex, AX
	SYSCALL
wait:
	CMPL PHASE, R12
	JNE  over
	LEAQ PHASE, DI
	MOVL $FUTEX_WAIT_PRIVATE, SI
	MOVL R12, DX
	XORL R10, R10
	MOVL $SYS_futex, AX
	SYSCALL
	JMP  wait
over:
	CMPL END, $0
	JEQ  out
	XORL DI, DI
	MOVL $SYS_exit, AX
	SYSCALL
	INT  $3
out:
	LEAQ INSIDE, AX
	LOCK
	DECL (AX)
	RET

// func freezerAddr() uintptr
TEXT ·freezerAddr(SB),NOSPLIT,$0-8
	LEAQ ·freezer(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func raw(nr, a1, a2, a3, a4 uintptr) uintptr
TEXT ·raw(SB),NOSPLIT,$0-48
	MOVQ nr+0(FP), AX
	MOVQ a1+8(FP), DI
	MOVQ a2+16(FP), SI
	MOVQ a3+24(FP), DX
	MOVQ a4+32(FP), R10
	XORL R8, R8
	XORL R9, R9
	SYSCALL
	MOVQ AX, ret+40(FP)
	RET

// func resume(r *record) uintptr
TEXT ·resume(SB),NOSPLIT,$0-16
	MOVQ r+0(FP), R12
	MOVQ $THREAD_FLAGS, DI
	MOVQ record_sp(R12), SI
	XORL R10, R10
	MOVQ record_fs(R12), R8
	MOVQ -8(R8), DX // g
	TESTQ DX, DX
	JZ   clone
	MOVQ g_m(DX), DX
	TESTQ DX, DX
	JZ   clone
	// The kernel stores the ID before the thread runs: whoever looks at the list of
	// the runtime's threads must not find the old one's.
	ADDQ $const_procidOffset, DX
	ORQ  $CLONE_PARENT_SETTID, DI
clone:
	MOVL $SYS_clone, AX
	SYSCALL
	TESTQ AX, AX
	JZ   thread
	MOVQ AX, ret+8(FP)
	RET
thread:
	// On the stack of freezer, with all signals blocked.
	JMP  ·return(SB)

// return goes where freezer would.
TEXT ·return(SB),NOSPLIT|NOFRAME,$0
	RET

// func currentM() uintptr
TEXT ·currentM(SB),NOSPLIT,$0-8
	MOVQ (TLS), CX
	MOVQ g_m(CX), CX
	MOVQ CX, ret+0(FP)
	RET

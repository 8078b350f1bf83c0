//go:build linux && !race && !msan && !asan

#include "go_asm.h"
#include "textflag.h"

#define SYS_rt_sigaction 13
#define SYS_rt_sigprocmask 14
#define SYS_fcntl 72
#define SYS_arch_prctl 158

#define F_GETFD 1

#define SIG_SETMASK 2
#define ARCH_SET_FS 0x1002

// The runtime calls what _cgo_init points to, if anything, first of all.
DATA _cgo_init(SB)/8, $·hook(SB)
GLOBL _cgo_init(SB), NOPTR, $8

DATA all<>(SB)/8, $-1
GLOBL all<>(SB), NOPTR|RODATA, $8

// The first thread's local storage, in the layout of ELF's local-exec model: g
// is the word before the address in FS. The rest is as much as the runtime gives
// its other threads.
GLOBL tls<>(SB), NOPTR, $64

TEXT ·hook(SB),NOSPLIT|NOFRAME,$0
	MOVQ DI, BX // g0
	MOVL $SIG_SETMASK, DI
	LEAQ all<>(SB), SI
	LEAQ ·mask(SB), DX
	MOVL $8, R10
	MOVL $SYS_rt_sigprocmask, AX
	SYSCALL

	LEAQ ·actions(SB), R13
	MOVL $1, R12
save:
	MOVL R12, DI
	XORL SI, SI
	ADDQ $action__size, R13
	MOVQ R13, DX
	MOVL $8, R10
	MOVL $SYS_rt_sigaction, AX
	SYSCALL
	INCL R12
	CMPL R12, $64
	JLE  save

	// Standard descriptors that are closed, which the runtime would open.
	MOVL $2, R12
descriptor:
	MOVL R12, DI
	MOVL $F_GETFD, SI
	MOVL $SYS_fcntl, AX
	SYSCALL
	SHLL $1, ·closed(SB)
	TESTQ AX, AX
	JGE  open
	ORL  $1, ·closed(SB)
open:
	DECL R12
	JGE  descriptor

	// Who sets the hook does what the runtime then leaves out.
	MOVL $ARCH_SET_FS, DI
	LEAQ tls<>+56(SB), SI
	MOVL $SYS_arch_prctl, AX
	SYSCALL

	// Go code that needs no more than a stack may run on that of g0, which is in
	// BX. It gets the arguments that the runtime has put on the stack, if they are
	// what they should be: the count stands before them.
	MOVQ 32(SP), AX // argc, beyond the address to which this returns
	MOVQ 40(SP), CX // argv
	TESTQ CX, CX
	JZ   return
	CMPQ AX, -8(CX)
	JNE  return
	MOVQ BX, tls<>+48(SB)
	SUBQ $8, SP
	MOVQ CX, 0(SP)
	CALL ·start(SB)
	ADDQ $8, SP
return:
	RET

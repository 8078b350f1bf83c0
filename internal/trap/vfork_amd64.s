#include "go_asm.h"
#include "textflag.h"

#define SYS_write 1
#define SYS_rt_sigprocmask 14
#define SYS_clone 56
#define SYS_exit_group 231

#define SIG_SETMASK 2

// func cloneVM(v *Vforked, flags uintptr) uintptr
//
// The stack may have moved or be used otherwise when the parent's thread comes
// back: R13 is all that it has.
TEXT ·cloneVM(SB),NOSPLIT|NOFRAME,$0-24
	MOVQ v+0(FP), R13
	MOVQ flags+8(FP), DI
	XORL SI, SI
	LEAQ Vforked_ptid(R13), DX
	XORL R10, R10
	XORL R8, R8
	MOVL $SYS_clone, AX
	SYSCALL
	CMPQ AX, $0xfffffffffffff001
	JAE  child // or failed
	TESTQ AX, AX
	JNZ  parent
child:
	MOVQ AX, ret+16(FP)
	RET
parent:
	MOVQ AX, Vforked_pid(R13)
	MOVL $1, Vforked_gone(R13)
	MOVQ Vforked_sp(R13), CX
	TESTQ CX, CX
	JZ   lost
	MOVQ Vforked_bp(R13), BP
	MOVQ Vforked_result(R13), DX
	MOVQ CX, SP
	MOVQ $-const_errGone, (DX)
	RET // from leave or stub
lost:
	// SIGKILL has ended the child in the midst of Go code.
	MOVL $2, DI
	LEAQ lostText<>(SB), SI
	MOVL $54, DX
	MOVL $SYS_write, AX
	SYSCALL
	MOVL $137, DI
	MOVL $SYS_exit_group, AX
	SYSCALL
	INT  $3

DATA lostText<>+0(SB)/8, $"hospes: "
DATA lostText<>+8(SB)/8, $"a vfork "
DATA lostText<>+16(SB)/8, $"child wa"
DATA lostText<>+24(SB)/8, $"s killed"
DATA lostText<>+32(SB)/8, $" while i"
DATA lostText<>+40(SB)/8, $"t ran pr"
DATA lostText<>+48(SB)/8, $"ogram\n\000\000"
GLOBL lostText<>(SB), NOPTR|RODATA, $56

// func leave(v *Vforked, mask *uint64, nr uintptr, args *[5]uintptr) uintptr
TEXT ·leave(SB),NOSPLIT|NOFRAME,$0-40
	MOVQ v+0(FP), R13
	LEAQ ret+32(FP), AX
	MOVQ AX, Vforked_result(R13)
	MOVQ BP, Vforked_bp(R13)
	MOVQ SP, Vforked_sp(R13)
	MOVL $SIG_SETMASK, DI
	MOVQ mask+8(FP), SI
	XORL DX, DX
	MOVL $8, R10
	MOVL $SYS_rt_sigprocmask, AX
	SYSCALL
	MOVQ nr+16(FP), AX
	MOVQ args+24(FP), CX
	MOVQ 0(CX), DI
	MOVQ 8(CX), SI
	MOVQ 16(CX), DX
	MOVQ 24(CX), R10
	MOVQ 32(CX), R8
	SYSCALL
	MOVQ $0, Vforked_sp(R13)
	MOVQ AX, ret+32(FP)
	RET

//go:build linux && !race && !msan && !asan

#include "go_asm.h"
#include "textflag.h"

#define SYS_write 1
#define SYS_mmap 9
#define SYS_rt_sigaction 13
#define SYS_madvise 28
#define SYS_rt_sigprocmask 14
#define SYS_fcntl 72
#define SYS_arch_prctl 158
#define SYS_exit_group 231
#define SYS_prlimit64 302

#define RLIMIT_DATA 2
#define RLIMIT_AS 9

#define F_GETFD 1

#define PROT_NONE 0
#define MAP_FIXED 0x10
#define MADV_HUGEPAGE 14
#define HEAP_PIECE 0x400000 // the least that the runtime adds to its heap, a multiple of this, in bytes
#define MAP_RESERVE 0x104022 // PRIVATE, ANONYMOUS, NORESERVE, FIXED_NOREPLACE

#define SIG_SETMASK 2
#define ARCH_SET_FS 0x1002

// The runtime calls what _cgo_init points to, if anything, first of all.
DATA _cgo_init(SB)/8, $·hook(SB)
GLOBL _cgo_init(SB), NOPTR, $8

// The runtime calls what _cgo_mmap points to, if anything, in place of mmap(2), as a C function.
DATA _cgo_mmap(SB)/8, $·mapPages(SB)
GLOBL _cgo_mmap(SB), NOPTR, $8

DATA all<>(SB)/8, $-1
GLOBL all<>(SB), NOPTR|RODATA, $8

DATA none<>+0(SB)/8, $-1
DATA none<>+8(SB)/8, $-1
GLOBL none<>(SB), NOPTR|RODATA, $16

DATA lowText<>+0(SB)/8, $"hospes: "
DATA lowText<>+8(SB)/8, $"the hard"
DATA lowText<>+16(SB)/8, $" limit o"
DATA lowText<>+24(SB)/8, $"f memory"
DATA lowText<>+32(SB)/8, $" (ulimit"
DATA lowText<>+40(SB)/8, $" -v or -"
DATA lowText<>+48(SB)/8, $"d) is to"
DATA lowText<>+56(SB)/8, $"o low to"
DATA lowText<>+64(SB)/8, $" start a"
DATA lowText<>+72(SB)/8, $"t all\n\000\000"
GLOBL lowText<>(SB), NOPTR|RODATA, $80

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

	// The limits that Go's runtime needs more of than the guest has: as high as may be.
	MOVL $RLIMIT_DATA, R12
	LEAQ ·data(SB), R13
	MOVQ $const_leastData, R14
	CALL ·raise(SB)
	MOVL $RLIMIT_AS, R12
	LEAQ ·space(SB), R13
	MOVQ $const_leastSpace, R14
	CALL ·raise(SB)

	// The addresses that a guest may have, before Go places its heap there.
	MOVQ $const_rangeStart, DI
	MOVQ $const_rangeSize, SI
	MOVL $PROT_NONE, DX
	MOVL $MAP_RESERVE, R10
	MOVQ $-1, R8
	XORL R9, R9
	MOVL $SYS_mmap, AX
	SYSCALL
	MOVQ AX, ·reserved(SB)

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

// raise saves the limit R12 in *R13 and sets it to the most that is allowed: none, or
// the hard limit. That must not be less than R14: Go would end with pages of text.
TEXT ·raise(SB),NOSPLIT|NOFRAME,$0
	XORL DI, DI
	MOVL R12, SI
	XORL DX, DX
	MOVQ R13, R10
	MOVL $SYS_prlimit64, AX
	SYSCALL
	TESTQ AX, AX
	JNZ  done
	MOVL $1, limit_known(R13)
	CMPQ limit_cur(R13), $-1
	JEQ  done
	XORL DI, DI
	MOVL R12, SI
	LEAQ none<>(SB), DX
	XORL R10, R10
	MOVL $SYS_prlimit64, AX
	SYSCALL
	TESTQ AX, AX
	JZ   done
	// {max, max}, behind the saved one
	MOVQ limit_max(R13), AX
	CMPQ AX, R14
	JCS  low
	MOVQ AX, limit_raised(R13)
	MOVQ AX, (limit_raised+8)(R13)
	XORL DI, DI
	MOVL R12, SI
	LEAQ limit_raised(R13), DX
	XORL R10, R10
	MOVL $SYS_prlimit64, AX
	SYSCALL
done:
	RET
low:
	MOVL $2, DI
	LEAQ lowText<>(SB), SI
	MOVL $78, DX
	MOVL $SYS_write, AX
	SYSCALL
	MOVL $125, DI
	MOVL $SYS_exit_group, AX
	SYSCALL
	INT  $3

// mapPages is mmap(2), with the errno as the result if it fails. A piece of the heap gets large pages.
TEXT ·mapPages(SB),NOSPLIT|NOFRAME,$0
	MOVQ CX, R10
	MOVL $SYS_mmap, AX
	SYSCALL
	CMPQ AX, $-4095
	JCC  failed
	TESTL $MAP_FIXED, R10
	JZ   mapped
	MOVQ AX, BX
	MOVQ AX, CX
	ORQ  SI, CX
	TESTQ $(HEAP_PIECE-1), CX
	JNZ  mapped
	MOVQ AX, DI
	MOVL $MADV_HUGEPAGE, DX
	MOVL $SYS_madvise, AX
	SYSCALL
	MOVQ BX, AX
mapped:
	RET
failed:
	NEGQ AX
	RET

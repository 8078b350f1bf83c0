// The functions that Linux's riscv64 vdso offers. Each makes the system call it
// stands for and returns its raw result: 0 or a negative errno.

	.option	norvc		// unwinders compare whole words
	.text

// Unwinders recognise a signal frame by these very two instructions (libgcc,
// gdb, LLVM) at the return address of the handler. They look for unwind
// information at that address less one first, so nothing that has any may come
// directly before; this function is the first of the section.
	.balign	16
	.globl	__vdso_rt_sigreturn
	.type	__vdso_rt_sigreturn, @function
__vdso_rt_sigreturn:
	.cfi_startproc
	.cfi_signal_frame
	li	a7, 139			// rt_sigreturn
	ecall
	.cfi_endproc
	.size	__vdso_rt_sigreturn, . - __vdso_rt_sigreturn

.macro	wrap name, nr
	.balign	16
	.globl	__vdso_\name
	.type	__vdso_\name, @function
__vdso_\name:
	.cfi_startproc
	li	a7, \nr
	ecall
	ret
	.cfi_endproc
	.size	__vdso_\name, . - __vdso_\name
.endm

	wrap	gettimeofday, 169
	wrap	clock_gettime, 113
	wrap	clock_getres, 114
	wrap	getcpu, 168
	wrap	flush_icache, 259
	wrap	riscv_hwprobe, 258

// The functions that Linux's riscv64 vdso offers. Each returns the raw result of the
// system call it stands for, 0 or a negative errno, and makes it; riscv_hwprobe only
// if it has to.

// What riscv_hwprobe has to say of each key: see Fill. It stands at the place that
// the linker script gives it.
	.section .hwprobe, "a", @progbits
	.balign	8
hwprobe_values:
	.space	8 * HWPROBE_KEYS

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

// The translator may have the host's vdso tell what these do: it knows them by their hint, which is
// of those that the specification leaves to implementations.
.macro	wrap name, nr, hint
	.balign	16
	.globl	__vdso_\name
	.type	__vdso_\name, @function
__vdso_\name:
	.cfi_startproc
	.if	\hint
	srai	zero, zero, \hint
	.endif
	li	a7, \nr
	ecall
	ret
	.cfi_endproc
	.size	__vdso_\name, . - __vdso_\name
.endm

	wrap	gettimeofday, 169, HINT
	wrap	clock_gettime, 113, HINT
	wrap	clock_getres, 114, HINT
	wrap	getcpu, 168, HINT
	wrap	flush_icache, 259, 0

// riscv_hwprobe(pairs, pair_count, cpusetsize, cpus, flags): of all CPUs the answer is
// known, and programs that ask for it expect that it costs nothing. As with Linux's,
// memory that is not there is a fault of the caller and not EFAULT.
	.balign	16
	.globl	__vdso_riscv_hwprobe
	.type	__vdso_riscv_hwprobe, @function
__vdso_riscv_hwprobe:
	.cfi_startproc
	or	t0, a2, a3
	or	t0, t0, a4
	bnez	t0, 4f			// some CPUs, or another question
	lla	t1, hwprobe_values
	li	t2, HWPROBE_KEYS
	beqz	a1, 3f
1:	ld	t3, 0(a0)
	bgeu	t3, t2, 5f
	slli	t3, t3, 3
	add	t3, t3, t1
	ld	t3, 0(t3)
2:	sd	t3, 8(a0)
	addi	a0, a0, 16
	addi	a1, a1, -1
	bnez	a1, 1b
3:	li	a0, 0
	ret
4:	li	a7, 258
	ecall
	ret
5:	li	t3, -1			// a key that nobody knows: -1, 0
	sd	t3, 0(a0)
	li	t3, 0
	j	2b
	.cfi_endproc
	.size	__vdso_riscv_hwprobe, . - __vdso_riscv_hwprobe

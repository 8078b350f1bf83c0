# indexByteBig of Go 1.24 and 1.25: from a0, which is the beginning of the operand (a3), to a1, its end. Since Go 1.26 a1 is
# the size.
	.option norvc
	.option norelax
	.globl _start
_start:
	.globl	indexByteBig
	.type	indexByteBig, @function
indexByteBig:
1:	andi	a4, a0, 7
	beqz	a4, 2f
	lbu	a4, (a0)
	beq	a2, a4, 5f
	addi	a0, a0, 1
	j	1b
2:	andi	a5, a1, -8
3:	auipc	a6, %pcrel_hi(ones)
	ld	a6, %pcrel_lo(3b)(a6)
	slli	a7, a6, 7
	mul	s2, a6, a2
1:	ld	a4, (a0)
	xor	s3, s2, a4
	sub	s4, s3, a6
	not	s5, s3
	and	s5, a7, s5
	and	s5, s5, s4
	bnez	s5, 4f
	addi	a0, a0, 8
	bne	a0, a5, 1b
4:	addi	a0, a0, -1
1:	addi	a0, a0, 1
	beq	a0, a1, 6f
	lbu	a4, (a0)
	bne	a2, a4, 1b
5:	sub	a0, a0, a3
	ret
6:	li	a0, -1
	ret

	.section .rodata
	.balign	8
ones:	.dword	0x0101010101010101

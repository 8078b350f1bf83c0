# A function's end.
	ld ra, 24(sp)
	ld s0, 16(sp)
	addi sp, sp, 32
	ret

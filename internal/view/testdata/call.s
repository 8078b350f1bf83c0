# A function's beginning, with a call of another.
	addi sp, sp, -32
	sd ra, 24(sp)
	sd s0, 16(sp)
	mv s0, a0
	call .+256

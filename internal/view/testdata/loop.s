# A loop over an array: loads with an offset, a sum, a counter, the way back.
1:	ld a4, 0(a0)
	addi a0, a0, 8
	add a5, a5, a4
	bne a0, a3, 1b
	j 1b

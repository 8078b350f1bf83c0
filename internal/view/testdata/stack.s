# A frame that is made, used and given back, and a stack that is switched: where sp is, is looked at for the latter alone.
	addi sp, sp, -32
	sd ra, 24(sp)
	beqz a0, .+64
	ld ra, 24(sp)
	addi sp, sp, 32
	mv sp, s0
	ret

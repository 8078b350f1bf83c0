# registers that are written twice, words without their sign, bytes
	slli a5,a1,32
	srli a5,a5,29
	add a5,a5,a0
	slli s4,a2,32
	srli s4,s4,32
	andi a3,a4,255
	auipc a5,0x1
	ld a5,16(a5)
	lui t3,0x12
	lw t3,8(t3)
1:	j 1b

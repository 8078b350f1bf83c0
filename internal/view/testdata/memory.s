# Loads and stores of all widths, with registers that have a host register and others.
	lb a0, -1(a1)
	lbu a2, 0(a1)
	lh a3, 2(a1)
	lw a4, 4(a1)
	lwu a5, 8(s5)
	ld t0, 16(sp)
	sb a0, 0(s0)
	sh a2, 2(s0)
	sw zero, 4(s0)
	sd t0, -8(sp)
	li t1, 7
	sd t1, 2047(t2)
	j .

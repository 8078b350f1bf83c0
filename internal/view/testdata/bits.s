# Zba, Zbb, Zbs: with and without the host's instructions for them.
	clz a0, a1
	ctzw a2, a1
	cpop a3, a1
	andn a4, a1, a2
	rev8 a5, a1
	sh3add a6, a1, a2
	bext t0, a1, a2
	ror s0, a1, a2
	max s1, a1, a2
	sll t1, a1, a2
	j .

# detours, verify: memory by the table of where bytes lie in divided host pages.
	ld a0, 16(a1)
	sw a0, -4(s5)
	fld fa0, 0(sp)
	lbu t0, 64(zero)
	amoadd.w a2, a3, (a4)
	lr.d t0, (t1)
	sc.d t2, a1, (t1)
	j .

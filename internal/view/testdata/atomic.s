# Atomic operations and fences.
	amoadd.d a0, a1, (a2)
	amoswap.w.aq a3, zero, (a2)
	amomax.w a4, a5, (a2)
	lr.d t0, (a2)
	sc.d t1, a1, (a2)
	fence rw, rw
	fence r, rw
	j .

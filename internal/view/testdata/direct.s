# direct, verify: guest addresses are the host's.
	ld a0, 16(a1)
	sw a0, -4(s5)
	fld fa0, 0(a5)
	lbu t0, 64(zero)
	amoadd.w a2, a3, (a4)
	sd a3, 0(a6)
	j .

# 32-bit arithmetic, whose results are sign-extended; what is extended twice.
	addw a0, a0, a1
	addiw a0, a0, 1
	slliw a2, a0, 3
	sraiw a3, a2, 2
	subw t0, a2, t1
	sext.w a4, a4
	mulw a5, a4, a3
	sllw a6, a5, a1
	beqz a6, .+32
	ret

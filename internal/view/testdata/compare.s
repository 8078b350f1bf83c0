# Comparisons as values, and as conditions.
	slt a0, a1, a2
	sltiu a3, a0, 1
	seqz t0, a4
	snez t1, t0
	bltu a0, t1, .+32
	bge zero, a3, .+32
	.word 0x0ed757b3 # czero.eqz a5, a4, a3
	j .

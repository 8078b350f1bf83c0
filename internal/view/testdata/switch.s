# A jump by a table.
	bltu a4, a0, .+64
	sh2add a0, a0, a5
	lw a0, 0(a0)
	add a0, a0, a5
	jr a0

# A jump as procedure linkage tables have it.
	ld t3, 16(a5)
	jalr t1, t3

# Products and quotients: what the host traps is to be avoided.
	mul a0, a1, a2
	mulhu a3, a1, a2
	div a4, a0, a3
	rem a5, a0, a3
	divuw a6, a0, a1
	j .

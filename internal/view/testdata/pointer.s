# A call by a pointer.
	ld a4, 0(a0)
	jalr a4

# verify: code that the guest may write to compares itself with memory.
	addi a0, a0, 1
	ld a1, 0(a0)
	ret

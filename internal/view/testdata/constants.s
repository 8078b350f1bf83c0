# Constants and addresses.
	li a0, 0
	li a1, -1
	li a2, 0x12345678
	auipc a3, 0x10
	addi a3, a3, 0x123
	li a4, 0x123456789abcdef0
	sd a4, 0(a3)
	j .

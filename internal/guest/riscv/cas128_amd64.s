#include "textflag.h"

// func compareAndSwap128(p unsafe.Pointer, expected, v [2]uint64) (old [2]uint64)
TEXT ·compareAndSwap128(SB), NOSPLIT, $0-56
	MOVQ p+0(FP), DI
	MOVQ expected_0+8(FP), AX
	MOVQ expected_1+16(FP), DX
	MOVQ v_0+24(FP), BX
	MOVQ v_1+32(FP), CX
	LOCK
	CMPXCHG16B (DI)
	MOVQ AX, old_0+40(FP)
	MOVQ DX, old_1+48(FP)
	RET

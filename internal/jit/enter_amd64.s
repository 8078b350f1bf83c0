#include "textflag.h"
#include "go_asm.h"

// Translated code has all registers but BP, the context's, and R15, the base of guest
// memory. Go has none that must survive but SP and BP.

// func enter(ctx *Context)
TEXT ·enter(SB), NOSPLIT, $0-8
	MOVQ ctx+0(FP), AX
	MOVQ SP, Context_hostSP(AX)
	MOVQ BP, Context_hostBP(AX)
	LEAQ const_bias(AX), BP
	MOVQ Context_Base(AX), R15
	MOVQ (2*8)(AX), BX
	MOVQ (8*8)(AX), SI
	MOVQ (10*8)(AX), DI
	MOVQ (11*8)(AX), R8
	MOVQ (12*8)(AX), R9
	MOVQ (13*8)(AX), R10
	MOVQ (14*8)(AX), R11
	MOVQ (15*8)(AX), R12
	MOVQ (16*8)(AX), R13
	MOVQ (9*8)(AX), R14
	JMP  Context_entry(AX)

// leave is where translated code ends.
TEXT leave<>(SB), NOSPLIT|NOFRAME, $0-0
	LEAQ -const_bias(BP), AX
	MOVQ BX, (2*8)(AX)
	MOVQ SI, (8*8)(AX)
	MOVQ DI, (10*8)(AX)
	MOVQ R8, (11*8)(AX)
	MOVQ R9, (12*8)(AX)
	MOVQ R10, (13*8)(AX)
	MOVQ R11, (14*8)(AX)
	MOVQ R12, (15*8)(AX)
	MOVQ R13, (16*8)(AX)
	MOVQ R14, (9*8)(AX)
	MOVQ Context_hostSP(AX), SP
	MOVQ Context_hostBP(AX), BP
	RET

// func leaveAddr() uintptr
TEXT ·leaveAddr(SB), NOSPLIT, $0-8
	LEAQ leave<>(SB), AX
	MOVQ AX, ret+0(FP)
	RET

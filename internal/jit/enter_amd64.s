#include "textflag.h"
#include "go_asm.h"

// Translated code has all registers but BP, the context's, R15, the base of guest
// memory, and SP, its own stack. Go has none that must survive but SP and BP.

// func enter(ctx *Context)
TEXT ·enter(SB), NOSPLIT, $0-8
	MOVQ ctx+0(FP), AX
	MOVQ SP, Context_hostSP(AX)
	MOVQ BP, Context_hostBP(AX)
	LEAQ const_bias(AX), BP
	STMXCSR Context_hostMXCSR(AX)
	LDMXCSR Context_MXCSR(AX)
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
	MOVSD ((64+0)*8)(AX), X10
	MOVSD ((64+1)*8)(AX), X11
	MOVSD ((64+8)*8)(AX), X8
	MOVSD ((64+9)*8)(AX), X9
	MOVSD ((64+10)*8)(AX), X0
	MOVSD ((64+11)*8)(AX), X1
	MOVSD ((64+12)*8)(AX), X2
	MOVSD ((64+13)*8)(AX), X3
	MOVSD ((64+14)*8)(AX), X4
	MOVSD ((64+15)*8)(AX), X5
	MOVSD ((64+16)*8)(AX), X6
	MOVSD ((64+17)*8)(AX), X7
	MOVQ Context_stack(AX), SP
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
	MOVSD X10, ((64+0)*8)(AX)
	MOVSD X11, ((64+1)*8)(AX)
	MOVSD X8, ((64+8)*8)(AX)
	MOVSD X9, ((64+9)*8)(AX)
	MOVSD X0, ((64+10)*8)(AX)
	MOVSD X1, ((64+11)*8)(AX)
	MOVSD X2, ((64+12)*8)(AX)
	MOVSD X3, ((64+13)*8)(AX)
	MOVSD X4, ((64+14)*8)(AX)
	MOVSD X5, ((64+15)*8)(AX)
	MOVSD X6, ((64+16)*8)(AX)
	MOVSD X7, ((64+17)*8)(AX)
	STMXCSR Context_MXCSR(AX)
	LDMXCSR Context_hostMXCSR(AX)
	MOVQ SP, Context_stack(AX)
	MOVQ Context_hostSP(AX), SP
	MOVQ Context_hostBP(AX), BP
	RET

// func leaveAddr() uintptr
TEXT ·leaveAddr(SB), NOSPLIT, $0-8
	LEAQ leave<>(SB), AX
	MOVQ AX, ret+0(FP)
	RET

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
	MOVL $-1, Context_known(AX)
	MOVQ Context_Base(AX), R15
	MOVQ (const_regsAt+2*8)(AX), BX
	MOVQ (const_regsAt+8*8)(AX), SI
	MOVQ (const_regsAt+10*8)(AX), DI
	MOVQ (const_regsAt+11*8)(AX), R8
	MOVQ (const_regsAt+12*8)(AX), R9
	MOVQ (const_regsAt+13*8)(AX), R10
	MOVQ (const_regsAt+14*8)(AX), R11
	MOVQ (const_regsAt+15*8)(AX), R12
	MOVQ (const_regsAt+18*8)(AX), R13
	MOVQ (const_regsAt+9*8)(AX), R14
	MOVSD (const_regsAt+(64+0)*8)(AX), X10
	MOVSD (const_regsAt+(64+1)*8)(AX), X11
	MOVSD (const_regsAt+(64+8)*8)(AX), X8
	MOVSD (const_regsAt+(64+9)*8)(AX), X9
	MOVSD (const_regsAt+(64+10)*8)(AX), X0
	MOVSD (const_regsAt+(64+11)*8)(AX), X1
	MOVSD (const_regsAt+(64+12)*8)(AX), X2
	MOVSD (const_regsAt+(64+13)*8)(AX), X3
	MOVSD (const_regsAt+(64+14)*8)(AX), X4
	MOVSD (const_regsAt+(64+15)*8)(AX), X5
	MOVSD (const_regsAt+(64+16)*8)(AX), X6
	MOVSD (const_regsAt+(64+17)*8)(AX), X7
	MOVQ Context_stack(AX), SP
	JMP  Context_entry(AX)

// indirect is where it ends for a computed jump to noGuess.
TEXT indirect<>(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ $const_noGuessTarget, AX
	MOVQ AX, (Context_PC-const_bias)(BP)
	MOVL $const_ExitIndirect, (Context_Exit-const_bias)(BP)
	JMP  leave<>(SB)

// leave is where translated code ends.
TEXT leave<>(SB), NOSPLIT|NOFRAME, $0-0
	LEAQ -const_bias(BP), AX
	MOVQ BX, (const_regsAt+2*8)(AX)
	MOVQ SI, (const_regsAt+8*8)(AX)
	MOVQ DI, (const_regsAt+10*8)(AX)
	MOVQ R8, (const_regsAt+11*8)(AX)
	MOVQ R9, (const_regsAt+12*8)(AX)
	MOVQ R10, (const_regsAt+13*8)(AX)
	MOVQ R11, (const_regsAt+14*8)(AX)
	MOVQ R12, (const_regsAt+15*8)(AX)
	MOVQ R13, (const_regsAt+18*8)(AX)
	MOVQ R14, (const_regsAt+9*8)(AX)
	MOVSD X10, (const_regsAt+(64+0)*8)(AX)
	MOVSD X11, (const_regsAt+(64+1)*8)(AX)
	MOVSD X8, (const_regsAt+(64+8)*8)(AX)
	MOVSD X9, (const_regsAt+(64+9)*8)(AX)
	MOVSD X0, (const_regsAt+(64+10)*8)(AX)
	MOVSD X1, (const_regsAt+(64+11)*8)(AX)
	MOVSD X2, (const_regsAt+(64+12)*8)(AX)
	MOVSD X3, (const_regsAt+(64+13)*8)(AX)
	MOVSD X4, (const_regsAt+(64+14)*8)(AX)
	MOVSD X5, (const_regsAt+(64+15)*8)(AX)
	MOVSD X6, (const_regsAt+(64+16)*8)(AX)
	MOVSD X7, (const_regsAt+(64+17)*8)(AX)
	JMP  left<>(SB)

// fault is where it ends because of a fault: with all registers as they are, for Context.Restore.
TEXT fault<>(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ AX, (Context_Host+0*8-const_bias)(BP)
	LEAQ -const_bias(BP), AX
	MOVQ CX, (Context_Host+1*8)(AX)
	MOVQ DX, (Context_Host+2*8)(AX)
	MOVQ BX, (Context_Host+3*8)(AX)
	MOVQ SI, (Context_Host+6*8)(AX)
	MOVQ DI, (Context_Host+7*8)(AX)
	MOVQ R8, (Context_Host+8*8)(AX)
	MOVQ R9, (Context_Host+9*8)(AX)
	MOVQ R10, (Context_Host+10*8)(AX)
	MOVQ R11, (Context_Host+11*8)(AX)
	MOVQ R12, (Context_Host+12*8)(AX)
	MOVQ R13, (Context_Host+13*8)(AX)
	MOVQ R14, (Context_Host+14*8)(AX)
	MOVQ R15, (Context_Host+15*8)(AX)
	MOVSD X0, (Context_Host+16*8)(AX)
	MOVSD X1, (Context_Host+17*8)(AX)
	MOVSD X2, (Context_Host+18*8)(AX)
	MOVSD X3, (Context_Host+19*8)(AX)
	MOVSD X4, (Context_Host+20*8)(AX)
	MOVSD X5, (Context_Host+21*8)(AX)
	MOVSD X6, (Context_Host+22*8)(AX)
	MOVSD X7, (Context_Host+23*8)(AX)
	MOVSD X8, (Context_Host+24*8)(AX)
	MOVSD X9, (Context_Host+25*8)(AX)
	MOVSD X10, (Context_Host+26*8)(AX)
	MOVSD X11, (Context_Host+27*8)(AX)
	MOVSD X12, (Context_Host+28*8)(AX)
	MOVSD X13, (Context_Host+29*8)(AX)
	MOVSD X14, (Context_Host+30*8)(AX)
	MOVSD X15, (Context_Host+31*8)(AX)
	JMP  left<>(SB)

// left goes back to Go.
TEXT left<>(SB), NOSPLIT|NOFRAME, $0-0
	LEAQ -const_bias(BP), AX
	STMXCSR Context_MXCSR(AX)
	LDMXCSR Context_hostMXCSR(AX)
	MOVQ SP, Context_stack(AX)
	MOVQ Context_hostSP(AX), SP
	MOVQ Context_hostBP(AX), BP
	RET

// func leaveAddrs() (leave, fault, indirect uintptr)
TEXT ·leaveAddrs(SB), NOSPLIT, $0-24
	LEAQ leave<>(SB), AX
	MOVQ AX, leave+0(FP)
	LEAQ fault<>(SB), AX
	MOVQ AX, fault+8(FP)
	LEAQ indirect<>(SB), AX
	MOVQ AX, indirect+16(FP)
	RET

# The floating-point status.
	frflags a0
	fsflags a1, zero
	fadd.d fa0, fa0, fa1, rup
	fsrm a2

# Double precision.
	fld fa5, 0(a0)
	fadd.d fa0, fa0, fa5
	fmul.d fa1, fa0, fa1
	fmadd.d fa2, fa0, fa1, fa2
	fnmsub.d fa1, fa0, fa1, fa2
	fcvt.l.d a1, fa1, rtz
	fneg.d fa3, fa2
	fsqrt.d ft2, fa3
	fmax.d fa4, fa2, fa3
	fsd fa4, 8(a0)
	j .

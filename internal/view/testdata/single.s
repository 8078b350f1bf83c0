# Single precision: boxes, conversions, comparisons.
	flw fa5, 0(a0)
	fsub.s fa0, fa5, fa0
	fcvt.d.s fa1, fa0
	fcvt.w.d a1, fa1, rtz
	fcvt.s.l fa2, a2
	flt.s a3, fa2, fa0
	beqz a3, .+32
	fclass.s a4, fa0
	fsw fa2, 4(a0)
	j .

package unwind

// Step returns the caller of f, a function whose code at f.PC is at addr in the file.
func (c *CFI) Step(m *Machine, f *Frame, addr uint64, read Memory) (up Frame, ok bool) {
	row := c.rowAt(addr)
	if row == nil {
		return up, false
	}
	cfa, ok := f.value(row.cfa, 0, read)
	if !ok {
		return up, false
	}
	up = Frame{R: append([]uint64(nil), f.R...), Known: f.Known, Exact: row.signal}
	up.R[m.SP], up.Known = cfa, up.Known|1<<m.SP // unless a rule says otherwise
	for reg, rule := range row.rules {
		if reg >= m.Registers || rule.kind == sameValue {
			continue
		}
		up.Known &^= 1 << reg
		if v, ok := f.value(rule, cfa, read); ok {
			up.R[reg], up.Known = v, up.Known|1<<reg
		}
	}
	if up.PC, ok = up.reg(row.ra); !ok {
		return up, false
	}
	return up, up.PC != 0
}

// value is what a rule says.
func (f *Frame) value(r rule, cfa uint64, read Memory) (uint64, bool) {
	switch r.kind {
	case atOffset:
		return read(cfa + uint64(r.off))
	case isOffset:
		return cfa + uint64(r.off), true
	case inRegister:
		v, ok := f.reg(r.reg)
		return v + uint64(r.off), ok
	case atExpr:
		if addr, ok := f.evaluate(r.expr, cfa, read); ok {
			return read(addr)
		}
	case isExpr:
		return f.evaluate(r.expr, cfa, read)
	}
	return 0, false
}

// Scanned is Step by what code, that of the function up to f.PC, has done.
func (m *Machine) Scanned(f *Frame, code []byte, read Memory) (up Frame, ok bool) {
	l := m.Scan(code)
	base, ok := f.reg(l.Base)
	if !ok {
		return up, false
	}
	cfa := base + uint64(l.Offset)
	up = Frame{R: append([]uint64(nil), f.R...), Known: f.Known | 1<<m.SP}
	up.R[m.SP] = cfa
	if up.PC, ok = f.reg(m.RA); !f.Exact {
		ok = false // the function has called, and so changed it
	}
	for _, s := range l.Saved {
		v, readable := read(cfa + uint64(s.Offset))
		if !readable {
			return up, false
		}
		up.R[s.Register] = v
		if s.Register == m.RA {
			up.PC, ok = v, true
		}
	}
	up.Known &^= 1 << m.RA
	return up, ok && up.PC != 0
}

// Guess is Step for code of which nothing is known: by the frame pointer, if there seems to be one, else by
// the register of the return address. A guess may be wrong; isCode says which addresses can be
// returned to.
func (m *Machine) Guess(f *Frame, read Memory, isCode func(pc uint64) bool) (up Frame, ok bool) {
	up = Frame{R: append([]uint64(nil), f.R...), Known: f.Known}
	sp, fp := f.R[m.SP], f.R[m.FP]
	if ra, ok := f.reg(m.RA); ok && f.Exact && isCode(ra) && ra != f.PC {
		// A leaf: no call of it has changed the register.
		if stored, ok := read(fp + uint64(m.SavedRA)); !ok || stored != ra {
			up.PC = ra
			up.Known &^= 1 << m.RA
			return up, true
		}
	}
	if _, known := f.reg(m.FP); !known || fp%8 != 0 || fp <= sp || fp-sp > maxFrame {
		return up, false
	}
	ra, ok1 := read(fp + uint64(m.SavedRA))
	caller, ok2 := read(fp + uint64(m.SavedFP))
	if !ok1 || !ok2 || !isCode(ra) {
		return up, false
	}
	up.PC, up.R[m.SP], up.R[m.FP] = ra, fp, caller
	up.Known = 1<<m.SP | 1<<m.FP
	return up, true
}

// maxFrame is the size, in bytes, that no frame is believed to have.
const maxFrame = 1 << 20

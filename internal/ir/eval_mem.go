package ir

// access executes an operation on memory; ok is false if it faults.
func (e *Evaluation) access(op Op, addr, b, c uint64) (v uint64, ok bool) {
	s, info := e.State, op.Info()
	size := int(info.Size)
	if op.Has(Atomic) && addr%uint64(size) != 0 {
		return 0, false
	}
	switch {
	case op >= Store8 && op <= Store64:
		return 0, s.Mem.Store(addr, size, b)
	case op == Sc32 || op == Sc64:
		return s.storeConditional(addr, size, b)
	}
	old, ok := s.Mem.Load(addr, size)
	if !ok {
		return 0, false
	}
	if info.Signed {
		old = signExtend(old, size)
	}
	switch {
	case op == Lr32 || op == Lr64:
		s.ResAddr, s.ResValue, s.Reserved = addr, old, size
	case op >= AmoCas8 && op <= AmoCas64:
		if old == signExtend(b, size) {
			ok = s.Mem.Store(addr, size, c)
		}
	case op.Has(Writes):
		ok = s.Mem.Store(addr, size, combine((op-AmoSwap8)/4, old, signExtend(b, size)))
	}
	return old, ok
}

// storeConditional compares values: another store of the same value goes unnoticed.
func (s *State) storeConditional(addr uint64, size int, v uint64) (failed uint64, ok bool) {
	held := s.Reserved == size && s.ResAddr == addr
	s.Reserved = 0
	if !held {
		return 1, true
	}
	old, ok := s.Mem.Load(addr, size)
	if !ok || signExtend(old, size) != s.ResValue {
		return 1, ok
	}
	return 0, s.Mem.Store(addr, size, v)
}

// combine is what an AMO stores; n counts its operations in the order of the table.
func combine(n Op, old, v uint64) uint64 {
	switch n {
	case 0:
		return v
	case 1:
		return old + v
	case 2:
		return old & v
	case 3:
		return old | v
	case 4:
		return old ^ v
	case 5:
		return uint64(min(int64(old), int64(v)))
	case 6:
		return uint64(max(int64(old), int64(v)))
	case 7: // sign-extended values compare as the narrow ones
		return min(old, v)
	}
	return old ^ v ^ min(old, v)
}

// signExtend extends the low size bytes of v.
func signExtend(v uint64, size int) uint64 {
	shift := 64 - 8*size
	return uint64(int64(v<<shift) >> shift)
}

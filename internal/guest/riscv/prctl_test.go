package riscv

import "testing"

func TestPrctl(t *testing.T) {
	for _, c := range []struct {
		option int
		args   [4]uint64
		result int64
		known  bool
	}{
		{71, [4]uint64{0, 0}, 0, true},
		{71, [4]uint64{1, 1}, 0, true},
		{71, [4]uint64{2, 0}, -22, true},
		{71, [4]uint64{0, 2}, -22, true},
		{69, [4]uint64{0, 0}, 0, false}, // PR_RISCV_V_SET_CONTROL needs vector
	} {
		result, known := arch{}.Prctl(c.option, c.args)
		if result != c.result || known != c.known {
			t.Errorf("Prctl(%d, %v) = %d, %v, want %d, %v", c.option, c.args, result, known, c.result, c.known)
		}
	}
}

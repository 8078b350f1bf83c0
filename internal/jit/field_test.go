//go:build amd64

package jit

import "testing"

func TestFieldAt(t *testing.T) {
	for disp, want := range map[int32]string{
		offX + 8*5: "x5", offF: "f0", offF + 8*31: "f31", offIRQ: "IRQ.bits", offLimit: "IRQ.limit", offPC: "PC", offSpill + 8: "Spill[1]", offSpill + 12: "Spill[1]+4",
		offJumps: "Jumps[0].PC", offJumps + 24: "Jumps[1].Host", offResAddr: "ResAddr", -bias - 8: "", 1 << 30: "",
	} {
		if got := FieldAt(disp); got != want {
			t.Errorf("%d is %q, want %q", disp, got, want)
		}
	}
}

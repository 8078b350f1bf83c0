//go:build amd64

package jit

import "testing"

// TestNoJump: what an entry of Context.Jumps has that leads nowhere is the address of another entry, and new entries
// lead nowhere.
func TestNoJump(t *testing.T) {
	ctx := new(Context)
	ctx.Init()
	for i, e := range ctx.Jumps {
		if int(e.PC>>1)&(numJumps-1) == i {
			t.Fatalf("entry %d of a new context is taken for address %#x", i, e.PC)
		}
	}
	for _, pc := range []uint64{0, 2, 2 * numJumps, 0x10000} {
		ctx.SetJump(pc, 1)
		ctx.ForgetJump(pc)
		if e := ctx.Jumps[int(pc>>1)&(numJumps-1)]; e.PC == pc {
			t.Errorf("%#x still leads somewhere", pc)
		}
		ctx.SetJump(pc, 1)
		ctx.ForgetJumps()
		if e := ctx.Jumps[int(pc>>1)&(numJumps-1)]; e.PC == pc {
			t.Errorf("%#x still leads somewhere after all were forgotten", pc)
		}
	}
}

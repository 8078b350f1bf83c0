package opt_test

import (
	"testing"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/opt"
)

// TestLoadsInOrder: what has been loaded, or stored, is not taken for a load behind another one that may be of the same
// place, but for who is alone. What that loads is newer.
func TestLoadsInOrder(t *testing.T) {
	const first, again = "trace 0x1000\na = getx 10\nb = getx 11\nx = load_64 a\nsetx x, 12\n", "z = load_64 a\nsetx z, 14\ngoto 0x2000"
	const stored = "trace 0x1000\na = getx 10\nb = getx 11\nstore_64 a, b\n"
	for _, c := range []struct {
		name, text    string
		others, alone bool // whether the load is left out
		relied        bool
	}{
		{"the same place", first + again, true, true, false},
		{"another register", first + "y = load_64 b\nsetx y, 13\n" + again, false, true, true},
		{"other bytes", first + "k = const 8\nc = add a, k\ny = load_64 c\nsetx y, 13\n" + again, true, true, false},
		{"some of the bytes", first + "k = const 4\nc = add a, k\ny = load_s32 c\nsetx y, 13\n" + again, false, true, true},
		{"stored", stored + again, true, true, false},
		{"stored, and another register", stored + "y = load_64 b\nsetx y, 13\n" + again, false, true, true},
		{"a store", first + "store_64 b, x\n" + again, false, false, false},
	} {
		for _, alone := range []bool{false, true} {
			r := form(t, c.text)
			r.Alone = alone
			before := countLoads(r)
			afterIn(t, r, "loads")
			left := before - countLoads(r)
			want := c.others
			if alone {
				want = c.alone
			}
			if (left == 1) != want || r.Relied != (alone && c.relied) {
				t.Errorf("%s, alone %v: %d loads are left out, relied %v", c.name, alone, left, r.Relied)
			}
		}
	}
}

func countLoads(r *opt.Region) (n int) {
	for _, b := range r.Blocks {
		for _, v := range b.Code {
			if r.Code[v].Op.Has(ir.Reads) {
				n++
			}
		}
	}
	return n
}

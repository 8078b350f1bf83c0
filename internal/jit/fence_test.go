//go:build linux && amd64

package jit

import (
	"bytes"
	"testing"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// TestFences counts barriers: there has to be one between a store and a later load if the
// guest has one there, and none is wanted elsewhere.
func TestFences(t *testing.T) {
	const (
		full  = "fence 0x33\n" // rw, rw
		load  = "l = load_64 a\nsetx l, 10\n"
		store = "store_64 a, b\n"
		amo   = "m = amo_add_64 a, b\n"
		exit  = "c = eq a, b\nexitif c, 0x40\n"
	)
	for _, c := range []struct {
		code string
		want int
	}{
		{store + full + load, 1},
		{full + load, 1}, // there may have been a store before
		{full + load + full + load, 1},
		{full + store + full + load, 1},
		{store + full + load + store + full + load, 2},
		{full + exit + full, 1},
		{full + exit + store + full, 2},
		{full + "x = add a, b\nsetx x, 11\n" + full, 1},
		{full + "jump a\n", 1},
		{full + amo, 0},
		{amo + full + load, 0},
		{amo + store + full + load, 1},
		{full + "s = sc_64 a, b\n" + full + load, 2}, // which may store nothing
		{full + load + "r = lr_64 a\n" + full + load, 1},
		{store + "fence 0x833\n" + load, 0}, // fence.tso
		{store + "fence 0x11\n" + load, 0},  // w, w
		{store + "fence 0x23\n" + load, 0},  // r, rw
		{store + "fence 0x12\n" + load, 1},  // w, r
		{store + "fence 0x12\n" + load + "fence 0x833\n" + full + load, 1},
	} {
		text := "inst 0x1000\na = getx 1\nb = getx 2\n" + c.code
		if !bytes.Contains([]byte(text), []byte("jump")) {
			text += "goto 0x1004\n"
		}
		tr, err := ir.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var a, barrier amd64.Assembler
		comp := Compiler{Features: HostFeatures(), Limit: 1 << 38, Stubs: EmitStubs(&a)}
		if _, ok := comp.Compile(&a, tr, nil); !ok {
			t.Fatalf("not compiled:\n%s", tr)
		}
		emitBarrier(&barrier)
		if n := bytes.Count(a.Buf, barrier.Buf); n != c.want {
			t.Errorf("%d barriers, want %d:\n%s", n, c.want, tr)
		}
	}
}

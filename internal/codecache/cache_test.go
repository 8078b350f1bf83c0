//go:build linux

package codecache

import "testing"

// TestDependencies: a block is dropped when guest code changes that it depends on, be it its
// own or further code, and no other is.
func TestDependencies(t *testing.T) {
	c, err := New(1<<20, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	k := Key{PC: 0x1ffe}
	for _, change := range []struct {
		addr, n uint64
		dropped bool
	}{
		{0x1000, 0xffe, false}, {0x1000, 0xfff, true}, {0x2000, 1, true}, {0x2003, 0x1000, false},
		{0x5000, 0x10, false}, {0x500f, 2, true}, {0x6fff, 1, true}, {0x7000, 0x1000, false}, {0x5ff0, 0x5000, true}, {0, 1 << 40, true},
	} {
		more := []Range{{0x5010, 0x5020}, {0x5030, 0x7000}}
		c.Add(&Block{Key: k, Code: []byte("guest"), Function: 7, More: more}, c.Buffer(), nil, nil)
		c.DropRange(change.addr, change.n)
		if c.Lookup(k) == nil != change.dropped {
			t.Errorf("[%#x,+%#x) has changed: dropped %v", change.addr, change.n, !change.dropped)
		}
	}
}

// TestReviveFunction: what is dropped comes back only as what it was.
func TestReviveFunction(t *testing.T) {
	c, err := New(1<<20, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	k := Key{PC: 0x1000}
	add(c, k.PC, "code")
	b := c.Lookup(k)
	b.Function = 7
	c.Drop(b)
	if c.ReviveFunction(k, 8) != nil || c.Revive(k, b.Code, false) != nil {
		t.Error("revived as something else")
	}
	if c.ReviveFunction(k, 7) != b || !b.Valid() || c.Revived != 1 {
		t.Error("not revived")
	}
}

//go:build linux

package codecache

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
)

// TestViews: what is written to a cache of two views is seen where it is executed; after
// a fork the old memory has kept what it had, and the new one only what is kept for good.
func TestViews(t *testing.T) {
	c, err := New(1<<20, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	c.Keep(append(c.Buffer(), "stubs"...))
	add(c, 0x1000, "block one")
	if got := string(c.memory.exec[:14]); got != "stubsblock one" {
		t.Errorf("%q is executed", got)
	}
	parent, err := unix.Mremap(c.memory.exec, len(c.memory.exec), unix.MREMAP_MAYMOVE|unix.MREMAP_DONTUNMAP)
	if err != nil {
		t.Skip("no other name for the memory: ", err)
	}
	if lost, err := c.Forked(); !lost || err != nil {
		t.Fatal(lost, err)
	}
	if c.Lookup(Key{PC: 0x1000}) != nil || c.Used() != len("stubs") {
		t.Errorf("a block is left, %d bytes are used", c.Used())
	}
	add(c, 0x2000, "other")
	for what, b := range map[string][]byte{"stubsblock one": parent, "stubsother\x00\x00\x00\x00": c.memory.exec} {
		if !bytes.HasPrefix(b, []byte(what)) {
			t.Errorf("%q, want %q", b[:14], what)
		}
	}
}

// TestForkedPrivate: private memory stays as it is.
func TestForkedPrivate(t *testing.T) {
	c, err := New(1<<20, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	add(c, 0x1000, "code")
	if lost, err := c.Forked(); lost || err != nil || c.Lookup(Key{PC: 0x1000}) == nil {
		t.Error(lost, err)
	}
}

// TestFileLimit: the limit on the size of files leads to an error at most.
func TestFileLimit(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 100, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_FSIZE, &old) }()
	if _, err := New(1<<20, 0, true); err != nil {
		t.Error(err)
	}
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &now); err != nil || now.Cur != 100 {
		t.Errorf("the limit is %d: %v", now.Cur, err)
	}
}

func add(c *Cache, pc uint64, code string) {
	start := len(c.Buffer())
	buf := append(c.Buffer(), code...)
	c.Add(&Block{Key: Key{PC: pc}, Code: []byte("guest"), Entry: uint32(start), Body: uint32(start), End: uint32(len(buf))}, buf, nil, nil)
}

// TestWide: blocks begin where a large page may, also after a Reset, and what has been kept stays where it is; small caches and those of two
// views are as they were.
func TestWide(t *testing.T) {
	for _, test := range []struct {
		size int
		wx   bool
	}{{64 << 20, false}, {4 << 20, false}, {64 << 20, true}} {
		c, err := New(test.size, 0, test.wx)
		if err != nil {
			t.Fatal(err)
		}
		c.Keep(append(c.Buffer(), "stubs"...))
		c.Wide()
		wide := test.size == 64<<20 && !test.wx
		for range 2 {
			if c.Used() != len("stubs") || string(c.Reserved()) != "stubs" {
				t.Errorf("%+v: %d bytes are used, %q kept", test, c.Used(), c.Reserved())
			}
			start := len(c.Buffer())
			if large := c.Host(uint32(start))%largePage == 0; large != wide || start > 2*largePage {
				t.Errorf("%+v: blocks begin at %#x", test, c.Host(uint32(start)))
			}
			add(c, 0x1000, "block")
			if c.Used() != len("stubsblock") || c.Find(c.Host(uint32(start))) != c.Lookup(Key{PC: 0x1000}) {
				t.Errorf("%+v: %d bytes are used with a block", test, c.Used())
			}
			c.Reset()
		}
		c.Close()
	}
}

// TestTails: a block's tail is where the others' are, at an offset as far from a multiple of 8 as is wanted, and the block is found by
// addresses in it; so are blocks without one by theirs. When there is no room, it is said.
func TestTails(t *testing.T) {
	c, err := New(1<<16, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []*Block
	for n := range 9 {
		start := len(c.Buffer())
		b := &Block{Key: Key{PC: uint64(n+1) << 12}, Entry: uint32(start), End: uint32(start + 32)}
		if n%3 != 1 {
			to, at, ok := c.Tail(11, n)
			if !ok || at&7 != n&7 || at < len(c.mem)/2 {
				t.Fatalf("tail %d is to be at %d, %v", n, at, ok)
			}
			copy(to, "seldom done")
			b.Tail, b.TailEnd = uint32(at), uint32(at+11)
		}
		c.Add(b, append(c.Buffer(), make([]byte, 32)...), nil, nil)
		blocks = append(blocks, b)
	}
	for n, b := range blocks {
		if c.Find(c.Host(b.Entry)) != b || c.Find(c.Host(b.End-1)) != b {
			t.Errorf("block %d is not found", n)
		}
		if b.Tail == b.TailEnd {
			continue
		}
		if _, tail := c.CodeOf(b); string(tail) != "seldom done" || c.Find(c.Host(b.Tail)) != b || c.Find(c.Host(b.TailEnd-1)) != b || c.Find(c.Host(b.TailEnd)) == b {
			t.Errorf("block %d has the tail %q at %d", n, tail, b.Tail)
		}
	}
	if _, _, ok := c.Tail(1<<15, 0); ok {
		t.Error("there is room for a tail that is too large")
	}
	c.Reset()
	if _, at, ok := c.Tail(1, 0); !ok || at != int(blocks[0].Tail)&^7 {
		t.Errorf("behind a reset, the first tail is to be at %d, %v", at, ok)
	}
}

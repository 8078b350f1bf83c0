//go:build linux

package codecache

import (
	"encoding/binary"
	"testing"
)

// leads is the offset that the jump with the displacement at offset at leads to.
func (c *Cache) leads(at uint32) uint32 { return binary.LittleEndian.Uint32(c.mem[at:]) + at + 4 }

// TestGuess: the first block that an exit with a guess is linked to is the guess, for good; it
// is linked as long as that block is valid.
func TestGuess(t *testing.T) {
	c, err := New(1<<20, 100, false)
	if err != nil {
		t.Fatal(err)
	}
	c.Keep(append(c.Buffer(), make([]byte, 64)...))
	block := func(pc uint64, exits ...Exit) *Block {
		start := uint32(len(c.Buffer()))
		b := &Block{Key: Key{PC: pc}, Code: []byte("guest"), Entry: start, Body: start + 8, End: start + 64}
		for i := range exits {
			exits[i].Block = b
		}
		c.Add(b, append(c.Buffer(), make([]byte, 64)...), exits, nil)
		return b
	}
	// At 64: the guess, the displacements for wrong and right guesses, the two ways out.
	site := Exit{Kind: ToGuess, Polled: true, Jump: 64 + 24, Unlinked: 64 + 32, Guess: Guess{At: 64 + 8, Miss: 64 + 16, Probe: 64 + 40}}
	block(0x1000, site)
	one, two := block(0x2000), block(0x3000)
	check := func(what string, guess uint64, right, wrong uint32) {
		t.Helper()
		if got := binary.LittleEndian.Uint64(c.mem[site.Guess.At:]); got != guess {
			t.Errorf("%s: the guess is %#x, want %#x", what, got, guess)
		}
		if got := c.leads(site.Jump); got != right {
			t.Errorf("%s: a right guess leads to %d, want %d", what, got, right)
		}
		if got := c.leads(site.Guess.Miss); got != wrong {
			t.Errorf("%s: a wrong guess leads to %d, want %d", what, got, wrong)
		}
	}
	c.Link(100, one)
	check("linked", 0x2000, one.Body, site.Guess.Probe)
	c.Link(100, two)
	check("once more, to another", 0x2000, one.Body, site.Guess.Probe)
	c.Drop(one)
	check("dropped", 0x2000, site.Unlinked, site.Guess.Probe)
	c.Link(100, two)
	check("then to another", 0x2000, site.Unlinked, site.Guess.Probe)
	again := block(0x2000)
	c.Link(100, again)
	check("linked again", 0x2000, again.Body, site.Guess.Probe)
}

// TestLinkEntry: a jump back has the interrupt word looked at, unless that has been done on
// the way; so has each call.
func TestLinkEntry(t *testing.T) {
	for _, test := range []struct {
		name string
		to   uint64
		exit Exit
		body bool
	}{
		{"forward", 0x2000, Exit{Kind: ToBlock}, true},
		{"back", 0x500, Exit{Kind: ToBlock}, false},
		{"back, polled", 0x500, Exit{Kind: ToBlock, Polled: true}, true},
		{"call", 0x2000, Exit{Kind: ToCall}, false},
		{"call, polled", 0x2000, Exit{Kind: ToCall, Polled: true}, true},
	} {
		c, err := New(1<<20, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		from := &Block{Key: Key{PC: 0x1000}, Code: []byte("guest"), Entry: 16, Body: 24, End: 48}
		test.exit.Block, test.exit.Jump = from, 40
		c.Add(from, append(c.Buffer(), make([]byte, 48)...), []Exit{test.exit}, nil)
		to := &Block{Key: Key{PC: test.to}, Code: []byte("guest"), Entry: 48, Body: 56, End: 64}
		c.Add(to, append(c.Buffer(), make([]byte, 16)...), nil, nil)
		c.Link(0, to)
		want := to.Entry
		if test.body {
			want = to.Body
		}
		if got := c.leads(40); got != want {
			t.Errorf("%s: leads to %d, want %d", test.name, got, want)
		}
	}
}

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

// TestLinkEntry: a jump or call back has the interrupt word looked at, unless that has been done on
// the way.
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
		{"call", 0x2000, Exit{Kind: ToCall}, true},
		{"call back", 0x500, Exit{Kind: ToCall}, false},
		{"call back, polled", 0x500, Exit{Kind: ToCall, Polled: true}, true},
		{"guess", 0x2000, Exit{Kind: ToGuess, PC: 0x2000}, true},
		{"guess back", 0x500, Exit{Kind: ToGuess, PC: 0x500}, false},
		{"guess back, polled", 0x500, Exit{Kind: ToGuess, PC: 0x500, Polled: true}, true},
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

// TestThunk: the exits that make a block hot lead through its thunk until it is, and again when it
// has come back after a change of code; others lead there at once.
func TestThunk(t *testing.T) {
	c, err := New(1<<20, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	c.Threshold, c.CountCalls = 7, true
	block := func(pc uint64, exits ...Exit) *Block {
		start := uint32(len(c.Buffer()))
		b := &Block{Key: Key{PC: pc}, Code: []byte("guest"), Entry: start, Body: start + 8, End: start + 64}
		for i := range exits {
			exits[i].Block, exits[i].Jump, exits[i].Unlinked = b, start+16*uint32(i+1), start+60
		}
		c.Add(b, append(c.Buffer(), make([]byte, 64)...), exits, nil)
		return b
	}
	to := block(0x1000)
	from := block(0x2000, Exit{Kind: ToBlock}, Exit{Kind: ToCall}, Exit{Kind: ToSystem})
	before := block(0x800, Exit{Kind: ToBlock})
	for n, want := range []bool{true, true, false, false} {
		if c.WantsThunk(uint32(n), to) != want {
			t.Errorf("exit %d wants a thunk: %v", n, !want)
		}
	}
	counter, ok := c.NewCounter()
	if !ok {
		t.Fatal("no room for a counter")
	}
	thunk := uint32(len(c.Buffer()))
	c.AddThunk(to, append(c.Buffer(), make([]byte, 32)...), int(thunk), counter)
	if e := c.Exit(4); e.Kind != ToHot || e.Block != to || e.PC != to.PC {
		t.Errorf("the thunk's exit is %+v", e)
	}
	jumps := []uint32{from.Entry + 16, from.Entry + 32, before.Entry + 16}
	check := func(what string, want ...uint32) {
		t.Helper()
		for k, at := range jumps {
			if got := c.leads(at); got != want[k] {
				t.Errorf("%s: jump %d leads to %d, want %d", what, k, got, want[k])
			}
		}
	}
	link := func() {
		for _, n := range []uint32{0, 1, 3} {
			c.Link(n, to)
		}
	}
	link()
	check("linked", thunk, thunk, to.Body)
	if n := c.Counter(counter); n != 7 {
		t.Errorf("the counter is %d at first", n)
	}
	c.Hot(to)
	check("hot", to.Entry, to.Entry, to.Body)
	c.setCounter(counter, 0)
	c.Drop(to)
	check("dropped", from.Entry+60, from.Entry+60, before.Entry+60)
	if c.Revive(to.Key, to.Code, false) != to || c.Counter(counter) != 7 {
		t.Error("not revived, or not counted anew")
	}
	link()
	check("linked again", thunk, thunk, to.Body)
	c.Hot(to)
	if c.WantsThunk(0, to) {
		t.Error("a second thunk is wanted")
	}
}

// TestRegion: a region gets what leads to the block in whose place it is, and gives the place back
// when it is dropped.
func TestRegion(t *testing.T) {
	c, err := New(1<<20, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	block := func(b *Block, exits ...Exit) ([]byte, []Exit) {
		b.Entry = uint32(len(c.Buffer()))
		b.Body, b.End = b.Entry+8, b.Entry+64
		for i := range exits {
			exits[i].Block, exits[i].Jump, exits[i].Unlinked = b, b.Entry+16*uint32(i+1), b.Entry+60
		}
		return append(c.Buffer(), make([]byte, 64)...), exits
	}
	tier1 := &Block{Key: Key{PC: 0x1000}, Code: []byte("guest")}
	buf, exits := block(tier1, Exit{Kind: ToBlock})
	c.Add(tier1, buf, exits, nil)
	c.Link(0, tier1)
	region := func(number uint32) *Block {
		r := &Block{Key: tier1.Key, Region: true, More: []Range{{0x1000, 0x1005}, {0x5000, 0x5008}}}
		buf, exits := block(r, Exit{Kind: ToBlock})
		c.AddRegion(r, buf, exits, nil)
		if got := c.leads(tier1.Entry + 16); got != r.Entry || c.Lookup(r.Key) != r || r.Under() != tier1 || !tier1.Valid() {
			t.Errorf("region %d is not in its place: a jump leads to %d", number, got)
		}
		c.Link(number, r)
		return r
	}
	one := region(1)
	two := region(2)
	if one.Valid() || c.leads(one.Entry+16) != one.Entry+60 {
		t.Error("the first region is still in use")
	}
	c.DropRange(0x5000, 1)
	if two.Valid() || c.Lookup(tier1.Key) != tier1 || c.leads(tier1.Entry+16) != tier1.Entry+60 {
		t.Error("the block is not back in its place")
	}
	for start, list := range c.pages.All() {
		if want := map[uint64]int{0x1000: 1}[start]; len(*list) != want {
			t.Errorf("%d blocks in the page at %#x, want %d", len(*list), start, want)
		}
	}
	c.Link(0, tier1)
	three := region(3)
	c.DropRange(0x1000, 5)
	if three.Valid() || tier1.Valid() || c.Lookup(tier1.Key) != nil {
		t.Error("something is left")
	}
	if c.Revive(tier1.Key, tier1.Code, false) != tier1 || c.Lookup(tier1.Key) != tier1 {
		t.Error("not revived")
	}
}

// TestTally: an exit is counted by code of its own, for as long as it leads to the same block.
func TestTally(t *testing.T) {
	c, err := New(1<<20, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	block := func(pc uint64, exits ...Exit) *Block {
		start := uint32(len(c.Buffer()))
		b := &Block{Key: Key{PC: pc}, Code: []byte("guest"), Entry: start, Body: start + 8, End: start + 64}
		for i := range exits {
			exits[i].Block, exits[i].Jump, exits[i].Unlinked = b, start+16, start+60
		}
		c.Add(b, append(c.Buffer(), make([]byte, 64)...), exits, nil)
		return b
	}
	from, to := block(0x1000, Exit{Kind: ToBlock}), block(0x2000)
	if _, ok := c.WantsTally(0); ok {
		t.Error("an exit that leads nowhere is to be counted")
	}
	c.Link(0, to)
	target, ok := c.WantsTally(0)
	if !ok || target != to.Body {
		t.Errorf("counted on the way to %d: %v", target, ok)
	}
	counter, _ := c.NewCounter()
	thunk := uint32(len(c.Buffer()))
	c.AddTally(0, append(c.Buffer(), make([]byte, 16)...), int(thunk), counter)
	if _, ok := c.WantsTally(0); ok {
		t.Error("code for counting is wanted twice")
	}
	at := from.Entry + 16
	c.StartTally(0)
	if got := c.leads(at); got != thunk {
		t.Errorf("leads to %d while it is counted, want %d", got, thunk)
	}
	c.setCounter(counter, 42)
	if n := c.EndTally(0); n != 42 || c.leads(at) != to.Body {
		t.Errorf("counted %d, leads to %d", n, c.leads(at))
	}
	c.Drop(to)
	c.StartTally(0)
	if n := c.EndTally(0); n != 0 || c.leads(at) != from.Entry+60 {
		t.Errorf("of a block that is dropped: counted %d, leads to %d", n, c.leads(at))
	}
}

//go:build linux && amd64

package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/ir"
)

// TestSpread: how often code behind computed jumps is executed follows from the counts of code before them.
func TestSpread(t *testing.T) {
	block := func(pc uint64, exits ...surveyedExit) *surveyed {
		return &surveyed{block: &codecache.Block{Key: codecache.Key{PC: pc}}, exits: exits}
	}
	to := func(counts ...codecache.Target) surveyedExit { return surveyedExit{targets: counts} }
	s := &survey{blocks: map[uint64]*surveyed{
		1: block(1, surveyedExit{pc: 9, taken: true, count: 100}, to(codecache.Target{PC: 2, Count: 3}, codecache.Target{PC: 3, Count: 1})),
		2: block(2, to(codecache.Target{PC: 3, Count: 7}, codecache.Target{PC: 4, Count: 7})),
		3: block(3, surveyedExit{pc: 1, taken: true, count: 550}),
		4: block(4, to(codecache.Target{PC: 4, Count: 1}, codecache.Target{PC: 5, Count: 1})), // goes to itself
		5: block(5, to(codecache.Target{PC: 6})),                                              // of which nothing has been seen
		6: block(6),
	}}
	s.spread(map[uint64]float64{1: 900, 3: 50})
	for pc, want := range map[uint64]uint64{1: 900, 2: 600, 3: 550, 4: 600, 5: 300, 6: 0} {
		if got := s.blocks[pc].count; got > want || got+25 < want { // the loop's rounds are followed for a while
			t.Errorf("block %d: %d times, want %d", pc, got, want)
		}
	}
}

// surveyedAt is a survey of a loop of two blocks at codeAddr: the second is behind the call that ends the first, and goes back.
// It is entered some times, and goes round some more.
func surveyedAt(code []byte, call, entered, rounds, guessed uint64) *survey {
	block := func(from, to, count uint64, exits ...surveyedExit) *surveyed {
		return &surveyed{block: &codecache.Block{Key: codecache.Key{PC: codeAddr + from}, Code: code[from:to]}, count: count, exits: exits}
	}
	n, end := entered+rounds, uint64(len(code)-4)
	s := &survey{counted: true, blocks: map[uint64]*surveyed{
		codeAddr: block(0, call+4, n,
			surveyedExit{pc: codeAddr + end, taken: guessed > 0, count: guessed}, surveyedExit{pc: codeAddr + call + 4, taken: true, count: n}),
		codeAddr + call + 4: block(call+4, end, n, surveyedExit{pc: codeAddr, taken: true, count: rounds}, surveyedExit{count: entered}),
		codeAddr + end:      block(end, end+4, guessed),
	}}
	s.head = s.blocks[codeAddr].block
	return s
}

// TestLeftSoon: regions in which few instructions are executed, from when they are entered, or come back to from a call, to when they are
// left, would not pay.
func TestLeftSoon(t *testing.T) {
	for _, test := range []struct {
		name            string
		long            uint64 // instructions before the call
		call            string
		guessed         uint64 // how often it goes where it is expected to
		entered, rounds uint64
		want            bool
	}{
		{"a loop that calls", 0, "jal 2f", 0, 1, 1000, true},
		{"a longer one", 20, "jal 2f", 0, 1, 1000, false},
		{"one that goes round once", 20, "jal 2f", 0, 700, 300, true},
		{"a call by a pointer that is inlined", 0, "jalr a0", 1001, 1, 1000, false},
		{"mostly", 0, "jalr a0", 950, 1, 1000, false},
		{"a pointer to many functions", 0, "jalr a0", 500, 1, 1000, true},
		{"and more code", 20, "jalr a0", 500, 1, 1000, false},
	} {
		source := fmt.Sprintf("1: .rept %d\naddi a1, a1, 1\n.endr\n%s\nnop\nbnez a0, 1b\nnop\n2: ret", test.long, test.call)
		code := assembled(t, source)
		r := surveyedAt(code, 4*test.long, test.entered, test.rounds, test.guessed).form(new(riscv.CPU).NewLifter())
		if r == nil {
			t.Fatalf("%s: there is no region", test.name)
		}
		if r.leftSoon() != test.want {
			t.Errorf("%s: %+v, so it is left soon: %v", test.name, r.work, !test.want)
		}
	}
}

// TestAwaitProfile: exits are counted until the guest has been executed, however long that takes.
func TestAwaitProfile(t *testing.T) {
	m, _ := machineFor(t, sums, Options{Optimise: Sampled, CacheSize: 1 << 20})
	guest := func() time.Duration {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.opt.budget.guest()
	}
	p := &profile{exits: []uint32{0}, since: guest()}
	done := make(chan bool)
	go func() {
		for end := guest() + 4*profileTime; guest() < end; {
		}
		close(done)
	}()
	m.awaitProfile(p)
	if took := guest() - p.since; took < profileTime {
		t.Errorf("the guest has been executed for %v", took)
	}
	<-done
	m.awaitProfile(&profile{since: guest() + time.Hour}) // has nothing to wait for
	p.since = guest() + time.Hour
	start := time.Now()
	if m.awaitProfile(p); time.Since(start) < maxAwaited*profileTime {
		t.Error("who does not run was not waited for")
	}
}

// TestFollowedJump: an instruction that one trace ends with, and another one goes on behind, is one way for both.
func TestFollowedJump(t *testing.T) {
	m, _ := machineFor(t, "nop\nj 1f\nebreak\n1: nop\necall", DefaultOptions)
	code := assembled(t, "nop\nj 1f\nebreak\n1: nop\necall")
	all := insts{at: map[uint64]*inst{}}
	ends := &surveyed{block: &codecache.Block{Key: codecache.Key{PC: codeAddr + 4}, Code: code[4:8]}, count: 10, exits: []surveyedExit{{pc: codeAddr + 12}}}
	ends.instsOf(m.lifter, &all)
	goesOn := &surveyed{block: &codecache.Block{Key: codecache.Key{PC: codeAddr}, Code: code, Path: 1}, count: 100}
	goesOn.instsOf(m.lifter, &all)
	i := all.at[codeAddr+4]
	if i == nil || i.way != ir.Goto || i.to != codeAddr+12 || !i.taken || i.count != 110 || i.away != 100 || i.next != codeAddr+8 {
		t.Errorf("the jump is known as %+v", i)
	}
	if len(all.at) != 4 || all.at[codeAddr+12] == nil || all.at[codeAddr+12].count != 100 {
		t.Errorf("%d instructions", len(all.at))
	}
}

// TestWatches: computed jumps are watched a few times, and more often only if the guest has taken so much time.
func TestWatches(t *testing.T) {
	m, _ := machineFor(t, "ecall", DefaultOptions)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opt.sampling = true
	n := 0
	for ; n < 100000; n++ {
		m.opt.jumps = 0
		if m.watchJumps(m.cache.NextExit()); m.opt.jumps == 0 {
			break
		}
	}
	if most := fewWatches + int(m.opt.budget.guest()/watchTime); n < fewWatches || n > most {
		t.Errorf("watched %d times, want %d to %d", n, fewWatches, most)
	}
}

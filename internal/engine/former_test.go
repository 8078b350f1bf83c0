//go:build linux && amd64

package engine

import (
	"testing"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/ir"
)

// longBlocks lifts blocks of which all but the last are plain instructions: the first ends with a branch and a computed jump.
type longBlocks struct{ head, branch uint64 }

func (l longBlocks) Lift(code []byte, pc uint64, _ guest.Path) (t *ir.Trace, count, size int) {
	var b ir.Builder
	b.Start(pc)
	count = len(code) / 4
	for n := range count {
		b.Inst(pc + 4*uint64(n))
		if pc == l.head && n == count-2 {
			b.Emit(ir.ExitIf, l.branch, b.X(1))
		}
	}
	b.Emit(ir.Jump, 0, b.X(5))
	return &b.Trace, count, len(code)
}

// Size is that of all instructions.
func (l longBlocks) Size([]byte) int { return 4 }

// Function is of no interest: there are no functions.
func (l longBlocks) Function(ir.Function, uint64) *ir.Trace { return nil }

// TestLongRegion: a function is longer than a region may be. Where its computed jump leads is found when the instructions of the region have
// their numbers already.
func TestLongRegion(t *testing.T) {
	const head, branch, target = 0x10000, 0x20000, 0x30000
	block := func(pc uint64, n int, exits ...surveyedExit) *surveyed {
		return &surveyed{block: &codecache.Block{Key: codecache.Key{PC: pc}, Code: make([]byte, 4*n)}, exits: exits}
	}
	to := func(pc uint64) surveyedExit { return surveyedExit{targets: []codecache.Target{{PC: pc}}} }
	s := &survey{called: true, blocks: map[uint64]*surveyed{
		head:   block(head, maxRegion, surveyedExit{taken: true}, to(target)),
		branch: block(branch, 1, to(head)),
		target: block(target, 1, to(head)),
	}}
	s.head = s.blocks[head].block
	r := s.form(longBlocks{head, branch})
	if r == nil || r.insts != maxRegion {
		t.Fatalf("the region is %+v", r)
	}
	if !s.blocks[target].known {
		t.Error("the target of the jump has not been found")
	}
}

// TestLongLoop: a loop that comes back only behind so many instructions as a region may not have otherwise is one all the same,
// unless there are far too many of them.
func TestLongLoop(t *testing.T) {
	const head = 0x10000
	for _, test := range []struct{ insts, want int }{{maxRegion, maxRegion}, {maxRegion + 1, maxRegion + 1}, {maxLong, maxLong}, {maxLong + 1, 0}} {
		s := &survey{blocks: map[uint64]*surveyed{
			head: {
				block: &codecache.Block{Key: codecache.Key{PC: head}, Code: make([]byte, 4*test.insts)},
				exits: []surveyedExit{{targets: []codecache.Target{{PC: head}}}},
			},
		}}
		s.head = s.blocks[head].block
		got := 0
		if r := s.form(longBlocks{}); r != nil {
			got = r.insts
		}
		if got != test.want {
			t.Errorf("a loop of %d instructions: a region of %d, want %d", test.insts, got, test.want)
		}
	}
}

package difftest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
)

// Random sequences: what single instructions cannot show, such as a decoder that spoils
// its neighbours, blocks linked to one another, loops, and code after a branch.

// Registers that a sequence's instructions do not write. The three addresses hold that of
// the scratch memory, for each way in which loads and stores name their base.
const (
	seqCount = 28 // loop counter
	seqAddr  = 29
	seqPrime = 9 // an address that three bits can name
	seqSP    = 2
)

func seqFree(s Site) func(int) bool {
	return func(r int) bool {
		return s.free(r) && r != seqCount && r != seqAddr && r != seqPrime && r != seqSP
	}
}

// usable reports whether an instruction can stand in a sequence: it always goes on to the
// next one, or branches.
func (in *Instruction) usable() bool {
	switch {
	case in.Kind&encoding.Jump != 0,
		in.Name == "c.addi16sp",
		in.Name == "ecall", in.Name == "ebreak", in.Name == "c.ebreak",
		strings.HasPrefix(in.Name, "cbo."),
		strings.HasPrefix(in.Name, "wrs."):
		return false
	}
	return true
}

// piece is one instruction of a sequence.
type piece struct {
	in     *Instruction
	fields map[string]int64
	skip   int // a branch: how many pieces it jumps over
}

// Sequences makes random sequences of up to Length instructions, in a loop that runs a few
// times.
type Sequences struct {
	pool   []*Instruction
	Length int
}

// NewSequences draws from the usable instructions among all.
func NewSequences(all []*Instruction, length int) *Sequences {
	s := &Sequences{Length: length}
	for _, in := range all {
		if in.usable() {
			s.pool = append(s.pool, in)
		}
	}
	return s
}

// Case is the sequence of that seed, or the first instructions of it.
func (q *Sequences) Case(seed uint64, length int) Case {
	name := fmt.Sprintf("sequence %#x", seed)
	return Case{Name: name, Build: func(s Site) ([]byte, Record, string) {
		r := rand.New(rand.NewPCG(seed, 1))
		in := newValues(r, [...]string{".s", ".d"}[r.IntN(2)]).record()
		rounds := 1 + r.IntN(4)
		width := [...]string{".w", ".d"}[r.IntN(2)]
		pieces := make([]piece, length)
		for i := range pieces {
			pieces[i] = q.choose(r, seqFree(s), width)
		}
		for _, a := range []int{seqAddr, seqPrime, seqSP} {
			in.X[a] = s.Scratch
		}
		in.X[seqCount] = uint64(rounds)

		c := &code{base: s.PC}
		text := emit(c, pieces)
		c.addi(seqCount, seqCount, -1)
		c.branch(1, seqCount, 0, s.PC)
		return c.b, in, fmt.Sprintf("%s, %d rounds, fcsr=%#x\n%s", name, rounds, in.FCSR, text)
	}}
}

// Shortest finds the least number of instructions of a sequence after which the emulators
// differ, if they do so on their own.
func (q *Sequences) Shortest(seed uint64, site Site, a, b *Emulator, dir string) (*Mismatch, error) {
	var prefixes []Case
	for n := range q.Length {
		prefixes = append(prefixes, q.Case(seed, n+1))
	}
	p, _ := assemble(prefixes, site.Base, site.Link)
	diff, err := Compare(p, a, b, dir)
	if err != nil || len(diff) == 0 {
		return nil, err
	}
	return &diff[0], nil
}

// choose makes a piece; LR and SC are of the given width only.
func (q *Sequences) choose(r *rand.Rand, free func(int) bool, width string) piece {
	in := q.pool[r.IntN(len(q.pool))]
	for in.reserves() && !strings.HasSuffix(in.Name, width) {
		in = q.pool[r.IntN(len(q.pool))]
	}
	p := piece{in: in, skip: 1 + r.IntN(3)}
	choose := in.chooser(r, free)
	_, p.fields = in.encodeAs(func(f *encoding.Field) int64 {
		switch {
		case f.Name == "csr":
			return in.harmless(r)
		case in.Kind&encoding.Branch != 0 && f.Name == "off":
			return 4 // emit knows the distance
		case in.memory != "" && f.IsImm():
			return in.nearby(r, f)
		case in.memory != "" && f.Name == "rs1":
			if f.Prime {
				return seqPrime
			}
			return [...]int64{seqAddr, seqPrime, seqSP}[r.IntN(3)]
		}
		return choose(f)
	})
	return p
}

// reserves reports whether the instruction is an LR or SC.
func (in *Instruction) reserves() bool {
	return strings.HasPrefix(in.Name, "lr.") || strings.HasPrefix(in.Name, "sc.")
}

// nearby is an offset of a load or store that stays in the scratch memory.
func (in *Instruction) nearby(r *rand.Rand, f *encoding.Field) int64 {
	for {
		if v := immediate(r, f) & 127; v <= 112 {
			return v
		}
	}
}

// emit assembles the pieces and returns their text.
func emit(c *code, pieces []piece) string {
	ends := make([]uint64, len(pieces)+1) // ends[i] is where piece i begins
	ends[0] = c.pc()
	for i, p := range pieces {
		ends[i+1] = ends[i] + uint64(p.in.Len)
	}
	var text strings.Builder
	for i, p := range pieces {
		if p.in.Kind&encoding.Branch != 0 {
			target := ends[min(i+1+p.skip, len(pieces))]
			p.fields["off"] = int64(target - ends[i])
		}
		w, _ := p.in.Encode(p.fields) // accepted before; the distance is small
		fmt.Fprintf(&text, "\t%#x  %0*x  %s %v\n", ends[i], p.in.Len*2, w, p.in.Name, p.fields)
		c.b = append(c.b, p.in.bytes(w)...)
	}
	return text.String()
}

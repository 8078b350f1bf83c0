package difftest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
)

// Random programs of many blocks: branches forward and backward, loops, calls and returns
// that need not match, computed jumps, faults whose handler goes on behind them, rounding
// modes. What a translator may get wrong between instructions and between blocks shows here.
//
// A flow ends because each edge that could make a loop takes fuel, and leaves when there is
// no more.

// Registers with a purpose in flows, besides those of sequences; random instructions write
// none of them. seqCount is the fuel.
const (
	flowSum   = 22 // a digest of what other registers have had
	flowSeed  = 23 // of random numbers, so that a loop does not come to rest
	flowRA    = 1  // links of calls; always the address of an instruction
	flowAlt   = 5  // the other link register
	flowTmp   = 24 // for computed jumps
	flowIndex = 25
	flowOdd   = 26 // a misaligned address
	flowBad   = 27 // an address that may not be accessed
)

func flowFree(s Site) func(int) bool {
	free := seqFree(s)
	return func(r int) bool {
		return free(r) && r != flowRA && r != flowAlt && r != flowOdd && r != flowBad && r != flowSum && r != flowSeed
	}
}

// step is some instructions of a flow that belong together.
type step struct {
	in      *Instruction // from the table, or nil
	fields  map[string]int64
	words   []uint32 // else these, each of two or four bytes
	targets []int    // blocks that the last instructions jump to, one each
	fuel    bool     // it takes fuel first, as it may jump back
}

// flow is a program: blocks of steps. A block goes on to the next one unless its last step
// jumps.
type flow struct {
	Name   string
	Site   Site // base and link that it leaves alone
	In     Record
	Blocks [][]step
	starts [2]int // blocks whose addresses flowRA and flowAlt have at first
	odd    uint64 // flowOdd: distance from the scratch memory
}

// Flows makes random programs.
type Flows struct {
	pool     []*Instruction // in a straight line
	branches []*Instruction
}

// NewFlows draws from the instructions that go on to the next one or branch.
func NewFlows(all []*Instruction) *Flows {
	q := &Flows{}
	for _, in := range all {
		switch {
		case in.Kind&encoding.Branch != 0:
			q.branches = append(q.branches, in)
		case in.usable() || in.Name == "cbo.zero":
			q.pool = append(q.pool, in)
		}
	}
	return q
}

// Make returns the program of a seed, for a site whose registers are known.
func (q *Flows) Make(seed uint64, s Site) *flow {
	r := rand.New(rand.NewPCG(seed, 2))
	m := &flowMaker{q: q, r: r, free: flowFree(s)}
	m.width = [...]string{".w", ".d"}[r.IntN(2)]
	// The kernel ends a reservation at each trap, QEMU's user mode does not: a program has
	// either.
	m.traps = r.IntN(3) == 0
	f := &flow{Name: fmt.Sprintf("flow %#x", seed), Site: s, In: newValues(r, m.width).record()}
	n := 4 + r.IntN(20)
	for range n {
		f.Blocks = append(f.Blocks, nil)
	}
	for i := range f.Blocks {
		f.Blocks[i] = m.block(i, n)
	}
	f.starts = [2]int{r.IntN(n), r.IntN(n)}
	f.odd = uint64(1 + 2*r.IntN(8))
	f.In.X[seqCount] = [...]uint64{3, 40, 300, 2000}[r.IntN(4)]
	f.In.X[flowSeed] |= 1
	f.In.X[flowBad] = flowAddresses[r.IntN(len(flowAddresses))]
	if m.traps {
		f.In.X[seqCount] = min(f.In.X[seqCount], 300)
		f.In.Skip = 1
	}
	return f
}

// flowAddresses are bad: page 0, nothing, text (which may be read), across its beginning,
// nothing, behind sv39's user space.
var flowAddresses = []uint64{0x10, 0x10000000, codeBase, codeBase - 4, 0x2000000000, 1 << 40}

type flowMaker struct {
	q     *Flows
	r     *rand.Rand
	free  func(int) bool
	width string
	traps bool
}

// block makes block i of n.
func (m *flowMaker) block(i, n int) []step {
	var b []step
	length := m.r.IntN(8)
	if m.r.IntN(8) == 0 {
		length = 20 + m.r.IntN(60) // longer than a trace
	}
	for range length {
		b = append(b, m.straight())
	}
	b = append(b, m.end(i, n)...)
	if i == n-1 { // on, until there is no more fuel
		b = append(b, step{fuel: true, words: []uint32{0x6f}, targets: []int{m.r.IntN(n)}})
	}
	return b
}

// straight is a step in a straight line.
func (m *flowMaker) straight() step {
	switch m.r.IntN(24) {
	case 0:
		return m.round()
	case 1:
		return m.halves()
	case 2, 3:
		return m.stir()
	case 4, 5:
		return digest(m.r.IntN(32))
	case 6:
		if m.traps {
			return m.trap()
		}
	case 7:
		return m.number()
	}
	in := m.q.pool[m.r.IntN(len(m.q.pool))]
	for in.reserves() && (m.traps || !strings.HasSuffix(in.Name, m.width)) {
		in = m.q.pool[m.r.IntN(len(m.q.pool))]
	}
	choose := in.chooser(m.r, m.free)
	_, fields := in.encodeAs(func(f *encoding.Field) int64 {
		switch {
		case f.Name == "csr":
			return in.harmless(m.r)
		case in.memory != "" && f.IsImm():
			return in.nearby(m.r, f)
		case in.memory != "" && f.Name == "rs1":
			return m.address(f)
		}
		return choose(f)
	})
	return step{in: in, fields: fields}
}

// address chooses the register of an access.
func (m *flowMaker) address(f *encoding.Field) int64 {
	if f.Prime {
		return seqPrime
	}
	if m.traps && m.r.IntN(8) == 0 {
		return [...]int64{flowOdd, flowBad}[m.r.IntN(2)]
	}
	return [...]int64{seqAddr, seqPrime, seqSP}[m.r.IntN(3)]
}

// round sets the rounding mode; one that is invalid makes traps of what uses it.
func (m *flowMaker) round() step {
	mode := m.r.IntN(5)
	if m.traps && m.r.IntN(4) == 0 {
		mode = m.r.IntN(8)
	}
	return step{words: []uint32{typeI(0x73, 5, 0, mode, 2)}} // fsrmi
}

// digest adds a register to the digest, so that what is overwritten later shows, too.
func digest(r int) step {
	sub := uint32(0x40000033 | flowSum<<20 | flowTmp<<15 | flowSum<<7)
	return step{words: []uint32{typeI(0x13, 1, flowTmp, flowSum, 5), sub, 0x33 | uint32(r)<<20 | flowSum<<15 | flowSum<<7}}
}

// stir puts the next number of Marsaglia's xorshift into a register.
func (m *flowMaker) stir() step {
	r := m.r.IntN(32)
	for !m.free(r) {
		r = m.r.IntN(32)
	}
	xor := uint32(0x4033 | flowTmp<<20 | flowSeed<<15 | flowSeed<<7)
	return step{words: []uint32{
		typeI(0x13, 1, flowTmp, flowSeed, 13), xor,
		typeI(0x13, 5, flowTmp, flowSeed, 7), xor,
		typeI(0x13, 1, flowTmp, flowSeed, 17), xor,
		0x4033 | uint32(r)<<20 | flowSeed<<15 | uint32(r)<<7,
	}}
}

// number loads the bytes of one, as compilers do that do not know of alignment.
func (m *flowMaker) number() step {
	base, rd := int(m.address(&encoding.Field{})), m.r.IntN(32)
	for !m.free(rd) {
		rd = m.r.IntN(32)
	}
	size, at := 1<<(1+m.r.IntN(3)), int64(m.r.IntN(32))
	reverse := m.r.IntN(2) * (size - 1)
	s := step{words: []uint32{typeI(0x13, 0, rd, 0, 0)}}
	for _, n := range m.r.Perm(size) {
		s.words = append(s.words,
			typeI(0x03, 4, flowTmp, base, at+int64(n)), // lbu
			typeI(0x13, 1, flowTmp, flowTmp, int64(8*(n^reverse))),
			0x6033|flowTmp<<20|uint32(rd)<<15|uint32(rd)<<7) // or
	}
	return s
}

// halves rounds a number between two integers and adds the result to the digest: random
// numbers are so seldom half-way that a wrong rounding mode would hardly show.
func (m *flowMaker) halves() step {
	const f31, sum = 31, flowSum
	value := [...]uint32{12, 18, 21}[m.r.IntN(3)] // fli.d's 0.5, 1.5, 2.5
	s := step{words: []uint32{0xf2100053 | value<<15 | f31<<7}}
	if m.r.IntN(2) == 0 {
		s.words = append(s.words, 0x22001053|f31<<20|f31<<15|f31<<7) // fneg.d
	}
	return step{words: append(s.words,
		0xc2007053|f31<<15|flowTmp<<7, // fcvt.w.d, in the dynamic mode
		0x33|flowTmp<<20|sum<<15|sum<<7)}
}

const (
	ebreak = 0x00100073
	ecall  = 0x00000073
)

// trap is an instruction that traps always, or a system call that does not exist.
func (m *flowMaker) trap() step {
	switch m.r.IntN(4) {
	case 0:
		return step{words: []uint32{ebreak}}
	case 1:
		return step{words: []uint32{cEbreak}}
	case 2:
		return step{words: []uint32{0}} // c.illegal
	}
	return step{words: []uint32{typeI(0x13, 0, regA7, 0, 2000), ecall}}
}

// end is how block i of n ends.
func (m *flowMaker) end(i, n int) []step {
	any := m.r.IntN(n)
	switch m.r.IntN(10) {
	case 0:
		return nil
	case 1, 2, 3, 4:
		target := min(max(0, i-3)+m.r.IntN(7), n-1)
		if target > i {
			return []step{m.branch(target)}
		}
		back := m.branch(target)
		back.fuel = true
		return []step{back}
	case 5:
		return []step{{fuel: true, words: []uint32{0x6f}, targets: []int{any}}}
	case 6, 7:
		link := [...]uint32{flowRA, flowRA, flowAlt}[m.r.IntN(3)]
		return []step{{fuel: true, words: []uint32{link<<7 | 0x6f}, targets: []int{any}}}
	case 8:
		return []step{{fuel: true, words: []uint32{m.ret()}}}
	}
	return []step{m.computed(n)}
}

func jalr(rd, rs1 int, imm int64) uint32 { return typeI(0x67, 0, rd, rs1, imm) }

// ret is a return, or a jump by a link register that is also a call.
func (m *flowMaker) ret() uint32 {
	return [...]uint32{
		0x8082, 0x8082, // c.jr ra
		jalr(0, flowRA, 0), jalr(0, flowAlt, 0),
		jalr(flowAlt, flowRA, 0), jalr(flowRA, flowAlt, 0), jalr(flowRA, flowRA, 0),
		0x9082, // c.jalr ra
	}[m.r.IntN(8)]
}

func (m *flowMaker) branch(target int) step {
	in := m.q.branches[m.r.IntN(len(m.q.branches))]
	choose := in.chooser(m.r, m.free)
	_, fields := in.encodeAs(func(f *encoding.Field) int64 {
		if f.Name == "off" {
			return 4 // until the distance is known
		}
		return choose(f)
	})
	return step{in: in, fields: fields, targets: []int{target}}
}

// takeFuel leaves the program, whose end is target -1, if this was too much.
var takeFuel = func() step {
	over := code{}
	over.branch(4, 0, seqCount, 8) // blt zero, count: over the jump
	return step{words: []uint32{typeI(0x13, 0, seqCount, seqCount, -1), binary.LittleEndian.Uint32(over.b), 0x6f}, targets: []int{-1}}
}()

// computed jumps by a table of four jumps.
func (m *flowMaker) computed(n int) step {
	by := 1 + m.r.IntN(31)
	link := [...]int{0, 0, flowRA}[m.r.IntN(3)]
	sh2add := uint32(0x20004033 | flowTmp<<20 | flowIndex<<15 | flowTmp<<7)
	s := step{fuel: true, words: []uint32{
		flowTmp<<7 | 0x17, // auipc tmp, 0
		typeI(0x13, 7, flowIndex, by, 3),
		sh2add,
		jalr(link, flowTmp, 16),
	}}
	for range 4 {
		s.words = append(s.words, 0x6f)
		s.targets = append(s.targets, m.r.IntN(n))
	}
	return s
}

func (s *step) size() (n int) {
	if s.fuel {
		n = takeFuel.size()
	}
	if s.in != nil {
		return n + s.in.Len
	}
	for _, w := range s.words {
		n += wordLen(w)
	}
	return n
}

func wordLen(w uint32) int {
	if w&3 == 3 {
		return 4
	}
	return 2
}

// assemble returns the instructions at pc, where each block begins, and the text.
func (f *flow) assemble(pc uint64) (c *code, labels []uint64, text string) {
	labels = make([]uint64, len(f.Blocks)+1)
	labels[0] = pc
	for i, b := range f.Blocks {
		labels[i+1] = labels[i]
		for j := range b {
			labels[i+1] += uint64(b[j].size())
		}
	}
	c = &code{base: pc}
	var out strings.Builder
	for i, b := range f.Blocks {
		fmt.Fprintf(&out, "block %d\n", i)
		for j := range b {
			b[j].emit(c, labels, &out)
		}
	}
	return c, labels, out.String()
}

// emit appends the step's instructions.
func (s *step) emit(c *code, labels []uint64, out *strings.Builder) {
	if s.fuel {
		takeFuel.emit(c, labels, out)
	}
	if s.in != nil {
		s.emitInstruction(c, labels, out)
		return
	}
	for i, w := range s.words {
		name := ""
		if n := i - (len(s.words) - len(s.targets)); n >= 0 {
			to := label(labels, s.targets[n])
			name = fmt.Sprintf("jal to %#x", to)
			jump := code{base: c.pc()}
			jump.jal(0, to)
			w |= binary.LittleEndian.Uint32(jump.b)
		}
		line(out, c, w, wordLen(w), name)
	}
}

func label(labels []uint64, target int) uint64 {
	if target < 0 {
		return labels[len(labels)-1]
	}
	return labels[target]
}

// emitInstruction appends one instruction of the table; a branch that does not reach
// becomes one that does nothing.
func (s *step) emitInstruction(c *code, labels []uint64, out *strings.Builder) {
	if len(s.targets) > 0 {
		s.fields["off"] = int64(label(labels, s.targets[0]) - c.pc())
	}
	w, err := s.in.Encode(s.fields)
	name := fmt.Sprintf("%s %v", s.in.Name, s.fields)
	if err != nil {
		w, name = map[int]uint32{2: 0x0001, 4: 0x13}[s.in.Len], "nop"
	}
	line(out, c, w, s.in.Len, name)
}

func line(out *strings.Builder, c *code, w uint32, n int, name string) {
	fmt.Fprintf(out, "  +%#-6x %0*x  %s\n", c.pc()-c.base, n*2, w, name)
	c.b = append(c.b, binary.LittleEndian.AppendUint32(nil, w)[:n]...)
}

// build assembles the flow for a site.
func (f *flow) build(s Site) ([]byte, Record, string) {
	c, labels, text := f.assemble(s.PC)
	in := f.In
	for _, a := range []int{seqAddr, seqPrime, seqSP} {
		in.X[a] = s.Scratch
	}
	in.X[flowOdd] = s.Scratch + f.odd
	in.X[flowRA] = labels[min(f.starts[0], len(f.Blocks))]
	in.X[flowAlt] = labels[min(f.starts[1], len(f.Blocks))]
	return c.b, in, fmt.Sprintf("%s, fuel %d, traps %d, fcsr=%#x\n%s", f.Name, in.X[seqCount], in.Skip, in.FCSR, text)
}

// Case is the flow as a case.
func (f *flow) Case() Case { return Case{Name: f.Name, Build: f.build} }

// Case is the flow of a seed, made for the site that it gets; made has it afterwards.
func (q *Flows) Case(seed uint64, made *[]*flow) Case {
	return Case{Name: "flow", Build: func(s Site) ([]byte, Record, string) {
		f := q.Make(seed, s)
		*made = append(*made, f)
		return f.build(s)
	}}
}

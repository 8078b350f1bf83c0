package difftest

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Record is the state before a case, and in the program's output the state after it.
// Its layout is that of the guest's memory.
type Record struct {
	X       [32]uint64 // X[0] is where to go on after a trap
	F       [32]uint64
	FCSR    uint64
	Signal  uint64 // of the trap, or 0
	Code    uint64 // its si_code
	Addr    uint64 // its si_addr
	PC      uint64 // where it trapped
	Skip    uint64 // not 0: the handler goes on behind what trapped, and sums up the four above
	_       [2]uint64
	Scratch [128]byte // 64-byte aligned
}

// Offsets in a Record.
const (
	recF       = 256
	recFCSR    = 512
	recSignal  = 520
	recCode    = 528
	recAddr    = 536
	recPC      = 544
	recSkip    = 552
	recScratch = 576
	recSize    = 704
)

// Site is where a case will lie.
type Site struct {
	PC      uint64 // of its first instruction
	Scratch uint64 // of its record's scratch memory
	Base    int    // registers that the case must leave alone
	Link    int
}

// free reports whether a case may write register r.
func (s Site) free(r int) bool { return r != s.Base && r != s.Link }

// Case is some instructions and the state they begin in. Build is called once.
type Case struct {
	Name  string // groups failures: the instruction's name
	Build func(Site) (code []byte, in Record, text string)
}

// Program is an executable made of cases.
type Program struct {
	ELF   []byte
	Cases []Built
}

// Built is a case in its program.
type Built struct {
	Name string
	Text string // instructions and operands, for messages
	Site Site
	In   Record
}

// reserved are the pairs (base, link). ra and sp are not among them: some compressed
// instructions imply these.
var reserved = [][2]int{{30, 31}, {8, 15}, {3, 4}}

const (
	// maxCode keeps every case within reach of a jal to load and store.
	maxCode = 900 << 10

	altStackSize = 1 << 16

	offStack   = 0  // of stack_t in the data segment
	offAction  = 64 // of struct sigaction
	offRecords = 128
)

// Assemble builds programs from cases, as few as the reach of a jump allows.
func Assemble(cases []Case) []*Program {
	var programs []*Program
	for len(cases) > 0 {
		pair := reserved[len(programs)%len(reserved)]
		p, n := assemble(cases, pair[0], pair[1])
		programs = append(programs, p)
		cases = cases[n:]
	}
	return programs
}

// assemble builds one program and returns how many cases it took.
func assemble(cases []Case, base, link int) (*Program, int) {
	c := &code{base: codeBase}
	c.jal(0, codeBase+4) // patched below, when the length of the routines is known
	load, store, handler := routines(c, base, link)
	binary.LittleEndian.PutUint32(c.b, jalTo(codeBase, c.pc()))
	setup(c)
	c.li(base, dataBase+offRecords)

	p := &Program{}
	var records []byte
	for _, k := range cases {
		if len(c.b) > maxCode {
			break
		}
		c.jal(link, load)
		site := Site{PC: c.pc(), Base: base, Link: link,
			Scratch: dataBase + offRecords + uint64(len(records)) + recScratch}
		code, in, text := k.Build(site)
		c.b = append(c.b, code...)
		in.X[0] = c.pc()
		in.Signal, in.Code, in.Addr, in.PC = 0, 0, 0, 0
		c.jal(link, store)
		records, _ = binary.Append(records, binary.LittleEndian, &in)
		p.Cases = append(p.Cases, Built{Name: k.Name, Text: text, Site: site, In: in})
	}
	finish(c, len(records))
	p.ELF = image(c.b, append(header(handler, len(records)), records...), altStackSize)
	return p, len(p.Cases)
}

func jalTo(pc, target uint64) uint32 {
	c := code{base: pc}
	c.jal(0, target)
	return binary.LittleEndian.Uint32(c.b)
}

// routines emits load, store and the signal handler.
func routines(c *code, base, link int) (load, store, handler uint64) {
	load = c.pc()
	c.ld(1, base, recFCSR)
	c.csrrw(0, csrFCSR, 1)
	for i := range 32 {
		c.fld(i, base, recF+int64(i)*8)
	}
	eachFree(base, link, func(r int) { c.ld(r, base, int64(r)*8) })
	c.jalr(0, link)

	store = c.pc()
	eachFree(base, link, func(r int) { c.sd(r, base, int64(r)*8) })
	for i := range 32 {
		c.fsd(i, base, recF+int64(i)*8)
	}
	c.csrrs(1, csrFCSR, 0)
	c.sd(1, base, recFCSR)
	c.addi(base, base, recSize)
	c.jalr(0, link)

	// handler(signal, siginfo, ucontext)
	const siCode, siAddr, ucPC = 8, 16, 176
	handler = c.pc()
	c.ld(regT0, regA2, ucPC+int64(base)*8)
	c.ld(regT1, regT0, recSkip)
	toSkip := len(c.b)
	c.word(0) // patched below
	c.sd(regA0, regT0, recSignal)
	c.lw(regT1, regA1, siCode)
	c.sd(regT1, regT0, recCode)
	c.ld(regT1, regA1, siAddr)
	c.sd(regT1, regT0, recAddr)
	c.ld(regT1, regA2, ucPC)
	c.sd(regT1, regT0, recPC)
	c.ld(regT1, regT0, 0)
	c.sd(regT1, regA2, ucPC)
	c.syscall(139) // rt_sigreturn
	skip := code{base: c.base + uint64(toSkip)}
	skip.branch(1, regT1, 0, c.pc())
	copy(c.b[toSkip:], skip.b)
	handlerSkipping(c)
	return load, store, handler
}

// handlerSkipping is the handler of a record with Skip: v = 31 v + x for each value, so that
// the order of all traps counts; then on to the instruction after.
func handlerSkipping(c *code) {
	const siCode, siAddr, ucPC, tmp, old = 8, 16, 176, 28, 29
	sum := func(x int, field int64) {
		c.ld(old, regT0, field)
		c.word(typeI(0x13, 1, tmp, old, 5)) // slli
		c.sub(tmp, tmp, old)
		c.add(tmp, tmp, x)
		c.sd(tmp, regT0, field)
	}
	sum(regA0, recSignal)
	c.lw(regT1, regA1, siCode)
	sum(regT1, recCode)
	c.ld(regT1, regA1, siAddr)
	sum(regT1, recAddr)
	c.ld(regT1, regA2, ucPC)
	sum(regT1, recPC)
	c.word(typeI(0x03, 5, tmp, regT1, 0)) // lhu
	c.word(typeI(0x13, 7, tmp, tmp, 3))   // andi
	c.addi(old, 0, 3)
	c.addi(regT1, regT1, 2)
	c.branch(1, tmp, old, c.pc()+8)
	c.addi(regT1, regT1, 2)
	c.sd(regT1, regA2, ucPC)
	c.syscall(139) // rt_sigreturn
}

func eachFree(base, link int, f func(r int)) {
	for r := 1; r < 32; r++ {
		if r != base && r != link {
			f(r)
		}
	}
}

// setup emits the installation of the handler on a stack of its own: the case may use sp
// for anything.
func setup(c *code) {
	c.li(regA0, dataBase+offStack)
	c.addi(regA1, 0, 0)
	c.syscall(132) // sigaltstack
	for _, sig := range []int64{4, 5, 7, 8, 11} {
		c.addi(regA0, 0, sig)
		c.li(regA1, dataBase+offAction)
		c.addi(regA2, 0, 0)
		c.addi(regA3, 0, 8)
		c.syscall(134) // rt_sigaction
	}
}

// header is the data before the records: stack_t and struct sigaction.
func header(handler uint64, records int) []byte {
	const siginfo, onstack, nodefer = 4, 0x08000000, 0x40000000
	b := make([]byte, offRecords)
	put := func(off int, v ...uint64) {
		for i, x := range v {
			binary.LittleEndian.PutUint64(b[off+i*8:], x)
		}
	}
	put(offStack, uint64(dataBase+offRecords+records+15)&^15, 0, altStackSize-16)
	put(offAction, handler, siginfo|onstack|nodefer, 0)
	return b
}

// finish emits the output of all records and the program's end, with status 1 if the
// output fails.
func finish(c *code, n int) {
	const next, left, done = 8, 9, 18 // registers that a system call leaves alone
	c.li(next, dataBase+offRecords)
	c.li(left, uint64(n))
	loop := c.pc()
	c.addi(regA0, 0, 1)
	c.add(regA1, 0, next)
	c.add(regA2, 0, left)
	c.syscall(64) // write
	c.add(done, 0, regA0)
	c.addi(regA0, 0, 1)
	c.branch(5, 0, done, c.pc()+4*5) // bge zero, done: failed
	c.add(next, next, done)
	c.sub(left, left, done)
	c.branch(1, left, 0, loop) // bne
	c.addi(regA0, 0, 0)
	c.syscall(94) // exit_group
}

// Records splits a program's output.
func (p *Program) Records(out []byte) ([]Record, error) {
	if len(out) != len(p.Cases)*recSize {
		return nil, fmt.Errorf("%d bytes of output, want %d", len(out), len(p.Cases)*recSize)
	}
	r := make([]Record, len(p.Cases))
	_, err := binary.Decode(out, binary.LittleEndian, r)
	return r, err
}

// Diff lists the fields in which two records differ, under two names.
func Diff(a, b *Record, nameA, nameB string) string {
	var s strings.Builder
	diff := func(field string, x, y uint64) {
		if x != y {
			fmt.Fprintf(&s, "\t%-8s %s %#x, %s %#x\n", field, nameA, x, nameB, y)
		}
	}
	for i := range 32 {
		diff(fmt.Sprintf("x%d", i), a.X[i], b.X[i])
	}
	for i := range 32 {
		diff(fmt.Sprintf("f%d", i), a.F[i], b.F[i])
	}
	diff("fcsr", a.FCSR, b.FCSR)
	diff("signal", a.Signal, b.Signal)
	diff("si_code", a.Code, b.Code)
	diff("si_addr", a.Addr, b.Addr)
	diff("pc", a.PC, b.PC)
	for i := range a.Scratch {
		diff(fmt.Sprintf("mem+%d", i), uint64(a.Scratch[i]), uint64(b.Scratch[i]))
	}
	return s.String()
}

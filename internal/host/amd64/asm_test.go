package amd64

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/arch/x86/x86asm"
)

// Everything that the assembler can encode is disassembled by binutils' objdump and
// compared with what was meant.

// testCase is the code of one instruction and its text.
type testCase struct {
	code []byte
	text string
}

// cases gathers instructions.
type cases struct{ list []testCase }

func (c *cases) add(text string, emit func(a *Assembler)) {
	var a Assembler
	emit(&a)
	c.list = append(c.list, testCase{a.Buf, text})
}

var (
	names = map[Width][]string{
		W64: strings.Fields("rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15"),
		W32: strings.Fields("eax ecx edx ebx esp ebp esi edi r8d r9d r10d r11d r12d r13d r14d r15d"),
		W16: strings.Fields("ax cx dx bx sp bp si di r8w r9w r10w r11w r12w r13w r14w r15w"),
		W8:  strings.Fields("al cl dl bl spl bpl sil dil r8b r9b r10b r11b r12b r13b r14b r15b"),
	}
	condNames = strings.Fields("o no b ae e ne be a s ns p np l ge le g")

	gprs = []Reg{RAX, RBX, RSP, RBP, RDI, R8, R13}
	xmms = []Reg{X0, X7, X8, X15}
	mems = []Mem{
		At(RAX, 0), At(RBP, 0), At(RSP, 0), At(R12, 0), At(R13, 0), At(RDI, 127), At(RSI, -128), At(R9, 128), At(RSP, 0x1234),
		AtIndex(RAX, RCX, 1, 0), AtIndex(RBP, R12, 2, 0), AtIndex(R13, RBP, 4, -8), AtIndex(R12, R13, 8, 0x12345678), AtIndex(RSP, R15, 1, 4),
		AtIndex(NoReg, RDX, 8, 0x40), At(NoReg, 0x1000),
	}
)

func name(r Reg, w Width) string {
	if r.IsX() {
		return fmt.Sprintf("xmm%d", r-X0)
	}
	return names[w][r]
}

func memName(m Mem) string {
	if m.Base == NoReg && m.Index == NoReg {
		return fmt.Sprintf("ds:%#x", m.Disp)
	}
	var parts []string
	if m.Base != NoReg {
		parts = append(parts, names[W64][m.Base])
	}
	if m.Index != NoReg {
		parts = append(parts, fmt.Sprintf("%s*%d", names[W64][m.Index], m.Scale))
	}
	s := strings.Join(parts, "+")
	zero := m.Disp == 0 && (m.Base.low() == RBP.low()) // the encoding has one, and objdump prints it
	if m.Disp != 0 || zero || m.Base == NoReg {
		s += fmt.Sprintf("%+#x", m.Disp)
	}
	return "[" + s + "]"
}

func immName(v int32, w Width) string {
	switch w {
	case W8:
		return fmt.Sprintf("%#x", uint8(v))
	case W16:
		return fmt.Sprintf("%#x", uint16(v))
	case W32:
		return fmt.Sprintf("%#x", uint32(v))
	}
	return fmt.Sprintf("%#x", uint64(int64(v)))
}

// shape is what kinds of registers a row takes.
func (r *row) shape() (widths []Width, dst, src []Reg) {
	switch r.class {
	case gpr8:
		return []Width{W8, W16, W32, W64}, gprs, gprs
	case gprX:
		if r.noMem {
			return []Width{W32}, gprs, xmms
		}
		return []Width{W32, W64}, gprs, xmms
	case xGPR:
		return []Width{W32, W64}, xmms, gprs
	case xmm:
		return []Width{W32}, xmms, xmms
	}
	if r == &table[CMPXCHG16B] {
		return []Width{W64}, gprs, gprs
	}
	return []Width{W32, W64}, gprs, gprs
}

// mnemonic is the name that objdump prints.
func mnemonic(op Op, w Width) string {
	switch op {
	case MOVXG, MOVGX:
		return map[Width]string{W32: "movd", W64: "movq"}[w]
	case CMPSS, CMPSD: // with 3, the immediate that the tests use
		return strings.Replace(op.String(), "cmp", "cmpunord", 1)
	}
	return op.String()
}

// sourceWidth is that of a general-purpose source of op.
func sourceWidth(op Op, w Width) Width {
	switch op {
	case MOVZX8, MOVSX8:
		return W8
	case MOVZX16, MOVSX16:
		return W16
	case MOVSXD:
		return W32
	}
	return w
}

// suffix is the text of the immediate that some operations have.
func (r *row) suffix() string {
	if r.imm && r != &table[CMPSS] && r != &table[CMPSD] {
		return ",0x3"
	}
	return ""
}

func (c *cases) legacy(op Op, w Width) {
	r := &table[op]
	_, dsts, srcs := r.shape()
	text := mnemonic(op, w)
	imm := func(a *Assembler) {
		if r.imm {
			a.Buf = append(a.Buf, 3)
		}
	}
	for _, dst := range dsts {
		for _, src := range srcs {
			if r.rm != 0 && op != LEA || r.mr != 0 {
				c.add(text+" "+name(dst, w)+","+name(src, sourceWidth(op, w))+r.suffix(), func(a *Assembler) { a.RR(op, w, dst, src); imm(a) })
			}
		}
	}
	for _, m := range mems {
		if r.rm != 0 && !r.noMem {
			for _, dst := range dsts {
				c.add(text+" "+name(dst, w)+","+memName(m)+r.suffix(), func(a *Assembler) { a.RM(op, w, dst, m); imm(a) })
			}
		}
		if r.mr != 0 {
			for _, src := range srcs {
				c.add(text+" "+memName(m)+","+name(src, w), func(a *Assembler) { a.MR(op, w, m, src) })
			}
		}
		if r.m != 0 {
			c.add(text+" "+memName(m)+r.count(), func(a *Assembler) { a.M(op, w, m) })
		}
	}
	if r.m != 0 && op != CMPXCHG16B && r.class != xmm {
		for _, dst := range dsts {
			c.add(text+" "+name(dst, w)+r.count(), func(a *Assembler) { a.R(op, w, dst) })
		}
	}
	c.immediates(op, w, text)
}

// count is what a shift without immediate has as the second operand.
func (r *row) count() string {
	if r.m == 0xD3 {
		return ",cl"
	}
	return ""
}

func (c *cases) immediates(op Op, w Width, text string) {
	r := &table[op]
	if r.i8 == 0 && r.i32 == 0 {
		return
	}
	values := []int32{0, 5, 63}
	if r.i32 != 0 {
		values = append(values, -1, -128, 127, 128, -129, 0x12345678, -0x12345678)
	}
	_, dsts, _ := r.shape()
	for _, v := range values {
		if w == W8 && v != int32(int8(v)) || w == W16 && v != int32(int16(v)) {
			continue
		}
		for _, dst := range dsts {
			c.add(text+" "+name(dst, w)+","+immName(v, w), func(a *Assembler) { a.RI(op, w, dst, v) })
		}
		if r.class == xmm {
			continue // no form in memory
		}
		for _, m := range mems {
			c.add(text+" "+memName(m)+","+immName(v, w), func(a *Assembler) { a.MI(op, w, m, v) })
		}
	}
}

func (c *cases) vex(op Op, w Width) {
	r := &table[op]
	text := mnemonic(op, w)
	if r.class == xmm && !r.vex {
		text = "v" + text
	}
	_, dsts, srcs := r.shape()
	for _, dst := range dsts {
		for _, src := range srcs {
			if r.one {
				if r.imm {
					c.add(text+" "+name(dst, w)+","+name(src, w)+",0x3", func(a *Assembler) { a.VRRI(op, w, dst, src, 3) })
				} else {
					c.add(text+" "+name(dst, w)+","+name(src, w), func(a *Assembler) { a.VRR(op, w, dst, src) })
				}
				continue
			}
			for _, src1 := range srcs {
				first, second := src1, src
				if op == SHLX || op == SHRX || op == SARX { // the count is the last in the text
					first, second = src, src1
				}
				c.add(text+" "+name(dst, w)+","+name(first, w)+","+name(second, w)+r.suffix(), func(a *Assembler) {
					a.VRRR(op, w, dst, src1, src)
					if r.imm {
						a.Buf = append(a.Buf, 3)
					}
				})
			}
		}
		if r.one && r.imm && r.rm != 0 {
			for _, m := range mems {
				c.add(text+" "+name(dst, w)+","+memName(m)+",0x3", func(a *Assembler) { a.VRMI(op, w, dst, m, 3) })
			}
		}
		if r.one {
			continue
		}
		for _, m := range mems {
			operands := name(srcs[1], w) + "," + memName(m)
			if op == SHLX || op == SHRX || op == SARX {
				operands = memName(m) + "," + name(srcs[1], w)
			}
			c.add(text+" "+name(dst, w)+","+operands+r.suffix(), func(a *Assembler) {
				a.VRRM(op, w, dst, srcs[1], m)
				if r.imm {
					a.Buf = append(a.Buf, 3)
				}
			})
		}
	}
}

func TestTable(t *testing.T) {
	for op := Op(0); op < numOps; op++ {
		r := &table[op]
		if r.name == "" {
			t.Errorf("operation %d has no row", op)
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			var c cases
			widths, _, _ := r.shape()
			for _, w := range widths {
				if !r.vex {
					c.legacy(op, w)
				}
				if r.vex || r.avx {
					c.vex(op, w)
				}
			}
			if len(c.list) == 0 {
				t.Fatal("nothing to test")
			}
			c.check(t)
		})
	}
}

func TestOthers(t *testing.T) {
	var c cases
	for _, r := range gprs {
		for _, w := range []Width{W32, W64} {
			c.add("bswap "+name(r, w), func(a *Assembler) { a.BSwap(w, r) })
			for _, s := range gprs {
				c.add("imul "+name(r, w)+","+name(s, w)+",0x12345", func(a *Assembler) { a.IMulI(w, r, s, 0x12345) })
				for cc, n := range condNames {
					c.add("cmov"+n+" "+name(r, w)+","+name(s, w), func(a *Assembler) { a.CMov(Cond(cc), w, r, s) })
				}
			}
		}
		for cc, n := range condNames {
			c.add("set"+n+" "+name(r, W8), func(a *Assembler) { a.Set(Cond(cc), r) })
		}
		c.add("mov "+name(r, W32)+",0x80000000", func(a *Assembler) { a.MovImm(r, 1<<31) })
		c.add("mov "+name(r, W64)+",0xffffffff80000000", func(a *Assembler) { a.MovImm(r, 0xffffffff80000000) })
		c.add("movabs "+name(r, W64)+",0x123456789abcdef0", func(a *Assembler) { a.MovImm(r, 0x123456789abcdef0) })
		c.add("push "+name(r, W64), func(a *Assembler) { a.Push(r) })
		c.add("pop "+name(r, W64), func(a *Assembler) { a.Pop(r) })
		c.add("jmp "+name(r, W64), func(a *Assembler) { a.JmpR(r) })
		c.add("call "+name(r, W64), func(a *Assembler) { a.CallR(r) })
	}
	for _, m := range mems {
		c.add("jmp "+memName(m), func(a *Assembler) { a.JmpM(m) })
		c.add("pop "+memName(m), func(a *Assembler) { a.PopM(m) })
		c.add("call "+memName(m), func(a *Assembler) { a.CallM(m) })
		for cc, n := range condNames {
			c.add("cmov"+n+" rdx,"+memName(m), func(a *Assembler) { a.CMovM(Cond(cc), W64, RDX, m) })
		}
		c.add("lock add "+memName(m)+",rcx", func(a *Assembler) { a.Lock(); a.MR(ADD, W64, m, RCX) })
	}
	c.add("push 0xfffffffffffffff0", func(a *Assembler) { a.PushImm(-16) })
	c.add("ret", (*Assembler).Ret)
	c.add("int3", (*Assembler).Int3)
	c.add("rep movs QWORD PTR es:[rdi],QWORD PTR ds:[rsi]", (*Assembler).RepMovsq)
	c.add("rep stos QWORD PTR es:[rdi],rax", (*Assembler).RepStosq)
	c.add("pause", (*Assembler).Pause)
	c.add("cdq", func(a *Assembler) { a.SignA(W32) })
	c.add("cqo", func(a *Assembler) { a.SignA(W64) })
	c.check(t)
}

// TestJumps looks at where jumps lead, from the start of each case.
func TestJumps(t *testing.T) {
	var c cases
	for _, target := range []int{0, 2, 1000} {
		rel := func(jump func(a *Assembler) int) func(a *Assembler) {
			return func(a *Assembler) { a.SetRel32(jump(a), target) }
		}
		c.add(fmt.Sprintf("jmp %+d", target), rel((*Assembler).Jmp))
		c.add(fmt.Sprintf("call %+d", target), rel((*Assembler).Call))
		for cc, n := range condNames {
			c.add(fmt.Sprintf("j%s %+d", n, target), rel(func(a *Assembler) int { return a.Jcc(Cond(cc)) }))
		}
	}
	short := func(jump func(a *Assembler) int) func(a *Assembler) {
		return func(a *Assembler) {
			if !a.SetRel8(jump(a), 129) {
				t.Error("129 is out of reach")
			}
		}
	}
	ahead := func(word func(a *Assembler) int) func(a *Assembler) {
		return func(a *Assembler) {
			at := word(a)
			a.SetRel32(at, a.Len()+0x1234)
		}
	}
	c.add("inc [rip+0x1234]", ahead((*Assembler).IncRel))
	c.add("dec [rip+0x1234]", ahead((*Assembler).DecRel))
	for _, r := range []Reg{RCX, R11} {
		c.add("lea "+name(r, W64)+",[rip+0x1234]", ahead(func(a *Assembler) int { return a.LeaRel(r) }))
		c.add("cmp "+name(r, W64)+",[rip+0x1234]", ahead(func(a *Assembler) int { return a.CmpRel(r) }))
	}
	c.add("jmp +129", short((*Assembler).JmpShort))
	for cc, n := range condNames {
		c.add(fmt.Sprintf("j%s +129", n), short(func(a *Assembler) int { return a.JccShort(Cond(cc)) }))
	}
	c.check(t)
	var a Assembler
	if at := a.JmpShort(); a.SetRel8(at, 130) {
		t.Error("130 is in reach")
	}
}

func TestAlign(t *testing.T) {
	for n := 1; n <= 64; n *= 2 {
		for at := range 70 {
			var a Assembler
			a.Nop(at)
			if len(a.Buf) != at {
				t.Fatalf("Nop(%d) has %d bytes", at, len(a.Buf))
			}
			a.Align(n, 3)
			if (len(a.Buf)+3)%n != 0 || len(a.Buf) >= at+n {
				t.Errorf("Align(%d, 3) at %d is at %d", n, at, len(a.Buf))
			}
		}
	}
	var c cases
	for n := 1; n < len(nops); n++ {
		c.list = append(c.list, testCase{[]byte(nops[n]), "nop"})
	}
	c.check(t)
}

// TestMissingForms: what cannot be encoded panics rather than encode something else.
func TestMissingForms(t *testing.T) {
	for what, f := range map[string]func(a *Assembler){
		"memory form":   func(a *Assembler) { a.MR(LEA, W64, At(RAX, 0), RCX) },
		"immediate":     func(a *Assembler) { a.RI(IMUL, W64, RAX, 3) },
		"VEX of add":    func(a *Assembler) { a.VRRR(ADD, W64, RAX, RCX, RDX) },
		"andn as SSE":   func(a *Assembler) { a.RR(ANDN, W64, RAX, RCX) },
		"RSP as index":  func(a *Assembler) { a.RM(MOV, W64, RAX, AtIndex(RAX, RSP, 1, 0)) },
		"one register":  func(a *Assembler) { a.R(ADD, W64, RAX) },
		"one in memory": func(a *Assembler) { a.M(MOV, W64, At(RAX, 0)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			f(new(Assembler))
		}()
	}
}

var (
	line  = regexp.MustCompile(`^\s*([0-9a-f]+):\t(?:[0-9a-f]{2} )+\s*\t(.*)$`)
	sizes = regexp.MustCompile(`\b[A-Z]+ PTR `)
	jumps = regexp.MustCompile(`^(j\w+|call) 0x([0-9a-f]+)$`)
	spans = regexp.MustCompile(`\s+`)
)

// step is the distance between the cases in the disassembled file.
const step = 32

// check disassembles all cases. Each one stands at the start of a step of its own,
// and has to be exactly one instruction.
func (c *cases) check(t *testing.T) {
	c.checkX86asm(t)
	objdump, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip("objdump (Debian package binutils) is not there")
	}
	image := make([]byte, len(c.list)*step)
	for i := range image {
		image[i] = 0x90
	}
	for i, x := range c.list {
		copy(image[i*step:], x.code)
	}
	file := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(file, image, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(objdump, "-D", "-w", "-b", "binary", "-mi386:x86-64", "-Mintel", "--insn-width=16", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[int]string{}
	for _, l := range strings.Split(string(out), "\n") {
		if m := line.FindStringSubmatch(l); m != nil {
			var at int
			fmt.Sscanf(m[1], "%x", &at)
			got[at] = normal(m[2], at)
		}
	}
	for i, x := range c.list {
		at := i * step
		text, next := got[at], ""
		if text == "lock" {
			next = got[at+1]
		}
		want := normal(strings.ReplaceAll(x.text, "+-", "-"), 0)
		if text+next != want {
			t.Errorf("% x is %q, want %q", x.code, text, want)
		} else if _, ok := got[at+len(x.code)]; !ok {
			t.Errorf("% x (%s): another length", x.code, want)
		}
		if t.Failed() && i > 40 {
			return
		}
	}
}

// checkX86asm compares with golang.org/x/arch/x86/x86asm.
func (c *cases) checkX86asm(t *testing.T) {
	for i, x := range c.list {
		inst, err := x86asm.Decode(x.code, 64)
		if err != nil {
			t.Errorf("x86asm: % x (%s): %v", x.code, x.text, err)
		} else if got, want := alike(textX86asm(inst)), alike(strings.ReplaceAll(x.text, "+-", "-")); got != want || inst.Len != len(x.code) {
			t.Errorf("x86asm: % x is %q, %d bytes, want %q", x.code, got, inst.Len, want)
		}
		if t.Failed() && i > 40 {
			return
		}
	}
}

var (
	sizesX86asm = regexp.MustCompile(`\b([a-z]+ )?ptr `)
	scaled      = regexp.MustCompile(`\b([1248])\*(r\w+)`)
	timesOne    = regexp.MustCompile(`(r\w+)\*1\b`)
	absolute    = regexp.MustCompile(`ds:(0x[0-9a-f]+)`)
)

// textX86asm is the text of an instruction with objdump's names and immediates, and where a jump leads.
func textX86asm(inst x86asm.Inst) string {
	s := x86asm.IntelSyntax(inst, 0, nil)
	name, operands, _ := strings.Cut(s, " ")
	if m := conditional.FindStringSubmatch(name); m != nil && conditions[m[2]] != "" {
		name = m[1] + conditions[m[2]]
	}
	switch imm, isImm := inst.Args[0].(x86asm.Imm); {
	case name == "mov" && inst.Len == 10 && inst.DataSize == 64:
		name = "movabs"
	case name == "push" && isImm:
		return fmt.Sprintf("push %#x", uint64(imm))
	}
	if rel, ok := inst.Args[0].(x86asm.Rel); ok {
		return fmt.Sprintf("%s %+d", name, inst.Len+int(rel))
	}
	operands = strings.ReplaceAll(operands, ", ", ",")
	if at := strings.LastIndex(operands, ",-0x"); at >= 0 {
		imm := uint64(inst.Args[1].(x86asm.Imm)) << (64 - inst.DataSize) >> (64 - inst.DataSize)
		operands = fmt.Sprintf("%s,%#x", operands[:at], imm)
	}
	s = name + " " + operands
	if m := unordered.FindStringSubmatch(s); m != nil {
		s = m[1] + "cmpunord" + m[2] + m[3]
	}
	return strings.TrimPrefix(s, "data16 ")
}

// stringOperations are objdump's texts of x86asm's.
var stringOperations = map[string]string{
	"rep movsq [rdi],[rsi]": "rep movs es:[rdi],ds:[rsi]",
	"rep stosq [rdi]":       "rep stos es:[rdi],rax",
}

var (
	conditional = regexp.MustCompile(`^(j|cmov|set)([a-z]+)$`)
	unordered   = regexp.MustCompile(`^(v?)cmp(s[sd])(?:_xmm)?( .*),0x3$`)

	// conditions are objdump's names of those that have several.
	conditions = map[string]string{"nb": "ae", "z": "e", "nz": "ne", "nbe": "a", "nl": "ge", "nle": "g"}
)

// alike makes what x86asm and objdump print comparable.
func alike(s string) string {
	s = sizesX86asm.ReplaceAllString(normal(s, 0), "")
	s = scaled.ReplaceAllString(s, "$2*$1")
	s = timesOne.ReplaceAllString(s, "$1")
	s = absolute.ReplaceAllString(s, "[$1]")
	if text := stringOperations[s]; text != "" {
		return text
	}
	return strings.ReplaceAll(s, "+0x0]", "]")
}

// normal makes the disassembler's text comparable: without operand sizes, with the
// targets of jumps relative to the start.
func normal(text string, at int) string {
	text, _, _ = strings.Cut(text, "#")
	text = strings.TrimSpace(spans.ReplaceAllString(text, " "))
	text = sizes.ReplaceAllString(text, "")
	if m := jumps.FindStringSubmatch(text); m != nil {
		var target int
		fmt.Sscanf(m[2], "%x", &target)
		return fmt.Sprintf("%s %+d", m[1], target-at)
	}
	if strings.HasPrefix(text, "nop ") || text == "xchg ax,ax" {
		return "nop"
	}
	return text
}

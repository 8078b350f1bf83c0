//go:build linux && amd64

// Package view writes what the translator has made of guest code: guest instructions,
// each with the operations of the intermediate representation and the host instructions
// that it became.
package view

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/arch/x86/x86asm"

	"github.com/hospes-vm/hospes/internal/engine"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/jit"
)

// Options say what is to be seen.
type Options struct {
	Guest, IR, Host bool
	// Bare leaves out host addresses, so that texts can be compared.
	Bare bool
	// Disassemble returns the assembly text and the length of the guest instruction that
	// code begins with.
	Disassemble func(code []byte, pc uint64) (text string, n int)
	// Register is the name of a guest register: floating-point registers from 32 on. Only
	// Difference needs it.
	Register func(n int) string
}

// Text is the text of a translation that has a trace. Guest instructions stand at the
// beginning of a line, operations are indented by two, host instructions by four:
//
//	block 0x10484 main+0x10: 2 instructions, 8 bytes; 97 bytes at 0x7f0000001000
//	entry:
//	    7f0000001000  cmp dword ptr [IRQ], 0x0
//	0x10484: addi a0,a0,1
//	  v2 = getx 10
//	  v4 = add v2, v3
//	  setx v4, 10
//	    7f0000001010  add rdi, 0x1
//
// In the order of the host code come the entry, the instructions, and the ways out, which
// are marked by where they lead.
func Text(t *engine.Translation, o Options) string {
	w := writer{t: t, o: o, labels: labels(t), pieces: pieces(t), at: t.Made.Start}
	w.title()
	w.code("entry", w.mark(0))
	ops := operations(t.Trace)
	for n, m := range t.Made.Marks {
		w.instruction(m.PC)
		if o.IR && n < len(ops) {
			for _, op := range ops[n] {
				w.line("  %s", op)
			}
		}
		w.code("", w.mark(n+1))
	}
	end := t.Made.Instructions()
	w.code("exits", end[0].End)
	for _, tail := range end[1:] {
		w.at = tail.Start
		w.code("exits", tail.End)
	}
	return w.b.String()
}

// piece is host code that is in one place.
type piece struct {
	jit.Span // of its instructions, as Translation.Made has them
	host     uint64
	code     []byte
}

// pieces are those of a translation.
func pieces(t *engine.Translation) (list []piece) {
	for n, s := range t.Made.Instructions() {
		list = append(list, piece{s, uint64(t.Host), t.Code})
		if n > 0 {
			list[n] = piece{s, uint64(t.TailHost), t.Tail}
		}
		list[n].code = list[n].code[:s.End-s.Start]
	}
	return list
}

// at are the piece that has an offset, and the host address there.
func at(list []piece, offset int) (p piece, host uint64) {
	for _, p = range list {
		if p.Start <= offset && offset < p.End {
			break
		}
	}
	return p, p.host + uint64(offset-p.Start)
}

// writer makes the text.
type writer struct {
	t      *engine.Translation
	o      Options
	b      strings.Builder
	labels map[uint64]string // host addresses that have a meaning
	pieces []piece
	at     int // how much of the host code has been written: an offset, as all of them
}

func (w *writer) line(format string, a ...any) { fmt.Fprintf(&w.b, format+"\n", a...) }

func (w *writer) title() {
	t := w.t
	name, size := t.Name, len(t.Code)+len(t.Tail)
	if name != "" {
		name = " " + name
	}
	at := fmt.Sprintf(" at %#x", t.Host)
	if w.o.Bare {
		at = ""
	}
	if t.Function != ir.NoFunction {
		w.line("block %#x%s: %s, %d bytes; %d bytes%s", t.PC, name, t.Function, len(t.Guest), size, at)
		return
	}
	w.line("block %#x%s: %d instructions, %d bytes; %d bytes%s", t.PC, name, len(t.Made.Marks), len(t.Guest), size, at)
}

// mark is where the code of guest instruction n begins, behind the last one where the
// exits begin.
func (w *writer) mark(n int) int {
	made := w.t.Made
	if n < len(made.Marks) {
		return made.Marks[n].Offset
	}
	end := made.Instructions()[0].End
	if len(made.Exits) > 0 {
		return min(made.Exits[0].Unlinked, end)
	}
	return end
}

// instruction writes the guest instruction at pc.
func (w *writer) instruction(pc uint64) {
	if !w.o.Guest || pc-w.t.PC >= uint64(len(w.t.Guest)) {
		return
	}
	text, _ := w.o.Disassemble(w.t.Guest[pc-w.t.PC:], pc)
	w.line("%#x: %s", pc, strings.ReplaceAll(text, "\t", " "))
}

// code writes the host code up to an offset, under a heading if there is one.
func (w *writer) code(heading string, end int) {
	if !w.o.Host || w.at >= end {
		return
	}
	if heading != "" {
		w.line("%s:", heading)
	}
	for w.at < end {
		p, pc := at(w.pieces, w.at)
		if label := w.labels[pc]; label != "" {
			w.line("   %s:", label)
		}
		text, n := w.host(p.code[w.at-p.Start:], pc)
		if extra := w.extra(); extra > 0 {
			text, n = fmt.Sprintf("(%d bytes that watch the access)", extra), extra
		}
		if w.o.Bare {
			w.line("    %s", text)
		} else {
			w.line("    %x  %s", pc, text)
		}
		w.at += n
	}
}

// extra is the size of the code here that is there for watching only.
func (w *writer) extra() int {
	for _, s := range w.t.Made.Extra {
		if s.Start == w.at {
			return s.End - s.Start
		}
	}
	return 0
}

// host is the text and the length of a host instruction.
func (w *writer) host(code []byte, pc uint64) (string, int) {
	inst, err := x86asm.Decode(code, 64)
	if err != nil || inst.Len == 0 {
		return fmt.Sprintf(".byte %#02x", code[0]), 1
	}
	text := withFields(x86asm.IntelSyntax(inst, pc, nil))
	if rel, ok := inst.Args[0].(x86asm.Rel); ok {
		to := pc + uint64(inst.Len) + uint64(int64(rel))
		name, _, _ := strings.Cut(text, " ")
		label := w.labels[to]
		switch {
		case w.o.Bare && label != "":
			text = fmt.Sprintf("%s (%s)", name, label)
		case w.o.Bare:
			text = fmt.Sprintf("%s .%+d", name, int64(to-pc))
		case label != "":
			text = fmt.Sprintf("%s %#x  # %s", name, to, label)
		default:
			text = fmt.Sprintf("%s %#x", name, to)
		}
	}
	return text, inst.Len
}

// contextOperand is compiled when it is needed: programs that nobody looks at are to start fast.
var contextOperand = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\[rbp(\+(?:\d\*)?r\w+)?([+-]0x[0-9a-f]+)?\]`)
})

// withFields names the fields of the context that an instruction refers to, to which RBP points.
func withFields(text string) string {
	operand := contextOperand()
	return operand.ReplaceAllStringFunc(text, func(s string) string {
		m := operand.FindStringSubmatch(s)
		disp, err := strconv.ParseInt(m[2], 0, 32)
		if field := jit.FieldAt(int32(disp)); field != "" && (err == nil || m[2] == "") {
			return "[" + field + m[1] + "]"
		}
		return s
	})
}

// labels are the places that jumps of a translation lead to.
func labels(t *engine.Translation) map[uint64]string {
	l := map[uint64]string{}
	host := func(offset int) uint64 { return uint64(t.Host) + uint64(offset) - uint64(t.Made.Start) }
	s := t.Stubs
	for name, at := range map[string]int{"leave": s.Leave, "look up": s.Indirect, "computed": s.Computed, "second place": s.Missed, "computed, second place": s.MissedBy, "interpret": s.Interp, "wrong return": s.Return, "fault": s.Fault, "deoptimise": s.Deopt} {
		l[host(at)] = name
	}
	for _, e := range t.Made.Exits {
		l[host(e.Unlinked)] = fmt.Sprintf("%s to %#x", exitName(e.Op), e.PC)
		switch {
		case e.Op == ir.Jump:
			l[host(e.Unlinked)] = "computed jump"
		case e.Guess != nil:
			l[host(e.Unlinked)], l[host(e.Guess.Probe)] = "no guess", "wrong guess"
		}
	}
	l[host(t.Made.Body)] = "body"
	addInner(l, t)
	return l
}

// addInner numbers the places in the code that have no label, and that jumps lead to.
func addInner(l map[uint64]string, t *engine.Translation) {
	var inner []uint64
	all := pieces(t)
	within := func(host uint64) bool {
		return slices.ContainsFunc(all, func(p piece) bool { return host-p.host < uint64(len(p.code)) })
	}
	for _, p := range all {
		for at := 0; at < len(p.code); {
			inst, err := x86asm.Decode(p.code[at:], 64)
			if err != nil || inst.Len == 0 {
				at++
				continue
			}
			at += inst.Len
			rel, ok := inst.Args[0].(x86asm.Rel)
			if to := p.host + uint64(at) + uint64(int64(rel)); ok && within(to) && l[to] == "" {
				inner = append(inner, to)
			}
		}
	}
	slices.Sort(inner)
	for n, to := range slices.Compact(inner) {
		l[to] = fmt.Sprintf("L%d", n+1)
	}
}

// operations are the lines of a trace's text, by guest instruction.
func operations(t *ir.Trace) (list [][]string) {
	for line := range strings.Lines(t.String()) {
		switch line = strings.TrimSuffix(line, "\n"); {
		case strings.HasPrefix(line, "trace "):
		case strings.HasPrefix(line, "inst "):
			list = append(list, nil)
		case len(list) > 0:
			list[len(list)-1] = append(list[len(list)-1], line)
		}
	}
	return list
}

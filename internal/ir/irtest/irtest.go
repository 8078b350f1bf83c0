// Package irtest reads tests of the intermediate representation: traces as text, and what
// they do to which state. Whatever executes traces can be held against them.
//
// A file has cases, comments from # to the end of a line, and empty lines. A case begins with
//
//	== NAME
//
// followed by the text of a trace (see ir.Parse), or with
//
//	== op NAME [IMMEDIATE]
//
// which stands for a trace of that operation alone: arguments come from the registers x1, x2
// and x3, or f1, f2 and f3 as their types demand, the result goes to x10 or f10, and the way
// on is 0x1004. Lines with a colon are executions of it, or tell why it is no trace:
//
//	: x1=5 [0x10]=7 flags=1 -> x10=12 exit=goto,0x1004
//	! verifier's or parser's complaint
//
// Before the arrow is the state at the beginning, after it what changes, and how the trace is
// left if it is not by its last instruction. An arrow "~>" says that the operation may be left
// to the interpreter. Values without a name are, in order, the arguments of an op, or its
// result. The names are
//
//	xN fN   registers
//	[ADDR]  eight bytes of memory, which is Size bytes from address 0
//	flags   the exception flags
//	round   the rounding mode
//	res     the reservation: ADDR,VALUE,BYTES
//	exit    the operation that leaves, or fault, and the guest address
//
// Values are integers; floating-point numbers with a point, binary32 with an s at the end;
// inf and nan (the canonical one), snan (0x7ff0000000000001), and the same with s.
package irtest

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/softfloat"
)

// Size of the memory in bytes.
const Size = 256

// Memory is the memory of a case.
type Memory [Size]byte

// Load is for evaluation.
func (m *Memory) Load(addr uint64, size int) (v uint64, ok bool) {
	if addr > Size-uint64(size) {
		return 0, false
	}
	for n := range size {
		v |= uint64(m[addr+uint64(n)]) << (8 * n)
	}
	return v, true
}

// Store is for evaluation.
func (m *Memory) Store(addr uint64, size int, v uint64) bool {
	if addr > Size-uint64(size) {
		return false
	}
	for n := range size {
		m[addr+uint64(n)] = byte(v >> (8 * n))
	}
	return true
}

// Case is a trace with its executions.
type Case struct {
	Name, Text string
	Trace      *ir.Trace
	Err        error  // why Text is no trace
	WantErr    string // what that should say, if it should be none
	Runs       []Run
}

// Run is an execution.
type Run struct {
	Pos      string // file and line
	In, Want State
	Exit     ir.Outcome // Addr does not count
	MayLeave bool       // to the interpreter
}

// State is the state before or after an execution; State.Mem is Data.
type State struct {
	ir.State
	Data Memory
}

// Files reads all files of a directory.
func Files(dir string) ([]Case, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no tests in %s: %v", dir, err)
	}
	var all []Case
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f := file{name: filepath.Base(name)}
		for n, line := range strings.Split(string(text), "\n") {
			line, _, _ = strings.Cut(line, "#")
			if err := f.line(n+1, strings.TrimSpace(line)); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", f.name, n+1, err)
			}
		}
		if err := f.end(); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		all = append(all, f.cases...)
	}
	return all, nil
}

type file struct {
	name  string
	cases []Case
	text  strings.Builder
	runs  []runLine
	err   string
	title string
	op    *shorthand // of a case that is an operation
}

type runLine struct {
	number int
	text   string
}

func (f *file) line(n int, s string) error {
	switch {
	case s == "":
	case strings.HasPrefix(s, "== "):
		if err := f.end(); err != nil {
			return err
		}
		f.title = strings.TrimSpace(s[3:])
		if word, rest, _ := strings.Cut(f.title, " "); word == "op" {
			var err error
			f.op, err = newShorthand(rest)
			return err
		}
	case f.title == "":
		return fmt.Errorf("no case has begun")
	case strings.HasPrefix(s, ": "):
		f.runs = append(f.runs, runLine{n, s[2:]})
	case strings.HasPrefix(s, "! "):
		f.err = s[2:]
	default:
		f.text.WriteString(s + "\n")
	}
	return nil
}

// end ends a case.
func (f *file) end() error {
	if f.title == "" {
		return nil
	}
	c := Case{Name: f.name + "/" + f.title, Text: f.text.String(), WantErr: f.err}
	if f.op != nil {
		c.Text = f.op.text()
	}
	c.Trace, c.Err = ir.Parse(c.Text)
	if c.Err != nil && c.WantErr == "" {
		return fmt.Errorf("%s: %w", f.title, c.Err)
	}
	for _, l := range f.runs {
		r, err := f.run(&c, l.text)
		if err != nil {
			return fmt.Errorf("line %d: %w", l.number, err)
		}
		r.Pos = fmt.Sprintf("%s:%d", f.name, l.number)
		c.Runs = append(c.Runs, r)
	}
	f.cases = append(f.cases, c)
	f.title, f.runs, f.err, f.op = "", nil, "", nil
	f.text.Reset()
	return nil
}

func (f *file) run(c *Case, text string) (r Run, err error) {
	before, after, ok := strings.Cut(text, "->")
	if !ok {
		if before, after, ok = strings.Cut(text, "~>"); !ok {
			return r, fmt.Errorf("no arrow")
		}
		r.MayLeave = true
	}
	last := &c.Trace.Code[len(c.Trace.Code)-1]
	r.Exit = ir.Outcome{Op: last.Op, PC: last.Imm}
	switch last.Op {
	case ir.Jump, ir.JumpSame, ir.Call, ir.Ret:
		r.Exit.PC = 0 // to be told
	}
	if err := f.words(&r, &r.In, before, 1); err != nil {
		return r, err
	}
	r.Want = r.In
	return r, f.words(&r, &r.Want, after, 10)
}

// words applies the words of one side to s; first is the register of the first unnamed one.
func (f *file) words(r *Run, s *State, text string, first int) error {
	for _, w := range strings.Fields(text) {
		name, v, named := strings.Cut(w, "=")
		if !named {
			if f.op == nil {
				return fmt.Errorf("%s has no name", w)
			}
			name, v = f.op.register(first), w
			first++
		}
		if err := s.set(r, name, v); err != nil {
			return fmt.Errorf("%s: %w", w, err)
		}
	}
	return nil
}

func (s *State) set(r *Run, name, v string) error {
	switch name {
	case "exit":
		return r.setExit(v)
	case "res":
		_, err := fmt.Sscanf(v, "%v,%v,%d", &s.ResAddr, &s.ResValue, &s.Reserved)
		return err
	}
	n, err := value(v)
	if err != nil {
		return err
	}
	switch {
	case name == "flags":
		s.Flags = softfloat.Flags(n)
	case name == "round":
		s.Round = softfloat.Round(n)
	case name[0] == '[':
		addr, err := strconv.ParseUint(strings.Trim(name, "[]"), 0, 64)
		if err != nil || !s.Data.Store(addr, 8, n) {
			return fmt.Errorf("bad address")
		}
	default:
		k, err := strconv.Atoi(name[1:])
		if err != nil || k > 31 || name[0] != 'x' && name[0] != 'f' {
			return fmt.Errorf("unknown name")
		}
		if name[0] == 'x' {
			s.X[k] = n
		} else {
			s.F[k] = n
		}
	}
	return nil
}

func (r *Run) setExit(v string) error {
	name, pc, _ := strings.Cut(v, ",")
	n, err := strconv.ParseUint(pc, 0, 64)
	op, ok := ir.ByName(name)
	r.Exit = ir.Outcome{Op: op, PC: n, Fault: name == "fault"}
	if err == nil && !ok && name != "fault" {
		err = fmt.Errorf("unknown operation")
	}
	return err
}

// value reads a value.
func value(s string) (uint64, error) {
	if n, err := strconv.ParseUint(s, 0, 64); err == nil {
		return n, nil
	}
	if n, err := strconv.ParseInt(s, 0, 64); err == nil {
		return uint64(n), nil
	}
	const box = math.MaxUint32 << 32
	switch s {
	case "nan":
		return 0x7ff8 << 48, nil
	case "nans":
		return box | 0x7fc00000, nil
	case "snan":
		return 0x7ff0000000000001, nil
	case "snans":
		return box | 0x7f800001, nil
	}
	if single, ok := strings.CutSuffix(s, "s"); ok {
		f, err := strconv.ParseFloat(single, 32)
		return box | uint64(math.Float32bits(float32(f))), err
	}
	f, err := strconv.ParseFloat(s, 64)
	return math.Float64bits(f), err
}

// shorthand is an operation that stands for a trace.
type shorthand struct {
	op  ir.Op
	imm string
}

func newShorthand(text string) (*shorthand, error) {
	name, imm, _ := strings.Cut(text, " ")
	op, ok := ir.ByName(name)
	if !ok {
		return nil, fmt.Errorf("unknown operation %q", name)
	}
	return &shorthand{op, imm}, nil
}

// register is that of argument n, or of the result for 10 and up.
func (s *shorthand) register(n int) string {
	t := ir.None
	if info := s.op.Info(); n >= 10 {
		t = info.Result
	} else if n <= len(info.Args) {
		t = info.Args[n-1]
	}
	if floating(t) {
		return fmt.Sprintf("f%d", n)
	}
	return fmt.Sprintf("x%d", n)
}

func floating(t ir.Type) bool { return t == ir.F64 || t == ir.F32 || t == ir.F16 }

func (s *shorthand) text() string {
	var b strings.Builder
	var operands []string
	b.WriteString("trace 0x1000\ninst 0x1000\n")
	for n, t := range s.op.Info().Args {
		v := fmt.Sprintf("a%d", n)
		operands = append(operands, v)
		if floating(t) {
			fmt.Fprintf(&b, "r%d = getf %d\n", n, n+1)
		} else {
			fmt.Fprintf(&b, "r%d = getx %d\n", n, n+1)
		}
		switch t {
		case ir.F32:
			fmt.Fprintf(&b, "%s = s r%d\n", v, n)
		case ir.F16:
			fmt.Fprintf(&b, "%s = h r%d\n", v, n)
		case ir.Bool:
			fmt.Fprintf(&b, "z = const 0\n%s = ne r%d, z\n", v, n)
		default:
			operands[n] = fmt.Sprintf("r%d", n)
		}
	}
	if s.imm != "" {
		operands = append(operands, s.imm)
	}
	line := s.op.String() + " " + strings.Join(operands, ", ") + "\n"
	switch s.op.Info().Result {
	case ir.None:
		b.WriteString(line)
	case ir.I64:
		b.WriteString("v = " + line + "setx v, 10\n")
	case ir.F64:
		b.WriteString("v = " + line + "setf v, 10\n")
	case ir.F32:
		b.WriteString("v = " + line + "w = box_s v\nsetf w, 10\n")
	case ir.F16:
		b.WriteString("v = " + line + "w = box_h v\nsetf w, 10\n")
	case ir.Bool:
		b.WriteString("v = " + line + "w = zextb v\nsetx w, 10\n")
	}
	b.WriteString("goto 0x1004\n")
	return b.String()
}

// Diff tells how a state after an execution is not what it should be; "" if it is.
func (r *Run) Diff(s *State, out ir.Outcome) string {
	var d strings.Builder
	w := &r.Want
	if out.Op != r.Exit.Op && !r.Exit.Fault || out.PC != r.Exit.PC || out.Fault != r.Exit.Fault {
		fmt.Fprintf(&d, "left by %s to %#x, fault %v, want %s to %#x, fault %v\n", out.Op, out.PC, out.Fault, r.Exit.Op, r.Exit.PC, r.Exit.Fault)
	}
	for n := range 32 {
		if s.X[n] != w.X[n] {
			fmt.Fprintf(&d, "x%d is %#x, want %#x\n", n, s.X[n], w.X[n])
		}
		if s.F[n] != w.F[n] {
			fmt.Fprintf(&d, "f%d is %#x, want %#x\n", n, s.F[n], w.F[n])
		}
	}
	for n := range s.Data {
		if s.Data[n] != w.Data[n] {
			fmt.Fprintf(&d, "byte %#x is %#x, want %#x\n", n, s.Data[n], w.Data[n])
		}
	}
	if s.Flags != w.Flags {
		fmt.Fprintf(&d, "flags are %#x, want %#x\n", s.Flags, w.Flags)
	}
	if s.Reserved != w.Reserved || s.Reserved != 0 && (s.ResAddr != w.ResAddr || s.ResValue != w.ResValue) {
		fmt.Fprintf(&d, "%d bytes are reserved, want %d\n", s.Reserved, w.Reserved)
	}
	return d.String()
}

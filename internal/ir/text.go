package ir

import (
	"fmt"
	"strconv"
	"strings"
)

// The text form has a line for each instruction: "v3 = add v1, v2", arguments first,
// then the immediate; "v" alone, for values that are used nowhere, is not needed:
//
//	trace 0x10400
//	inst 0x10400
//	v2 = getx 10
//	v3 = const 0x8
//	v4 = add v2, v3
//	setx v4, 10
//	goto 0x10404
//
// Numbers of values are their places in the trace. Comments go from # to the end of
// a line.

// String is the text form.
func (t *Trace) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "trace %#x\n", t.PC)
	for k := 1; k < len(t.Code); k++ {
		b.WriteString(t.Code[k].Text(Value(k)) + "\n")
	}
	return b.String()
}

// Text is the line of an instruction, which makes v.
func (i *Instr) Text(v Value) string {
	var b strings.Builder
	info := i.Op.Info()
	if info.Result != None {
		fmt.Fprintf(&b, "v%d = ", v)
	}
	b.WriteString(info.Name)
	sep := " "
	for n := range info.Args {
		fmt.Fprintf(&b, "%sv%d", sep, i.Args[n])
		sep = ", "
	}
	if i.Op.Has(HasImm) {
		b.WriteString(sep + i.ImmText())
	}
	return b.String()
}

// ImmText is the immediate as text.
func (i *Instr) ImmText() string {
	if i.Imm < 10 || i.Op.register() {
		return strconv.FormatUint(i.Imm, 10)
	}
	return fmt.Sprintf("%#x", i.Imm)
}

// register reports whether the immediate is the number of a register.
func (op Op) register() bool { return op == GetX || op == SetX || op == GetF || op == SetF }

// Parse reads the text form. The numbers of values may be any; they are renumbered.
func Parse(text string) (*Trace, error) {
	p := parser{t: &Trace{Code: make([]Instr, 1)}, values: map[string]Value{}}
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return p.t, p.t.Verify()
}

type parser struct {
	t      *Trace
	values map[string]Value
}

func (p *parser) line(line string) error {
	name, rest, assigns := strings.Cut(line, "=")
	if !assigns {
		name, rest = "", line
	}
	word, operands, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if word == "trace" {
		pc, err := strconv.ParseUint(operands, 0, 64)
		p.t.PC = pc
		return err
	}
	op, ok := ByName(word)
	if !ok {
		return fmt.Errorf("unknown operation %q", word)
	}
	if assigns != (op.Info().Result != None) {
		return fmt.Errorf("%s: result and type do not agree", word)
	}
	i := Instr{Op: op}
	if err := p.operands(&i, operands); err != nil {
		return fmt.Errorf("%s: %w", word, err)
	}
	p.t.Code = append(p.t.Code, i)
	if assigns {
		p.values[strings.TrimSpace(name)] = Value(len(p.t.Code) - 1)
	}
	return nil
}

func (p *parser) operands(i *Instr, text string) error {
	var list []string
	if text = strings.TrimSpace(text); text != "" {
		list = strings.Split(text, ",")
	}
	want := len(i.Op.Info().Args)
	if i.Op.Has(HasImm) {
		want++
	}
	if len(list) != want {
		return fmt.Errorf("%d operands, not %d", want, len(list))
	}
	for k, s := range list {
		s = strings.TrimSpace(s)
		if k == len(i.Op.Info().Args) {
			imm, err := strconv.ParseUint(s, 0, 64)
			i.Imm = imm
			return err
		}
		v, ok := p.values[s]
		if !ok {
			return fmt.Errorf("unknown value %s", s)
		}
		i.Args[k] = v
	}
	return nil
}

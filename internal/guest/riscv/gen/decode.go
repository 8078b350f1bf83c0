package main

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
	"github.com/hospes-vm/hospes/internal/guest/riscv/isa"
)

// genDecode emits decode32 and decode16: a switch on the bits that most
// encodings fix, then the rows one after the other, special cases first.
// Operand extraction is shared between rows with the same fields.
func genDecode(m *model) (string, error) {
	rows := append([]*isa.Row(nil), m.rows...)
	isa.Specificity(rows)
	forms := &formSet{index: map[string]int{}}
	var b strings.Builder
	b.WriteString("// decode32 decodes a 4-byte instruction at pc, all but its length; it reports whether w is valid.\n")
	b.WriteString("func decode32(w uint32, pc uint64, in *inst) bool {\n\tswitch w >> 2 & 31 << 3 | w >> 12 & 7 {\n")
	err := m.decodeSwitch(&b, forms, rows, 4, func(key uint32) (mask, match uint32) {
		return 0x707f, key>>3<<2 | key&7<<12 | 3
	}, 256)
	if err != nil {
		return "", err
	}
	b.WriteString("\t}\n\treturn false\n}\n\n")
	b.WriteString("// decode16 decodes a 2-byte instruction at pc, all but its length; it reports whether w is valid.\n")
	b.WriteString("func decode16(w uint32, pc uint64, in *inst) bool {\n\tswitch w & 3 << 3 | w >> 13 {\n")
	err = m.decodeSwitch(&b, forms, rows, 2, func(key uint32) (mask, match uint32) {
		return 0xe003, key>>3 | key&7<<13
	}, 24)
	if err != nil {
		return "", err
	}
	b.WriteString("\t}\n\treturn false\n}\n")
	for i, body := range forms.bodies {
		fmt.Fprintf(&b, "\nfunc form%d(w uint32, pc uint64, in *inst) {\n%s}\n", i, body)
	}
	return b.String(), nil
}

// formSet numbers the distinct bodies of operand extraction functions.
type formSet struct {
	index  map[string]int
	bodies []string
}

func (f *formSet) number(body string) int {
	n, ok := f.index[body]
	if !ok {
		n = len(f.bodies)
		f.index[body] = n
		f.bodies = append(f.bodies, body)
	}
	return n
}

// decodeSwitch emits the cases for the rows of n bytes; bucket gives the bits
// that a key of the switch stands for.
func (m *model) decodeSwitch(b *strings.Builder, forms *formSet, rows []*isa.Row, n int, bucket func(uint32) (mask, match uint32), keys uint32) error {
	for key := uint32(0); key < keys; key++ {
		mask, match := bucket(key)
		var body strings.Builder
		for _, r := range rows {
			if r.Len != n || (r.Match^match)&r.Mask&mask != 0 {
				continue
			}
			form, err := m.form(r)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", r.Pos, r.Name, err)
			}
			name := r.Name
			if r.Expands != "" {
				name = r.Expands
			}
			fmt.Fprintf(&body, "\t\tif w&%#x == %#x%s { // %s\n", r.Mask, r.Match, conditions(r), r.Name)
			fmt.Fprintf(&body, "\t\t\tin.op = %s\n", opName(name))
			if form != "" {
				fmt.Fprintf(&body, "\t\t\tform%d(w, pc, in)\n", forms.number(form))
			}
			body.WriteString("\t\t\treturn true\n\t\t}\n")
		}
		if body.Len() > 0 {
			fmt.Fprintf(b, "\tcase %#x:\n%s", key, body.String())
		}
	}
	return nil
}

// conditions is the Go text of the row's conditions, each after "&&".
func conditions(r *isa.Row) string {
	var b strings.Builder
	for _, c := range r.Conds {
		mask := uint32(0)
		f := r.Field(c.Field)
		for _, s := range f.Slices {
			if c.Even && s.To == 0 {
				mask |= 1 << s.From
			} else if !c.Even {
				mask |= (1<<s.Width - 1) << s.From
			}
		}
		switch {
		case c.Even:
			fmt.Fprintf(&b, " && w&%#x == 0", mask)
		case c.Not == 0:
			fmt.Fprintf(&b, " && w&%#x != 0", mask)
		default:
			fmt.Fprintf(&b, " && %s != %d", extract(f), c.Not)
		}
	}
	if f := r.Field("rm"); f != nil {
		b.WriteString(" && validRM(w)")
	}
	return b.String()
}

// extract is the Go expression, of type uint32, for the bits of f in w.
func extract(f *encoding.Field) string {
	slices := append([]encoding.Slice(nil), f.Slices...)
	sort.Slice(slices, func(i, j int) bool { return slices[i].To > slices[j].To })
	var parts []string
	for _, s := range slices {
		p := fmt.Sprintf("w>>%d", s.From)
		if s.From == 0 {
			p = "w"
		}
		if s.From+s.Width < 32 {
			p += fmt.Sprintf("&%#x", 1<<s.Width-1)
		}
		if s.To > 0 {
			p += fmt.Sprintf("<<%d", s.To)
		}
		parts = append(parts, p)
	}
	return strings.Join(parts, " | ")
}

// form is the body of the function that extracts the operands of r.
func (m *model) form(r *isa.Row) (string, error) {
	if r.Expands != "" {
		return m.expansion(r)
	}
	var b strings.Builder
	for i := range r.Fields {
		f := &r.Fields[i]
		switch {
		case f.IsImm():
			b.WriteString("\tin.imm = " + immediate(f) + "\n")
		case f.Name == "rm":
			b.WriteString("\tin.rm = uint8(" + extract(f) + ")\n")
		case f.Name == "aq":
			b.WriteString("\tin.rm = uint8(w >> 25 & 3)\n")
		case f.Name == "rl": // with aq
		default:
			b.WriteString(register(f.Name, extract(f)))
		}
	}
	return b.String(), nil
}

// immediate is the Go expression, of type uint64, for the value of f.
func immediate(f *encoding.Field) string {
	if !f.Signed() {
		return "uint64(" + extract(f) + ")"
	}
	shift := 64 - f.Bits()
	e := fmt.Sprintf("uint64(int64(uint64(%s)<<%d)>>%d)", extract(f), shift, shift)
	if f.Name == "off" {
		e = "pc + " + e
	}
	return e
}

// register assigns the register number e (of type uint32) to the operand.
func register(operand, e string) string {
	switch operand {
	case "rd":
		return fmt.Sprintf("\tin.rd = destination(%s)\n", e)
	case "fd":
		return fmt.Sprintf("\tin.rd = uint8(%s) + fpBase\n", e)
	case "rs1", "zimm", "fli":
		return fmt.Sprintf("\tin.rs1 = uint8(%s)\n", e)
	case "rs2", "rs3":
		return fmt.Sprintf("\tin.%s = uint8(%s)\n", operand, e)
	}
	return fmt.Sprintf("\tin.r%s = uint8(%s) + fpBase\n", operand[1:], e)
}

var abiRegisters = map[string]int{"zero": 0, "ra": 1, "sp": 2}

// expansion is the body for a compressed row: it sets the operands of the base
// instruction from the row's fields and constants.
func (m *model) expansion(r *isa.Row) (string, error) {
	var b strings.Builder
	base := m.byName[r.Expands]
	for i, operand := range base.Operands {
		arg := r.Args[i]
		if immArg, regArg, ok := memOperand(arg); ok {
			_, reg, ok := memOperand(operand)
			if !ok {
				return "", fmt.Errorf("%s is not of the form imm(rs1)", operand)
			}
			b.WriteString(m.immArg(r, immArg))
			arg, operand = regArg, reg
		}
		switch {
		case operand == "imm" || operand == "imm20" || operand == "shamt" || operand == "off":
			b.WriteString(m.immArg(r, arg))
		case r.Field(arg) != nil:
			f := r.Field(arg)
			e := extract(f)
			if f.Prime {
				e = "(" + e + ") + 8"
			}
			b.WriteString(register(operand, e))
		default:
			n, ok := abiRegisters[arg]
			if !ok {
				return "", fmt.Errorf("what is %s?", arg)
			}
			b.WriteString(register(operand, strconv.Itoa(n)))
		}
	}
	return b.String(), nil
}

// memOperand splits "imm(rs1)".
func memOperand(s string) (imm, reg string, ok bool) {
	imm, reg, ok = strings.Cut(s, "(")
	return imm, strings.TrimSuffix(reg, ")"), ok
}

func (m *model) immArg(r *isa.Row, arg string) string {
	if n, err := strconv.ParseInt(arg, 0, 64); err == nil {
		if n == 0 {
			return ""
		}
		return fmt.Sprintf("\tin.imm = %#x\n", uint64(n))
	}
	return "\tin.imm = " + immediate(r.Imm()) + "\n"
}

// Package isa reads the instruction tables of the RISC-V guest: one row of text
// per instruction, one file per extension. It is used when code is generated and
// by tests, never at run time.
//
// A row has four columns separated by '|':
//
//	name | encoding | operands | meaning
//
// The encoding lists bits and fields from the most significant bit down, in the
// notation of the manual's own tables. Literal 0 and 1 are fixed bits and '.' is
// ignored. Fields are
//
//	rd rs1 rs2 rs3      integer registers (5 bits), rd' rs1' rs2' x8 to x15 (3 bits)
//	fd fs1 fs2 fs3      floating-point registers, primed likewise
//	zimm                a 5-bit constant in the place of rs1
//	fli                 a 5-bit constant in the place of fs1
//	rm                  rounding mode; 5 and 6 are reserved
//	aq rl               ordering bits of atomics
//	imm[...]            signed immediate; the slices name its bits
//	uimm[...]           unsigned immediate
//	off[...]            signed and relative to the instruction's address
//	csr[11:0]           register number
//
// After ';' follow conditions under which the row applies: "rd!=0", "imm!=0",
// "rd:even". When two rows match a word, the one with more fixed bits wins.
//
// Operands are what the assembler wants, see package riscv's disassembler.
//
// The meaning is a statement list in Go's expression syntax over the operations
// in [Vocabulary]; imm stands for the immediate of any kind (for off: the target
// address), and link for the address of the next instruction. A compressed row
// has "= name operands" in place of the last two columns: the instruction that
// it abbreviates, with the operands in that row's order.
package isa

import (
	"embed"
	"fmt"
	"go/ast"
	"go/parser"
	"math/bits"
	"path"
	"sort"
	"strconv"
	"strings"

	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
)

//go:embed *.isa
var files embed.FS

// Row is one instruction: its encoding and what it means.
type Row struct {
	encoding.Row
	Pos     string     // file:line, for messages
	Meaning []ast.Stmt // nil for a compressed row
	Args    []string   // of a compressed row: operands for the row it expands to
}

// Load reads all tables, in the order of file names. Instructions keep the order
// of their rows.
func Load() ([]*Row, error) {
	names, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var rows []*Row
	for _, e := range names {
		if e.Name() == "alias.isa" {
			continue
		}
		text, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		r, err := Parse(e.Name(), string(text))
		if err != nil {
			return nil, err
		}
		rows = append(rows, r...)
	}
	return rows, Check(rows)
}

// Parse reads the rows of one file.
func Parse(file, text string) ([]*Row, error) {
	var rows []*Row
	err := eachLine(file, text, func(pos string, cols []string) error {
		r, err := parseRow(cols)
		if err != nil {
			return err
		}
		r.Pos, r.Ext = pos, strings.TrimSuffix(path.Base(file), ".isa")
		rows = append(rows, r)
		return nil
	})
	return rows, err
}

// eachLine calls f with the trimmed columns of each line that is neither empty
// nor a comment.
func eachLine(file, text string, f func(pos string, cols []string) error) error {
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		pos := fmt.Sprintf("%s:%d", file, n+1)
		cols := splitColumns(line)
		for i := range cols {
			cols[i] = strings.TrimSpace(cols[i])
		}
		if err := f(pos, cols); err != nil {
			return fmt.Errorf("%s: %w", pos, err)
		}
	}
	return nil
}

// splitColumns splits at '|' outside brackets, at most four columns: the last
// one may contain the operator.
func splitColumns(line string) []string {
	var cols []string
	depth, start := 0, 0
	for i := 0; i < len(line) && len(cols) < 3; i++ {
		switch line[i] {
		case '[':
			depth++
		case ']':
			depth--
		case '|':
			if depth == 0 {
				cols = append(cols, line[start:i])
				start = i + 1
			}
		}
	}
	return append(cols, line[start:])
}

func parseRow(cols []string) (*Row, error) {
	if len(cols) < 3 {
		return nil, fmt.Errorf("want name | encoding | operands | meaning")
	}
	r := &Row{Row: encoding.Row{Name: cols[0]}}
	pattern, conds, _ := strings.Cut(cols[1], ";")
	if err := r.parsePattern(strings.Fields(pattern)); err != nil {
		return nil, err
	}
	if err := r.parseConds(strings.Fields(conds)); err != nil {
		return nil, err
	}
	if exp, ok := strings.CutPrefix(cols[2], "="); ok {
		name, args, _ := strings.Cut(strings.TrimSpace(exp), " ")
		r.Expands, r.Args = name, splitList(args)
		return r, nil
	}
	if len(cols) != 4 {
		return nil, fmt.Errorf("no meaning")
	}
	r.Operands = splitList(cols[2])
	var err error
	r.Meaning, err = parseMeaning(cols[3])
	return r, err
}

func splitList(s string) []string {
	var list []string
	for _, p := range strings.Split(s, ",") {
		if p = strings.TrimSpace(p); p != "" {
			list = append(list, p)
		}
	}
	return list
}

// registerFields are the fields that hold a register number or take its place.
var registerFields = map[string]bool{
	"rd": true, "rs1": true, "rs2": true, "rs3": true, "zimm": true,
	"fd": true, "fs1": true, "fs2": true, "fs3": true, "fli": true,
}

func (r *Row) parsePattern(tokens []string) error {
	width := 0
	for _, t := range tokens {
		w, err := tokenWidth(t)
		if err != nil {
			return err
		}
		width += w
	}
	if width != 16 && width != 32 {
		return fmt.Errorf("encoding has %d bits", width)
	}
	r.Len = width / 8
	pos := width
	for _, t := range tokens {
		w, _ := tokenWidth(t)
		pos -= w
		if strings.Trim(t, "01.") == "" {
			for i, c := range t {
				bit := uint32(1) << (pos + w - 1 - i)
				if c != '.' {
					r.Mask |= bit
				}
				if c == '1' {
					r.Match |= bit
				}
			}
			continue
		}
		r.addField(t, pos, w)
	}
	return nil
}

// addField records the field token t, which occupies w bits from bit pos up.
func (r *Row) addField(t string, pos, w int) {
	name, slices, isImm := strings.Cut(t, "[")
	prime := strings.HasSuffix(name, "'")
	name = strings.TrimSuffix(name, "'")
	f := r.Field(name)
	if f == nil {
		r.Fields = append(r.Fields, encoding.Field{Name: name, Prime: prime})
		f = &r.Fields[len(r.Fields)-1]
	}
	if !isImm {
		f.Slices = append(f.Slices, encoding.Slice{From: pos, To: 0, Width: w})
		return
	}
	from := pos + w
	for _, s := range strings.Split(strings.TrimSuffix(slices, "]"), "|") {
		hi, lo, _ := parseSlice(s)
		from -= hi - lo + 1
		f.Slices = append(f.Slices, encoding.Slice{From: from, To: lo, Width: hi - lo + 1})
	}
}

func parseSlice(s string) (hi, lo int, err error) {
	h, l, ranged := strings.Cut(s, ":")
	if hi, err = strconv.Atoi(h); err != nil {
		return 0, 0, err
	}
	lo = hi
	if ranged {
		if lo, err = strconv.Atoi(l); err != nil {
			return 0, 0, err
		}
	}
	if lo > hi {
		return 0, 0, fmt.Errorf("slice %q is empty", s)
	}
	return hi, lo, nil
}

func tokenWidth(t string) (int, error) {
	name, slices, isImm := strings.Cut(t, "[")
	switch {
	case strings.Trim(t, "01.") == "":
		return len(t), nil
	case isImm:
		w := 0
		for _, s := range strings.Split(strings.TrimSuffix(slices, "]"), "|") {
			hi, lo, err := parseSlice(s)
			if err != nil {
				return 0, err
			}
			w += hi - lo + 1
		}
		switch name {
		case "imm", "uimm", "off", "csr":
			return w, nil
		}
	case t == "aq" || t == "rl":
		return 1, nil
	case t == "rm":
		return 3, nil
	case registerFields[t]:
		return 5, nil
	case registerFields[strings.TrimSuffix(t, "'")]:
		return 3, nil
	}
	return 0, fmt.Errorf("unknown field %q", t)
}

func (r *Row) parseConds(conds []string) error {
	for _, c := range conds {
		if name, ok := strings.CutSuffix(c, ":even"); ok {
			r.Conds = append(r.Conds, encoding.Cond{Field: name, Even: true})
			continue
		}
		name, value, ok := strings.Cut(c, "!=")
		v, err := strconv.ParseUint(value, 0, 32)
		if !ok || err != nil {
			return fmt.Errorf("bad condition %q", c)
		}
		r.Conds = append(r.Conds, encoding.Cond{Field: name, Not: uint32(v)})
	}
	for i := range r.Conds {
		c := &r.Conds[i]
		if c.Field == "imm" {
			if f := r.Imm(); f != nil {
				c.Field = f.Name
			}
		}
		if r.Field(c.Field) == nil {
			return fmt.Errorf("condition on %s, which the encoding lacks", c.Field)
		}
	}
	return nil
}

func parseMeaning(text string) ([]ast.Stmt, error) {
	f, err := parser.ParseExpr("func() {" + text + "\n}")
	if err != nil {
		return nil, err
	}
	return f.(*ast.FuncLit).Body.List, nil
}

// Specificity orders rows: those with more fixed bits are tried first.
func Specificity(rows []*Row) {
	sort.SliceStable(rows, func(i, j int) bool {
		return bits.OnesCount32(rows[i].Mask) > bits.OnesCount32(rows[j].Mask)
	})
}

// Check reports rows that cannot be told apart, names used twice, expansions
// that do not fit their base row, and meanings that break the vocabulary. It
// fills in the rows' kinds.
func Check(rows []*Row) error {
	byName := map[string]*Row{}
	for _, r := range rows {
		if o := byName[r.Name]; o != nil {
			return fmt.Errorf("%s: %s is also at %s", r.Pos, r.Name, o.Pos)
		}
		byName[r.Name] = r
	}
	for i, r := range rows {
		for _, o := range rows[:i] {
			if r.ambiguous(o) {
				return fmt.Errorf("%s: %s overlaps %s (%s)", r.Pos, r.Name, o.Name, o.Pos)
			}
		}
		if r.Expands == "" {
			if err := r.checkMeaning(); err != nil {
				return fmt.Errorf("%s: %s: %w", r.Pos, r.Name, err)
			}
			r.Kind = r.kind()
		}
	}
	for _, r := range rows {
		if r.Expands == "" {
			continue
		}
		base := byName[r.Expands]
		if base == nil || base.Expands != "" || len(base.Operands) != len(r.Args) {
			return fmt.Errorf("%s: %s: expansion does not fit a base row", r.Pos, r.Name)
		}
		r.Kind = base.Kind
	}
	return nil
}

// ambiguous reports whether some word matches both rows and neither is a
// special case of the other.
func (r *Row) ambiguous(o *Row) bool {
	if r.Len != o.Len || (r.Match^o.Match)&r.Mask&o.Mask != 0 {
		return false
	}
	common := r.Mask & o.Mask
	if common == r.Mask || common == o.Mask {
		return r.Mask == o.Mask
	}
	return true
}

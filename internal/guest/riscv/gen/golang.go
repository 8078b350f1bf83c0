package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"strings"

	"github.com/hospes-vm/hospes/internal/guest/riscv/isa"
)

// goOps are the operations of the vocabulary in Go. %[1]s, %[2]s ... are the
// arguments; c is the CPU, i the instruction. An operation that rounds finds
// its mode in rm.
var goOps = map[string]string{
	"lts":    "int64(%[1]s) < int64(%[2]s)",
	"ltu":    "%[1]s < %[2]s",
	"choose": "choose(%[1]s, %[2]s, %[3]s)",

	"sext8":  "uint64(int8(%[1]s))",
	"sext16": "uint64(int16(%[1]s))",
	"sext32": "uint64(int32(%[1]s))",
	"zext16": "uint64(uint16(%[1]s))",
	"zext32": "uint64(uint32(%[1]s))",
	"lo32":   "uint32(%[1]s)",
	"lo16":   "uint16(%[1]s)",

	"sll":   "%[1]s << (%[2]s & 63)",
	"srl":   "%[1]s >> (%[2]s & 63)",
	"sra":   "uint64(int64(%[1]s) >> (%[2]s & 63))",
	"rol":   "bits.RotateLeft64(%[1]s, int(%[2]s & 63))",
	"ror":   "bits.RotateLeft64(%[1]s, -int(%[2]s & 63))",
	"sll32": "uint64(int32(%[1]s) << (%[2]s & 31))",
	"srl32": "uint64(int32(uint32(%[1]s) >> (%[2]s & 31)))",
	"sra32": "uint64(int32(%[1]s) >> (%[2]s & 31))",
	"rol32": "uint64(int32(bits.RotateLeft32(uint32(%[1]s), int(%[2]s & 31))))",
	"ror32": "uint64(int32(bits.RotateLeft32(uint32(%[1]s), -int(%[2]s & 31))))",

	"mulh_ss": "mulhSS(%[1]s, %[2]s)",
	"mulh_su": "mulhSU(%[1]s, %[2]s)",
	"mulh_uu": "mulhUU(%[1]s, %[2]s)",
	"div_s":   "divS(%[1]s, %[2]s)",
	"div_u":   "divU(%[1]s, %[2]s)",
	"rem_s":   "remS(%[1]s, %[2]s)",
	"rem_u":   "remU(%[1]s, %[2]s)",
	"div_s32": "divS32(%[1]s, %[2]s)",
	"div_u32": "divU32(%[1]s, %[2]s)",
	"rem_s32": "remS32(%[1]s, %[2]s)",
	"rem_u32": "remU32(%[1]s, %[2]s)",

	"clz":   "uint64(bits.LeadingZeros64(%[1]s))",
	"ctz":   "uint64(bits.TrailingZeros64(%[1]s))",
	"cpop":  "uint64(bits.OnesCount64(%[1]s))",
	"clz32": "uint64(bits.LeadingZeros32(uint32(%[1]s)))",
	"ctz32": "uint64(bits.TrailingZeros32(uint32(%[1]s)))",
	"rev8":  "bits.ReverseBytes64(%[1]s)",
	"orc_b": "orcB(%[1]s)",

	"lr_32":       "c.loadReserved(%[1]s, 4)",
	"lr_64":       "c.loadReserved(%[1]s, 8)",
	"sc_32":       "c.storeConditional(%[1]s, %[2]s, 4)",
	"sc_64":       "c.storeConditional(%[1]s, %[2]s, 8)",
	"amo_cas_128": "c.amoCas128(%[1]s, i)",

	"fence":     "c.fence(%[1]s)",
	"fence_tso": "c.fenceTSO()",
	"pause":     "",
	"nop":       "",
	"wrs":       "c.waitReservation()",

	"cbo_manage": "c.cboManage(%[1]s)",
	"cbo_zero":   "c.cboZero(%[1]s)",

	"csr_read":  "c.readCSR(%[1]s)",
	"csr_swap":  "c.swapCSR(%[1]s, %[2]s)",
	"csr_set":   "c.setCSR(%[1]s, %[2]s)",
	"csr_clear": "c.clearCSR(%[1]s, %[2]s)",

	"s":        "unboxS(%[1]s)",
	"h":        "unboxH(%[1]s)",
	"box_s":    "boxS(%[1]s)",
	"box_h":    "boxH(%[1]s)",
	"fneg_s":   "%[1]s ^ signS",
	"fneg_d":   "%[1]s ^ signD",
	"fsgnj_s":  "%[1]s&^signS | %[2]s&signS",
	"fsgnj_d":  "%[1]s&^signD | %[2]s&signD",
	"fsgnjn_s": "%[1]s&^signS | ^%[2]s&signS",
	"fsgnjn_d": "%[1]s&^signD | ^%[2]s&signD",
	"fsgnjx_s": "%[1]s ^ %[2]s&signS",
	"fsgnjx_d": "%[1]s ^ %[2]s&signD",
	"fli_s":    "softfloat.F32Fli(uint8(%[1]s))",
	"fli_d":    "softfloat.F64Fli(uint8(%[1]s))",
	"fclass_s": "uint64(softfloat.F32Class(%[1]s))",
	"fclass_d": "uint64(softfloat.F64Class(%[1]s))",

	// Always exact: rm is only checked.
	"i32_to_f64":  "softfloat.I32ToF64(int32(%[1]s))",
	"u32_to_f64":  "softfloat.U32ToF64(uint32(%[1]s))",
	"f16_to_f32":  "softfloat.F16ToF32(%[1]s, &c.reg.Flags)",
	"f16_to_f64":  "softfloat.F16ToF64(%[1]s, &c.reg.Flags)",
	"f32_to_f64":  "softfloat.F32ToF64(%[1]s, &c.reg.Flags)",
	"f32_to_f16":  "softfloat.F32ToF16(%[1]s, rm, &c.reg.Flags)",
	"f64_to_f16":  "softfloat.F64ToF16(%[1]s, rm, &c.reg.Flags)",
	"f64_to_f32":  "softfloat.F64ToF32(%[1]s, rm, &c.reg.Flags)",
	"fcvtmod_i32": "uint64(softfloat.F64CvtMod(%[1]s, &c.reg.Flags))",
}

// exactOps take a rounding mode only to check it.
var exactOps = map[string]bool{
	"i32_to_f64": true, "u32_to_f64": true,
	"f16_to_f32": true, "f16_to_f64": true, "f32_to_f64": true,
}

func init() {
	bytes := map[string]string{"8": "1", "16": "2", "32": "4", "64": "8"}
	for size, n := range bytes {
		for _, op := range []string{"swap", "add", "and", "or", "xor", "min_s", "max_s", "min_u", "max_u"} {
			name := strings.ReplaceAll(op, "_", ".")
			goOps["amo_"+op+"_"+size] = "c.amo(%[1]s, %[2]s, " + n + ", combine" + camel(name) + ")"
		}
		goOps["amo_cas_"+size] = "c.amoCas(%[1]s, %[2]s, %[3]s, " + n + ")"
	}
	for _, op := range []string{"swap", "add", "and", "or"} {
		for _, size := range []string{"32", "64"} {
			goOps["amo_"+op+"_"+size] = "c.amo" + camel(op) + size + "(%[1]s, %[2]s)"
		}
	}
	arith := map[string]string{
		"fadd": "Add", "fsub": "Sub", "fmul": "Mul", "fdiv": "Div", "fma": "FMA", "fsqrt": "Sqrt",
		"fround": "RoundToInt", "froundnx": "RoundToIntNX",
		"fmin": "Min", "fmax": "Max", "fminm": "MinM", "fmaxm": "MaxM",
		"feq": "Eq", "flt": "Lt", "fle": "Le", "fltq": "LtQ", "fleq": "LeQ",
	}
	for suffix, f := range map[string]string{"_s": "F32", "_d": "F64"} {
		for name, fn := range arith {
			op := isa.Vocabulary[name+suffix]
			goOps[name+suffix] = "softfloat." + f + fn + "(" + softArgs(len(op.Args), op.Round)
		}
		lower := strings.ToLower(f)
		for _, i := range []string{"i32", "u32", "i64", "u64"} {
			upper := strings.ToUpper(i)
			wide := "%s"
			switch i {
			case "u32":
				wide = "uint64(int32(%s))"
			case "i32", "i64":
				wide = "uint64(%s)"
			}
			goOps[lower+"_to_"+i] = fmt.Sprintf(wide, "softfloat."+f+"To"+upper+"("+softArgs(1, true))
			if to := i + "_to_" + lower; goOps[to] == "" {
				goOps[to] = "softfloat." + upper + "To" + f + "(" + strings.Replace(i, "i", "int", 1) + "(%[1]s), rm, &c.reg.Flags)"
				goOps[to] = strings.Replace(goOps[to], "u32(", "uint32(", 1)
				goOps[to] = strings.Replace(goOps[to], "u64(", "uint64(", 1)
			}
		}
	}
}

// softArgs is the argument list of a softfloat call with n operands.
func softArgs(n int, round bool) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "%%[%d]s, ", i)
	}
	if round {
		b.WriteString("rm, ")
	}
	return b.String() + "&c.reg.Flags)"
}

// writer produces Go statements for a row's meaning.
type writer struct {
	row *isa.Row
	b   strings.Builder
	// link is the Go expression for the address of the next instruction, regs that for
	// the register file.
	link, regs string
	// load and store emit a memory access; load returns the value's expression.
	load  func(op, addr string) string
	store func(op, addr, value string)
}

// expr returns the Go text of e, in parentheses unless it is a primary expression.
func (w *writer) expr(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return w.expr(e.X)
	case *ast.BasicLit:
		return e.Value
	case *ast.Ident:
		return w.operand(e.Name)
	case *ast.UnaryExpr:
		if lit, ok := e.X.(*ast.BasicLit); ok {
			return e.Op.String() + "uint64(" + lit.Value + ")"
		}
		return "(" + e.Op.String() + w.expr(e.X) + ")"
	case *ast.BinaryExpr:
		return "(" + w.expr(e.X) + " " + e.Op.String() + " " + w.expr(e.Y) + ")"
	case *ast.CallExpr:
		return w.call(e)
	}
	panic(fmt.Sprintf("%s: expression %T", w.row.Name, e))
}

func (w *writer) operand(name string) string {
	switch name {
	case "rd":
		return "c.oldRd(i)"
	case "imm", "off":
		return "i.imm"
	case "zimm", "fli":
		return "uint64(i.rs1)"
	case "link":
		return w.link
	}
	return w.regs + "[i.r" + strings.TrimLeft(name, "rf") + "]"
}

func (w *writer) call(e *ast.CallExpr) string {
	name := e.Fun.(*ast.Ident).Name
	if strings.HasPrefix(name, "load_") {
		return w.load(strings.TrimPrefix(name, "load_"), w.expr(e.Args[0]))
	}
	text, ok := goOps[name]
	if !ok {
		panic(fmt.Sprintf("%s: no Go for %s", w.row.Name, name))
	}
	var args []any
	for _, a := range e.Args {
		s := w.expr(a)
		if lit, ok := a.(*ast.BasicLit); ok {
			s = "uint64(" + lit.Value + ")"
		}
		if isCall(text) {
			s = trimParens(s)
		}
		args = append(args, s)
	}
	if isa.Vocabulary[name].Round {
		if exactOps[name] {
			w.b.WriteString("c.rounding(i)\n")
		} else {
			w.b.WriteString("rm := c.rounding(i)\n")
		}
	}
	text = fmt.Sprintf(text, args...)
	if text != "" && !isCall(text) {
		text = "(" + text + ")"
	}
	return text
}

// callText matches a call or conversion; whether the last parenthesis belongs to
// the first one is for isCall to see.
var callText = regexp.MustCompile(`^[\w.]+\(.*\)$`)

// isCall reports whether the Go expression s is one call or conversion.
func isCall(s string) bool {
	open := strings.IndexByte(s, '(')
	return callText.MatchString(s) && matching(s[open:]) == len(s)-1-open
}

// matching returns the index of the parenthesis that closes the one at s[0].
func matching(s string) int {
	depth := 0
	for i, c := range s {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// assign emits an assignment to rd or fd.
func (w *writer) assign(s *ast.AssignStmt) error {
	t, err := w.row.TypeOf(s.Rhs[0])
	if err != nil {
		return err
	}
	v := w.expr(s.Rhs[0])
	if t == isa.Bool {
		v = "b2u(" + trimParens(v) + ")"
	}
	fmt.Fprintf(&w.b, "%s[i.rd] = %s\n", w.regs, trimParens(v))
	return nil
}

// trimParens removes the parentheses around a whole expression.
func trimParens(s string) string {
	if strings.HasPrefix(s, "(") && matching(s) == len(s)-1 {
		return s[1 : len(s)-1]
	}
	return s
}

// isPC reports whether s assigns to pc.
func isPC(s ast.Stmt) (rhs ast.Expr, ok bool) {
	a, ok := s.(*ast.AssignStmt)
	if !ok || a.Tok != token.ASSIGN || a.Lhs[0].(*ast.Ident).Name != "pc" {
		return nil, false
	}
	return a.Rhs[0], true
}

// callName returns the name of the operation that s is, or "".
func callName(s ast.Stmt) string {
	if e, ok := s.(*ast.ExprStmt); ok {
		return e.X.(*ast.CallExpr).Fun.(*ast.Ident).Name
	}
	return ""
}

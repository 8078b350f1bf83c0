package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"

	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
	"github.com/hospes-vm/hospes/internal/guest/riscv/isa"
	"github.com/hospes-vm/hospes/internal/ir"
)

// irOperators are the operations of Go's operators in meanings.
var irOperators = map[token.Token]string{
	token.ADD: "Add", token.SUB: "Sub", token.MUL: "Mul", token.AND: "And", token.OR: "Or", token.XOR: "Xor",
	token.EQL: "Eq", token.NEQ: "Ne",
}

// genLift emits the lifter: for each row whose meaning has operations of the
// intermediate representation only, a case that builds them.
func genLift(m *model) (string, error) {
	var cases strings.Builder
	for _, r := range m.base {
		w := lifter{row: r}
		for _, s := range r.Meaning {
			w.stmt(s)
		}
		if w.missing {
			continue
		}
		fmt.Fprintf(&cases, "\tcase %s:\n%s%s", opName(r.Name), w.b.String(), w.end)
	}
	return `import "github.com/hospes-vm/hospes/internal/ir"

// lift appends the meaning of one instruction. It reports false if the instruction is
// for the interpreter.
func (l *lifter) lift(i *inst) bool {
	b := &l.b
	switch i.op {
` + cases.String() + `	default:
		return false
	}
	return true
}
`, nil
}

// lifter produces the statements that lift a row.
type lifter struct {
	row     *isa.Row
	b       strings.Builder
	end     string // what comes after all other statements
	missing bool   // there is an operation without a counterpart
}

func (w *lifter) stmt(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.IfStmt:
		to, _ := isPC(s.Body.List[0])
		w.end = fmt.Sprintf("l.branch(%s, %s)\n", w.expr(s.Cond), w.constant(to))
	case *ast.AssignStmt:
		w.assign(s)
	case *ast.ExprStmt:
		w.effect(s.X.(*ast.CallExpr))
	}
}

func (w *lifter) assign(s *ast.AssignStmt) {
	switch dst := s.Lhs[0].(*ast.Ident).Name; dst {
	case "rd":
		if c, ok := s.Rhs[0].(*ast.CallExpr); ok && isa.Vocabulary[callOf(c)].Kind&encoding.CSR != 0 {
			w.csr(c)
			return
		}
		fmt.Fprintf(&w.b, "b.SetX(i.rd%%sink, %s)\n", w.expr(s.Rhs[0]))
	case "fd":
		fmt.Fprintf(&w.b, "b.SetF(i.rd-fpBase, %s)\n", w.expr(s.Rhs[0]))
	default:
		if id, ok := s.Rhs[0].(*ast.Ident); ok {
			w.end = fmt.Sprintf("l.jump(i, %s)\n", w.constant(id))
			return
		}
		fmt.Fprintf(&w.b, "target := %s\n", w.expr(s.Rhs[0]))
		w.end = "l.jumpTo(i, target)\n"
	}
}

// csr is an operation on a control and status register, of which some are lifted.
func (w *lifter) csr(c *ast.CallExpr) {
	fmt.Fprintf(&w.b, "v, ok := l.%s(i", strings.Replace(callOf(c), "csr_", "csr", 1))
	for _, a := range c.Args[1:] {
		w.b.WriteString(", " + w.expr(a))
	}
	w.b.WriteString(")\nif !ok {\nreturn false\n}\nb.SetX(i.rd%sink, v)\n")
}

func callOf(c *ast.CallExpr) string { return c.Fun.(*ast.Ident).Name }

// effect is an operation without a value.
func (w *lifter) effect(c *ast.CallExpr) {
	switch name := callOf(c); name {
	case "ecall":
		w.end = "l.ecall()\n"
	case "fence":
		w.b.WriteString("b.Emit(ir.Fence, i.imm)\n")
	case "fence_tso":
		w.b.WriteString("b.Emit(ir.Fence, fenceTSO)\n")
	case "nop":
	case "cbo_manage", "cbo_zero":
		fmt.Fprintf(&w.b, "l.%s(%s)\n", strings.Replace(name, "cbo_", "cbo", 1), w.expr(c.Args[0]))
	default:
		w.b.WriteString(w.call(c) + "\n")
	}
}

// constant is an operand that is known when the instruction is lifted.
func (w *lifter) constant(e ast.Expr) string {
	switch e.(*ast.Ident).Name {
	case "off", "imm":
		return "i.imm"
	case "link":
		return "l.next"
	}
	panic(fmt.Sprintf("%s: %v is no constant", w.row.Name, e))
}

// expr is the Go expression of an ir.Value.
func (w *lifter) expr(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return w.expr(e.X)
	case *ast.BasicLit:
		return "b.Const(" + e.Value + ")"
	case *ast.Ident:
		return w.operand(e.Name)
	case *ast.UnaryExpr:
		if lit, ok := e.X.(*ast.BasicLit); ok {
			return "b.Const(" + e.Op.String() + "uint64(" + lit.Value + "))"
		}
		op := map[token.Token]string{token.XOR: "Not", token.SUB: "Neg", token.NOT: "NotB"}[e.Op]
		return fmt.Sprintf("b.Emit(ir.%s, 0, %s)", op, w.expr(e.X))
	case *ast.BinaryExpr:
		return fmt.Sprintf("b.Emit(ir.%s, 0, %s, %s)", irOperators[e.Op], w.expr(e.X), w.expr(e.Y))
	case *ast.CallExpr:
		return w.call(e)
	}
	panic(fmt.Sprintf("%s: expression %T", w.row.Name, e))
}

func (w *lifter) operand(name string) string {
	switch name {
	case "rd":
		return "b.X(i.rd%sink)"
	case "imm", "off", "link":
		return "b.Const(" + w.constant(ast.NewIdent(name)) + ")"
	case "zimm":
		return "b.Const(uint64(i.rs1))"
	}
	if n, ok := strings.CutPrefix(name, "fs"); ok {
		return "b.F(i.rs" + n + "-fpBase)"
	}
	return "b.X(i." + name + ")"
}

// call is an operation of the vocabulary.
func (w *lifter) call(e *ast.CallExpr) string {
	name := callOf(e)
	if _, ok := ir.ByName(name); !ok {
		w.missing = true
	}
	imm := "0"
	args := e.Args
	switch {
	case isa.Vocabulary[name].Round:
		imm = "uint64(i.rm)"
	case strings.HasPrefix(name, "fli_"):
		imm, args = "uint64(i.rs1)", nil
	}
	text := fmt.Sprintf("b.Emit(ir.%s, %s", camel(strings.ReplaceAll(name, "_", ".")), imm)
	for _, a := range args {
		text += ", " + w.expr(a)
	}
	return text + ")"
}

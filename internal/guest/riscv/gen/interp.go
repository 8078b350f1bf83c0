package main

import (
	_ "embed"
	"fmt"
	"go/ast"
	"strings"

	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
)

// interpTemplate is the interpreter's loop without its cases.
//
//go:embed interp.tmpl
var interpTemplate string

// memOps describes a load or store: the Go type accessed, its size, and for
// loads the widening conversion of a value of that type.
var memOps = map[string]struct {
	typ   string
	size  int
	widen string
}{
	"s8":  {"int8", 1, "uint64(%s)"},
	"u8":  {"uint8", 1, "uint64(%s)"},
	"s16": {"int16", 2, "uint64(%s)"},
	"u16": {"uint16", 2, "uint64(%s)"},
	"s32": {"int32", 4, "uint64(%s)"},
	"u32": {"uint32", 4, "uint64(%s)"},
	"64":  {"uint64", 8, "%s"},
	"8":   {"uint8", 1, ""},
	"16":  {"uint16", 2, ""},
	"32":  {"uint32", 4, ""},
}

// genInterp emits the interpreter's loop: the template with a case for each hot row.
func genInterp(m *model) (string, error) {
	var cases strings.Builder
	for _, r := range m.base {
		switch heat(r) {
		case 1:
			fmt.Fprintf(&cases, "\tcase %s:\nc.ip = uintptr(unsafe.Pointer(i))\nexec%s(c, i)\ngoto resume\n", opName(r.Name), camel(r.Name))
			continue
		case 2:
			continue
		}
		w := &writer{row: r, link: "c.block.end", regs: "r"}
		w.load = func(op, addr string) string {
			d := memOps[op]
			w.window(addr)
			return fmt.Sprintf(d.widen, fmt.Sprintf("*(*%s)(unsafe.Add(base, addr))", d.typ))
		}
		w.store = func(op, addr, value string) {
			d := memOps[op]
			w.window(addr)
			fmt.Fprintf(&w.b, "*(*%s)(unsafe.Add(base, addr)) = %s\n", d.typ, convert(d.typ, value))
		}
		if err := w.loopCase(); err != nil {
			return "", fmt.Errorf("%s: %s: %w", r.Pos, r.Name, err)
		}
		fmt.Fprintf(&cases, "\tcase %s:\n%s", opName(r.Name), w.b.String())
	}
	return strings.Replace(interpTemplate, "//CASES\n", cases.String(), 1), nil
}

func convert(typ, value string) string {
	if typ == "uint64" {
		return value
	}
	return typ + "(" + trimParens(value) + ")"
}

// window emits the test that addr lies in the linear window.
func (w *writer) window(addr string) {
	fmt.Fprintf(&w.b, "c.ip = uintptr(unsafe.Pointer(i))\naddr = %s\nif addr-mem.MinAddr >= window {\ngoto outside\n}\n", trimParens(addr))
}

// loopCase emits the body of a case in the interpreter's loop.
func (w *writer) loopCase() error {
	end := "" // how the case ends, if not with the next instruction
	for _, s := range w.row.Meaning {
		if rhs, ok := isPC(s); ok {
			if id, ok := rhs.(*ast.Ident); ok && id.Name == "off" {
				end = "goto taken\n"
				continue
			}
			fmt.Fprintf(&w.b, "target = %s\n", trimParens(w.expr(rhs)))
			end = "goto indirect\n"
			continue
		}
		switch s := s.(type) {
		case *ast.IfStmt:
			fmt.Fprintf(&w.b, "if %s {\ngoto taken\n}\n", trimParens(w.expr(s.Cond)))
			end = "goto fallthru\n"
		case *ast.AssignStmt:
			if err := w.assign(s); err != nil {
				return err
			}
		case *ast.ExprStmt:
			name := callName(s)
			switch {
			case strings.HasPrefix(name, "store_"):
				w.storeStmt(s)
			case w.row.Kind&encoding.System != 0:
				end = "goto " + strings.ReplaceAll(name, "_", "") + "\n"
			default:
				if text := w.expr(s.X); text != "" {
					w.b.WriteString(text + "\n")
				}
			}
		}
	}
	w.b.WriteString(end)
	return nil
}

func (w *writer) storeStmt(s *ast.ExprStmt) {
	c := s.X.(*ast.CallExpr)
	name := c.Fun.(*ast.Ident).Name
	w.store(strings.TrimPrefix(name, "store_"), w.expr(c.Args[0]), w.expr(c.Args[1]))
}

// genExec emits a function per instruction that the loop leaves to helpers:
// cold ones, and loads and stores outside the linear window.
func genExec(m *model) (string, error) {
	var funcs, table strings.Builder
	for _, r := range m.base {
		memory := r.Kind & (encoding.Load | encoding.Store)
		if isHot(r) && memory == 0 {
			continue
		}
		w := &writer{row: r, regs: "c.r"}
		w.load = func(op, addr string) string {
			d := memOps[op]
			v := fmt.Sprintf("c.mem.Load(%s, %d)", trimParens(addr), d.size)
			if d.typ == "uint64" || strings.HasPrefix(d.typ, "u") {
				return v
			}
			return fmt.Sprintf(d.widen, d.typ+"("+v+")")
		}
		w.store = func(op, addr, value string) {
			fmt.Fprintf(&w.b, "c.mem.Store(%s, %d, %s)\n", trimParens(addr), memOps[op].size, trimParens(value))
		}
		if err := w.helper(); err != nil {
			return "", fmt.Errorf("%s: %s: %w", r.Pos, r.Name, err)
		}
		fmt.Fprintf(&funcs, "func exec%s(c *CPU, i *inst) {\n%s}\n\n", camel(r.Name), w.b.String())
		fmt.Fprintf(&table, "\t%s: exec%s,\n", opName(r.Name), camel(r.Name))
	}
	return "import (\n\"math/bits\"\n\n\"github.com/hospes-vm/hospes/internal/softfloat\"\n)\n\n" +
		"// execTable has the helpers of operations that the interpreter's loop does not, or not always, execute itself. The second half is for those that take a detour.\n" +
		"var execTable = [2 * numOps]func(*CPU, *inst){\n" + table.String() + "}\n\n" + funcs.String(), nil
}

// helper emits the body of an exec function.
func (w *writer) helper() error {
	for _, s := range w.row.Meaning {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if err := w.assign(s); err != nil {
				return err
			}
		case *ast.ExprStmt:
			if strings.HasPrefix(callName(s), "store_") {
				w.storeStmt(s)
				continue
			}
			text := w.expr(s.X)
			w.b.WriteString(text + "\n")
		default:
			return fmt.Errorf("statement %T in a helper", s)
		}
	}
	return nil
}

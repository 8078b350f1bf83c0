package opt_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/opt"
	"github.com/hospes-vm/hospes/internal/opt/opttest"
)

// TestRules: expressions, and what the passes make of them. xN is an integer register, fN a
// floating-point one. What is the sign extension of its lower half is left loose: see ir.Low.
func TestRules(t *testing.T) {
	for in, want := range map[string]string{
		// Sums, differences, products.
		"add(x1, 0)":                          "x1",
		"add(1, add(x1, 2))":                  "add(x1, 3)",
		"add(sub(5, x1), 2)":                  "sub(7, x1)",
		"add(neg(x1), x2)":                    "sub(x2, x1)",
		"add(x1, neg(x2))":                    "sub(x1, x2)",
		"add(x2, sub(x1, x2))":                "x1",
		"add(add(x1, 5), x2)":                 "add(add(x1, x2), 5)",
		"add(x2, add(x1, 5))":                 "add(add(x1, x2), 5)",
		"sub(x1, 5)":                          "add(x1, -5)",
		"sub(x1, x1)":                         "0",
		"sub(0, x1)":                          "neg(x1)",
		"sub(7, add(x1, 3))":                  "sub(4, x1)",
		"sub(x1, neg(x2))":                    "add(x1, x2)",
		"sub(add(x1, x2), x1)":                "x2",
		"sub(add(x1, x2), x2)":                "x1",
		"neg(neg(x1))":                        "x1",
		"neg(sub(x1, x2))":                    "sub(x2, x1)",
		"mul(x1, 0)":                          "0",
		"mul(1, x1)":                          "x1",
		"mul(x1, -1)":                         "neg(x1)",
		"mul(x1, 8)":                          "sll(x1, 3)",
		"mul(6, 7)":                           "42",
		"div_u(x1, 16)":                       "srl(x1, 4)",
		"div_u32(x1, 16)":                     "srl32(x1, 4)",
		"rem_u(x1, 16)":                       "and(x1, 15)",
		"rem_u32(x1, 16)":                     "and(x1, 15)",
		"rem_s(sext32(x1), sext16(x2))":       "rem_s32(x1, sext16(x2))",
		"rem_u(zext32(x1), zext32(x2))":       "zext32(rem_u32(x1, x2))",
		"div_s(sext32(x1), 10)":               "div_s32(x1, 10)",
		"div_s(sext32(x1), sext32(x2))":       "div_s(sext32(x1), sext32(x2))", // -1<<31 / -1
		"div_s(zext16(x1), sext32(x2))":       "div_s32(zext16(x1), x2)",
		"div_u(zext32(x1), 10)":               "zext32(div_u32(x1, 10))",
		"div_u(zext32(x1), zext32(x2))":       "div_u(zext32(x1), zext32(x2))", // by 0
		"div_u(zext32(x1), or(zext8(x2), 1))": "zext32(div_u32(x1, or(zext8(x2), 1)))",

		// Logic.
		"and(x1, 0)":                       "0",
		"and(x1, -1)":                      "x1",
		"and(x1, x1)":                      "x1",
		"and(and(x1, 60), 15)":             "and(x1, 12)",
		"and(x1, 255)":                     "zext8(x1)",
		"and(x1, 0xffff)":                  "zext16(x1)",
		"and(0xffffffff, x1)":              "zext32(x1)",
		"and(sext8(x1), 7)":                "and(x1, 7)",
		"and(or(x1, 8), 7)":                "and(x1, 7)",
		"and(neg(zextb(ltu(x1, x2))), x3)": "choose(ltu(x1, x2), x3, 0)",
		"or(x1, 0)":                        "x1",
		"or(x1, x1)":                       "x1",
		"or(x1, -1)":                       "-1",
		"or(or(x1, 8), 4)":                 "or(x1, 12)",
		"or(or(x1, 12), 4)":                "or(x1, 12)",
		"xor(x1, x1)":                      "0",
		"xor(x1, 0)":                       "x1",
		"xor(x1, -1)":                      "not(x1)",
		"not(not(x1))":                     "x1",
		"xor(xor(x1, 12), 4)":              "xor(x1, 8)",
		"xor(x1, xor(x2, x1))":             "x2",
		"xor(zextb(ltu(x1, x2)), 1)":       "zextb(notb(ltu(x1, x2)))",
		"xor(zextb(eq(x1, x2)), 1)":        "zextb(ne(x1, x2))",
		"or(and(zext8(x1), 1), 1)":         "1",

		// Choices.
		"choose(ltu(x1, x2), x3, x3)":                                                "x3",
		"choose(ltu(1, 2), x1, x2)":                                                  "x1",
		"choose(ltu(2, 1), x1, x2)":                                                  "x2",
		"choose(notb(ltu(x1, x2)), x3, x4)":                                          "choose(ltu(x1, x2), x4, x3)",
		"choose(ltu(x1, x2), 1, 0)":                                                  "zextb(ltu(x1, x2))",
		"choose(ltu(x1, x2), 0, 1)":                                                  "zextb(notb(ltu(x1, x2)))",
		"choose(ltu(x1, x2), -1, 0)":                                                 "neg(zextb(ltu(x1, x2)))",
		"choose(eq(x1, x2), x1, x2)":                                                 "x2",
		"choose(ne(x1, x2), x1, x2)":                                                 "x1",
		"or(choose(ne(x1, 0), x2, 0), choose(ne(x1, 0), 0, x3))":                     "choose(ne(x1, 0), x2, x3)",
		"or(choose(eq(x1, 0), 0, x2), choose(ne(x1, 0), 0, x3))":                     "choose(eq(x1, 0), x3, x2)",
		"add(choose(ne(x1, 0), 0, x2), choose(ne(x1, 0), x3, 0))":                    "choose(ne(x1, 0), x3, x2)",
		"xor(and(xor(x1, x2), neg(zextb(ltu(x3, x4)))), x2)":                         "choose(ltu(x3, x4), x1, x2)",
		"xor(and(xor(x1, x2), neg(zextb(ltu(x3, x4)))), x1)":                         "choose(ltu(x3, x4), x2, x1)",
		"or(and(x1, neg(zextb(ltu(x3, x4)))), and(x2, add(zextb(ltu(x3, x4)), -1)))": "choose(ltu(x3, x4), x1, x2)",

		// Shifts and rotations.
		"sll(x1, 0)":                                "x1",
		"sll(x1, 65)":                               "sll(x1, 1)",
		"sll32(x1, 32)":                             "sext32(x1)",
		"sll(sll(x1, 3), 4)":                        "sll(x1, 7)",
		"sll(add(x1, 256), 3)":                      "add(sll(x1, 3), 0x800)",
		"sll(add(x1, 256), 30)":                     "sll(add(x1, 0x100), 30)",
		"srl(srl(x1, 40), 24)":                      "0",
		"sra(sra(x1, 40), 24)":                      "sra(x1, 63)",
		"srl32(srl32(x1, 3), 4)":                    "srl32(x1, 7)",
		"sra32(sra32(x1, 30), 4)":                   "sra32(x1, 31)",
		"ror(ror(x1, 40), 40)":                      "ror(x1, 16)",
		"rol(x1, 10)":                               "ror(x1, 54)",
		"rol32(x1, 10)":                             "ror32(x1, 22)",
		"sra(zext32(x1), 40)":                       "0",
		"sra(zext32(x1), 4)":                        "srl32(x1, 4)",
		"srl(zext32(x1), 4)":                        "srl32(x1, 4)",
		"srl(sll(x1, 32), 32)":                      "zext32(x1)",
		"srl(sll(x1, 32), 30)":                      "sll(zext32(x1), 2)",
		"srl(sll(x1, 32), 40)":                      "srl32(x1, 8)",
		"srl(sll(x1, 48), 48)":                      "zext16(x1)",
		"srl(sll(x1, 56), 54)":                      "sll(zext8(x1), 2)",
		"srl(sll(x1, 48), 50)":                      "srl(zext16(x1), 2)",
		"srl(sll(x1, 40), 40)":                      "and(x1, 0xffffff)",
		"sra(sll(x1, 32), 32)":                      "sext32(x1)",
		"sra(sll(x1, 32), 30)":                      "sll(sext32(x1), 2)",
		"sra(sll(x1, 32), 40)":                      "sra32(x1, 8)",
		"sra(sll(x1, 48), 48)":                      "sext16(x1)",
		"sra(sll(x1, 56), 56)":                      "sext8(x1)",
		"sra(sll(x1, 40), 40)":                      "sra(sll(x1, 40), 40)",
		"sll(srl(x1, 4), 4)":                        "and(x1, -16)",
		"sra32(sll32(x1, 16), 16)":                  "sext16(x1)",
		"sra32(sll(x1, 24), 24)":                    "sext8(x1)",
		"sra32(sll32(x1, 16), 20)":                  "sra(sext16(x1), 4)",
		"sra32(sll32(x1, 16), 14)":                  "sll(sext16(x1), 2)",
		"srl32(sll32(x1, 16), 16)":                  "zext16(x1)",
		"srl32(sll32(x1, 20), 20)":                  "and(x1, 0xfff)",
		"srl32(sll32(x1, 16), 20)":                  "srl(zext16(x1), 4)",
		"srl32(sll32(x1, 20), 16)":                  "srl32(sll(x1, 20), 16)",
		"sra32(mul(sext16(x1), sext16(x2)), 2)":     "sra(mul(sext16(x1), sext16(x2)), 2)",
		"and(sra32(x1, 2), 15)":                     "and(srl(x1, 2), 15)",
		"and(sra32(x1, 29), 15)":                    "and(sra32(x1, 29), 15)",
		"and(srl32(x1, 5), 0x7f)":                   "and(srl(x1, 5), 0x7f)",
		"sll(zext32(x1), 32)":                       "sll(x1, 32)",
		"sll(x1, and(x2, 63))":                      "sll(x1, x2)",
		"sll32(x1, and(x2, 31))":                    "sll32(x1, x2)",
		"sll(x1, and(x2, 31))":                      "sll(x1, and(x2, 31))",
		"srl(x1, sub(64, sext32(x2)))":              "srl(x1, neg(x2))",
		"srl(x1, add(x2, 128))":                     "srl(x1, x2)",
		"or(sll(x1, 10), srl(x1, 54))":              "ror(x1, 54)",
		"add(srl(x1, 54), sll(x1, 10))":             "ror(x1, 54)",
		"xor(sll32(x1, 10), srl32(x1, 22))":         "ror32(x1, 22)",
		"or(sll(x1, 10), srl(x1, 53))":              "or(sll(x1, 10), srl(x1, 53))",
		"or(sll(x1, 10), srl(x2, 54))":              "or(sll(x1, 10), srl(x2, 54))",
		"or(sll32(x1, x2), srl32(x1, neg(x2)))":     "rol32(x1, x2)",
		"or(sll32(x1, x2), srl32(x1, sub(32, x2)))": "rol32(x1, x2)",
		"or(srl(x1, x2), sll(x1, neg(x2)))":         "ror(x1, x2)",
		"add(srl(x1, x2), sll(x1, neg(x2)))":        "add(srl(x1, x2), sll(x1, neg(x2)))", // twice x1 for 0

		// Bytes.
		"or(or(or(sll32(x1, 24), srl32(x1, 24)), and(srl32(x1, 8), 0xff00)), and(sll32(x1, 8), 0xff0000))":          "sra(rev8(x1), 32)",
		"ror32(or(and(sll32(x1, 8), 0xffffffffff00ff00), and(srl32(x1, 8), 0xff00ff)), 16)":                         "sra(rev8(x1), 32)",
		"zext32(or(or(or(sll(x1, 24), zext8(srl32(x1, 24))), and(srl(x1, 8), 0xff00)), and(sll(x1, 8), 0xff0000)))": "srl(rev8(x1), 32)",
		"or(or(or(zext32(sll(x1, 24)), srl32(x1, 24)), and(srl(x1, 8), 0xff00)), and(sll(x1, 8), 0xff0000))":        "srl(rev8(x1), 32)",
		"ror(or(or(and(srl(or(and(srl(x1, 8), 0x00ff00ff00ff00ff), and(sll(x1, 8), 0xff00ff00ff00ff00)), 16), 0x0000ffff0000ffff), 0), and(sll(or(and(srl(x1, 8), 0x00ff00ff00ff00ff), and(sll(x1, 8), 0xff00ff00ff00ff00)), 16), 0xffff0000ffff0000)), 32)": "rev8(x1)",
		"or(sll(zext8(x1), 8), and(srl(x1, 8), 255))":                                                               "srl(rev8(x1), 48)",
		"zext16(or(sll32(zext16(x1), 8), srl32(zext16(x1), 8)))":                                                    "srl(rev8(x1), 48)",
		"sext32(or(or(or(sll(x1, 24), zext8(srl32(x1, 24))), and(srl(x1, 8), 0xff00)), and(sll(x1, 8), 0xff0000)))": "sra(rev8(x1), 32)",
		"or(and(sll32(x1, 24), 0xffffffff00000000), zext8(srl32(x1, 24)))":                                          "or(and(sll32(x1, 24), 0xffffffff00000000), srl32(x1, 24))",
		"or(sll(zext8(x1), 8), and(srl(x2, 8), 255))":                                                               "or(sll(zext8(x1), 8), zext8(srl(x2, 8)))",
		"or(sll32(x1, 8), sll32(x1, 8))":                                                                            "sll(x1, 8)",

		// Extensions.
		"sext32(sext32(x1))":                    "sext32(x1)",
		"zext32(sext32(x1))":                    "zext32(x1)",
		"sext32(zext32(x1))":                    "sext32(x1)",
		"sext32(zext16(x1))":                    "zext16(x1)",
		"zext8(sext16(x1))":                     "zext8(x1)",
		"sext32(and(x1, 0x7fffffff))":           "and(x1, 0x7fffffff)",
		"sext32(and(x1, 0xffffffff))":           "sext32(x1)",
		"sext32(and(x1, 0xfffffffff))":          "sext32(x1)",
		"sext32(add(zext16(x1), zext16(x2)))":   "add(zext16(x1), zext16(x2))",
		"sext32(add(sext32(x1), sext32(x2)))":   "sext32(add(x1, x2))",
		"sext32(xor(sext32(x1), sext32(x2)))":   "xor(x1, x2)",
		"zext32(sll32(x1, 3))":                  "zext32(sll(x1, 3))",
		"zext32(add(sll32(x1, 3), sext32(x2)))": "zext32(add(sll(x1, 3), x2))",
		"sext32(div_u32(x1, x2))":               "div_u32(x1, x2)",
		"zext32(zextb(eq(x1, x2)))":             "zextb(eq(x1, x2))",
		"sext32(clz(x1))":                       "clz(x1)",
		"sext32(f64_to_u32(f1, 0))":             "f64_to_u32(f1, 0)",
		"and(rem_u(zext8(x1), x2), 255)":        "rem_u(zext8(x1), x2)",
		"sext8(srl32(x1, 25))":                  "srl32(x1, 25)",

		// Comparisons.
		"zextb(ltu(x1, 1))":                 "zextb(eq(x1, 0))",
		"zextb(ltu(0, x1))":                 "zextb(ne(x1, 0))",
		"zextb(ltu(x1, 0))":                 "0",
		"zextb(ltu(-1, x1))":                "0",
		"zextb(ltu(x1, x1))":                "0",
		"zextb(eq(x1, x1))":                 "1",
		"zextb(ltu(zext8(x1), 256))":        "1",
		"zextb(ltu(255, zext8(x1)))":        "0",
		"zextb(lts(zext8(x1), 0))":          "0",
		"zextb(lts(zext8(x1), zext8(x2)))":  "zextb(ltu(zext8(x1), zext8(x2)))",
		"zextb(eq(or(x1, 1), 4))":           "0",
		"zextb(ne(zextb(ltu(x1, x2)), 0))":  "zextb(ltu(x1, x2))",
		"zextb(eq(zextb(ltu(x1, x2)), 0))":  "zextb(notb(ltu(x1, x2)))",
		"zextb(eq(zextb(ltu(x1, x2)), 1))":  "zextb(ltu(x1, x2))",
		"zextb(eq(sub(x1, x2), 0))":         "zextb(eq(x1, x2))",
		"zextb(ne(xor(x1, x2), 0))":         "zextb(ne(x1, x2))",
		"zextb(ne(neg(x1), 0))":             "zextb(ne(x1, 0))",
		"zextb(eq(add(x1, 5), 7))":          "zextb(eq(x1, 2))",
		"zextb(eq(add(x1, 5), 0))":          "zextb(eq(x1, -5))",
		"zextb(ne(xor(x1, 5), 7))":          "zextb(ne(x1, 2))",
		"zextb(ne(and(srl(x1, 5), 1), 0))":  "zextb(ne(and(x1, 32), 0))",
		"zextb(ne(and(srl(x1, 40), 1), 0))": "zextb(ne(and(srl(x1, 40), 1), 0))",
		"zextb(lts(sll(x1, 50), 0))":        "zextb(ne(and(x1, 0x2000), 0))",
		"zextb(notb(notb(lts(x1, x2))))":    "zextb(lts(x1, x2))",
		"zextb(notb(ne(x1, x2)))":           "zextb(eq(x1, x2))",

		// Between register files.
		"bits(float(x1))":         "x1",
		"bits(fneg_d(float(x1)))": "bits(fneg_d(float(x1)))",
	} {
		if got := optimised(t, in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// optimised is what the passes make of an expression. Both are held against each other.
func optimised(t *testing.T, in string) string {
	t.Helper()
	e := expression{text: strings.ReplaceAll(in, " ", "")}
	e.b.Start(0x1000)
	e.b.Inst(0x1000)
	e.b.SetX(20, e.parse())
	e.b.Inst(0x1004)
	e.b.Emit(ir.Goto, 0x2000)
	sources := []opt.Source{{Trace: &e.b.Trace}}
	if err := e.b.Verify(); err != nil || e.text != "" {
		t.Fatalf("%s: %v, %q", in, err, e.text)
	}
	r, err := opt.Form(sources)
	if err != nil {
		t.Fatal(err)
	}
	opt.Optimise(r, nil)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		x, err := newRun(sources, opttest.State(rnd))
		if err == nil {
			err = x.check(r)
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", in, err, r)
			break
		}
	}
	for _, b := range r.Blocks {
		for _, v := range b.Code {
			if i := &r.Code[v]; i.Op == ir.SetX {
				return show(r, i.Args[0])
			}
		}
	}
	return "nothing"
}

// expression is a text that is parsed: a register, a number, or an operation with its arguments
// in parentheses, and the immediate behind them.
type expression struct {
	b    ir.Builder
	text string
}

func (e *expression) parse() ir.Value {
	end := strings.IndexAny(e.text+")", "(,)")
	word := e.text[:end]
	e.text = e.text[end:]
	if op, ok := ir.ByName(word); ok {
		return e.operation(op)
	}
	n, err := strconv.ParseUint(strings.TrimLeft(word, "xf"), 10, 8)
	switch {
	case err == nil && word[0] == 'x':
		return e.b.X(uint8(n))
	case err == nil && word[0] == 'f':
		return e.b.F(uint8(n))
	}
	return e.b.Const(number(word))
}

func number(word string) uint64 {
	if k, err := strconv.ParseInt(word, 0, 64); err == nil {
		return uint64(k)
	}
	k, err := strconv.ParseUint(word, 0, 64)
	if err != nil {
		panic(err)
	}
	return k
}

// operation parses what is behind its name, and appends it as it is: the builder would simplify.
func (e *expression) operation(op ir.Op) ir.Value {
	i := ir.Instr{Op: op}
	for n := range op.Info().Args {
		e.text = e.text[1:]
		i.Args[n] = e.parse()
	}
	if op.Has(ir.HasImm) {
		end := strings.IndexByte(e.text, ')')
		i.Imm = number(e.text[1:end])
		e.text = e.text[end:]
	}
	e.text = e.text[1:]
	e.b.Code = append(e.b.Code, i)
	return ir.Value(len(e.b.Code) - 1)
}

// show is a value as such a text.
func show(r *opt.Region, v ir.Value) string {
	i := &r.Code[v]
	switch i.Op {
	case ir.GetX:
		return fmt.Sprintf("x%d", i.Imm)
	case ir.GetF:
		return fmt.Sprintf("f%d", i.Imm)
	case ir.Const:
		if k := int64(i.Imm); k > -100 && k < 100 {
			return strconv.FormatInt(k, 10)
		}
		return fmt.Sprintf("%#x", i.Imm)
	}
	var args []string
	for n := range i.Op.Info().Args {
		args = append(args, show(r, i.Args[n]))
	}
	if i.Op.Has(ir.HasImm) {
		args = append(args, strconv.FormatUint(i.Imm, 10))
	}
	return fmt.Sprintf("%s(%s)", i.Op, strings.Join(args, ", "))
}

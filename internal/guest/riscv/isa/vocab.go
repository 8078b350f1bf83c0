package isa

import (
	"fmt"
	"go/ast"
	"go/token"
	"strconv"

	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
)

// Type is the type of a value in a meaning.
type Type string

const (
	U64  Type = "u64"  // 64 bits: an integer register, an address, or binary64
	U32  Type = "u32"  // 32 bits: binary32
	U16  Type = "u16"  // 16 bits: binary16
	Bool Type = "bool" // the result of a comparison; 0 or 1 when stored in a register
	None Type = "none" // no value
)

// Short names for the properties of operations.
const (
	load   = encoding.Load
	store  = encoding.Store
	atomic = encoding.Atomic
	system = encoding.System
	csr    = encoding.CSR
	flags  = encoding.Flags
	cold   = encoding.Cold
	trap   = encoding.Trap
)

// Op is a primitive operation. Its signature is what a consumer needs in order
// to produce code for it; its meaning is in the comment of the group.
type Op struct {
	Args   []Type
	Result Type
	Kind   encoding.Kind
	// Round: the operation takes the instruction's rounding mode.
	Round bool
}

var (
	u1 = []Type{U64}
	u2 = []Type{U64, U64}
	u3 = []Type{U64, U64, U64}
	s1 = []Type{U32}
)

// Vocabulary is the closed set of operations that meanings may use besides Go's
// operators + - * & | ^ (binary and unary), == and !=, all on 64-bit values.
var Vocabulary = map[string]Op{
	// Comparisons, signed and unsigned "less than".
	"lts": {Args: u2, Result: Bool},
	"ltu": {Args: u2, Result: Bool},
	// choose(c, a, b) is a if c, else b.
	"choose": {Args: []Type{Bool, U64, U64}, Result: U64},

	// Extension of the low 8, 16 or 32 bits; lo32 and lo16 truncate.
	"sext8":  {Args: u1, Result: U64},
	"sext16": {Args: u1, Result: U64},
	"sext32": {Args: u1, Result: U64},
	"zext16": {Args: u1, Result: U64},
	"zext32": {Args: u1, Result: U64},
	"lo32":   {Args: u1, Result: U32},
	"lo16":   {Args: u1, Result: U16},

	// Shifts and rotations by the second operand modulo the width. The forms
	// with a 32 work on the low 32 bits and sign-extend the result.
	"sll":   {Args: u2, Result: U64},
	"srl":   {Args: u2, Result: U64},
	"sra":   {Args: u2, Result: U64},
	"rol":   {Args: u2, Result: U64},
	"ror":   {Args: u2, Result: U64},
	"sll32": {Args: u2, Result: U64},
	"srl32": {Args: u2, Result: U64},
	"sra32": {Args: u2, Result: U64},
	"rol32": {Args: u2, Result: U64},
	"ror32": {Args: u2, Result: U64},

	// High half of the 128-bit product: signed, signed times unsigned, unsigned.
	"mulh_ss": {Args: u2, Result: U64},
	"mulh_su": {Args: u2, Result: U64},
	"mulh_uu": {Args: u2, Result: U64},
	// Division with the manual's results for 0 and overflow; the 32-bit forms
	// sign-extend, the unsigned ones too.
	"div_s":   {Args: u2, Result: U64},
	"div_u":   {Args: u2, Result: U64},
	"rem_s":   {Args: u2, Result: U64},
	"rem_u":   {Args: u2, Result: U64},
	"div_s32": {Args: u2, Result: U64},
	"div_u32": {Args: u2, Result: U64},
	"rem_s32": {Args: u2, Result: U64},
	"rem_u32": {Args: u2, Result: U64},

	// Bit counting (of 0: the width), byte reversal, or-combine of bytes. cpop is
	// cold because Go's has a call for hosts without the instruction, and one
	// call in the interpreter's loop makes all cases spill registers.
	"clz":   {Args: u1, Result: U64},
	"ctz":   {Args: u1, Result: U64},
	"cpop":  {Args: u1, Result: U64, Kind: cold},
	"clz32": {Args: u1, Result: U64},
	"ctz32": {Args: u1, Result: U64},
	"rev8":  {Args: u1, Result: U64},
	"orc_b": {Args: u1, Result: U64},

	// Memory, any alignment. Loads sign- or zero-extend.
	"load_s8":  {Args: u1, Result: U64, Kind: load},
	"load_u8":  {Args: u1, Result: U64, Kind: load},
	"load_s16": {Args: u1, Result: U64, Kind: load},
	"load_u16": {Args: u1, Result: U64, Kind: load},
	"load_s32": {Args: u1, Result: U64, Kind: load},
	"load_u32": {Args: u1, Result: U64, Kind: load},
	"load_64":  {Args: u1, Result: U64, Kind: load},
	"store_8":  {Args: u2, Result: None, Kind: store},
	"store_16": {Args: u2, Result: None, Kind: store},
	"store_32": {Args: u2, Result: None, Kind: store},
	"store_64": {Args: u2, Result: None, Kind: store},

	// Load-reserved, store-conditional (0: stored, 1: not).
	"lr_32": {Args: u1, Result: U64, Kind: load | atomic | cold | trap},
	"lr_64": {Args: u1, Result: U64, Kind: load | atomic | cold | trap},
	"sc_32": {Args: u2, Result: U64, Kind: store | atomic | cold | trap},
	"sc_64": {Args: u2, Result: U64, Kind: store | atomic | cold | trap},
	// amo_cas_N(addr, expected, new) gives the old value; amo_cas_128 works on
	// the register pairs rd and rs2.
	"amo_cas_8":   {Args: u3, Result: U64, Kind: load | store | atomic | cold | trap},
	"amo_cas_16":  {Args: u3, Result: U64, Kind: load | store | atomic | cold | trap},
	"amo_cas_32":  {Args: u3, Result: U64, Kind: load | store | atomic | cold | trap},
	"amo_cas_64":  {Args: u3, Result: U64, Kind: load | store | atomic | cold | trap},
	"amo_cas_128": {Args: u1, Result: None, Kind: load | store | atomic | cold | trap},

	// Ordering and hints. fence takes the instruction's 12 bits fm, pred, succ.
	"fence":     {Args: u1, Result: None, Kind: cold},
	"fence_tso": {Result: None, Kind: cold},
	"fence_i":   {Result: None, Kind: system},
	"pause":     {Result: None},
	"wrs":       {Result: None, Kind: cold},
	"nop":       {Result: None},

	// Cache blocks: check that the block may be accessed; fill it with zeros.
	"cbo_manage": {Args: u1, Result: None, Kind: load | cold},
	"cbo_zero":   {Args: u1, Result: None, Kind: store | cold},

	// Environment.
	"ecall":  {Result: None, Kind: system},
	"ebreak": {Result: None, Kind: system},

	// Control and status registers, by number; the result is the old value.
	"csr_read":  {Args: u1, Result: U64, Kind: csr | cold | trap},
	"csr_swap":  {Args: u2, Result: U64, Kind: csr | cold | trap},
	"csr_set":   {Args: u2, Result: U64, Kind: csr | cold | trap},
	"csr_clear": {Args: u2, Result: U64, Kind: csr | cold | trap},
}

func init() {
	amo := Op{Args: u2, Result: U64, Kind: load | store | atomic | cold | trap}
	for _, op := range []string{"swap", "add", "and", "or", "xor", "min_s", "max_s", "min_u", "max_u"} {
		for _, bits := range []string{"8", "16", "32", "64"} {
			// amo_OP_N(addr, v) replaces the N-bit object by OP of it and v,
			// and gives its old value, sign-extended.
			Vocabulary["amo_"+op+"_"+bits] = amo
		}
	}
}

func init() {
	// NaN-boxing: s and h read a narrow value from a register (canonical NaN
	// unless boxed), box_s and box_h make a register value.
	Vocabulary["s"] = Op{Args: u1, Result: U32}
	Vocabulary["h"] = Op{Args: u1, Result: U16}
	Vocabulary["box_s"] = Op{Args: s1, Result: U64}
	Vocabulary["box_h"] = Op{Args: []Type{U16}, Result: U64}
	for suffix, f := range map[string]Type{"_s": U32, "_d": U64} {
		f1, f2, f3 := []Type{f}, []Type{f, f}, []Type{f, f, f}
		// Sign bit operations, as the manual's instructions of these names.
		Vocabulary["fneg"+suffix] = Op{Args: f1, Result: f}
		for _, op := range []string{"fsgnj", "fsgnjn", "fsgnjx"} {
			Vocabulary[op+suffix] = Op{Args: f2, Result: f}
		}
		// Arithmetic; fma(a, b, c) is a*b + c rounded once.
		for _, op := range []string{"fadd", "fsub", "fmul", "fdiv"} {
			Vocabulary[op+suffix] = Op{Args: f2, Result: f, Kind: flags | cold, Round: true}
		}
		Vocabulary["fma"+suffix] = Op{Args: f3, Result: f, Kind: flags | cold, Round: true}
		for _, op := range []string{"fsqrt", "fround", "froundnx"} {
			Vocabulary[op+suffix] = Op{Args: f1, Result: f, Kind: flags | cold, Round: true}
		}
		for _, op := range []string{"fmin", "fmax", "fminm", "fmaxm"} {
			Vocabulary[op+suffix] = Op{Args: f2, Result: f, Kind: flags | cold}
		}
		for _, op := range []string{"feq", "flt", "fle", "fltq", "fleq"} {
			Vocabulary[op+suffix] = Op{Args: f2, Result: Bool, Kind: flags | cold}
		}
		Vocabulary["fclass"+suffix] = Op{Args: f1, Result: U64, Kind: cold}
		// The constant with that index in Zfa's table.
		Vocabulary["fli"+suffix] = Op{Args: u1, Result: f, Kind: cold}
	}
	// Conversions. 32-bit integers are the low half of a register when read and
	// sign-extended when written, unsigned ones too.
	width := map[string]Type{"f16": U16, "f32": U32, "f64": U64}
	for _, f := range []string{"f32", "f64"} {
		for _, i := range []string{"i32", "u32", "i64", "u64"} {
			Vocabulary[f+"_to_"+i] = Op{Args: []Type{width[f]}, Result: U64, Kind: flags | cold, Round: true}
			Vocabulary[i+"_to_"+f] = Op{Args: u1, Result: width[f], Kind: flags | cold, Round: true}
		}
	}
	for from, a := range width {
		for to, b := range width {
			if from != to {
				Vocabulary[from+"_to_"+to] = Op{Args: []Type{a}, Result: b, Kind: flags | cold, Round: true}
			}
		}
	}
	// Zfa's modular conversion, which truncates to the low 32 bits.
	Vocabulary["fcvtmod_i32"] = Op{Args: u1, Result: U64, Kind: flags | cold}
}

// operandTypes are the names that stand for values in a meaning.
var operandTypes = map[string]Type{
	"rd": U64, "rs1": U64, "rs2": U64, "imm": U64, "off": U64, "zimm": U64, "link": U64,
	"fs1": U64, "fs2": U64, "fs3": U64, "fli": U64,
}

// checkMeaning type-checks the meaning.
func (r *Row) checkMeaning() error {
	for _, s := range r.Meaning {
		if err := r.checkStmt(s); err != nil {
			return err
		}
	}
	return nil
}

func (r *Row) checkStmt(s ast.Stmt) error {
	switch s := s.(type) {
	case *ast.ExprStmt:
		return r.want(s.X, None)
	case *ast.IfStmt:
		if s.Init != nil || s.Else != nil || len(s.Body.List) != 1 {
			return fmt.Errorf("an if has one statement and no else")
		}
		if err := r.want(s.Cond, Bool); err != nil {
			return err
		}
		return r.checkStmt(s.Body.List[0])
	case *ast.AssignStmt:
		dst, ok := s.Lhs[0].(*ast.Ident)
		if !ok || len(s.Lhs) != 1 || s.Tok != token.ASSIGN {
			return fmt.Errorf("bad assignment")
		}
		if dst.Name != "pc" && dst.Name != "rd" && dst.Name != "fd" {
			return fmt.Errorf("cannot assign to %s", dst.Name)
		}
		if dst.Name != "pc" && r.Field(dst.Name) == nil {
			return fmt.Errorf("the encoding lacks %s", dst.Name)
		}
		t, err := r.TypeOf(s.Rhs[0])
		if err == nil && t != U64 && (t != Bool || dst.Name != "rd") {
			err = fmt.Errorf("%s = value of type %s", dst.Name, t)
		}
		return err
	}
	return fmt.Errorf("statement %T not allowed", s)
}

func (r *Row) want(e ast.Expr, want Type) error {
	t, err := r.TypeOf(e)
	if err == nil && t != want {
		err = fmt.Errorf("type is %s, want %s", t, want)
	}
	return err
}

// TypeOf returns the type of an expression in r's meaning.
func (r *Row) TypeOf(e ast.Expr) (Type, error) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return r.TypeOf(e.X)
	case *ast.BasicLit:
		_, err := strconv.ParseUint(e.Value, 0, 64)
		return U64, err
	case *ast.Ident:
		t, ok := operandTypes[e.Name]
		if !ok {
			return None, fmt.Errorf("unknown operand %s", e.Name)
		}
		present := e.Name == "link" || r.Field(e.Name) != nil || e.Name == "imm" && r.Imm() != nil
		if !present {
			return None, fmt.Errorf("the encoding lacks %s", e.Name)
		}
		return t, nil
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			return Bool, r.want(e.X, Bool)
		}
		if e.Op != token.XOR && e.Op != token.SUB {
			return None, fmt.Errorf("operator %s not allowed", e.Op)
		}
		return U64, r.want(e.X, U64)
	case *ast.BinaryExpr:
		return r.binaryType(e)
	case *ast.CallExpr:
		return r.callType(e)
	}
	return None, fmt.Errorf("expression %T not allowed", e)
}

func (r *Row) binaryType(e *ast.BinaryExpr) (Type, error) {
	if err := r.want(e.X, U64); err != nil {
		return None, err
	}
	if err := r.want(e.Y, U64); err != nil {
		return None, err
	}
	switch e.Op {
	case token.ADD, token.SUB, token.MUL, token.AND, token.OR, token.XOR:
		return U64, nil
	case token.EQL, token.NEQ:
		return Bool, nil
	}
	return None, fmt.Errorf("operator %s not allowed", e.Op)
}

func (r *Row) callType(e *ast.CallExpr) (Type, error) {
	name, ok := e.Fun.(*ast.Ident)
	if !ok {
		return None, fmt.Errorf("not an operation")
	}
	op, ok := Vocabulary[name.Name]
	if !ok {
		return None, fmt.Errorf("%s is not in the vocabulary", name.Name)
	}
	if len(e.Args) != len(op.Args) {
		return None, fmt.Errorf("%s takes %d arguments", name.Name, len(op.Args))
	}
	if op.Round && r.Field("rm") == nil {
		return None, fmt.Errorf("%s rounds, but the encoding lacks rm", name.Name)
	}
	for i, a := range e.Args {
		if err := r.want(a, op.Args[i]); err != nil {
			return None, fmt.Errorf("%s: %w", name.Name, err)
		}
	}
	return op.Result, nil
}

// kind gathers the properties of everything that the row's meaning does.
func (r *Row) kind() encoding.Kind {
	var k encoding.Kind
	for _, s := range r.Meaning {
		if a, ok := s.(*ast.AssignStmt); ok && a.Lhs[0].(*ast.Ident).Name == "pc" {
			k |= encoding.Jump
		}
		if _, ok := s.(*ast.IfStmt); ok {
			k |= encoding.Branch
		}
		ast.Inspect(s, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok {
				op := Vocabulary[c.Fun.(*ast.Ident).Name]
				k |= op.Kind
				if op.Round {
					k |= trap
				}
			}
			return true
		})
	}
	for i := range r.Fields {
		switch r.Fields[i].Name {
		case "fd", "fs1", "fs2", "fs3":
			k |= encoding.FP
		}
	}
	return k
}

package riscv

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
)

// alias is a name that assemblers prefer when all its conditions hold.
type alias struct {
	name     string
	conds    []aliasCond
	operands []string
}

// aliasCond says that a field has a value, or the same one as another field.
type aliasCond struct {
	field string
	value int64
	other string // if not empty: the other field
}

var xNames = [32]string{
	"zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2",
	"s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
	"a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7",
	"s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
}

var fNames = [32]string{
	"ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7",
	"fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
	"fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7",
	"fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
}

// RegisterName is the name of register n in assembly: the floating-point registers come
// behind the 32 for integers.
func RegisterName(n int) string {
	if n < 32 {
		return xNames[n]
	}
	return fNames[n-32]
}

var rmNames = [8]string{"rne", "rtz", "rdn", "rup", "rmm", "unknown", "unknown", "dyn"}

var csrNames = map[uint64]string{
	csrFflags: "fflags", csrFrm: "frm", csrFcsr: "fcsr",
	0xc00: "cycle", csrTime: "time", 0xc02: "instret",
	0x008: "vstart", 0x009: "vxsat", 0x00a: "vxrm", 0x00f: "vcsr",
	0xc20: "vl", 0xc21: "vtype", 0xc22: "vlenb",
}

// fliNames are the constants of fli in assembly.
var fliNames = [32]string{
	"-1.0", "min", "1.52587890625e-05", "3.0517578125e-05", "0.00390625", "0.0078125", "0.0625", "0.125",
	"0.25", "0.3125", "0.375", "0.4375", "0.5", "0.625", "0.75", "0.875",
	"1.0", "1.25", "1.5", "1.75", "2.0", "2.5", "3.0", "4.0",
	"8.0", "16.0", "128.0", "256.0", "32768.0", "65536.0", "inf", "nan",
}

// Disassemble returns the text and length of the instruction that starts with b
// (two bytes at least) at pc, in the style of GNU objdump, compressed ones as
// what they expand to. Targets are absolute.
func Disassemble(b []byte, pc uint64) (text string, n int) {
	var in inst
	if !decode(b, pc, &in) {
		return fmt.Sprintf(".2byte\t0x%02x%02x", b[1], b[0]), 2
	}
	n = int(in.len)
	if in.op == opIllegal {
		if n == 2 {
			return fmt.Sprintf(".2byte\t0x%02x%02x", b[1], b[0]), n
		}
		return fmt.Sprintf(".4byte\t0x%02x%02x%02x%02x", b[3], b[2], b[1], b[0]), n
	}
	return in.text(pc), n
}

// text formats a valid instruction.
func (in *inst) text(pc uint64) string {
	row := &rows[in.op-firstOp]
	name, operands := row.Name, row.Operands
	for _, a := range aliases[in.op] {
		if in.meets(a.conds) {
			name, operands = a.name, a.operands
			break
		}
	}
	if row.Kind&encoding.Atomic != 0 {
		name += [...]string{"", ".rl", ".aq", ".aqrl"}[in.rm]
	}
	var args []string
	for _, o := range operands {
		if n, ok := in.nameNumber(o); ok {
			name = strings.TrimSuffix(name, "n") + strconv.FormatUint(n, 10)
			continue
		}
		if s := in.operandText(o, pc); s != "" {
			args = append(args, s)
		}
	}
	if len(args) == 0 {
		return name
	}
	return name + "\t" + strings.Join(args, ",")
}

// nameNumber is the number that is part of the names of may-be-operations.
func (in *inst) nameNumber(operand string) (n uint64, ok bool) {
	switch operand {
	case "n":
		return in.imm, true
	case "odd": // c.mop.n, whose bit 0 is fixed
		return in.imm | 1, true
	}
	return 0, false
}

func (in *inst) meets(conds []aliasCond) bool {
	for _, c := range conds {
		want := c.value
		if c.other != "" {
			want = in.field(c.other)
		}
		if in.field(c.field) != want {
			return false
		}
	}
	return true
}

// field is the value of a field, register numbers as architecture counts them.
func (in *inst) field(name string) int64 {
	switch name {
	case "rd":
		return int64(in.rd % sink)
	case "rs1", "fs1":
		return int64(in.rs1 % 32)
	case "rs2", "fs2":
		return int64(in.rs2 % 32)
	case "len":
		return int64(in.len)
	}
	return int64(in.imm)
}

// operandText formats one operand; the empty string means that it is left out.
func (in *inst) operandText(operand string, pc uint64) string {
	if imm, reg, ok := strings.Cut(operand, "("); ok {
		return in.immText(imm, pc) + "(" + in.operandText(strings.TrimSuffix(reg, ")"), pc) + ")"
	}
	switch operand {
	case "rd":
		return xNames[in.rd%32]
	case "rs1":
		return xNames[in.rs1%32]
	case "rs2":
		return xNames[in.rs2%32]
	case "fd":
		return fNames[in.rd%32]
	case "fs1":
		return fNames[in.rs1%32]
	case "fs2":
		return fNames[in.rs2%32]
	case "fs3":
		return fNames[in.rs3%32]
	case "zimm":
		return strconv.Itoa(int(in.rs1))
	case "fli":
		return fliNames[in.rs1%32]
	}
	return in.immText(operand, pc)
}

func (in *inst) immText(operand string, pc uint64) string {
	switch operand {
	case "":
		return ""
	case "imm":
		return strconv.FormatInt(int64(in.imm), 10)
	case "shamt", "off":
		return fmt.Sprintf("%#x", in.imm)
	case "imm20":
		return fmt.Sprintf("%#x", in.imm>>12&0xfffff)
	case "off20":
		return fmt.Sprintf("%#x", (in.imm-pc)>>12&0xfffff)
	case "csr":
		if s, ok := csrNames[in.imm]; ok {
			return s
		}
		return fmt.Sprintf("%#x", in.imm)
	case "fence":
		return fenceText(in.imm)
	case "rm": // the default is not shown
		if in.rm == rmDynamic {
			return ""
		}
		return rmNames[in.rm]
	case "rne": // exact conversion: assemblers put rne there
		if in.rm == 0 {
			return ""
		}
		return rmNames[in.rm]
	}
	return operand // a literal: a register or number of an alias
}

func fenceText(v uint64) string {
	if v == 0xff {
		return ""
	}
	set := func(bits uint64) string {
		s := ""
		for i, c := range "iorw" {
			if bits>>(3-i)&1 != 0 {
				s += string(c)
			}
		}
		if s == "" {
			return "unknown"
		}
		return s
	}
	return set(v>>4&15) + "," + set(v&15)
}

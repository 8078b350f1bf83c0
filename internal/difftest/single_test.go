package difftest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
	"github.com/hospes-vm/hospes/internal/guest/riscv/isa"
)

// Instruction is a row of the table with what is needed to choose its operands.
type Instruction struct {
	*isa.Row
	// memory is the register operand that holds an address: "rs1", "sp", or empty.
	memory string
	// size is the access's size in bytes, where it must be aligned.
	size int
}

// Instructions returns the whole table.
func Instructions() ([]*Instruction, error) {
	rows, err := isa.Load()
	if err != nil {
		return nil, err
	}
	var all []*Instruction
	for _, r := range rows {
		in := &Instruction{Row: r}
		if r.Kind&(encoding.Load|encoding.Store|encoding.Atomic) != 0 || strings.HasPrefix(r.Name, "cbo.") {
			in.memory = addressOperand(append(slices.Clone(r.Operands), r.Args...))
		}
		if r.Kind&encoding.Atomic != 0 {
			in.size = accessSize(r.Name)
		}
		all = append(all, in)
	}
	return all, nil
}

// addressOperand finds "imm(rs1)", "(rs1)" or "imm(sp)".
func addressOperand(operands []string) string {
	for _, o := range operands {
		if _, reg, ok := strings.Cut(o, "("); ok {
			return strings.TrimSuffix(reg, ")")
		}
	}
	return ""
}

// accessSize is the size that an atomic's suffix says.
func accessSize(name string) int {
	for _, s := range strings.Split(name, ".")[1:] {
		if i := strings.Index("bhwdq", s); i >= 0 && len(s) == 1 {
			return 1 << i
		}
	}
	return 8
}

// encodeAs fills the fields by choose, until the row accepts them.
func (in *Instruction) encodeAs(choose func(f *encoding.Field) int64) (uint32, map[string]int64) {
	for {
		fields := map[string]int64{}
		for i := range in.Fields {
			fields[in.Fields[i].Name] = choose(&in.Fields[i])
		}
		if w, err := in.Encode(fields); err == nil {
			return w, fields
		}
	}
}

// chooser returns the usual choice of fields: registers that the site leaves free, valid
// rounding modes, floating-point CSRs, any immediate.
func (in *Instruction) chooser(r *rand.Rand, free func(int) bool) func(f *encoding.Field) int64 {
	recent := 1 // to have the same register twice, often
	return func(f *encoding.Field) int64 {
		switch f.Name {
		case "rm":
			return [...]int64{0, 1, 2, 3, 4, 7}[r.IntN(6)]
		case "csr":
			return int64(1 + r.IntN(3))
		case "rd", "rs1", "rs2", "rs3":
			n := recent
			if r.IntN(4) > 0 || f.Prime && (n < 8 || n > 15) {
				n = register(r, f.Prime)
			}
			for !free(n) || in.size == 16 && !free(n|1) {
				n = register(r, f.Prime)
			}
			recent = n
			return int64(n)
		}
		if f.IsImm() {
			return immediate(r, f)
		}
		if f.Prime {
			return int64(8 + r.IntN(8))
		}
		return int64(r.IntN(1 << f.Slices[0].Width))
	}
}

// harmless is a register of the floating-point status that in leaves with a valid rounding
// mode: fflags, frm or fcsr.
func (in *Instruction) harmless(r *rand.Rand) int64 {
	const fflags, frm, fcsr = 1, 2, 3
	switch in.Name {
	case "csrrs.x0", "csrrc.x0", "csrrsi.0", "csrrci.0", "csrrci":
		return [...]int64{fflags, frm, fcsr}[r.IntN(3)]
	case "csrrwi": // five bits
		return [...]int64{fflags, fcsr}[r.IntN(2)]
	}
	return fflags
}

func register(r *rand.Rand, prime bool) int {
	if prime {
		return 8 + r.IntN(8)
	}
	return r.IntN(32)
}

// bytes is the instruction in memory.
func (in *Instruction) bytes(w uint32) []byte {
	return binary.LittleEndian.AppendUint32(nil, w)[:in.Len]
}

// Single returns a case of this one instruction with random operands; seed decides all.
func (in *Instruction) Single(seed uint64) Case {
	return Case{Name: in.Name, Build: func(s Site) ([]byte, Record, string) {
		r := rand.New(rand.NewPCG(seed, hash(in.Name)))
		rec := newValues(r, in.Name).record()
		if in.Kind&(encoding.Branch|encoding.Jump) != 0 {
			return in.control(r, s, rec)
		}
		if in.Name == "ecall" {
			rec.X[regA7] = 5000 // no such system call
		}
		w, fields := in.encodeAs(in.chooser(r, s.free))
		if base := in.base(fields); in.memory != "" {
			for base == 0 {
				w, fields = in.encodeAs(in.chooser(r, s.free))
				base = in.base(fields)
			}
			rec.X[base] = s.Scratch + in.offset(r) - uint64(fields[in.immName()])
		}
		return in.bytes(w), rec, describe(in.Row, w, fields, &rec)
	}}
}

// base is the register that holds the address.
func (in *Instruction) base(fields map[string]int64) int {
	if in.memory == "sp" {
		return 2
	}
	return int(fields["rs1"])
}

// offset chooses where in the scratch memory to access: anywhere, aligned if that is
// required.
func (in *Instruction) offset(r *rand.Rand) uint64 {
	off := uint64(r.IntN(len(Record{}.Scratch) - 16))
	if in.size > 0 {
		off &^= uint64(in.size - 1)
	}
	return off
}

func (in *Instruction) immName() string {
	if f := in.Imm(); f != nil {
		return f.Name
	}
	return ""
}

// control builds a branch or jump amid c.ebreak instructions: the trap's pc tells where
// it went.
func (in *Instruction) control(r *rand.Rand, s Site, rec Record) ([]byte, Record, string) {
	distance := in.distance(r)
	choose := in.chooser(r, s.free)
	w, fields := in.encodeAs(func(f *encoding.Field) int64 {
		v := choose(f)
		switch {
		case f.Name == "off":
			return distance
		case f.Name == "rs1" && in.Kind&encoding.Jump != 0 && v == 0:
			return 9 // the target's address has to be in a register
		}
		return v
	})

	c := &code{base: s.PC}
	if distance < 0 {
		c.jal(0, c.pc()+4+uint64(-distance))
		c.fill(-distance)
	}
	here := c.pc()
	if in.Field("off") == nil { // an indirect jump; bit 0 is ignored
		rec.X[fields["rs1"]] = here + uint64(distance) - uint64(fields["imm"]) | uint64(r.IntN(2))
	}
	c.b = append(c.b, in.bytes(w)...)
	c.fill(max(distance, 0) + 8)
	return c.b, rec, fmt.Sprintf("at %#x: %s", here, describe(in.Row, w, fields, &rec))
}

// distance chooses how far a branch or jump goes: at most a page, and not to itself or
// into itself.
func (in *Instruction) distance(r *rand.Rand) int64 {
	for {
		d := int64(r.IntN(512)-256) * 2
		if off := in.Field("off"); off != nil {
			d = immediate(r, off) % 4096
		}
		if d < 0 || d >= int64(in.Len) {
			return d
		}
	}
}

// fill emits n bytes of c.ebreak.
func (c *code) fill(n int64) {
	for ; n > 0; n -= 2 {
		c.half(cEbreak)
	}
}

// describe says an instruction with its operands' values.
func describe(row *isa.Row, w uint32, fields map[string]int64, in *Record) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s (%0*x)", row.Name, row.Len*2, w)
	for i := range row.Fields {
		name := row.Fields[i].Name
		v := fields[name]
		switch name {
		case "rs1", "rs2", "rs3", "rd":
			fmt.Fprintf(&s, " %s=x%d", name, v)
			if v != 0 {
				fmt.Fprintf(&s, ":%#x", in.X[v])
			}
		case "fs1", "fs2", "fs3":
			fmt.Fprintf(&s, " %s=f%d:%#x", name, v, in.F[v])
		default:
			fmt.Fprintf(&s, " %s=%d", name, v)
		}
	}
	fmt.Fprintf(&s, " fcsr=%#x", in.FCSR)
	return s.String()
}

// hash is FNV-1a.
func hash(s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return h
}

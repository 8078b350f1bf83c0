package riscv

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
)

// decodeWord decodes the instruction with the given bits at address 0.
func decodeWord(w uint32) inst {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], w)
	var in inst
	decode(b[:], 0, &in)
	return in
}

// randomWord returns a word of r that keeps to its conditions.
func randomWord(r *encoding.Row, rnd *rand.Rand) uint32 {
	mask := uint32(1)<<(8*r.Len-1)<<1 - 1
	for {
		w := rnd.Uint32()&mask&^r.Mask | r.Match
		if r.Matches(w) {
			return w
		}
	}
}

// mostSpecific is an independent decoder: among the rows that match it picks the
// one with the most fixed bits.
func mostSpecific(w uint32) *encoding.Row {
	var best *encoding.Row
	for i := range rows {
		r := &rows[i]
		if (w&3 == 3) == (r.Len == 4) && r.Matches(w) &&
			(best == nil || bits.OnesCount32(r.Mask) > bits.OnesCount32(best.Mask)) {
			best = r
		}
	}
	return best
}

func TestDecodeRows(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range rows {
		r := &rows[i]
		for range 200 {
			w := randomWord(r, rnd)
			checkDecode(t, w)
		}
	}
}

func TestDecodeRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		checkDecode(t, rnd.Uint32()|3)
	}
	for w := range uint32(1 << 16) {
		if w&3 != 3 {
			checkDecode(t, w)
		}
	}
}

// checkDecode compares the generated decoder with mostSpecific.
func checkDecode(t *testing.T, w uint32) {
	t.Helper()
	in := decodeWord(w)
	row := mostSpecific(w)
	if row == nil {
		if in.op != opIllegal {
			t.Errorf("%08x decodes to %s, want illegal", w, rows[in.op-firstOp].Name)
		}
		return
	}
	want := row.Name
	if row.Expands != "" {
		want = row.Expands
	}
	if in.op == opIllegal || rows[in.op-firstOp].Name != want || int(in.len) != row.Len {
		t.Errorf("%08x decodes to op %d, %d bytes, want %s", w, in.op, in.len, want)
	}
}

// TestEncode encodes the fields of random words and must get the words back.
func TestEncode(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for i := range rows {
		r := &rows[i]
		for range 50 {
			w := randomWord(r, rnd)
			fields := f{}
			var covered uint32
			for i := range r.Fields {
				fd := &r.Fields[i]
				v := int64(fd.Extract(w))
				if n := fd.Bits(); fd.IsImm() && fd.Signed() {
					v = v << (64 - n) >> (64 - n)
				}
				if fd.Prime {
					v += 8
				}
				fields[fd.Name] = v
				for _, s := range fd.Slices {
					covered |= (1<<s.Width - 1) << s.From
				}
			}
			got, err := Encode(r.Name, fields)
			if want := w & (covered | r.Mask); err != nil || got != want {
				t.Fatalf("%s %v: %08x, %v; want %08x", r.Name, fields, got, err, want)
			}
		}
	}
}

func TestEncodeErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields f
	}{
		{"no.such", nil},
		{"addi", f{"imm": 2048}},
		{"addi", f{"imm": -2049}},
		{"addi", f{"rs2": 1}},
		{"addi", f{"rd": 32}},
		{"slli", f{"uimm": 64}},
		{"beq", f{"off": 3}},
		{"jal", f{"off": 1 << 20}},
		{"c.addi4spn", f{"rd": 8, "uimm": 0}},
		{"c.lw", f{"rd": 7, "rs1": 8}},
		{"c.lwsp", f{"rd": 0}},
		{"fadd.s", f{"rm": 5}},
		{"amocas.q", f{"rd": 3}},
	} {
		if w, err := Encode(c.name, c.fields); err == nil {
			t.Errorf("%s %v encodes to %08x", c.name, c.fields, w)
		}
	}
}

// TestIllegal lists reserved encodings by hand: the tables cannot vouch for
// themselves.
func TestIllegal(t *testing.T) {
	for _, c := range []struct {
		w    uint32
		what string
	}{
		{0x0000, "all zeros"},
		{0xffffffff, "all ones"},
		{0x0004, "c.addi4spn imm 0"},
		{0x2001, "c.addiw rd 0"},
		{0x4002, "c.lwsp rd 0"},
		{0x6002, "c.ldsp rd 0"},
		{0x8002, "c.jr rs1 0"},
		{0x6101, "c.addi16sp imm 0"},
		{0x6001, "c.lui rd 0 imm 0"},
		{0x6201, "c.lui x4 imm 0"},
		{0x6881, "c.lui x17 imm 0: beyond c.mop.15"},
		{0x9c79, "Zcb unary 110"},
		{0x9c7d, "Zcb unary 111"},
		{0x30200073, "mret"},
		{0x10200073, "sret"},
		{0x10500073, "wfi"},
		{0x12000073, "sfence.vma"},
		{0x00200073, "uret"},
		{0x000000f3, "ecall with rd 1"},
		{0x00008073, "ecall with rs1 1"},
		{0x00004073, "system funct3 100, no mop"},
		{0x00007003, "load funct3 111"},
		{0x00004023, "store funct3 100"},
		{0x00002063, "branch funct3 010"},
		{0x00003063, "branch funct3 011"},
		{0x00001067, "jalr funct3 001"},
		{0x04001013, "slli with a bit of funct6"},
		{0x0200101b, "slliw with shamt 32"},
		{0x4200501b, "sraiw with shamt 32"},
		{0x82001033, "op with unknown funct7"},
		{0x0200103b, "op-32 mulhw"},
		{0x1010a02f, "lr.w with rs2 1"},
		{0x0000702f, "amo funct3 111"},
		{0x28c545af, "amocas.q with odd rd"},
		{0x00005053, "fadd.s rm 5"},
		{0x00006053, "fadd.s rm 6"},
		{0x02005053, "fadd.d rm 5"},
		{0x00005043, "fmadd.s rm 5"},
		{0xc0006053, "fcvt.w.s rm 6"},
		{0xd2005053, "fcvt.d.w rm 5"},
		{0x42005053, "fcvt.d.s rm 5"},
		{0x58100053, "fsqrt.s with rs2 1"},
		{0x20003053, "fsgnj.s funct3 011"},
		{0x28004053, "fmin.s funct3 100"},
		{0xa0006053, "feq.s funct3 110"},
		{0xe0002053, "fclass.s funct3 010"},
		{0x04000053, "fadd.h: Zfhmin has no arithmetic"},
		{0x06000053, "fadd.q"},
		{0xc2800053, "fcvtmod.w.d with rm rne"},
		{0x00000007, "flb: load-fp funct3 000 is vector"},
		{0x0030200f, "cbo 3"},
		{0x0000200f, "cbo.inval: Linux does not allow it"},
		{0x0010201f, "48-bit instruction"},
	} {
		if in := decodeWord(c.w); in.op != opIllegal {
			t.Errorf("%08x (%s) decodes to %s", c.w, c.what, rows[in.op-firstOp].Name)
		}
	}
}

// TestLegal lists words whose meaning is easily got wrong, also by hand.
func TestLegal(t *testing.T) {
	for _, c := range []struct {
		w    uint32
		want string
	}{
		{0x0001, "nop"},
		{0x0005, "li\tzero,1"},    // c.nop with an immediate: a hint
		{0x0501, "mv\ta0,a0"},     // c.addi with immediate 0: a hint
		{0x4001, "nop"},           // c.li x0: a hint
		{0x6005, "lui\tzero,0x1"}, // c.lui x0: a hint
		{0x8006, "mv\tzero,ra"},   // c.mv x0: a hint
		{0x9006, "mv\tzero,ra"},   // c.add x0: a hint
		{0x0002, "slli\tzero,zero,0x0"},
		{0x1502, "slli\ta0,a0,0x20"},
		{0x8001, "srli\ts0,s0,0x0"},
		{0x6081, "c.mop.1"},
		{0x6281, "c.mop.5"},
		{0x6781, "c.mop.15"},
		{0x6141, "addi\tsp,sp,16"},
		{0x8082, "ret"},
		{0x9002, "ebreak"},
		{0x9c41, "mul\ts0,s0,s0"},
		{0x9c75, "not\ts0,s0"},
		{0x8000, "lbu\ts0,0(s0)"},
		{0x0100000f, "pause"},
		{0x8330000f, "fence.tso"},
		{0x0ff0000f, "fence"},
		{0x00200033, "ntl.p1"},
		{0xc0102573, "rdtime\ta0"},
		{0x81c04073, "mop.r.0\tzero,zero"},
		{0xcdf04073, "mop.r.31\tzero,zero"},
		{0xce004073, "mop.rr.7\tzero,zero,zero"},
	} {
		in := decodeWord(c.w)
		got := "illegal"
		if in.op != opIllegal {
			got = in.text(0)
		}
		if got != c.want {
			t.Errorf("%08x: %q, want %q", c.w, got, c.want)
		}
	}
}

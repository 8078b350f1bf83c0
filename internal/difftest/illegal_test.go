package difftest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
)

// Words that are no instruction of the table must trap, and nothing else.

// word is a case of one raw instruction word of n bytes.
func word(w uint32, n int) Case {
	return Case{Name: "illegal", Build: func(Site) ([]byte, Record, string) {
		in := newValues(rand.New(rand.NewPCG(uint64(w), 2)), "").record()
		return binary.LittleEndian.AppendUint32(nil, w)[:n], in, fmt.Sprintf("word %0*x", 2*n, w)
	}}
}

// legal reports whether a row matches the word.
func legal(all []*Instruction, w uint32, n int) bool {
	for _, in := range all {
		if in.Len == n && in.Matches(w) {
			return true
		}
	}
	return false
}

// IllegalCompressed are all words of 16 bits that are no instruction.
func IllegalCompressed(all []*Instruction) []Case {
	var cases []Case
	for w := range uint32(1 << 16) {
		if w&3 != 3 && !legal(all, w, 2) {
			cases = append(cases, word(w, 2))
		}
	}
	return cases
}

// IllegalWords are n words of 32 bits that are no instruction, most of them one to three
// bits away from one.
func IllegalWords(all []*Instruction, n int, seed uint64) []Case {
	r := rand.New(rand.NewPCG(seed, 3))
	var wide []*Instruction
	for _, in := range all {
		if in.Len == 4 {
			wide = append(wide, in)
		}
	}
	var cases []Case
	for len(cases) < n {
		w := r.Uint32() | 3
		if r.IntN(8) > 0 {
			in := wide[r.IntN(len(wide))]
			w = in.Match | w&^in.Mask
			for range 1 + r.IntN(3) {
				w ^= 1 << (2 + r.IntN(30))
			}
		}
		if w&0x1f != 0x1f && !legal(all, w, 4) { // 11111: longer than 32 bits
			cases = append(cases, word(w, 4))
		}
	}
	return cases
}

// ReservedRounding are floating-point instructions with a rounding mode that is reserved,
// in the instruction or in frm.
func ReservedRounding(all []*Instruction, seed uint64) []Case {
	var cases []Case
	for _, in := range all {
		rm := in.Field("rm")
		if rm == nil {
			continue
		}
		for mode := uint32(5); mode < 8; mode++ {
			for frm := uint64(5); frm < 8; frm++ {
				cases = append(cases, in.rounded(mode, frm, seed))
			}
		}
	}
	return cases
}

// rounded is a case with the given rounding mode, valid or not, and frm.
func (in *Instruction) rounded(mode uint32, frm, seed uint64) Case {
	return Case{Name: in.Name, Build: func(s Site) ([]byte, Record, string) {
		r := rand.New(rand.NewPCG(seed, hash(in.Name)))
		rec := newValues(r, in.Name).record()
		rec.FCSR = rec.FCSR&0x1f | frm<<5
		w, fields := in.encodeAs(in.chooser(r, s.free))
		w = w&^(7<<12) | mode<<12
		fields["rm"] = int64(mode)
		return in.bytes(w), rec, describe(in.Row, w, fields, &rec)
	}}
}

// CSRs reads and writes all control and status registers whose value does not change on
// its own.
func CSRs(all []*Instruction) []Case {
	var cases []Case
	for _, in := range all {
		if in.Kind&encoding.CSR == 0 || in.Field("csr") == nil {
			continue
		}
		for n := range int64(1 << 12) {
			if n&^0x9f == 0xc00 { // cycle, time, instret and the performance counters
				continue
			}
			cases = append(cases, in.csr(n))
		}
	}
	return cases
}

func (in *Instruction) csr(n int64) Case {
	return Case{Name: in.Name, Build: func(s Site) ([]byte, Record, string) {
		r := rand.New(rand.NewPCG(uint64(n), hash(in.Name)))
		rec := newValues(r, in.Name).record()
		choose := in.chooser(r, s.free)
		w, fields := in.encodeAs(func(f *encoding.Field) int64 {
			if f.Name == "csr" {
				return n
			}
			return choose(f)
		})
		return in.bytes(w), rec, describe(in.Row, w, fields, &rec)
	}}
}

// badAddresses are where nothing is mapped, or not for writing: the first page, beyond
// the data, in the kernel's half, and the program's code.
var badAddresses = []uint64{0, 0x1000, 0x10000000, codeBase, 0x7fffffffff000000, 0x8000000000000000, 0xffffffffffffff00}

// Faults are loads, stores and atomics at addresses that do not allow them.
func Faults(all []*Instruction, seed uint64) []Case {
	var cases []Case
	for _, in := range all {
		if in.memory == "" {
			continue
		}
		for _, addr := range badAddresses {
			cases = append(cases, in.at(addr, seed))
		}
	}
	return cases
}

// at is a case that accesses memory at addr.
func (in *Instruction) at(addr, seed uint64) Case {
	return Case{Name: in.Name, Build: func(s Site) ([]byte, Record, string) {
		r := rand.New(rand.NewPCG(seed^addr, hash(in.Name)))
		rec := newValues(r, in.Name).record()
		choose := in.chooser(r, s.free)
		w, fields := in.encodeAs(func(f *encoding.Field) int64 {
			if f.Name == "rs1" && !f.Prime {
				return int64(5 + r.IntN(2)) // not x0
			}
			return choose(f)
		})
		rec.X[in.base(fields)] = addr - uint64(fields[in.immName()])
		return in.bytes(w), rec, describe(in.Row, w, fields, &rec)
	}}
}

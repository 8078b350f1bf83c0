package difftest

import (
	"math"
	"math/rand/v2"
	"strings"

	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
)

// Operand values that instructions treat specially, or that lie beside such a value.

var specialInts = []uint64{
	0, 1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 65, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff,
	math.MaxInt32 - 1, math.MaxInt32, 1 << 31, 1<<31 + 1, math.MaxUint32 - 1, math.MaxUint32, 1 << 32,
	math.MaxInt64 - 1, math.MaxInt64, 1 << 63, 1<<63 + 1, math.MaxUint64 - 1, math.MaxUint64,
	0xffffffff80000000, 0xffffffff7fffffff, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa, 0x0102030405060708,
	1 << 52, 1<<53 - 1, 1 << 53, 1<<53 + 1, 1<<24 - 1, 1 << 24, 1<<24 + 1, 0x7fffffc0, 0x7ffffffffffffe00,
}

// format is a floating-point format: the widths of exponent and fraction.
type format struct{ exp, frac int }

var (
	half   = format{5, 10}
	single = format{8, 23}
	double = format{11, 52}
)

func (f format) width() int { return 1 + f.exp + f.frac }
func (f format) bias() int  { return 1<<(f.exp-1) - 1 }

// pack makes bits of a sign, a biased exponent and a fraction.
func (f format) pack(sign, exp, frac uint64) uint64 {
	return sign<<(f.exp+f.frac) | exp&(1<<f.exp-1)<<f.frac | frac&(1<<f.frac-1)
}

// box puts the value into a 64-bit register.
func (f format) box(v uint64) uint64 {
	if w := f.width(); w < 64 {
		return v | ^uint64(0)<<w
	}
	return v
}

// random returns the bits of a number: special ones, neighbours of powers of two
// (conversion limits among them), small integers and halves, and anything.
func (f format) random(r *rand.Rand) uint64 {
	sign := r.Uint64() & 1
	maxExp := uint64(1<<f.exp - 1)
	maxFrac := uint64(1<<f.frac - 1)
	quiet := uint64(1) << (f.frac - 1)
	switch r.IntN(10) {
	case 0: // zero, infinity, NaNs
		return [...]uint64{
			f.pack(sign, 0, 0), f.pack(sign, 0, 0), f.pack(sign, maxExp, 0), f.pack(sign, maxExp, 0),
			f.pack(0, maxExp, quiet), f.pack(sign, maxExp, quiet|r.Uint64()),
			f.pack(sign, maxExp, 1), f.pack(sign, maxExp, r.Uint64()&^quiet|1),
		}[r.IntN(8)]
	case 1: // the ends of the ranges
		return [...]uint64{
			f.pack(sign, 0, 1), f.pack(sign, 0, maxFrac), f.pack(sign, 1, 0), f.pack(sign, 1, 1),
			f.pack(sign, maxExp-1, maxFrac), f.pack(sign, maxExp-1, maxFrac-1),
		}[r.IntN(6)]
	case 2: // subnormal
		return f.pack(sign, 0, r.Uint64()>>r.IntN(64))
	case 3, 4: // beside a power of two
		e := f.bias() + [...]int{-1, 0, 0, 1, 7, 8, 15, 16, 31, 32, 63, 64, f.frac, f.frac + 1}[r.IntN(14)]
		return f.pack(sign, uint64(e), 0) + uint64(r.IntN(5)) - 2
	case 5: // small integers and halves
		v := float64(r.IntN(40)) / [...]float64{1, 2, 4}[r.IntN(3)]
		if sign == 1 {
			v = -v
		}
		return f.of(v)
	case 6, 7: // near one, few bits set
		return f.pack(sign, uint64(f.bias()+r.IntN(9)-4), r.Uint64()&r.Uint64()&r.Uint64())
	case 8: // near one
		return f.pack(sign, uint64(f.bias()+r.IntN(2*f.frac)-f.frac), r.Uint64())
	}
	return f.pack(sign, r.Uint64(), r.Uint64())
}

// of returns v, which the format must be able to represent.
func (f format) of(v float64) uint64 {
	b := math.Float64bits(v)
	if v == 0 {
		return b >> (64 - f.width())
	}
	exp := int(b>>52&0x7ff) - double.bias() + f.bias()
	return f.pack(b>>63, uint64(exp), b<<12>>(64-f.frac))
}

// values makes the contents of registers for an instruction of a certain name.
type values struct {
	r    *rand.Rand
	fp   format
	pool [3]uint64 // integers that come again, so that operands are equal or close
	fps  [3]uint64
}

func newValues(r *rand.Rand, name string) *values {
	v := &values{r: r, fp: formatOf(name)}
	for i := range v.pool {
		v.pool[i] = v.freshInt()
		v.fps[i] = v.fp.box(v.fp.random(r))
	}
	return v
}

// formatOf is the format of an instruction's floating-point sources: the last suffix
// that names one.
func formatOf(name string) format {
	parts := strings.Split(name, ".")
	for i := len(parts) - 1; i > 0; i-- {
		switch parts[i] {
		case "h":
			return half
		case "s":
			return single
		case "d":
			return double
		}
	}
	return double
}

func (v *values) freshInt() uint64 {
	switch v.r.IntN(4) {
	case 0:
		return specialInts[v.r.IntN(len(specialInts))]
	case 1:
		return v.r.Uint64() >> v.r.IntN(64)
	case 2:
		return uint64(int64(v.r.Uint64()) >> v.r.IntN(64))
	}
	return v.r.Uint64()
}

func (v *values) int() uint64 {
	switch v.r.IntN(3) {
	case 0:
		return v.pool[v.r.IntN(3)]
	case 1:
		return v.pool[v.r.IntN(3)] + uint64(v.r.IntN(3)) - 1
	}
	return v.freshInt()
}

// float is the content of a floating-point register: mostly a well-formed number of the
// format, sometimes one that is not NaN-boxed or of another format.
func (v *values) float() uint64 {
	switch v.r.IntN(12) {
	case 0:
		return v.fp.random(v.r) | v.r.Uint64()<<v.fp.width() // badly boxed, if narrow
	case 1:
		return [...]format{half, single, double}[v.r.IntN(3)].random(v.r)
	case 2, 3:
		return v.fps[v.r.IntN(3)]
	case 4:
		return v.fps[v.r.IntN(3)] ^ 1<<(v.fp.width()-1) // the same with the other sign
	case 5:
		return v.fps[v.r.IntN(3)] + uint64(v.r.IntN(3)) - 1
	}
	return v.fp.box(v.fp.random(v.r))
}

// record is a state of random values.
func (v *values) record() Record {
	var in Record
	for i := range 32 {
		in.X[i] = v.int()
		in.F[i] = v.float()
	}
	in.FCSR = uint64(v.r.IntN(5)<<5 | v.r.IntN(32))
	if v.r.IntN(4) > 0 {
		in.FCSR &^= 0x1f // raised flags show only where none was
	}
	for i := 0; i < len(in.Scratch); i += 8 {
		x := v.int()
		if v.r.IntN(2) == 0 {
			x = v.float()
		}
		for j := range 8 {
			in.Scratch[i+j] = byte(x >> (8 * j))
		}
	}
	return in
}

// immediate chooses a value that the field can hold.
func immediate(r *rand.Rand, f *encoding.Field) int64 {
	var covered uint64
	for _, s := range f.Slices {
		covered |= (1<<s.Width - 1) << s.To
	}
	var v uint64
	switch r.IntN(4) {
	case 0:
		v = covered & -covered // the least that is not zero
	case 1:
		v = [...]uint64{0, covered, covered >> 1, covered &^ (covered >> 1)}[r.IntN(4)]
	default:
		v = r.Uint64()
	}
	v &= covered
	if n := f.Bits(); f.Signed() {
		return int64(v<<(64-n)) >> (64 - n)
	}
	return int64(v)
}

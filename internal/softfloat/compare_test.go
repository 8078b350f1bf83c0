package softfloat

import "testing"

// compareOracle is -1, 0 or 1 for numbers, by exact value, both zeros being equal.
func (o oracleFormat) compareOracle(a, b uint64) int {
	x, inf := o.extended(a)
	y, infB := o.extended(b)
	if inf != infB {
		return sign(inf - infB)
	}
	if inf != 0 {
		return 0
	}
	y.m.Neg(y.m)
	return exactAdd(x, y).m.Sign()
}

// extended is the value of a number, or the sign of an infinity.
func (o oracleFormat) extended(a uint64) (exact, int) {
	switch {
	case o.isInf(a) && o.neg(a):
		return exact{}, -1
	case o.isInf(a):
		return exact{}, 1
	}
	return o.value(a), 0
}

func sign(i int) int {
	switch {
	case i < 0:
		return -1
	case i > 0:
		return 1
	}
	return 0
}

// comparison is a predicate, and whether quiet NaNs raise NV.
type comparison struct {
	name   string
	got    func(a, b uint64, fl *Flags) bool
	holds  func(cmp int) bool
	signal bool
}

// asWide gives a function on uint32 the form of those on uint64.
func asWide[T any](f func(a, b uint32, fl *Flags) T) func(a, b uint64, fl *Flags) T {
	return func(a, b uint64, fl *Flags) T { return f(uint32(a), uint32(b), fl) }
}

func less(c int) bool        { return c < 0 }
func lessOrEqual(c int) bool { return c <= 0 }
func equal(c int) bool       { return c == 0 }

func TestComparisons(t *testing.T) {
	for _, f := range []struct {
		format oracleFormat
		preds  []comparison
	}{
		{single, []comparison{
			{"Eq", asWide(F32Eq), equal, false},
			{"Lt", asWide(F32Lt), less, true},
			{"Le", asWide(F32Le), lessOrEqual, true},
			{"LtQ", asWide(F32LtQ), less, false},
			{"LeQ", asWide(F32LeQ), lessOrEqual, false},
		}},
		{double, []comparison{
			{"Eq", F64Eq, equal, false},
			{"Lt", F64Lt, less, true},
			{"Le", F64Le, lessOrEqual, true},
			{"LtQ", F64LtQ, less, false},
			{"LeQ", F64LeQ, lessOrEqual, false},
		}},
	} {
		o := f.format
		for _, p := range f.preds {
			forEachTuple(2, o.specials(), func(a, b, _ uint64) {
				want, wantFl := false, Flags(0)
				if o.anyNaN(a, b) {
					if p.signal || o.isSNaN(a) || o.isSNaN(b) {
						wantFl = NV
					}
				} else {
					want = p.holds(o.compareOracle(a, b))
				}
				for _, before := range []Flags{0, NX} {
					fl := before
					if got := p.got(a, b, &fl); got != want || fl != wantFl|before {
						t.Errorf("%s %s(%#x, %#x) = %v flags %#x, want %v flags %#x",
							o.name, p.name, a, b, got, fl, want, wantFl|before)
					}
				}
			})
		}
	}
}

// selectOracle is min (dir -1) or max (dir 1); strict is Zfa's treatment of NaNs.
func (o oracleFormat) selectOracle(a, b uint64, dir int, strict bool) (uint64, Flags) {
	var fl Flags
	if o.isSNaN(a) || o.isSNaN(b) {
		fl = NV
	}
	switch {
	case strict && o.anyNaN(a, b), o.isNaN(a) && o.isNaN(b):
		return o.nanBits(), fl
	case o.isNaN(a):
		return b, fl
	case o.isNaN(b):
		return a, fl
	}
	switch c := o.compareOracle(a, b); {
	case c == dir:
		return a, fl
	case c != 0:
		return b, fl
	case o.neg(a) == (dir < 0): // equal; of two zeros, -0 is the lesser
		return a, fl
	}
	return b, fl
}

func TestMinMax(t *testing.T) {
	type selection struct {
		name   string
		format oracleFormat
		got    func(a, b uint64, fl *Flags) uint64
		dir    int
		strict bool
	}
	wide := func(f func(a, b uint32, fl *Flags) uint32) func(a, b uint64, fl *Flags) uint64 {
		return func(a, b uint64, fl *Flags) uint64 { return uint64(f(uint32(a), uint32(b), fl)) }
	}
	for _, s := range []selection{
		{"Min", single, wide(F32Min), -1, false},
		{"Max", single, wide(F32Max), 1, false},
		{"MinM", single, wide(F32MinM), -1, true},
		{"MaxM", single, wide(F32MaxM), 1, true},
		{"Min", double, F64Min, -1, false},
		{"Max", double, F64Max, 1, false},
		{"MinM", double, F64MinM, -1, true},
		{"MaxM", double, F64MaxM, 1, true},
	} {
		forEachTuple(2, s.format.specials(), func(a, b, _ uint64) {
			want, wantFl := s.format.selectOracle(a, b, s.dir, s.strict)
			var fl Flags
			if got := s.got(a, b, &fl); got != want || fl != wantFl {
				t.Errorf("%s %s(%#x, %#x) = %#x flags %#x, want %#x flags %#x",
					s.format.name, s.name, a, b, got, fl, want, wantFl)
			}
		})
	}
}

func TestClass(t *testing.T) {
	for _, c := range []struct {
		a32  uint32
		a64  uint64
		want uint32 // by the table of the manual's chapter "F"
	}{
		{0xff800000, 0xfff0000000000000, 1 << 0},
		{0xff7fffff, 0xffefffffffffffff, 1 << 1},
		{0x80800000, 0x8010000000000000, 1 << 1},
		{0x807fffff, 0x800fffffffffffff, 1 << 2},
		{0x80000001, 0x8000000000000001, 1 << 2},
		{0x80000000, 0x8000000000000000, 1 << 3},
		{0x00000000, 0x0000000000000000, 1 << 4},
		{0x00000001, 0x0000000000000001, 1 << 5},
		{0x007fffff, 0x000fffffffffffff, 1 << 5},
		{0x00800000, 0x0010000000000000, 1 << 6},
		{0x7f7fffff, 0x7fefffffffffffff, 1 << 6},
		{0x7f800000, 0x7ff0000000000000, 1 << 7},
		{0x7f800001, 0x7ff0000000000001, 1 << 8},
		{0xffbfffff, 0xfff7ffffffffffff, 1 << 8},
		{0x7fc00000, 0x7ff8000000000000, 1 << 9},
		{0xffffffff, 0xffffffffffffffff, 1 << 9},
	} {
		if got := F32Class(c.a32); got != c.want {
			t.Errorf("F32Class(%#x) = %#x, want %#x", c.a32, got, c.want)
		}
		if got := F64Class(c.a64); got != c.want {
			t.Errorf("F64Class(%#x) = %#x, want %#x", c.a64, got, c.want)
		}
	}
}

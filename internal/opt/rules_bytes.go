package opt

import (
	"slices"

	"github.com/hospes-vm/hospes/internal/ir"
)

// layout says of which bytes of another value a value is made: by byte, from the lowest on, the number of one, or
// none for 0, or sign for copies of the highest bit of byte 3.
type layout struct {
	of ir.Value
	at [8]int8
}

const (
	none = -1
	sign = -2
)

var (
	whole    = [8]int8{0, 1, 2, 3, 4, 5, 6, 7}
	reversed = [8]int8{7, 6, 5, 4, 3, 2, 1, 0}
	lowZero  = [8]int8{3, 2, 1, 0, none, none, none, none}
	lowSign  = [8]int8{3, 2, 1, 0, sign, sign, sign, sign}
	pair     = [8]int8{1, 0, none, none, none, none, none, none}
)

// byteSet is a set of bytes of a value: a bit for each.
type byteSet uint8

// word is what is needed of a word whose sign extension is wanted.
func (want byteSet) word() byteSet {
	if want>>4 != 0 {
		want |= 1 << 3
	}
	return want & 0xf
}

// maxPieces is of how many operations the order of bytes may be changed by.
const maxPieces = 24

// swap is the value of i if that changes the order of bytes to the reverse, else 0.
func (s *simplifier) swap(i *ir.Instr) ir.Value {
	f := byteFinder{s: s, left: maxPieces}
	l, ok := f.made(i, 0xff)
	if !ok {
		return 0
	}
	switch l.at {
	case reversed:
		return s.emit(ir.Rev8, l.of)
	case lowZero:
		return s.with(ir.Srl, s.emit(ir.Rev8, l.of), 32)
	case lowSign:
		return s.with(ir.Sra, s.emit(ir.Rev8, l.of), 32)
	case pair:
		return s.with(ir.Srl, s.emit(ir.Rev8, l.of), 48)
	}
	return 0
}

// byteFinder finds layouts.
type byteFinder struct {
	s    *simplifier
	left int // operations that may still be looked at
}

// value is the layout of those bytes of v that are wanted. It is made of its own ones if nothing else
// is known.
func (f *byteFinder) value(v ir.Value, want byteSet) layout {
	if f.left--; f.left > 0 {
		if l, ok := f.made(&f.s.r.Code[v], want); ok {
			return l
		}
	}
	zeros := f.s.bits[v].zeros
	for n := range 8 {
		if byte(zeros>>(8*n)) == 0xff {
			want &^= 1 << n
		}
	}
	return layout{v, whole}.only(want)
}

// made is the layout of what i computes.
func (f *byteFinder) made(i *ir.Instr, want byteSet) (l layout, ok bool) {
	k, isConst := f.s.r.ConstOf(i.Args[1])
	switch i.Op {
	case ir.Or:
		return f.union(i.Args[0], i.Args[1], want)
	case ir.Zext8, ir.Zext16, ir.Zext32:
		return f.value(i.Args[0], want&(1<<(extendsFrom(i.Op)/8)-1)), true
	case ir.Sext32:
		return f.value(i.Args[0], want.word()).signed(want), true
	case ir.And:
		mask, bytes := bytesOf(k)
		l = f.value(i.Args[0], want&mask)
		return l, isConst && bytes && !l.unsure()
	case ir.Sll, ir.Srl, ir.Ror:
		if isConst && k%8 == 0 {
			return f.shifted(i, int(k%64/8), 8, want)
		}
	case ir.Sll32, ir.Srl32, ir.Ror32:
		if isConst && k%8 == 0 {
			l, ok := f.shifted(i, int(k%32/8), 4, want.word())
			return l.signed(want), ok
		}
	}
	return l, false
}

// bytesOf is a mask of whole bytes.
func bytesOf(mask uint64) (set byteSet, ok bool) {
	for n := range 8 {
		switch byte(mask >> (8 * n)) {
		case 0xff:
			set |= 1 << n
		case 0:
		default:
			return 0, false
		}
	}
	return set, true
}

// only is the layout with other bytes zero.
func (l layout) only(want byteSet) layout {
	for n := range l.at {
		if want>>n&1 == 0 {
			l.at[n] = none
		}
	}
	return l
}

// signed is the sign extension of the low four bytes, as far as it is wanted.
func (l layout) signed(want byteSet) layout {
	for n := 4; n < 8; n++ {
		l.at[n] = none
		if l.at[3] != none {
			l.at[n] = sign
		}
	}
	return l.only(want)
}

// unsure reports whether there are signs of a byte that is gone.
func (l layout) unsure() bool {
	return l.at[3] == none && slices.Contains(l.at[4:], sign)
}

// union is the layout of a union of parts that have no byte in common.
func (f *byteFinder) union(x, y ir.Value, want byteSet) (layout, bool) {
	l, m := f.value(x, want), f.value(y, want)
	if m.of != l.of {
		return l, false
	}
	for n, b := range m.at {
		switch {
		case b != none && l.at[n] != none:
			return l, false
		case b != none:
			l.at[n] = b
		}
	}
	return l, true
}

// shifted is the layout behind a shift by n bytes of the low width.
func (f *byteFinder) shifted(i *ir.Instr, n, width int, want byteSet) (layout, bool) {
	to := func(k int) int {
		switch i.Op {
		case ir.Sll, ir.Sll32:
			return k + n
		case ir.Srl, ir.Srl32:
			return k - n
		}
		return (k - n + width) % width
	}
	var from byteSet
	for k := range width {
		if t := to(k); t >= 0 && t < width && want>>t&1 != 0 {
			from |= 1 << k
		}
	}
	l := f.value(i.Args[0], from)
	m := layout{l.of, [8]int8{none, none, none, none, none, none, none, none}}
	for k := range width {
		if from>>k&1 != 0 {
			m.at[to(k)] = l.at[k]
		}
	}
	return m, !slices.Contains(l.at[:], sign)
}

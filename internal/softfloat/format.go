package softfloat

import "math/bits"

// Round is a rounding mode, numbered as in the rm field and in frm.
// Values above RMM are illegal instructions for the caller to reject; here they
// round towards zero.
type Round uint8

// The rounding modes.
const (
	RNE Round = iota // to nearest, ties to even
	RTZ              // towards zero
	RDN              // down, towards -inf
	RUP              // up, towards +inf
	RMM              // to nearest, ties away from zero (max magnitude)
)

// Flags is a set of accrued exceptions, with the bits of the fflags register.
type Flags uint8

// The exception flags.
const (
	NX Flags = 1 << iota // inexact
	UF                   // underflow: tiny after rounding, and inexact
	OF                   // overflow
	DZ                   // divide by zero
	NV                   // invalid operation
)

// format describes a binary interchange format: exponent width << 8 | fraction width.
// It is an integer so that formats are constants.
type format uint16

const (
	binary16 format = 5<<8 | 10
	binary32 format = 8<<8 | 23
	binary64 format = 11<<8 | 52
)

func (f format) fracBits() uint { return uint(f & 0xff) }
func (f format) expMax() int    { return 1<<(f>>8) - 1 }
func (f format) bias() int      { return f.expMax() >> 1 }
func (f format) signBit() uint64 {
	return 1 << (uint(f>>8) + f.fracBits())
}

// inf is the bit pattern of +inf; greater magnitudes are NaNs.
func (f format) inf() uint64 { return uint64(f.expMax()) << f.fracBits() }

// quietBit distinguishes quiet from signalling NaNs.
func (f format) quietBit() uint64 { return 1 << (f.fracBits() - 1) }

// nan is the canonical NaN: positive, quiet, no payload.
func (f format) nan() uint64 { return f.inf() | f.quietBit() }

// one is the bit pattern of 1.0.
func (f format) one() uint64 { return uint64(f.bias()) << f.fracBits() }

// withSign returns the magnitude mag with the sign neg.
func (f format) withSign(neg bool, mag uint64) uint64 {
	if neg {
		return mag | f.signBit()
	}
	return mag
}

func (f format) isNaN(a uint64) bool { return a&^f.signBit() > f.inf() }

func (f format) isSNaN(a uint64) bool { return f.isNaN(a) && a&f.quietBit() == 0 }

// invalid raises NV and returns the canonical NaN.
func (f format) invalid(fl *Flags) uint64 {
	*fl |= NV
	return f.nan()
}

// kind is what an operand is, as far as arithmetic has to tell cases apart.
type kind uint8

const (
	kindZero kind = iota
	kindFinite
	kindInf
	kindQNaN
	kindSNaN
)

func (k kind) isNaN() bool { return k >= kindQNaN }

// number is an operand taken apart. If kind is kindFinite its magnitude is
// sig * 2^(exp-63), and the top bit of sig is set, for subnormals too.
// Otherwise exp and sig mean nothing.
type number struct {
	kind kind
	neg  bool
	exp  int
	sig  uint64
}

// unpack takes the bit pattern a apart.
func (f format) unpack(a uint64) number {
	neg := a&f.signBit() != 0
	frac := a & (1<<f.fracBits() - 1)
	exp := int(a>>f.fracBits()) & f.expMax()
	switch {
	case exp == f.expMax() && frac == 0:
		return number{kind: kindInf, neg: neg}
	case exp == f.expMax() && frac&f.quietBit() != 0:
		return number{kind: kindQNaN, neg: neg}
	case exp == f.expMax():
		return number{kind: kindSNaN, neg: neg}
	case exp != 0:
		sig := (1<<f.fracBits() | frac) << (63 - f.fracBits())
		return number{kindFinite, neg, exp - f.bias(), sig}
	case frac == 0:
		return number{kind: kindZero, neg: neg}
	}
	n := uint(bits.LeadingZeros64(frac))
	return number{kindFinite, neg, 1 - f.bias() + int(63-f.fracBits()) - int(n), frac << n}
}

package softfloat

import "math"

// The entries of the table of Zfa's fli instructions that are no plain numbers:
// the least normal one depends on the destination's format.
const (
	fliMinNormal = 1
	fliInf       = 30
	fliNaN       = 31
)

// fliValues are the other constants, by the rs1 field. The table is never written.
var fliValues = [fliInf]float64{
	-1, 0, 0x1p-16, 0x1p-15, 0x1p-8, 0x1p-7, 0.0625, 0.125,
	0.25, 0.3125, 0.375, 0.4375, 0.5, 0.625, 0.75, 0.875,
	1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4,
	8, 16, 128, 256, 0x1p15, 0x1p16,
}

// fli is constant i in format f; bits of i above the lowest five are ignored.
func (f format) fli(i uint8) uint64 {
	switch i &= 31; i {
	case fliMinNormal:
		return 1 << f.fracBits()
	case fliInf:
		return f.inf()
	case fliNaN:
		return f.nan()
	default:
		var fl Flags // stays empty: the values are exact in both formats
		return binary64.convert(f, math.Float64bits(fliValues[i]), RNE, &fl)
	}
}

// F32Fli returns constant i (0 to 31) of Zfa's fli.s.
func F32Fli(i uint8) uint32 { return uint32(binary32.fli(i)) }

// F64Fli returns constant i (0 to 31) of Zfa's fli.d.
func F64Fli(i uint8) uint64 { return binary64.fli(i) }

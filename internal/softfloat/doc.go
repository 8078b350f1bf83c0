// Package softfloat is IEEE 754 binary arithmetic with the semantics of the
// RISC-V F, D, Zfhmin and Zfa extensions, bit for bit, exception flags included:
//
//   - a NaN result is always the canonical quiet NaN, never a payload;
//   - tininess is detected after rounding;
//   - a conversion to an integer saturates (NaN counts as the largest value) and
//     then raises NV alone, and the range is checked after rounding;
//   - all five rounding modes exist, also RMM (nearest, ties away from zero),
//     which no common host has.
//
// Operands and results are raw bit patterns (uint16, uint32, uint64 for binary16,
// binary32, binary64); NaN-boxing is the caller's business. Functions that round
// take a [Round], functions that can raise exceptions take a [*Flags] and only
// ever add bits to it. There is no other state, so everything here is safe for
// concurrent use as long as the flags are not shared.
//
// Each operation exists once, on integers, for every format and rounding mode
// (arith.go, convert.go, compare.go). In front of it stands a short path that
// uses the host's own arithmetic when the answer, flags included, can be proven
// from it: rounding is to nearest even, the result is finite and so far from both
// ends of the range that NX is the only flag possible. Go may contract x*y+z into
// a fused operation on some hosts; an explicit conversion, float64(x*y), forbids
// it, and those in this package are there for that reason.
//
// Sources: IEEE 754-2019; the RISC-V Unprivileged ISA manual, chapters "F", "D",
// "Zfh and Zfhmin", "Zfa".
package softfloat

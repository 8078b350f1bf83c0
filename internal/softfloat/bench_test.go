package softfloat

import "testing"

// Sinks keep the compiler from dropping what is measured.
var (
	sink64 uint64
	sink32 uint32
)

// benchModes: "fast" is to nearest even with NX set already, as in a program that
// runs; "exact" is the same with flags clear and exact results; "flags" with flags
// clear and inexact results, which looks for NX each time; "soft" is the general
// algorithm.
var benchModes = []struct {
	name  string
	rm    Round
	fl    Flags
	exact bool
}{
	{"fast", RNE, NX, false},
	{"exact", RNE, 0, true},
	{"flags", RNE, 0, false},
	{"soft", RDN, NX, false},
}

func benchmark64(b *testing.B, exact [3]float64, op func(a, b, c uint64, rm Round, fl *Flags) uint64) {
	for _, m := range benchModes {
		b.Run(m.name, func(b *testing.B) {
			x, y, z := f64Bits(1.1), f64Bits(1.3), f64Bits(0.7)
			if m.exact {
				x, y, z = f64Bits(exact[0]), f64Bits(exact[1]), f64Bits(exact[2])
			}
			var fl Flags // escapes: not to be allocated in the loop
			for b.Loop() {
				fl = m.fl
				sink64 = op(x, y, z, m.rm, &fl)
			}
		})
	}
}

func benchmark32(b *testing.B, exact [3]float32, op func(a, b, c uint32, rm Round, fl *Flags) uint32) {
	for _, m := range benchModes {
		b.Run(m.name, func(b *testing.B) {
			x, y, z := f32Bits(1.1), f32Bits(1.3), f32Bits(0.7)
			if m.exact {
				x, y, z = f32Bits(exact[0]), f32Bits(exact[1]), f32Bits(exact[2])
			}
			var fl Flags // escapes: not to be allocated in the loop
			for b.Loop() {
				fl = m.fl
				sink32 = op(x, y, z, m.rm, &fl)
			}
		})
	}
}

func BenchmarkF64Add(b *testing.B) {
	benchmark64(b, [3]float64{1, 3}, func(x, y, _ uint64, rm Round, fl *Flags) uint64 { return F64Add(x, y, rm, fl) })
}

func BenchmarkF64Mul(b *testing.B) {
	benchmark64(b, [3]float64{3, 5}, func(x, y, _ uint64, rm Round, fl *Flags) uint64 { return F64Mul(x, y, rm, fl) })
}

func BenchmarkF64Div(b *testing.B) {
	benchmark64(b, [3]float64{3, 4}, func(x, y, _ uint64, rm Round, fl *Flags) uint64 { return F64Div(x, y, rm, fl) })
}

func BenchmarkF64Sqrt(b *testing.B) {
	benchmark64(b, [3]float64{9}, func(x, _, _ uint64, rm Round, fl *Flags) uint64 { return F64Sqrt(x, rm, fl) })
}

func BenchmarkF64FMA(b *testing.B) { benchmark64(b, [3]float64{3, 5, 7}, F64FMA) }

func BenchmarkF64ToI64(b *testing.B) {
	benchmark64(b, [3]float64{3}, func(x, _, _ uint64, rm Round, fl *Flags) uint64 { return uint64(F64ToI64(x, rm, fl)) })
}

func BenchmarkF64Lt(b *testing.B) {
	benchmark64(b, [3]float64{3, 5}, func(x, y, _ uint64, _ Round, fl *Flags) uint64 {
		if F64Lt(x, y, fl) {
			return 1
		}
		return 0
	})
}

func BenchmarkF64Min(b *testing.B) {
	benchmark64(b, [3]float64{3, 5}, func(x, y, _ uint64, _ Round, fl *Flags) uint64 { return F64Min(x, y, fl) })
}

func BenchmarkF32Add(b *testing.B) {
	benchmark32(b, [3]float32{1, 3}, func(x, y, _ uint32, rm Round, fl *Flags) uint32 { return F32Add(x, y, rm, fl) })
}

func BenchmarkF32Mul(b *testing.B) {
	benchmark32(b, [3]float32{3, 5}, func(x, y, _ uint32, rm Round, fl *Flags) uint32 { return F32Mul(x, y, rm, fl) })
}

func BenchmarkF32FMA(b *testing.B) { benchmark32(b, [3]float32{3, 5, 7}, F32FMA) }

package softfloat

import (
	"math"
	"testing"
)

func f32Bits(x float32) uint32 { return math.Float32bits(x) }
func f64Bits(x float64) uint64 { return math.Float64bits(x) }

// TestHost compares the general algorithms, to nearest even, with the host's own
// arithmetic.
func TestHost(t *testing.T) {
	r := newRand()
	same64 := func(name string, got uint64, want float64) {
		t.Helper()
		if w := f64Bits(want); got != w && !(want != want && got == binary64.nan()) {
			t.Errorf("%s = %#x, the host says %#x", name, got, w)
		}
	}
	same32 := func(name string, got uint64, want float32) {
		t.Helper()
		if w := f32Bits(want); uint32(got) != w && !(want != want && got == binary32.nan()) {
			t.Errorf("%s = %#x, the host says %#x", name, got, w)
		}
	}
	for range 20000 {
		var fl Flags
		a, b, c := double.random(r), double.random(r), double.random(r)
		x, y, z := math.Float64frombits(a), math.Float64frombits(b), math.Float64frombits(c)
		same64("add", binary64.add(a, b, RNE, &fl), x+y)
		same64("mul", binary64.mul(a, b, RNE, &fl), x*y)
		same64("div", binary64.div(a, b, RNE, &fl), x/y)
		same64("sqrt", binary64.sqrt(a, RNE, &fl), math.Sqrt(x))
		same64("fma", binary64.fma(a, b, c, RNE, &fl), math.FMA(x, y, z))
		same64("floor", binary64.roundToInt(a, RDN, true, &fl), math.Floor(x))
		same64("ceil", binary64.roundToInt(a, RUP, true, &fl), math.Ceil(x))
		same64("trunc", binary64.roundToInt(a, RTZ, true, &fl), math.Trunc(x))
		same64("even", binary64.roundToInt(a, RNE, true, &fl), math.RoundToEven(x))
		same64("round", binary64.roundToInt(a, RMM, true, &fl), math.Round(x))
		same32("narrow", binary64.convert(binary32, a, RNE, &fl), float32(x))

		d, e := single.random(r), single.random(r)
		v, w := math.Float32frombits(uint32(d)), math.Float32frombits(uint32(e))
		same32("add", binary32.add(d, e, RNE, &fl), v+w)
		same32("mul", binary32.mul(d, e, RNE, &fl), v*w)
		same32("div", binary32.div(d, e, RNE, &fl), v/w)
		same64("widen", binary32.convert(binary64, d, RNE, &fl), float64(v))
	}
}

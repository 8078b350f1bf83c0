package hospes

import (
	"fmt"
	"math"
	"reflect"
	"strings"
)

// Values go between Go and guests as the C calling convention has them: integers of 32 bits and
// less fill a register with copies of their sign, those of 8 and 16 bits that are unsigned, and bool, with zeros;
// binary32 numbers are in the lower half of a register whose upper one is all ones.

// Result is what a function of the guest's has returned, if it has returned anything. Which method is right depends
// on what it is declared to return.
type Result struct{ i, f uint64 }

// Int is the result as a signed integer, of any C type up to 64 bits.
func (r Result) Int() int64 { return int64(r.i) }

// Uint is the result as an unsigned integer or a pointer of 64 bits. One of 32 bits has to be converted to uint32.
func (r Result) Uint() uint64 { return r.i }

// Float64 is a double.
func (r Result) Float64() float64 { return math.Float64frombits(r.f) }

// Float32 is a float.
func (r Result) Float32() float32 { return math.Float32frombits(uint32(r.f)) }

// boxed is what is around a binary32 in a register.
const boxed = math.MaxUint32 << 32

// arguments are those of a call: what registers have, and what is on the stack.
type arguments struct {
	ints, floats [8]uint64
	i, f         int            // how many are in use
	more         []uint64       // further integers
	texts        map[int]string // strings whose addresses some of ints have to be
}

func (a *arguments) putInt(v uint64) {
	if a.i == len(a.ints) {
		a.more = append(a.more, v)
		return
	}
	a.ints[a.i] = v
	a.i++
}

func (a *arguments) putText(s string) error {
	if a.i == len(a.ints) {
		return fmt.Errorf("a string behind %d arguments that are integers", len(a.ints))
	}
	if strings.Contains(s, "\x00") {
		return fmt.Errorf("a NUL in the string %q", s)
	}
	if a.texts == nil {
		a.texts = map[int]string{}
	}
	a.texts[a.i] = s
	a.i++
	return nil
}

func (a *arguments) putFloat(v uint64) error {
	if a.f == len(a.floats) {
		return fmt.Errorf("more than %d arguments that are floating-point numbers", len(a.floats))
	}
	a.floats[a.f] = v
	a.f++
	return nil
}

// put adds an argument: a bool, an integer or a floating-point number of any size, or a string.
func (a *arguments) put(arg any) error {
	v := reflect.ValueOf(arg)
	switch k := v.Kind(); k {
	case reflect.Float32, reflect.Float64:
		_, bits := registersOf(v)
		return a.putFloat(bits)
	case reflect.String:
		return a.putText(v.String())
	default:
		if !isInteger(k) {
			return fmt.Errorf("a %T is no argument for a guest's function", arg)
		}
		bits, _ := registersOf(v)
		a.putInt(bits)
		return nil
	}
}

// isInteger reports whether values of a kind go in integer registers.
func isInteger(k reflect.Kind) bool { return k >= reflect.Bool && k <= reflect.Uintptr }

// registersOf is a value as registers have it, in the one for integers or in the other.
func registersOf(v reflect.Value) (i, f uint64) {
	switch k := v.Kind(); k {
	case reflect.Bool:
		if v.Bool() {
			return 1, 0
		}
		return 0, 0
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return uint64(v.Int()), 0
	case reflect.Uint32:
		return uint64(int64(int32(v.Uint()))), 0
	case reflect.Float32:
		return 0, boxed | uint64(math.Float32bits(float32(v.Float())))
	case reflect.Float64:
		return 0, math.Float64bits(v.Float())
	default:
		return v.Uint(), 0
	}
}

// fromRegister is the value of a type that a register has.
func fromRegister(t reflect.Type, i, f uint64) reflect.Value {
	v := reflect.New(t).Elem()
	switch k := t.Kind(); k {
	case reflect.Bool:
		v.SetBool(uint8(i) != 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		shift := 64 - t.Bits()
		v.SetInt(int64(i) << shift >> shift)
	case reflect.Float32:
		v.SetFloat(float64(math.Float32frombits(uint32(f))))
	case reflect.Float64:
		v.SetFloat(math.Float64frombits(f))
	default:
		shift := 64 - t.Bits()
		v.SetUint(i << shift >> shift)
	}
	return v
}

//go:build amd64

package jit

import (
	"fmt"
	"reflect"

	"github.com/hospes-vm/hospes/internal/ir"
)

// FieldAt names what is in the context at a displacement from the register that points
// into it: "x5", "f0", "IRQ", "Spill[1]". It is "" outside of the context.
func FieldAt(disp int32) string {
	at := uintptr(int64(disp) + bias)
	if at >= reflect.TypeFor[Context]().Size() {
		return ""
	}
	return fieldAt(reflect.TypeFor[Context](), "", at)
}

// fieldAt names what is at an offset in a value of type t that is called name.
func fieldAt(t reflect.Type, name string, at uintptr) string {
	switch t.Kind() {
	case reflect.Struct:
		for i := t.NumField() - 1; i >= 0; i-- {
			f := t.Field(i)
			switch {
			case f.Offset > at:
			case f.Anonymous:
				return fieldAt(f.Type, name, at-f.Offset)
			case name != "":
				return fieldAt(f.Type, name+"."+f.Name, at-f.Offset)
			default:
				return fieldAt(f.Type, f.Name, at-f.Offset)
			}
		}
	case reflect.Array:
		n := at / t.Elem().Size()
		element := fmt.Sprintf("%s[%d]", name, n)
		if name == "R" && n < 32 {
			element = fmt.Sprintf("x%d", n)
		} else if name == "R" && n >= ir.FirstF && n < ir.FirstF+32 {
			element = fmt.Sprintf("f%d", n-ir.FirstF)
		}
		return fieldAt(t.Elem(), element, at%t.Elem().Size())
	}
	if at != 0 {
		return fmt.Sprintf("%s+%d", name, at)
	}
	return name
}

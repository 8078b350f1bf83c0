package riscv

import "github.com/hospes-vm/hospes/internal/guest"

// The C calling convention (RISC-V psABI, LP64D): arguments in a0 to a7 and fa0 to fa7, results in a0 and
// fa0, the return address in ra.

// regT0 has the name of a host function where the guest calls one (docs/embedding.md).
const regT0 = 5

// fa0 is the floating-point register of the first argument.
const fa0 = 10

// EnterFunction has the CPU go on at a function.
func (c *CPU) EnterFunction(f *guest.FunctionCall) {
	c.SetPC(f.Entry)
	c.r[regRA] = f.Return
	c.r[regSP] &^= 15
	if f.Global != 0 {
		c.r[regGP] = f.Global
	}
	copy(c.r[regA0:], f.Ints[:])
	copy(c.r[fpBase+fa0:], f.Floats[:])
}

// Arguments are those of the function at whose beginning the CPU is; the first ones are the results when it has returned.
func (c *CPU) Arguments() (ints, floats [8]uint64) {
	copy(ints[:], c.r[regA0:])
	copy(floats[:], c.r[fpBase+fa0:])
	return ints, floats
}

// SetResults sets the results of a function that is about to return.
func (c *CPU) SetResults(i, f uint64) { c.r[regA0], c.r[fpBase+fa0] = i, f }

// HostFunction is the address of the name of the host function that the guest calls.
func (c *CPU) HostFunction() uint64 { return c.r[regT0] }

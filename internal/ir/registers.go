package ir

import (
	"github.com/hospes-vm/hospes/internal/irq"
	"github.com/hospes-vm/hospes/internal/softfloat"
)

// Registers are a guest thread's registers as traces see them. The interpreter and
// translated code work on the same ones; they must not move while either runs.
type Registers struct {
	// IRQ is the interrupt word: who executes looks at it at block boundaries.
	IRQ irq.Word

	// R is the register file: integer register n at n, floating-point register n at
	// FirstF+n. The rest belongs to the interpreter; an index of one byte is always
	// within.
	R [256]uint64

	// The reservation of LR: address, value (sign-extended) and size in bytes, 0 if
	// there is none.
	ResAddr, ResValue, Reserved uint64

	Flags softfloat.Flags // accrued exceptions
	Round uint8           // rounding mode of Dynamic, as the guest has set it: 5 to 7 are invalid
}

// Take makes r what from is. Others may raise the interrupt word of from meanwhile, which may come too late
// for that of r.
func (r *Registers) Take(from *Registers) {
	r.R, r.ResAddr, r.ResValue, r.Reserved, r.Flags, r.Round = from.R, from.ResAddr, from.ResValue, from.Reserved, from.Flags, from.Round
	r.IRQ.Lower(irq.All)
	if bits := from.IRQ.Bits(); bits != 0 {
		r.IRQ.Raise(bits)
	}
}

// FirstF is the index of the first floating-point register in Registers.R.
const FirstF = 64

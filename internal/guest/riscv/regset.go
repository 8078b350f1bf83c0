package riscv

import (
	"encoding/binary"

	"github.com/hospes-vm/hospes/internal/guest"
)

// The register sets of ptrace(2): struct user_regs_struct, which is pc and x1 to x31,
// and struct __riscv_d_ext_state, which is f0 to f31 and fcsr, in whole words.
const (
	gpSetSize = 32 * 8
	fpSetSize = 33 * 8
)

// Regset implements guest.CPU.
func (c *CPU) Regset(note uint32) []byte {
	le := binary.LittleEndian
	switch note {
	case guest.NT_PRSTATUS:
		b := le.AppendUint64(make([]byte, 0, gpSetSize), c.PC())
		for i := 1; i < 32; i++ {
			b = le.AppendUint64(b, c.X(i))
		}
		return b
	case guest.NT_PRFPREG:
		b := make([]byte, 0, fpSetSize)
		for i := range 32 {
			b = le.AppendUint64(b, c.F(i))
		}
		return le.AppendUint64(b, uint64(c.FCSR()))
	}
	return nil
}

// SetRegset implements guest.CPU.
func (c *CPU) SetRegset(note uint32, b []byte) {
	le := binary.LittleEndian
	for i := 0; i < 32 && len(b) >= 8; i, b = i+1, b[8:] {
		switch v := le.Uint64(b); {
		case note == guest.NT_PRFPREG:
			c.SetF(i, v)
		case note == guest.NT_PRSTATUS && i == 0:
			c.SetPC(v)
		case note == guest.NT_PRSTATUS:
			c.SetX(i, v)
		}
	}
	if note == guest.NT_PRFPREG && len(b) >= 4 {
		c.SetFCSR(le.Uint32(b) & 0xff)
	}
}

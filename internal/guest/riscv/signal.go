package riscv

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hospes-vm/hospes/internal/guest"
)

// The signal frame: struct rt_sigframe of Linux's arch/riscv/kernel/signal.c,
// that is a siginfo_t and a ucontext_t. Offsets are from its start, in bytes.
//
//	0     siginfo_t
//	128   uc_flags, uc_link            both 0
//	144   uc_stack                     stack_t
//	168   uc_sigmask                   8 bytes, then room up to 1024 bits
//	304   sc_regs                      pc, x1 .. x31
//	560   sc_fpregs.d                  f0 .. f31, fcsr
//	1076  sc_extdesc.reserved          0
//	1080  sc_extdesc.hdr               magic and size of the first extension record
const (
	frameStack    = 144
	frameMask     = 168
	frameRegs     = 304
	frameFRegs    = 560
	frameFCSR     = 816
	frameReserved = 1076
	frameExt      = 1080
	frameSize     = 1088

	frameInfo = 0   // what a1 points at
	frameUC   = 128 // what a2 points at
)

var errStackOverflow = errors.New("signal frame does not fit on the alternate stack")

// PushSignal implements guest.CPU.
func (c *CPU) PushSignal(f *guest.SignalFrame) error {
	sp := c.SP()
	if f.Stack.Holds(sp) && !f.Stack.Holds(sp-frameSize) {
		return errStackOverflow // else the frame would be written below the stack
	}
	base := (f.SP - frameSize) &^ 15
	b := c.signalFrame()
	*b = [frameSize]byte{}
	c.encodeFrame(b, f)
	if fault := c.as.CopyOut(base, b[:]); fault != nil {
		return fmt.Errorf("signal frame: %w", fault)
	}
	c.SetX(regRA, f.Return)
	c.SetX(regSP, base)
	c.SetX(regA0, uint64(f.Signal))
	c.SetX(regA0+1, base+frameInfo)
	c.SetX(regA0+2, base+frameUC)
	c.SetPC(f.Handler)
	return nil
}

// encodeFrame writes the frame. The extension list is empty: it consists of
// the END record alone, whose magic and size are 0.
func (c *CPU) encodeFrame(b *[frameSize]byte, f *guest.SignalFrame) {
	le := binary.LittleEndian
	copy(b[:], f.Info[:])
	le.PutUint64(b[frameStack:], f.Stack.SP)
	le.PutUint32(b[frameStack+8:], uint32(f.Stack.Flags))
	le.PutUint64(b[frameStack+16:], f.Stack.Size)
	le.PutUint64(b[frameMask:], f.Mask)
	le.PutUint64(b[frameRegs:], c.PC())
	for i := 1; i < 32; i++ {
		le.PutUint64(b[frameRegs+8*i:], c.X(i))
	}
	for i := range 32 {
		le.PutUint64(b[frameFRegs+8*i:], c.F(i))
	}
	le.PutUint32(b[frameFCSR:], c.FCSR())
}

// signalFrame is memory for a frame, its contents undefined.
func (c *CPU) signalFrame() *[frameSize]byte {
	if c.frame == nil {
		c.frame = new([frameSize]byte)
	}
	return c.frame
}

// PopSignal implements guest.CPU.
func (c *CPU) PopSignal() (mask uint64, stack guest.AltStack, err error) {
	b := c.signalFrame()
	if fault := c.as.CopyIn(b[:], c.SP()); fault != nil {
		return 0, stack, fmt.Errorf("signal frame: %w", fault)
	}
	le := binary.LittleEndian
	if le.Uint32(b[frameReserved:]) != 0 {
		return 0, stack, errors.New("signal frame: reserved word is not zero")
	}
	if magic, size := le.Uint32(b[frameExt:]), le.Uint32(b[frameExt+4:]); magic != 0 || size != 0 {
		return 0, stack, fmt.Errorf("signal frame: unexpected extension record %#x of %d bytes", magic, size)
	}
	c.SetPC(le.Uint64(b[frameRegs:]) &^ 1) // sepc has no bit 0
	for i := 1; i < 32; i++ {
		c.SetX(i, le.Uint64(b[frameRegs+8*i:]))
	}
	for i := range 32 {
		c.SetF(i, le.Uint64(b[frameFRegs+8*i:]))
	}
	c.SetFCSR(le.Uint32(b[frameFCSR:]) & 0xff)
	stack = guest.AltStack{
		SP:    le.Uint64(b[frameStack:]),
		Flags: int32(le.Uint32(b[frameStack+8:])),
		Size:  le.Uint64(b[frameStack+16:]),
	}
	return le.Uint64(b[frameMask:]), stack, nil
}

package amd64

import "encoding/binary"

// Jumps have a displacement that is filled in later: the functions return its offset
// in Buf. SetRel32 and SetRel8 fill it in.

// Jmp is a jump with a 32-bit displacement.
func (a *Assembler) Jmp() int {
	a.Buf = append(a.Buf, 0xE9, 0, 0, 0, 0)
	return len(a.Buf) - 4
}

// Jcc is a conditional jump with a 32-bit displacement.
func (a *Assembler) Jcc(c Cond) int {
	a.Buf = append(a.Buf, 0x0F, 0x80|byte(c), 0, 0, 0, 0)
	return len(a.Buf) - 4
}

// Call is a call with a 32-bit displacement.
func (a *Assembler) Call() int {
	a.Buf = append(a.Buf, 0xE8, 0, 0, 0, 0)
	return len(a.Buf) - 4
}

// IncRel and DecRel add 1 to, and take 1 from, 32 bits of memory, which have a displacement like
// the target of a jump.
func (a *Assembler) IncRel() int {
	a.Buf = append(a.Buf, 0xFF, 0x05, 0, 0, 0, 0)
	return len(a.Buf) - 4
}

// DecRel is described above.
func (a *Assembler) DecRel() int {
	a.Buf = append(a.Buf, 0xFF, 0x0D, 0, 0, 0, 0)
	return len(a.Buf) - 4
}

// LeaRel loads the address of what a displacement like the target of a jump leads to.
func (a *Assembler) LeaRel(r Reg) int {
	a.Buf = append(a.Buf, 0x48|byte(r>>3)<<2, 0x8D, byte(r&7)<<3|5, 0, 0, 0, 0)
	return len(a.Buf) - 4
}

// CmpRel compares a register with 64 bits of memory, likewise.
func (a *Assembler) CmpRel(r Reg) int {
	a.Buf = append(a.Buf, 0x48|byte(r>>3)<<2, 0x3B, byte(r&7)<<3|5, 0, 0, 0, 0)
	return len(a.Buf) - 4
}

// JmpShort is a jump with an 8-bit displacement.
func (a *Assembler) JmpShort() int {
	a.Buf = append(a.Buf, 0xEB, 0)
	return len(a.Buf) - 1
}

// JccShort is a conditional jump with an 8-bit displacement.
func (a *Assembler) JccShort(c Cond) int {
	a.Buf = append(a.Buf, 0x70|byte(c), 0)
	return len(a.Buf) - 1
}

// JmpR jumps to the address in r, CallR calls it.
func (a *Assembler) JmpR(r Reg) { a.group5(4, inReg(r)) }

// CallR calls the code at the address in r.
func (a *Assembler) CallR(r Reg) { a.group5(2, inReg(r)) }

// JmpM jumps to the address in memory.
func (a *Assembler) JmpM(m Mem) { a.group5(4, inMem(m)) }

// CallM calls the code at the address in memory.
func (a *Assembler) CallM(m Mem) { a.group5(2, inMem(m)) }

func (a *Assembler) group5(ext Reg, o operand) {
	r := row{class: gpr}
	a.encode(&r, 0xFF, W32, ext, o) // 64 bits without a REX prefix
}

// SetRel32 makes the jump with the displacement at offset at lead to offset target.
func (a *Assembler) SetRel32(at, target int) {
	binary.LittleEndian.PutUint32(a.Buf[at:], uint32(target-(at+4)))
}

// SetRel8 does the same for a short jump. It reports false if the target is out of
// reach.
func (a *Assembler) SetRel8(at, target int) bool {
	d := target - (at + 1)
	a.Buf[at] = byte(d)
	return d == int(int8(d))
}

// nops are the recommended multi-byte no-operations by length.
var nops = [...]string{
	"",
	"\x90",
	"\x66\x90",
	"\x0f\x1f\x00",
	"\x0f\x1f\x40\x00",
	"\x0f\x1f\x44\x00\x00",
	"\x66\x0f\x1f\x44\x00\x00",
	"\x0f\x1f\x80\x00\x00\x00\x00",
	"\x0f\x1f\x84\x00\x00\x00\x00\x00",
}

// Nop appends n bytes that do nothing.
func (a *Assembler) Nop(n int) {
	for n > 0 {
		k := min(n, len(nops)-1)
		a.Buf = append(a.Buf, nops[k]...)
		n -= k
	}
}

// Align makes the offset, after skip further bytes, a multiple of n: a power of two.
// A displacement that is patched while others execute it must be aligned.
func (a *Assembler) Align(n, skip int) { a.Nop(-(len(a.Buf) + skip) & (n - 1)) }

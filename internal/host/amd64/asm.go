package amd64

import (
	"encoding/binary"
	"fmt"
)

// Assembler appends machine code to Buf.
type Assembler struct {
	Buf []byte
}

// Len is the offset of the next instruction.
func (a *Assembler) Len() int { return len(a.Buf) }

// operand is what ModRM.rm names: a register or memory.
type operand struct {
	reg   Reg
	mem   Mem
	isMem bool
}

func inReg(r Reg) operand { return operand{reg: r} }
func inMem(m Mem) operand { return operand{mem: m, isMem: true} }

// RR is op dst, src.
func (a *Assembler) RR(op Op, w Width, dst, src Reg) {
	r := &table[op]
	if r.rm == 0 {
		a.encode(r, r.opcode(r.mr, w), w, src, inReg(dst))
		return
	}
	a.encode(r, r.opcode(r.rm, w), w, dst, inReg(src))
}

// RM is op dst, memory.
func (a *Assembler) RM(op Op, w Width, dst Reg, src Mem) {
	r := &table[op]
	a.encode(r, r.opcode(r.rm, w), w, dst, inMem(src))
}

// MR is op memory, src.
func (a *Assembler) MR(op Op, w Width, dst Mem, src Reg) {
	r := &table[op]
	a.encode(r, r.opcode(r.mr, w), w, src, inMem(dst))
}

// RRI is op dst, src, imm, of operations whose encoding has an immediate besides two
// registers; RMI and MRI have memory instead of src and dst.
func (a *Assembler) RRI(op Op, w Width, dst, src Reg, imm uint8) {
	a.RR(op, w, dst, src)
	a.Buf = append(a.Buf, imm)
}

// RMI is op dst, memory, imm.
func (a *Assembler) RMI(op Op, w Width, dst Reg, src Mem, imm uint8) {
	a.RM(op, w, dst, src)
	a.Buf = append(a.Buf, imm)
}

// MRI is op memory, src, imm.
func (a *Assembler) MRI(op Op, w Width, dst Mem, src Reg, imm uint8) {
	a.MR(op, w, dst, src)
	a.Buf = append(a.Buf, imm)
}

// R is op dst. Shifts and rotations take the count from CL.
func (a *Assembler) R(op Op, w Width, dst Reg) {
	r := &table[op]
	a.encode(r, r.opcode(r.m, w), w, r.extension(), inReg(dst))
}

// M is op memory.
func (a *Assembler) M(op Op, w Width, dst Mem) {
	r := &table[op]
	a.encode(r, r.opcode(r.m, w), w, r.extension(), inMem(dst))
}

// RI is op dst, imm; the immediate is sign-extended to the width.
func (a *Assembler) RI(op Op, w Width, dst Reg, imm int32) { a.immediate(op, w, inReg(dst), imm) }

// MI is op memory, imm.
func (a *Assembler) MI(op Op, w Width, dst Mem, imm int32) { a.immediate(op, w, inMem(dst), imm) }

func (a *Assembler) immediate(op Op, w Width, dst operand, imm int32) {
	r := &table[op]
	ext := r.extension()
	if r.i8 != 0 && imm == int32(int8(imm)) && (w != W8 || r.i32 == 0) {
		a.encode(r, r.opcode(r.i8, w), w, ext, dst)
		a.Buf = append(a.Buf, byte(imm))
		return
	}
	a.encode(r, r.opcode(r.i32, w), w, ext, dst)
	switch w {
	case W8:
		a.Buf = append(a.Buf, byte(imm))
	case W16:
		a.Buf = binary.LittleEndian.AppendUint16(a.Buf, uint16(imm))
	default:
		a.Buf = binary.LittleEndian.AppendUint32(a.Buf, uint32(imm))
	}
}

// IMulI is dst = src * imm.
func (a *Assembler) IMulI(w Width, dst, src Reg, imm int32) {
	r := row{name: "imul", class: gpr, rm: 0x69}
	a.encode(&r, r.rm, w, dst, inReg(src))
	a.Buf = binary.LittleEndian.AppendUint32(a.Buf, uint32(imm))
}

// CMov is dst = src if c holds.
func (a *Assembler) CMov(c Cond, w Width, dst, src Reg) {
	r := row{name: "cmov", class: gpr, emap: m0F, rm: 0x40 | byte(c)}
	a.encode(&r, r.rm, w, dst, inReg(src))
}

// CMovM is CMov from memory, which is read in any case.
func (a *Assembler) CMovM(c Cond, w Width, dst Reg, src Mem) {
	r := row{name: "cmov", class: gpr, emap: m0F, rm: 0x40 | byte(c)}
	a.encode(&r, r.rm, w, dst, inMem(src))
}

// Set makes the byte register dst 1 if c holds, else 0.
func (a *Assembler) Set(c Cond, dst Reg) {
	r := row{name: "set", class: gpr, emap: m0F, m: 0x90 | byte(c), byteR: true}
	a.encode(&r, r.m, W32, 0, inReg(dst))
}

// MovImm sets dst to a constant, by the shortest encoding that leaves the flags alone.
func (a *Assembler) MovImm(dst Reg, v uint64) {
	switch {
	case v == uint64(uint32(v)):
		a.opReg(0, 0xB8, dst)
		a.Buf = binary.LittleEndian.AppendUint32(a.Buf, uint32(v))
	case v == uint64(int64(int32(v))):
		a.RI(MOV, W64, dst, int32(v))
	default:
		a.opReg(1, 0xB8, dst)
		a.Buf = binary.LittleEndian.AppendUint64(a.Buf, v)
	}
}

// BSwap reverses the bytes of dst.
func (a *Assembler) BSwap(w Width, dst Reg) {
	rex := wide(w)<<3 | dst.high()
	if rex != 0 {
		a.Buf = append(a.Buf, 0x40|rex)
	}
	a.Buf = append(a.Buf, 0x0F, 0xC8|dst.low())
}

// Push and Pop have 64-bit operands.
func (a *Assembler) Push(r Reg) { a.opReg(0, 0x50, r) }

// Pop is the reverse of Push.
func (a *Assembler) Pop(r Reg) { a.opReg(0, 0x58, r) }

// PopM pops 64 bits to memory.
func (a *Assembler) PopM(m Mem) {
	r := row{class: gpr}
	a.encode(&r, 0x8F, W32, 0, inMem(m)) // 64 bits without a REX prefix
}

// PushImm pushes a sign-extended constant.
func (a *Assembler) PushImm(v int32) {
	a.Buf = append(a.Buf, 0x68)
	a.Buf = binary.LittleEndian.AppendUint32(a.Buf, uint32(v))
}

// opReg is an opcode with a register in its low three bits.
func (a *Assembler) opReg(w, code byte, r Reg) {
	if rex := w<<3 | r.high(); rex != 0 {
		a.Buf = append(a.Buf, 0x40|rex)
	}
	a.Buf = append(a.Buf, code|r.low())
}

// Lock is the prefix that makes the next instruction, on memory, atomic.
func (a *Assembler) Lock() { a.Buf = append(a.Buf, 0xF0) }

// Ret, Int3 and Pause have no operands.
func (a *Assembler) Ret()   { a.Buf = append(a.Buf, 0xC3) }
func (a *Assembler) Int3()  { a.Buf = append(a.Buf, 0xCC) }
func (a *Assembler) Pause() { a.Buf = append(a.Buf, 0xF3, 0x90) }

// RepMovsq copies RCX quadwords from RSI to RDI, RepStosq stores RAX in RCX quadwords from RDI on.
func (a *Assembler) RepMovsq() { a.Buf = append(a.Buf, 0xF3, 0x48, 0xA5) }
func (a *Assembler) RepStosq() { a.Buf = append(a.Buf, 0xF3, 0x48, 0xAB) }

// SignA extends the sign of RAX (EAX) into RDX (EDX): CQO, CDQ.
func (a *Assembler) SignA(w Width) {
	if w == W64 {
		a.Buf = append(a.Buf, 0x48)
	}
	a.Buf = append(a.Buf, 0x99)
}

// VRRR is the VEX-encoded dst = src1 op src2. For the shifts of BMI2, src2 is the
// value and src1 the count, as in the encoding.
func (a *Assembler) VRRR(op Op, w Width, dst, src1, src2 Reg) {
	r := &table[op]
	a.vex(r, r.rm, w, dst, src1, inReg(src2))
}

// VRRM is the same with src2 in memory.
func (a *Assembler) VRRM(op Op, w Width, dst, src1 Reg, src2 Mem) {
	r := &table[op]
	a.vex(r, r.rm, w, dst, src1, inMem(src2))
}

// VRRI is the VEX-encoded dst = src op imm of operations without a third register.
func (a *Assembler) VRRI(op Op, w Width, dst, src Reg, imm uint8) {
	r := &table[op]
	if r.rm == 0 {
		a.vex(r, r.mr, w, src, 0, inReg(dst))
	} else {
		a.vex(r, r.rm, w, dst, 0, inReg(src))
	}
	a.Buf = append(a.Buf, imm)
}

// VRMI is the VEX-encoded dst = src op imm with src in memory.
func (a *Assembler) VRMI(op Op, w Width, dst Reg, src Mem, imm uint8) {
	r := &table[op]
	a.vex(r, r.rm, w, dst, 0, inMem(src))
	a.Buf = append(a.Buf, imm)
}

// VRR is the VEX-encoded dst = op src of operations without a third register.
func (a *Assembler) VRR(op Op, w Width, dst, src Reg) {
	r := &table[op]
	a.vex(r, r.rm, w, dst, 0, inReg(src))
}

// extension is what stands in the place of a register in the forms that have none:
// numbered as an XMM register, it is not taken for one whose byte needs a REX prefix.
func (r *row) extension() Reg { return X0 + Reg(r.ext) }

// opcode is the opcode for a width: that of bytes is the one below.
func (r *row) opcode(code byte, w Width) byte {
	if code == 0 {
		panic(fmt.Sprintf("amd64: no such form of %s", r.name))
	}
	if w == W8 && r.class == gpr8 {
		code--
	}
	return code
}

func wide(w Width) byte {
	if w == W64 {
		return 1
	}
	return 0
}

// encode is an instruction without VEX; reg is a register or an opcode's extension.
func (a *Assembler) encode(r *row, code byte, w Width, reg Reg, o operand) {
	if r.vex {
		panic(fmt.Sprintf("amd64: %s has only a VEX encoding", r.name))
	}
	buf := a.Buf
	if w == W16 && r.class != xmm {
		buf = append(buf, 0x66)
	}
	if r.pfx != 0 {
		buf = append(buf, r.pfx)
	}
	rex := o.rex() | reg.high()<<2
	if r.class != xmm {
		rex |= wide(w) << 3
	}
	if rex != 0 || r.wantsREX(w, reg, o) {
		buf = append(buf, 0x40|rex)
	}
	switch r.emap {
	case m0F:
		buf = append(buf, 0x0F)
	case m0F38:
		buf = append(buf, 0x0F, 0x38)
	case m0F3A:
		buf = append(buf, 0x0F, 0x3A)
	}
	buf = append(buf, code)
	a.Buf = modRM(buf, reg.low(), o)
}

// wantsREX reports whether the instruction names one of SPL, BPL, SIL and DIL, which
// without a REX prefix would be AH to BH.
func (r *row) wantsREX(w Width, reg Reg, o operand) bool {
	const first, last = RSP, RDI
	rm := !o.isMem && o.reg >= first && o.reg <= last
	if w == W8 && r.class == gpr8 {
		return rm || reg >= first && reg <= last
	}
	return r.byteR && rm
}

// rex is X and B of a REX prefix.
func (o *operand) rex() (bits byte) {
	if !o.isMem {
		return o.reg.high()
	}
	if o.mem.Base != NoReg {
		bits |= o.mem.Base.high()
	}
	if o.mem.Index != NoReg {
		bits |= o.mem.Index.high() << 1
	}
	return bits
}

// vex is an instruction with a VEX prefix.
func (a *Assembler) vex(r *row, code byte, w Width, reg, vvvv Reg, o operand) {
	if code == 0 || !r.vex && !r.avx {
		panic(fmt.Sprintf("amd64: no VEX encoding of %s", r.name))
	}
	bits := o.rex()
	var pp, vw byte
	switch r.pfx {
	case 0x66:
		pp = 1
	case 0xF3:
		pp = 2
	case 0xF2:
		pp = 3
	}
	if r.w1 || r.class == gpr && w == W64 {
		vw = 1
	}
	last := (^byte(vvvv)&15)<<3 | pp
	if bits == 0 && vw == 0 && r.emap == m0F {
		a.Buf = append(a.Buf, 0xC5, (reg.high()^1)<<7|last)
	} else {
		a.Buf = append(a.Buf, 0xC4, (reg.high()^1)<<7|(^bits&2)<<5|(^bits&1)<<5|r.emap, vw<<7|last)
	}
	a.Buf = modRM(append(a.Buf, code), reg.low(), o)
}

// modRM appends the ModRM byte, with SIB byte and displacement if o needs them.
func modRM(buf []byte, reg byte, o operand) []byte {
	if !o.isMem {
		return append(buf, 0xC0|reg<<3|o.reg.low())
	}
	m := &o.mem
	if m.Base == NoReg { // absolute, or an index alone
		return binary.LittleEndian.AppendUint32(append(buf, reg<<3|4, sib(m, 5)), uint32(m.Disp))
	}
	mod := byte(0x80)
	switch {
	case m.Disp == 0 && m.Base.low() != RBP.low(): // without displacement RBP and R13 mean "no base"
		mod = 0
	case m.Disp == int32(int8(m.Disp)):
		mod = 0x40
	}
	if m.Index != NoReg || m.Base.low() == RSP.low() { // RSP and R12 need a SIB byte
		buf = append(buf, mod|reg<<3|4, sib(m, m.Base.low()))
	} else {
		buf = append(buf, mod|reg<<3|m.Base.low())
	}
	switch mod {
	case 0x40:
		buf = append(buf, byte(m.Disp))
	case 0x80:
		buf = binary.LittleEndian.AppendUint32(buf, uint32(m.Disp))
	}
	return buf
}

func sib(m *Mem, base byte) byte {
	index := byte(4) // none
	var scale byte
	if m.Index != NoReg {
		if m.Index == RSP {
			panic("amd64: RSP cannot be an index")
		}
		index = m.Index.low()
		scale = [9]byte{1: 0, 2: 1, 4: 2, 8: 3}[m.Scale]
	}
	return scale<<6 | index<<3 | base
}

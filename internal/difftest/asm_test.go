package difftest

import "encoding/binary"

// The few instructions that the harness is made of, encoded independently of the table
// under test.

const (
	regT0, regT1, regA0, regA1, regA2, regA3, regA7 = 5, 6, 10, 11, 12, 13, 17

	csrFCSR = 3
	cEbreak = 0x9002 // the two bytes of c.ebreak
)

// code is machine code at a fixed address.
type code struct {
	base uint64
	b    []byte
}

func (c *code) pc() uint64 { return c.base + uint64(len(c.b)) }

func (c *code) half(w uint16) { c.b = binary.LittleEndian.AppendUint16(c.b, w) }
func (c *code) word(w uint32) { c.b = binary.LittleEndian.AppendUint32(c.b, w) }

func typeI(op, f3, rd, rs1 int, imm int64) uint32 {
	return uint32(imm)<<20 | uint32(rs1<<15|f3<<12|rd<<7|op)
}

func typeS(op, f3, rs2, rs1 int, imm int64) uint32 {
	return uint32(imm)>>5<<25 | uint32(rs2<<20|rs1<<15|f3<<12|op) | uint32(imm)&31<<7
}

func (c *code) addi(rd, rs1 int, imm int64)  { c.word(typeI(0x13, 0, rd, rs1, imm)) }
func (c *code) addiw(rd, rs1 int, imm int64) { c.word(typeI(0x1b, 0, rd, rs1, imm)) }
func (c *code) lw(rd, rs1 int, imm int64)    { c.word(typeI(0x03, 2, rd, rs1, imm)) }
func (c *code) ld(rd, rs1 int, imm int64)    { c.word(typeI(0x03, 3, rd, rs1, imm)) }
func (c *code) fld(fd, rs1 int, imm int64)   { c.word(typeI(0x07, 3, fd, rs1, imm)) }
func (c *code) sd(rs2, rs1 int, imm int64)   { c.word(typeS(0x23, 3, rs2, rs1, imm)) }
func (c *code) fsd(fs2, rs1 int, imm int64)  { c.word(typeS(0x27, 3, fs2, rs1, imm)) }
func (c *code) csrrw(rd, csr, rs1 int)       { c.word(typeI(0x73, 1, rd, rs1, int64(csr))) }
func (c *code) csrrs(rd, csr, rs1 int)       { c.word(typeI(0x73, 2, rd, rs1, int64(csr))) }
func (c *code) jalr(rd, rs1 int)             { c.word(typeI(0x67, 0, rd, rs1, 0)) }
func (c *code) add(rd, rs1, rs2 int)         { c.word(uint32(rs2<<20 | rs1<<15 | rd<<7 | 0x33)) }
func (c *code) sub(rd, rs1, rs2 int)         { c.add(rd, rs1, rs2); c.b[len(c.b)-1] |= 0x40 }

// jal jumps to an absolute address within 1 MiB.
func (c *code) jal(rd int, target uint64) {
	off := uint32(target - c.pc())
	c.word(off>>20<<31 | off>>1&0x3ff<<21 | off>>11&1<<20 | off>>12&0xff<<12 | uint32(rd)<<7 | 0x6f)
}

// branch with condition f3 (0 beq, 1 bne, 4 blt, 5 bge) to an absolute address within 4 KiB.
func (c *code) branch(f3, rs1, rs2 int, target uint64) {
	off := uint32(target - c.pc())
	c.word(off>>12<<31 | off>>5&0x3f<<25 | uint32(rs2<<20|rs1<<15|f3<<12) | off>>1&15<<8 | off>>11&1<<7 | 0x63)
}

// li sets rd to a value of 31 bits.
func (c *code) li(rd int, v uint64) {
	c.word(uint32(v+0x800)&^0xfff | uint32(rd)<<7 | 0x37)
	c.addiw(rd, rd, int64(v&0xfff))
}

// syscall makes a system call whose arguments are in place.
func (c *code) syscall(nr int64) {
	c.li(regA7, uint64(nr))
	c.word(0x73)
}

package libc

// kind is what an instruction does to the flow of control, or what it refers to.
type kind uint8

const (
	plain      kind = iota // nothing
	branch                 // goes on at offset, or behind it
	jump                   // goes on at offset
	call                   // the same, and comes back
	ret                    // returns
	pcRelative             // auipc, whose meaning the next instruction completes
	loadPC                 // loads a constant from offset
	loadGP                 // the same, with an offset from gp
	address                // computes the address at offset
	indirect               // jumps to a computed address
	foreign                // anything else that depends on more than arguments and memory
)

// inst is what counts of an instruction here, or of auipc and the next one.
type inst struct {
	kind   kind
	size   int    // in bytes
	bits   uint32 // the instruction, without what depends on where things are
	offset int64
	access int // bytes that it loads
	mask   int // of the bits that it leaves, or 0

	rd, rs1 uint32
}

// hashed is what tells it from others.
func (i *inst) hashed() uint64 { return uint64(i.bits) | uint64(i.kind)<<32 }

// Registers that are no function's own.
const (
	regRA = 1
	regGP = 3
	regTP = 4
)

// Bits of an instruction that are left of a branch, a jump and a load.
const (
	maskB = 0x01fff07f
	maskJ = 0x7f
	maskI = 0x00007fff // funct3, rd, opcode
)

// decode decodes the instruction in the low bits of w. The encodings are those of the
// unprivileged specification, chapters 2.2 to 2.6 and 27.
func decode(w uint32) inst {
	if w&3 != 3 {
		return decodeCompressed(w & 0xffff)
	}
	i := inst{size: 4, bits: w, rd: w >> 7 & 31, rs1: w >> 15 & 31}
	switch w & 0x7f {
	case 0x63: // branches
		i.kind, i.bits = branch, w&maskB
		i.offset = signed(field(w, 31, 1, 12)|field(w, 7, 1, 11)|field(w, 25, 6, 5)|field(w, 8, 4, 1), 13)
	case 0x6f:
		i.offset = signed(field(w, 31, 1, 20)|field(w, 12, 8, 12)|field(w, 20, 1, 11)|field(w, 21, 10, 1), 21)
		i.jumpAndLink()
	case 0x67: // jalr
		i.kind, i.offset = foreign, int64(int32(w)>>20)
		if w == 0x00008067 {
			i.kind = ret
		}
	case 0x17: // auipc
		i.kind, i.offset = pcRelative, int64(int32(w&^0xfff))
	case 0x03: // loads
		i.offset, i.access = int64(int32(w)>>20), 1<<(w>>12&3)
		if i.own(); i.rs1 == regGP {
			i.kind, i.bits = loadGP, w&maskI
		}
	case 0x13: // arithmetic with immediates
		i.offset = int64(int32(w) >> 20)
		if w>>12&7 == 7 { // andi
			i.mask = int(max(i.offset, 0))
		}
		i.own()
	case 0x1b, 0x3b, 0x33, 0x23:
		i.own()
	case 0x37: // lui
	case 0x57: // vectors: their registers, vl and vtype are lost at calls
		i.own()
	case 0x07, 0x27:
		if i.own(); scalar(w) {
			i.kind = foreign
		}
	default: // system calls, status registers, fences, atomics, floating point
		i.kind = foreign
	}
	return i
}

// scalar reports whether a load or store of the floating-point opcodes is one, not that of a vector.
func scalar(w uint32) bool {
	width := w >> 12 & 7
	return width >= 1 && width <= 4
}

// jumpAndLink makes i a jump or a call.
func (i *inst) jumpAndLink() {
	switch i.rd {
	case 0:
		i.kind, i.bits = jump, maskJ
	case regRA:
		i.kind, i.bits = call, maskJ
	default:
		i.kind = foreign
	}
}

// own makes i foreign if it uses what belongs to no function.
func (i *inst) own() {
	if i.rs1 == regGP || i.rs1 == regTP {
		i.kind = foreign
	}
}

// with is auipc together with the next instruction.
func (i inst) with(next inst) inst {
	both := inst{size: 8, kind: foreign, offset: i.offset + next.offset, rd: next.rd}
	if next.size != 4 || next.rs1 != i.rd {
		return both
	}
	switch next.bits & 0x707f {
	case 0x13: // addi
		if next.rd == i.rd {
			both.kind, both.bits = address, next.bits&maskI
		}
		return both
	}
	switch next.bits & 0x7f {
	case 0x67:
		both.jumpAndLink()
	case 0x03:
		// If it is left in a register of its own, the address is of no further use.
		both.kind, both.bits, both.access = loadPC, next.bits&maskI, next.access
	}
	return both
}

// decodeCompressed is decode for 16 bits.
func decodeCompressed(w uint32) inst {
	i := inst{size: 2, bits: w}
	rd, rs2 := w>>7&31, w>>2&31
	switch w&3 | w>>13<<2 {
	case 1 | 5<<2: // c.j
		i.kind, i.bits = jump, maskJ
		i.offset = signed(field(w, 12, 1, 11)|field(w, 11, 1, 4)|field(w, 9, 2, 8)|field(w, 8, 1, 10)|
			field(w, 7, 1, 6)|field(w, 6, 1, 7)|field(w, 3, 3, 1)|field(w, 2, 1, 5), 12)
	case 1 | 6<<2, 1 | 7<<2: // c.beqz, c.bnez
		i.kind, i.bits = branch, w&0xe383
		i.offset = signed(field(w, 12, 1, 8)|field(w, 10, 2, 3)|field(w, 5, 2, 6)|field(w, 3, 2, 1)|field(w, 2, 1, 5), 9)
	case 2 | 4<<2:
		switch {
		case rs2 != 0: // c.mv, c.add
			if rs2 == regGP || rs2 == regTP {
				i.kind = foreign
			}
		case w>>12&1 == 0 && rd == regRA: // c.jr ra
			i.kind = ret
		case w>>12&1 == 0: // c.jr
			i.kind = indirect
		default: // c.jalr, c.ebreak
			i.kind = foreign
		}
	case 1 | 4<<2: // of these c.andi counts
		if w>>10&3 == 2 {
			i.mask = int(max(0, signed(field(w, 12, 1, 5)|field(w, 2, 5, 0), 6)))
		}
	case 0: // c.addi4spn; all zeros is no instruction
		if w == 0 {
			i.kind = foreign
		}
	}
	return i
}

// field moves n bits from position from to position to.
func field(w uint32, from, n, to int) int64 { return int64(w>>from) & (1<<n - 1) << to }

// signed extends the sign of a number of n bits.
func signed(v int64, n int) int64 { return v << (64 - n) >> (64 - n) }

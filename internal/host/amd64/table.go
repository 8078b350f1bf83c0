package amd64

// Op is an instruction of the table.
type Op uint8

// Opcode maps, as VEX.mmmmm numbers them; 0 is the map of one-byte opcodes.
const (
	m0F   = 1
	m0F38 = 2
	m0F3A = 3
)

// class says what registers an operation takes, and what operand sizes there are.
type class uint8

const (
	gpr   class = iota // general-purpose, 32 and 64 bits
	gpr16              // also 16 bits
	gpr8               // also 8 and 16 bits, with the opcode below the other one
	gprX               // destination general-purpose, source XMM
	xGPR               // destination XMM, source general-purpose
	xmm                // both XMM, no size
)

// row is the encoding of one instruction: opcodes by kind of operands, 0 where
// there is no such form.
type row struct {
	name  string
	class class
	pfx   byte // mandatory prefix: 0x66, 0xF2, 0xF3
	emap  byte // opcode map
	rm    byte // reg, r/m
	mr    byte // r/m, reg
	m     byte // r/m alone, with ext
	i8    byte // r/m, signed 8-bit immediate, with ext
	i32   byte // r/m, 32-bit immediate (of W8 and W16: as wide), with ext
	ext   byte // the reg field of the forms without a register there
	imm   bool // forms rm and mr have an 8-bit immediate
	vex   bool // form rm is VEX-encoded, with a third register, only
	avx   bool // form rm has also a VEX encoding with a third register
	one   bool // the VEX encoding has no third register
	w1    bool // VEX.W is 1
	noMem bool // form rm has no form with memory
	byteR bool // of form rm the source is a byte: SPL to DIL need a REX prefix
}

const (
	ADD Op = iota
	OR
	ADC
	SBB
	AND
	SUB
	XOR
	CMP
	TEST
	MOV
	MOVZX8
	MOVZX16
	MOVSX8
	MOVSX16
	MOVSXD
	LEA
	IMUL
	NOT
	NEG
	MUL1
	IMUL1
	DIV
	IDIV
	INC
	DEC
	ROL
	ROR
	SHL
	SHR
	SAR
	BT
	BTS
	BTR
	BTC
	BSF
	BSR
	POPCNT
	LZCNT
	TZCNT
	XCHG
	XADD
	CMPXCHG
	CMPXCHG16B
	ANDN
	SHLX
	SHRX
	SARX
	RORX
	MULX
	LDMXCSR
	STMXCSR
	MOVSS
	MOVSD
	MOVAPS
	MOVUPS
	MOVQ
	MOVGX
	MOVXG
	ADDSS
	ADDSD
	MULSS
	MULSD
	SUBSS
	SUBSD
	MINSS
	MINSD
	DIVSS
	DIVSD
	MAXSS
	MAXSD
	SQRTSS
	SQRTSD
	UCOMISS
	UCOMISD
	COMISS
	COMISD
	CMPSS
	CMPSD
	ROUNDSS
	ROUNDSD
	CVTSS2SD
	CVTSD2SS
	CVTSI2SS
	CVTSI2SD
	CVTTSS2SI
	CVTTSD2SI
	CVTSS2SI
	CVTSD2SI
	ANDPS
	ANDNPS
	ORPS
	XORPS
	PXOR
	POR
	PAND
	PCMPEQB
	PMINUB
	PMOVMSKB
	PUNPCKLQDQ
	PSLLQ
	PSRLQ
	VFMADD132SS
	VFMADD132SD
	VFMADD213SS
	VFMADD213SD
	VFMSUB213SS
	VFMSUB213SD
	VFNMADD213SS
	VFNMADD213SD
	VFNMSUB213SS
	VFNMSUB213SD
	VFMADD231SS
	VFMADD231SD
	VFMSUB231SS
	VFMSUB231SD
	VFNMADD231SS
	VFNMADD231SD
	VFNMSUB231SS
	VFNMSUB231SD
	VCVTPH2PS
	VCVTPS2PH
	numOps
)

// table is the instruction set, as far as the translator uses it.
var table = [numOps]row{
	ADD:  {name: "add", class: gpr8, rm: 0x03, mr: 0x01, i8: 0x83, i32: 0x81, ext: 0},
	OR:   {name: "or", class: gpr8, rm: 0x0B, mr: 0x09, i8: 0x83, i32: 0x81, ext: 1},
	ADC:  {name: "adc", class: gpr8, rm: 0x13, mr: 0x11, i8: 0x83, i32: 0x81, ext: 2},
	SBB:  {name: "sbb", class: gpr8, rm: 0x1B, mr: 0x19, i8: 0x83, i32: 0x81, ext: 3},
	AND:  {name: "and", class: gpr8, rm: 0x23, mr: 0x21, i8: 0x83, i32: 0x81, ext: 4},
	SUB:  {name: "sub", class: gpr8, rm: 0x2B, mr: 0x29, i8: 0x83, i32: 0x81, ext: 5},
	XOR:  {name: "xor", class: gpr8, rm: 0x33, mr: 0x31, i8: 0x83, i32: 0x81, ext: 6},
	CMP:  {name: "cmp", class: gpr8, rm: 0x3B, mr: 0x39, i8: 0x83, i32: 0x81, ext: 7},
	TEST: {name: "test", class: gpr8, mr: 0x85, i32: 0xF7, ext: 0},

	MOV:     {name: "mov", class: gpr8, rm: 0x8B, mr: 0x89, i32: 0xC7, ext: 0},
	MOVZX8:  {name: "movzx", class: gpr, emap: m0F, rm: 0xB6, byteR: true},
	MOVZX16: {name: "movzx", class: gpr, emap: m0F, rm: 0xB7},
	MOVSX8:  {name: "movsx", class: gpr, emap: m0F, rm: 0xBE, byteR: true},
	MOVSX16: {name: "movsx", class: gpr, emap: m0F, rm: 0xBF},
	MOVSXD:  {name: "movsxd", class: gpr, rm: 0x63},
	LEA:     {name: "lea", class: gpr, rm: 0x8D},
	XCHG:    {name: "xchg", class: gpr8, mr: 0x87},

	IMUL:  {name: "imul", class: gpr, emap: m0F, rm: 0xAF},
	NOT:   {name: "not", class: gpr8, m: 0xF7, ext: 2},
	NEG:   {name: "neg", class: gpr8, m: 0xF7, ext: 3},
	MUL1:  {name: "mul", class: gpr8, m: 0xF7, ext: 4},
	IMUL1: {name: "imul", class: gpr8, m: 0xF7, ext: 5},
	DIV:   {name: "div", class: gpr8, m: 0xF7, ext: 6},
	IDIV:  {name: "idiv", class: gpr8, m: 0xF7, ext: 7},
	INC:   {name: "inc", class: gpr8, m: 0xFF, ext: 0},
	DEC:   {name: "dec", class: gpr8, m: 0xFF, ext: 1},

	// The form m shifts by CL.
	ROL: {name: "rol", class: gpr8, m: 0xD3, i8: 0xC1, ext: 0},
	ROR: {name: "ror", class: gpr8, m: 0xD3, i8: 0xC1, ext: 1},
	SHL: {name: "shl", class: gpr8, m: 0xD3, i8: 0xC1, ext: 4},
	SHR: {name: "shr", class: gpr8, m: 0xD3, i8: 0xC1, ext: 5},
	SAR: {name: "sar", class: gpr8, m: 0xD3, i8: 0xC1, ext: 7},

	BT:     {name: "bt", class: gpr, emap: m0F, mr: 0xA3, i8: 0xBA, ext: 4},
	BTS:    {name: "bts", class: gpr, emap: m0F, mr: 0xAB, i8: 0xBA, ext: 5},
	BTR:    {name: "btr", class: gpr, emap: m0F, mr: 0xB3, i8: 0xBA, ext: 6},
	BTC:    {name: "btc", class: gpr, emap: m0F, mr: 0xBB, i8: 0xBA, ext: 7},
	BSF:    {name: "bsf", class: gpr, emap: m0F, rm: 0xBC},
	BSR:    {name: "bsr", class: gpr, emap: m0F, rm: 0xBD},
	POPCNT: {name: "popcnt", class: gpr, pfx: 0xF3, emap: m0F, rm: 0xB8},
	LZCNT:  {name: "lzcnt", class: gpr, pfx: 0xF3, emap: m0F, rm: 0xBD},
	TZCNT:  {name: "tzcnt", class: gpr, pfx: 0xF3, emap: m0F, rm: 0xBC},

	XADD:       {name: "xadd", class: gpr8, emap: m0F, mr: 0xC1},
	CMPXCHG:    {name: "cmpxchg", class: gpr8, emap: m0F, mr: 0xB1},
	CMPXCHG16B: {name: "cmpxchg16b", class: gpr, emap: m0F, m: 0xC7, ext: 1},

	// BMI1 and BMI2. The shifts take the count from the register in VEX.vvvv.
	ANDN: {name: "andn", class: gpr, emap: m0F38, rm: 0xF2, vex: true},
	SHLX: {name: "shlx", class: gpr, pfx: 0x66, emap: m0F38, rm: 0xF7, vex: true},
	SHRX: {name: "shrx", class: gpr, pfx: 0xF2, emap: m0F38, rm: 0xF7, vex: true},
	SARX: {name: "sarx", class: gpr, pfx: 0xF3, emap: m0F38, rm: 0xF7, vex: true},
	MULX: {name: "mulx", class: gpr, pfx: 0xF2, emap: m0F38, rm: 0xF6, vex: true}, // high, low = RDX * the last
	RORX: {name: "rorx", class: gpr, pfx: 0xF2, emap: m0F3A, rm: 0xF0, vex: true, one: true, imm: true},

	LDMXCSR: {name: "ldmxcsr", class: xmm, emap: m0F, m: 0xAE, ext: 2},
	STMXCSR: {name: "stmxcsr", class: xmm, emap: m0F, m: 0xAE, ext: 3},

	MOVSS:  {name: "movss", class: xmm, pfx: 0xF3, emap: m0F, rm: 0x10, mr: 0x11},
	MOVSD:  {name: "movsd", class: xmm, pfx: 0xF2, emap: m0F, rm: 0x10, mr: 0x11},
	MOVAPS: {name: "movaps", class: xmm, emap: m0F, rm: 0x28, mr: 0x29},
	MOVUPS: {name: "movups", class: xmm, emap: m0F, rm: 0x10, mr: 0x11},
	MOVQ:   {name: "movq", class: xmm, pfx: 0xF3, emap: m0F, rm: 0x7E}, // clears the upper half
	MOVXG:  {name: "mov", class: xGPR, pfx: 0x66, emap: m0F, rm: 0x6E}, // movd, movq
	MOVGX:  {name: "mov", class: gprX, pfx: 0x66, emap: m0F, mr: 0x7E},

	ADDSS:    {name: "addss", class: xmm, pfx: 0xF3, emap: m0F, rm: 0x58, avx: true},
	ADDSD:    {name: "addsd", class: xmm, pfx: 0xF2, emap: m0F, rm: 0x58, avx: true},
	MULSS:    {name: "mulss", class: xmm, pfx: 0xF3, emap: m0F, rm: 0x59, avx: true},
	MULSD:    {name: "mulsd", class: xmm, pfx: 0xF2, emap: m0F, rm: 0x59, avx: true},
	SUBSS:    {name: "subss", class: xmm, pfx: 0xF3, emap: m0F, rm: 0x5C, avx: true},
	SUBSD:    {name: "subsd", class: xmm, pfx: 0xF2, emap: m0F, rm: 0x5C, avx: true},
	MINSS:    {name: "minss", class: xmm, pfx: 0xF3, emap: m0F, rm: 0x5D, avx: true},
	MINSD:    {name: "minsd", class: xmm, pfx: 0xF2, emap: m0F, rm: 0x5D, avx: true},
	DIVSS:    {name: "divss", class: xmm, pfx: 0xF3, emap: m0F, rm: 0x5E, avx: true},
	DIVSD:    {name: "divsd", class: xmm, pfx: 0xF2, emap: m0F, rm: 0x5E, avx: true},
	MAXSS:    {name: "maxss", class: xmm, pfx: 0xF3, emap: m0F, rm: 0x5F, avx: true},
	MAXSD:    {name: "maxsd", class: xmm, pfx: 0xF2, emap: m0F, rm: 0x5F, avx: true},
	SQRTSS:   {name: "sqrtss", class: xmm, pfx: 0xF3, emap: m0F, rm: 0x51, avx: true},
	SQRTSD:   {name: "sqrtsd", class: xmm, pfx: 0xF2, emap: m0F, rm: 0x51, avx: true},
	UCOMISS:  {name: "ucomiss", class: xmm, emap: m0F, rm: 0x2E},
	UCOMISD:  {name: "ucomisd", class: xmm, pfx: 0x66, emap: m0F, rm: 0x2E},
	COMISS:   {name: "comiss", class: xmm, emap: m0F, rm: 0x2F},
	COMISD:   {name: "comisd", class: xmm, pfx: 0x66, emap: m0F, rm: 0x2F},
	CMPSS:    {name: "cmpss", class: xmm, pfx: 0xF3, emap: m0F, rm: 0xC2, imm: true, avx: true},
	CMPSD:    {name: "cmpsd", class: xmm, pfx: 0xF2, emap: m0F, rm: 0xC2, imm: true, avx: true},
	ROUNDSS:  {name: "roundss", class: xmm, pfx: 0x66, emap: m0F3A, rm: 0x0A, imm: true, avx: true},
	ROUNDSD:  {name: "roundsd", class: xmm, pfx: 0x66, emap: m0F3A, rm: 0x0B, imm: true, avx: true},
	CVTSS2SD: {name: "cvtss2sd", class: xmm, pfx: 0xF3, emap: m0F, rm: 0x5A, avx: true},
	CVTSD2SS: {name: "cvtsd2ss", class: xmm, pfx: 0xF2, emap: m0F, rm: 0x5A, avx: true},
	// The sources of these have the width of the instruction: 32 or 64 bits.
	CVTSI2SS:  {name: "cvtsi2ss", class: xGPR, pfx: 0xF3, emap: m0F, rm: 0x2A},
	CVTSI2SD:  {name: "cvtsi2sd", class: xGPR, pfx: 0xF2, emap: m0F, rm: 0x2A},
	CVTTSS2SI: {name: "cvttss2si", class: gprX, pfx: 0xF3, emap: m0F, rm: 0x2C},
	CVTTSD2SI: {name: "cvttsd2si", class: gprX, pfx: 0xF2, emap: m0F, rm: 0x2C},
	CVTSS2SI:  {name: "cvtss2si", class: gprX, pfx: 0xF3, emap: m0F, rm: 0x2D},
	CVTSD2SI:  {name: "cvtsd2si", class: gprX, pfx: 0xF2, emap: m0F, rm: 0x2D},
	ANDPS:     {name: "andps", class: xmm, emap: m0F, rm: 0x54, avx: true},
	ANDNPS:    {name: "andnps", class: xmm, emap: m0F, rm: 0x55, avx: true},
	ORPS:      {name: "orps", class: xmm, emap: m0F, rm: 0x56, avx: true},
	XORPS:     {name: "xorps", class: xmm, emap: m0F, rm: 0x57, avx: true},
	PXOR:      {name: "pxor", class: xmm, pfx: 0x66, emap: m0F, rm: 0xEF, avx: true},
	POR:       {name: "por", class: xmm, pfx: 0x66, emap: m0F, rm: 0xEB, avx: true},
	PAND:      {name: "pand", class: xmm, pfx: 0x66, emap: m0F, rm: 0xDB, avx: true},
	PCMPEQB:   {name: "pcmpeqb", class: xmm, pfx: 0x66, emap: m0F, rm: 0x74, avx: true},
	PMINUB:    {name: "pminub", class: xmm, pfx: 0x66, emap: m0F, rm: 0xDA, avx: true},

	PMOVMSKB:   {name: "pmovmskb", class: gprX, pfx: 0x66, emap: m0F, rm: 0xD7, noMem: true},
	PUNPCKLQDQ: {name: "punpcklqdq", class: xmm, pfx: 0x66, emap: m0F, rm: 0x6C, avx: true},

	PSLLQ: {name: "psllq", class: xmm, pfx: 0x66, emap: m0F, i8: 0x73, ext: 6},
	PSRLQ: {name: "psrlq", class: xmm, pfx: 0x66, emap: m0F, i8: 0x73, ext: 2},

	// FMA. Of 132, 213 and 231 the digits are the operands: first times second plus
	// third. Double precision is W=1.
	VFMADD132SS:  {name: "vfmadd132ss", class: xmm, pfx: 0x66, emap: m0F38, rm: 0x99, vex: true},
	VFMADD132SD:  {name: "vfmadd132sd", class: xmm, pfx: 0x66, emap: m0F38, rm: 0x99, vex: true, w1: true},
	VFMADD213SS:  {name: "vfmadd213ss", class: xmm, pfx: 0x66, emap: m0F38, rm: 0xA9, vex: true},
	VFMADD213SD:  {name: "vfmadd213sd", class: xmm, pfx: 0x66, emap: m0F38, rm: 0xA9, vex: true, w1: true},
	VFMSUB213SS:  {name: "vfmsub213ss", class: xmm, pfx: 0x66, emap: m0F38, rm: 0xAB, vex: true},
	VFMSUB213SD:  {name: "vfmsub213sd", class: xmm, pfx: 0x66, emap: m0F38, rm: 0xAB, vex: true, w1: true},
	VFNMADD213SS: {name: "vfnmadd213ss", class: xmm, pfx: 0x66, emap: m0F38, rm: 0xAD, vex: true},
	VFNMADD213SD: {name: "vfnmadd213sd", class: xmm, pfx: 0x66, emap: m0F38, rm: 0xAD, vex: true, w1: true},
	VFNMSUB213SS: {name: "vfnmsub213ss", class: xmm, pfx: 0x66, emap: m0F38, rm: 0xAF, vex: true},
	VFNMSUB213SD: {name: "vfnmsub213sd", class: xmm, pfx: 0x66, emap: m0F38, rm: 0xAF, vex: true, w1: true},
	VFMADD231SS:  {name: "vfmadd231ss", class: xmm, pfx: 0x66, emap: m0F38, rm: 0xB9, vex: true},
	VFMADD231SD:  {name: "vfmadd231sd", class: xmm, pfx: 0x66, emap: m0F38, rm: 0xB9, vex: true, w1: true},
	VFMSUB231SS:  {name: "vfmsub231ss", class: xmm, pfx: 0x66, emap: m0F38, rm: 0xBB, vex: true},
	VFMSUB231SD:  {name: "vfmsub231sd", class: xmm, pfx: 0x66, emap: m0F38, rm: 0xBB, vex: true, w1: true},
	VFNMADD231SS: {name: "vfnmadd231ss", class: xmm, pfx: 0x66, emap: m0F38, rm: 0xBD, vex: true},
	VFNMADD231SD: {name: "vfnmadd231sd", class: xmm, pfx: 0x66, emap: m0F38, rm: 0xBD, vex: true, w1: true},
	VFNMSUB231SS: {name: "vfnmsub231ss", class: xmm, pfx: 0x66, emap: m0F38, rm: 0xBF, vex: true},
	VFNMSUB231SD: {name: "vfnmsub231sd", class: xmm, pfx: 0x66, emap: m0F38, rm: 0xBF, vex: true, w1: true},
	// F16C.
	VCVTPH2PS: {name: "vcvtph2ps", class: xmm, pfx: 0x66, emap: m0F38, rm: 0x13, vex: true, one: true},
	VCVTPS2PH: {name: "vcvtps2ph", class: xmm, pfx: 0x66, emap: m0F3A, mr: 0x1D, vex: true, one: true, imm: true},
}

// String is the mnemonic.
func (o Op) String() string { return table[o].name }

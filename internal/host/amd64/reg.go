// Package amd64 encodes x86-64 machine code.
//
// An [Op] is an instruction; one row of the table says how it is encoded with each
// kind of operands. A method of [Assembler] is a kind of operands: RR for two
// registers, RM for a register and memory, RI for a register and an immediate, and
// so on. An operation that lacks the kind asked for is a bug of the caller, and
// panics: nothing that a guest does chooses operands freely.
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
package amd64

// Reg is a general-purpose or an XMM register.
type Reg uint8

const (
	RAX Reg = iota
	RCX
	RDX
	RBX
	RSP
	RBP
	RSI
	RDI
	R8
	R9
	R10
	R11
	R12
	R13
	R14
	R15
	X0
	X1
	X2
	X3
	X4
	X5
	X6
	X7
	X8
	X9
	X10
	X11
	X12
	X13
	X14
	X15
	// NoReg is the base or index of an address that has none.
	NoReg
)

var regNames = [...]string{
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
	"xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "none",
}

// String is the register's name, in 64 bits or as an XMM register.
func (r Reg) String() string { return regNames[r] }

// IsX reports whether r is an XMM register.
func (r Reg) IsX() bool { return r >= X0 && r <= X15 }

// low is what goes into three bits of the encoding, high the fourth bit.
func (r Reg) low() byte  { return byte(r) & 7 }
func (r Reg) high() byte { return byte(r) >> 3 & 1 }

// Width is the size of an operation's operands in bytes. Operations on XMM
// registers have it only where a general-purpose register takes part.
type Width uint8

const (
	W8  Width = 1
	W16 Width = 2
	W32 Width = 4
	W64 Width = 8
)

// Mem is a memory operand: Base + Index*Scale + Disp.
type Mem struct {
	Base, Index Reg   // NoReg if absent; RSP cannot be the index
	Scale       uint8 // 1, 2, 4 or 8, with an index
	Disp        int32
}

// At is memory at base + disp.
func At(base Reg, disp int32) Mem { return Mem{Base: base, Index: NoReg, Disp: disp} }

// AtIndex is memory at base + index*scale + disp.
func AtIndex(base, index Reg, scale uint8, disp int32) Mem {
	return Mem{Base: base, Index: index, Scale: scale, Disp: disp}
}

// Cond is a condition of the flags, as Jcc, SETcc and CMOVcc encode it.
type Cond uint8

const (
	O  Cond = iota // overflow
	NO             // no overflow
	B              // below, carry
	AE             // above or equal, no carry
	E              // equal
	NE             // not equal
	BE             // below or equal
	A              // above
	S              // sign
	NS             // no sign
	P              // parity, unordered
	NP             // no parity
	L              // less
	GE             // greater or equal
	LE             // less or equal
	G              // greater
)

// Not is the opposite condition.
func (c Cond) Not() Cond { return c ^ 1 }

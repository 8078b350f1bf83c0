package seccomp

// Data is struct seccomp_data: what a filter looks at.
type Data struct {
	Nr                 int32
	Arch               uint32 // AUDIT_ARCH_...
	InstructionPointer uint64
	Args               [6]uint64
}

// DataSize is the size of Data in memory, in bytes.
const DataSize = 64

// words is Data as a filter reads it: 32 bits at a time, of a little-endian machine.
type words [DataSize / 4]uint32

func (d *Data) words() (w words) {
	w[0], w[1] = uint32(d.Nr), d.Arch
	put := func(i int, v uint64) { w[i], w[i+1] = uint32(v), uint32(v>>32) }
	put(2, d.InstructionPointer)
	for i, v := range d.Args {
		put(4+2*i, v)
	}
	return w
}

// machine is the state of an evaluation.
type machine struct {
	a, x uint32
	mem  [memWords]uint32
}

// run evaluates a program that Check has passed.
func run(program []Instruction, data *words) uint32 {
	var m machine
	for pc := 0; ; pc++ {
		in := &program[pc]
		switch forms[in.Code] {
		case formReturn:
			if in.Code&retA != 0 {
				return m.a
			}
			return in.K
		case formJump:
			pc += int(in.K)
		case formBranch:
			if m.branch(in) {
				pc += int(in.JT)
			} else {
				pc += int(in.JF)
			}
		case formLoad:
			m.a = data[in.K/4]
		default:
			if !m.step(in) {
				return 0 // a division by X = 0 ends the program
			}
		}
	}
}

// operand is the second operand of an operation or comparison.
func (m *machine) operand(in *Instruction) uint32 {
	if in.Code&srcX != 0 {
		return m.x
	}
	return in.K
}

func (m *machine) branch(in *Instruction) bool {
	v := m.operand(in)
	switch in.Code & 0xf0 {
	case opJEQ:
		return m.a == v
	case opJGT:
		return m.a > v
	case opJGE:
		return m.a >= v
	default: // opJSET
		return m.a&v != 0
	}
}

// step executes an instruction that does not jump. It reports false for a division by 0.
func (m *machine) step(in *Instruction) bool {
	switch in.Code {
	case classLD | modeIMM:
		m.a = in.K
	case classLDX | modeIMM:
		m.x = in.K
	case classLD | modeMEM:
		m.a = m.mem[in.K]
	case classLDX | modeMEM:
		m.x = m.mem[in.K]
	case classLD | modeLEN:
		m.a = DataSize
	case classLDX | modeLEN:
		m.x = DataSize
	case classST:
		m.mem[in.K] = m.a
	case classSTX:
		m.mem[in.K] = m.x
	case classMISC | miscTAX:
		m.x = m.a
	case classMISC | miscTXA:
		m.a = m.x
	default:
		return m.compute(in)
	}
	return true
}

func (m *machine) compute(in *Instruction) bool {
	v := m.operand(in)
	switch in.Code & 0xf0 {
	case opADD:
		m.a += v
	case opSUB:
		m.a -= v
	case opMUL:
		m.a *= v
	case opDIV:
		if v == 0 {
			return false
		}
		m.a /= v
	case opOR:
		m.a |= v
	case opAND:
		m.a &= v
	case opXOR:
		m.a ^= v
	case opLSH:
		m.a <<= v & 31
	case opRSH:
		m.a >>= v & 31
	case opNEG:
		m.a = -m.a
	}
	return true
}

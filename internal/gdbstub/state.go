package gdbstub

import (
	"encoding/hex"
	"strings"

	"github.com/hospes-vm/hospes/internal/guest"
)

// sets reads the sets of registers of a thread as they are needed.
type sets struct {
	s   *server
	id  ID
	got map[uint32][]byte
}

func (s *server) sets() *sets { return &sets{s: s, id: s.general, got: map[uint32][]byte{}} }

func (r *sets) of(note uint32) []byte {
	if note == 0 {
		return nil
	}
	b, has := r.got[note]
	if !has {
		b = r.s.t.Regset(r.id, note)
		r.got[note] = b
	}
	return b
}

// text is a register's value, x's if it cannot be had.
func (r *sets) text(reg *guest.Register) string {
	set := r.of(reg.Note)
	if reg.Note != 0 && len(set) == 0 {
		return strings.Repeat("xx", reg.Size)
	}
	return hex.EncodeToString(reg.Get(set))
}

// put changes a register in its set, from the beginning of a text, of which it returns the rest.
func (r *sets) put(reg *guest.Register, text string) (rest string, ok bool) {
	if len(text) < 2*reg.Size {
		return "", false
	}
	value, err := hex.DecodeString(text[:2*reg.Size])
	if err == nil {
		reg.Put(r.of(reg.Note), value)
	}
	return text[2*reg.Size:], err == nil || text[0] == 'x'
}

// store makes the sets the thread's registers.
func (r *sets) store() string {
	for note, set := range r.got {
		if !r.s.t.SetRegset(r.id, note, set) {
			return failure
		}
	}
	return ok
}

func (s *server) readRegisters(string) string {
	var b strings.Builder
	r := s.sets()
	for i := range s.registers {
		b.WriteString(r.text(&s.registers[i]))
	}
	return b.String()
}

func (s *server) writeRegisters(rest string) string {
	r, valid := s.sets(), true
	for i := range s.registers {
		if rest == "" {
			break
		}
		if rest, valid = r.put(&s.registers[i], rest); !valid {
			return badRequest
		}
	}
	return r.store()
}

func (s *server) readRegister(rest string) string {
	n, valid := number(rest)
	if !valid || n >= uint64(len(s.registers)) {
		return badRequest
	}
	return s.sets().text(&s.registers[n])
}

func (s *server) writeRegister(rest string) string {
	name, value, _ := strings.Cut(rest, "=")
	n, valid := number(name)
	if !valid || n >= uint64(len(s.registers)) {
		return badRequest
	}
	r := s.sets()
	if _, valid = r.put(&s.registers[n], value); !valid {
		return badRequest
	}
	return r.store()
}

// memory reads what m and x ask for.
func (s *server) memory(rest string) ([]byte, string) {
	a, valid := numbers(rest, 2)
	if !valid {
		return nil, badRequest
	}
	b := make([]byte, min(a[1], maxPacket/2))
	n := s.t.ReadMem(s.general.PID, b, a[0])
	if n == 0 && len(b) > 0 {
		return nil, noMemory
	}
	return b[:n], ok
}

func (s *server) readMemory(rest string) string {
	b, reply := s.memory(rest)
	if reply != ok {
		return reply
	}
	return hex.EncodeToString(b)
}

func (s *server) readBinary(rest string) string {
	b, reply := s.memory(rest)
	if reply != ok {
		return reply
	}
	return "b" + escape(b)
}

// store writes what M and X bring: addr,length:data.
func (s *server) store(rest string, decode func(string) ([]byte, error)) string {
	where, text, _ := strings.Cut(rest, ":")
	a, valid := numbers(where, 2)
	data, err := decode(text)
	if !valid || err != nil || uint64(len(data)) != a[1] {
		return badRequest
	}
	if s.t.WriteMem(s.general.PID, a[0], data) != len(data) {
		return noMemory
	}
	return ok
}

func (s *server) writeMemory(rest string) string { return s.store(rest, hex.DecodeString) }

func (s *server) writeBinary(rest string) string {
	return s.store(rest, func(text string) ([]byte, error) { return unescape(text), nil })
}

// point is Z or z: type,addr,kind, and conditions that GDB evaluates itself.
func (s *server) point(rest string, do func(pid int, p Point) bool) string {
	rest, _, _ = strings.Cut(rest, ";")
	a, valid := numbers(rest, 3)
	if !valid {
		return badRequest
	}
	p := Point{Addr: a[1], Len: a[2]}
	switch a[0] {
	case 0, 1: // what is executed needs no length
		p.Len = 0
	case 2:
		p.Write = true
	case 3:
		p.Read = true
	case 4:
		p.Read, p.Write = true, true
	default:
		return unsupported
	}
	if !do(s.general.PID, p) {
		return failure
	}
	return ok
}

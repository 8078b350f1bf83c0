package guest

import "encoding/binary"

// Feature is a group of registers with the name that GDB knows it by ("Standard Target
// Features" of its manual).
type Feature struct {
	Name      string
	Types     string // XML elements of types that the registers refer to
	Registers []Register
}

// Register is one register as debuggers know it, and where sets of registers have it.
type Register struct {
	Name, Type string // of the target description
	Note       uint32 // the set: NT_PRSTATUS or NT_PRFPREG; 0 for a register that is always 0
	Offset     int    // in the set, in bytes
	Size       int    // in bytes, 4 or 8

	ThreadPointer bool // the executable's thread-local storage begins where it points (local exec model of the psABI)

	// Of a part of what is there: the lowest bit, and how many; Width is 0 for all of it.
	Shift, Width int
}

// Get is the register's value in its set.
func (r *Register) Get(set []byte) []byte {
	b := make([]byte, r.Size)
	if r.Note != 0 && len(set) >= r.Offset+r.Size {
		copy(b, set[r.Offset:])
	}
	if r.Width != 0 {
		binary.LittleEndian.PutUint32(b, binary.LittleEndian.Uint32(b)>>r.Shift&(1<<r.Width-1))
	}
	return b
}

// Put changes the register's value in its set.
func (r *Register) Put(set, value []byte) {
	if r.Note == 0 || len(set) < r.Offset+r.Size || len(value) < r.Size {
		return
	}
	at := set[r.Offset : r.Offset+r.Size]
	if r.Width == 0 {
		copy(at, value)
		return
	}
	le, mask := binary.LittleEndian, uint32(1<<r.Width-1)<<r.Shift
	le.PutUint32(at, le.Uint32(at)&^mask|le.Uint32(value)<<r.Shift&mask)
}

package unwind

import "encoding/binary"

// reader reads the data of a section. Behind its end everything is 0, and bad set.
type reader struct {
	b     []byte
	order binary.ByteOrder
	off   int
	bad   bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || r.off+n > len(r.b) {
		r.bad, r.off = true, len(r.b)
		return make([]byte, max(min(n, 16), 0))
	}
	r.off += n
	return r.b[r.off-n : r.off]
}

func (r *reader) u8() uint8   { return r.take(1)[0] }
func (r *reader) u16() uint16 { return r.order.Uint16(r.take(2)) }
func (r *reader) u32() uint32 { return r.order.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return r.order.Uint64(r.take(8)) }

func (r *reader) uleb() (v uint64) {
	for shift := uint(0); ; shift += 7 {
		b := r.u8()
		if shift < 64 {
			v |= uint64(b&0x7f) << shift
		}
		if b&0x80 == 0 || r.bad {
			return v
		}
	}
}

func (r *reader) sleb() (v int64) {
	for shift := uint(0); ; {
		b := r.u8()
		if shift < 64 {
			v |= int64(b&0x7f) << shift
		}
		shift += 7
		if b&0x80 == 0 || r.bad {
			if b&0x40 != 0 && shift < 64 {
				v |= -1 << shift
			}
			return v
		}
	}
}

func (r *reader) cstring() string {
	start := r.off
	for r.u8() != 0 && !r.bad {
	}
	return string(r.b[start:max(r.off-1, start)])
}

// Encodings of pointers (Linux Standard Base, DWARF exception header encoding).
const (
	peOmit     = 0xff
	peFormat   = 0x0f
	peUleb     = 0x01
	peU2       = 0x02
	peU4       = 0x03
	peU8       = 0x04
	peSleb     = 0x09
	peS2       = 0x0a
	peS4       = 0x0b
	peS8       = 0x0c
	peRelative = 0x70
	pePCRel    = 0x10
	peAligned  = 0x50
)

// pointer reads a pointer of an encoding; the section lies at base.
func (r *reader) pointer(enc uint8, base uint64) (v uint64) {
	at := base + uint64(r.off)
	switch enc & peFormat {
	case 0, peU8, peS8:
		v = r.u64()
	case peUleb:
		v = r.uleb()
	case peSleb:
		v = uint64(r.sleb())
	case peU2:
		v = uint64(r.u16())
	case peS2:
		v = uint64(int16(r.u16()))
	case peU4:
		v = uint64(r.u32())
	case peS4:
		v = uint64(int32(r.u32()))
	default:
		r.bad = true
	}
	switch enc & peRelative {
	case 0, peAligned:
	case pePCRel:
		v += at
	default: // relative to text, data or function: GCC and LLVM use them for none of what is read here
		r.bad = true
	}
	return v
}

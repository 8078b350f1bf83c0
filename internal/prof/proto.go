//go:build linux && amd64

package prof

// Protocol buffers (protobuf.dev, encoding), as far as profile.proto needs them.

// message is an encoded message.
type message []byte

func (m *message) varint(v uint64) {
	for ; v >= 0x80; v >>= 7 {
		*m = append(*m, byte(v)|0x80)
	}
	*m = append(*m, byte(v))
}

// number adds a field of a number; 0 is what it is without.
func (m *message) number(field int, v uint64) {
	if v != 0 {
		m.varint(uint64(field) << 3)
		m.varint(v)
	}
}

// bytes adds a field of a string or a message.
func (m *message) bytes(field int, b []byte) {
	m.varint(uint64(field)<<3 | 2)
	m.varint(uint64(len(b)))
	*m = append(*m, b...)
}

// packed adds a field of many numbers.
func (m *message) packed(field int, list []uint64) {
	var b message
	for _, v := range list {
		b.varint(v)
	}
	m.bytes(field, b)
}

// encoder writes a profile: message Profile of profile.proto.
type encoder struct {
	out     message
	strings map[string]uint64
	table   []string
}

func newEncoder() *encoder { return &encoder{strings: map[string]uint64{"": 0}, table: []string{""}} }

// text is the number of a string.
func (e *encoder) text(s string) uint64 {
	n, ok := e.strings[s]
	if !ok {
		n = uint64(len(e.table))
		e.table = append(e.table, s)
		e.strings[s] = n
	}
	return n
}

// valueType adds a message ValueType.
func (e *encoder) valueType(field int, kind, unit string) {
	var m message
	m.number(1, e.text(kind))
	m.number(2, e.text(unit))
	e.out.bytes(field, m)
}

// label adds a Label to a Sample.
func (e *encoder) label(m *message, key, value string, number uint64) {
	var l message
	l.number(1, e.text(key))
	l.number(2, e.text(value))
	l.number(3, number)
	m.bytes(3, l)
}

// finish adds the strings, and returns the message.
func (e *encoder) finish() []byte {
	for _, s := range e.table {
		e.out.bytes(6, []byte(s))
	}
	return e.out
}

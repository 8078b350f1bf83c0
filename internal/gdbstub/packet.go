package gdbstub

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
)

// maxPacket is how long a packet may be, in bytes. What is transferred at once is as
// hexadecimal digits half of that.
const maxPacket = 1 << 17

// interrupt is the byte by which GDB stops a program that runs.
const interrupt = "\x03"

// wire reads and writes packets: $data#checksum.
type wire struct {
	r     *bufio.Reader
	w     io.Writer
	noAck atomic.Bool
	last  []byte // as it was sent, for another time
}

func newWire(conn io.ReadWriter) *wire {
	return &wire{r: bufio.NewReaderSize(conn, maxPacket), w: conn}
}

var errTooLong = errors.New("packet too long")

// read returns the next packet's data, or interrupt. It acknowledges packets, and repeats
// one of its own if it is asked to.
func (c *wire) read() (string, error) {
	for {
		switch b, err := c.r.ReadByte(); {
		case err != nil:
			return "", err
		case b == interrupt[0]:
			return interrupt, nil
		case b == '-' && !c.noAck.Load():
			if _, err := c.w.Write(c.last); err != nil {
				return "", err
			}
		case b == '$':
			data, ok, err := c.body()
			if err != nil {
				return "", err
			}
			if !c.noAck.Load() {
				ack := "+"
				if !ok {
					ack = "-"
				}
				if _, err := io.WriteString(c.w, ack); err != nil {
					return "", err
				}
			}
			if ok {
				return data, nil
			}
		}
	}
}

// body reads a packet's data and checksum, and reports whether that is right.
func (c *wire) body() (data string, ok bool, err error) {
	var b []byte
	var sum byte
	for {
		x, err := c.r.ReadByte()
		switch {
		case err != nil:
			return "", false, err
		case x == '#':
			var digits [2]byte
			if _, err := io.ReadFull(c.r, digits[:]); err != nil {
				return "", false, err
			}
			want, err := strconv.ParseUint(string(digits[:]), 16, 8)
			return string(b), c.noAck.Load() || err == nil && byte(want) == sum, nil
		case x == '$':
			b, sum = b[:0], 0 // the packet before has been cut short
			continue
		case len(b) >= 2*maxPacket:
			return "", false, errTooLong
		}
		b = append(b, x)
		sum += x
	}
}

// write sends a packet. Its data is escaped already.
func (c *wire) write(data string) error {
	var sum byte
	for i := range len(data) {
		sum += data[i]
	}
	c.last = append(append(append(c.last[:0], '$'), data...), '#')
	c.last = hex.AppendEncode(c.last, []byte{sum})
	_, err := c.w.Write(c.last)
	return err
}

// escape makes binary data that may stand in a packet.
func escape(b []byte) string {
	var s strings.Builder
	for _, x := range b {
		switch x {
		case '$', '#', '}', '*':
			s.WriteByte('}')
			x ^= 0x20
		}
		s.WriteByte(x)
	}
	return s.String()
}

// unescape is the inverse.
func unescape(s string) []byte {
	var b bytes.Buffer
	for i := 0; i < len(s); i++ {
		x := s[i]
		if x == '}' && i+1 < len(s) {
			i++
			x = s[i] ^ 0x20
		}
		b.WriteByte(x)
	}
	return b.Bytes()
}

// number reads a hexadecimal number.
func number(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 16, 64)
	return n, err == nil
}

// numbers reads n hexadecimal numbers between commas.
func numbers(s string, n int) ([]uint64, bool) {
	parts := strings.Split(s, ",")
	if len(parts) != n {
		return nil, false
	}
	list := make([]uint64, n)
	for i, p := range parts {
		var ok bool
		if list[i], ok = number(p); !ok {
			return nil, false
		}
	}
	return list, true
}

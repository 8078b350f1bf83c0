//go:build linux && amd64

package strace

import (
	"fmt"
	"strconv"
	"syscall"

	"github.com/hospes-vm/hospes/internal/linux"
	"github.com/hospes-vm/hospes/internal/linux/abi"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Limits of what is printed, strace's own.
const (
	maxString = 32   // characters of a buffer, elements of an array
	maxPath   = 4095 // characters of a path
)

// printer prints one call of a thread.
type printer struct {
	tid  int
	mem  *mem.Space
	buf  []byte // printed, but not yet written
	call *linux.Call

	column     int  // characters written of this line
	next       int  // the first argument that has not been printed in full
	begun      bool // a part of it has
	leaving    bool // the call has been carried out, with result ret
	ret        int64
	size       uint64 // what a size that the call updates was before
	labelledAt int    // the argument that the last label stands before
}

func (p *printer) str(s string) { p.buf = append(p.buf, s...) }

func (p *printer) printf(format string, args ...any) { p.buf = fmt.Appendf(p.buf, format, args...) }

func (p *printer) int(v int64) { p.buf = strconv.AppendInt(p.buf, v, 10) }

func (p *printer) uint(v uint64) { p.buf = strconv.AppendUint(p.buf, v, 10) }

// hex prints a number in hexadecimal, but 0 as it is.
func (p *printer) hex(v uint64) {
	if v != 0 {
		p.str("0x")
	}
	p.buf = strconv.AppendUint(p.buf, v, 16)
}

// octal prints with a leading 0, at least three digits.
func (p *printer) octal(v uint64) { p.printf("%#03o", v) }

// addr prints an address.
func (p *printer) addr(v uint64) {
	if v == 0 {
		p.str("NULL")
		return
	}
	p.hex(v)
}

// failed reports whether the call has been carried out without success.
func (p *printer) failed() bool { return p.leaving && p.ret < 0 && p.ret >= -4095 }

// arg is argument i of the call.
func (p *printer) arg(i int) uint64 { return p.call.Args[i] }

// spec is the specification of the call's arguments.
func (p *printer) spec() []abi.Arg { return abi.Parse(p.call.Row.Args) }

// maxObject bounds what is read of the guest's memory at once, in bytes: sizes are
// the guest's, and may be anything.
const maxObject = 16 << 20

// read fetches n bytes of guest memory; nil if that is not possible.
func (p *printer) read(addr, n uint64) []byte {
	if n > maxObject {
		return nil
	}
	b := make([]byte, n)
	if addr == 0 || p.mem.CopyIn(b, addr) != nil {
		return nil
	}
	return b
}

// path prints the path name at addr in full.
func (p *printer) path(addr uint64) { p.cstring(addr, maxPath) }

// cstring prints at most limit characters of the string at addr.
func (p *printer) cstring(addr uint64, limit int) {
	s, err := p.mem.ReadString(addr, limit+1)
	switch err {
	case nil:
		p.quote([]byte(s), false)
	case syscall.ENAMETOOLONG:
		b := p.read(addr, uint64(limit))
		p.quote(b, false)
		p.str("...")
	default:
		p.addr(addr)
	}
}

// bytes prints the n bytes at addr as a string; beyond a limit, three dots.
func (p *printer) bytes(addr, n uint64) { p.data(addr, n, false) }

func (p *printer) data(addr, n uint64, hex bool) {
	b := p.read(addr, min(n, maxString))
	if b == nil {
		p.addr(addr)
		return
	}
	p.quote(b, hex)
	if n > maxString {
		p.str("...")
	}
}

var escapes = map[byte]string{'"': `\"`, '\\': `\\`, '\t': `\t`, '\n': `\n`, '\v': `\v`, '\f': `\f`, '\r': `\r`}

// quote prints a string literal of C: what is not printable in octal with as few
// digits as are clear, or all of it in hexadecimal.
func (p *printer) quote(b []byte, hex bool) {
	p.str(`"`)
	for i, ch := range b {
		switch {
		case hex:
			p.printf(`\x%02x`, ch)
		case escapes[ch] != "":
			p.str(escapes[ch])
		case ch >= ' ' && ch < 0x7f:
			p.buf = append(p.buf, ch)
		case i+1 < len(b) && b[i+1] >= '0' && b[i+1] <= '9':
			p.printf(`\%03o`, ch)
		default:
			p.printf(`\%o`, ch)
		}
	}
	p.str(`"`)
}

// list prints n elements in brackets, no more than the limit.
func (p *printer) list(n uint64, element func(i uint64)) {
	p.str("[")
	for i := range n {
		if i > 0 {
			p.str(", ")
		}
		if i == maxString {
			p.str("...")
			break
		}
		element(i)
	}
	p.str("]")
}

// flags prints the bits of v by their names in a set.
func (p *printer) flags(name string, v uint64) { p.str(lookupSet(name).flags(v)) }

// enum prints the name of v in a set.
func (p *printer) enum(name string, v uint64) { p.str(lookupSet(name).enum(v)) }

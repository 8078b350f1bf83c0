//go:build linux && amd64

package strace

import (
	"github.com/hospes-vm/hospes/internal/linux/abi"
)

// argPrinter prints argument i. It returns false if it has to be called again when
// the call has been carried out, which it learns from p.leaving.
type argPrinter func(p *printer, i int) bool

// args prints arguments from p.next on, as far as they are known.
func (p *printer) args() {
	spec := p.spec()
	for ; p.next < len(spec); p.next++ {
		if p.hidden(p.next) {
			continue
		}
		if p.next > 0 && !p.begun {
			p.str(", ")
		}
		p.begun = true
		if !p.argument(p.next, &spec[p.next]) {
			return
		}
		p.begun = false
	}
}

// argument prints one argument.
func (p *printer) argument(i int, a *abi.Arg) bool {
	if f := special[p.call.Row.Name+"."+a.Name]; f != nil {
		return f(p, i)
	}
	if a.IsMemory() {
		return p.memory(i, a)
	}
	if set := setOverrides[p.call.Row.Name+"."+a.Name]; set != "" {
		if a.Kind == "enum" {
			p.enum(set, p.arg(i))
		} else {
			p.flags(set, p.arg(i))
		}
		return true
	}
	p.scalar(a, p.arg(i))
	return true
}

// scalar prints an argument that is no pointer to memory of known type.
func (p *printer) scalar(a *abi.Arg, v uint64) {
	switch a.Kind {
	case "int", "fd", "pid":
		p.int(int64(int32(v)))
	case "uint":
		p.uint(uint64(uint32(v)))
	case "long", "off":
		p.int(int64(v))
	case "ulong", "size":
		p.uint(v)
	case "uid", "gid":
		p.id(v)
	case "dirfd":
		p.dirfd(v)
	case "sig":
		p.str(signalName(int(int32(v))))
	case "mode":
		p.octal(uint64(uint32(v)))
	case "dev":
		p.device(v)
	case "clock":
		p.enum("clock", uint64(uint32(v)))
	case "path":
		p.path(v)
	case "str":
		p.cstring(v, maxString)
	case "ptr":
		p.addr(v)
	case "flags":
		p.flags(a.Type, v)
	case "enum":
		p.enum(a.Type, v)
	default: // hex
		p.hex(v)
	}
}

// id prints a user or group ID, of which -1 means none.
func (p *printer) id(v uint64) {
	if uint32(v) == ^uint32(0) {
		p.str("-1")
		return
	}
	p.uint(uint64(uint32(v)))
}

const atFDCWD = -100

func (p *printer) dirfd(v uint64) {
	if int32(v) == atFDCWD {
		p.str("AT_FDCWD")
		return
	}
	p.int(int64(int32(v)))
}

// device prints a device number as the macro that makes it.
func (p *printer) device(v uint64) {
	major := v>>8&0xfff | v>>32&^0xfff
	minor := v&0xff | v>>12&^0xff&0xffffffff
	p.printf("makedev(%#x, %#x)", major, minor)
}

// late are types that a call both reads and writes, and of which the result matters.
var late = map[string]bool{"msghdr": true, "mmsghdr": true, "timex": true}

// memory prints what a pointer points to: before the call if the call reads it,
// else after it.
func (p *printer) memory(i int, a *abi.Arg) bool {
	addr := p.arg(i)
	if a.Kind == "out" || late[a.Type] {
		if !p.leaving {
			return false
		}
		if p.failed() {
			p.addr(addr)
			return true
		}
	}
	if addr == 0 {
		p.str("NULL")
		return true
	}
	n := p.count(i, a)
	switch {
	case a.Type == "bytes":
		p.bytes(addr, n)
	case a.Len >= 0 && a.Size > 1:
		size := uint64(a.Size)
		p.list(n, func(k uint64) { p.object(a.Type, addr+k*size, size) })
	default:
		p.object(a.Type, addr, n)
	}
	return true
}

// count is the number of elements that an argument has, or of bytes for types of
// variable size. Of what a call has filled in, its result tells how many there are.
func (p *printer) count(i int, a *abi.Arg) uint64 {
	if a.Len < 0 {
		return uint64(a.Size)
	}
	n := p.arg(a.Len)
	if k := p.spec()[a.Len].Kind; k == "int" || k == "uint" {
		n = uint64(uint32(n))
	}
	if a.Kind == "out" && p.leaving {
		n = min(n, uint64(p.ret))
	}
	return n
}

// object prints an object of a type that specifications name.
func (p *printer) object(typ string, addr, n uint64) {
	f := objects[typ]
	if f == nil {
		p.addr(addr)
		return
	}
	b := p.read(addr, n)
	if b == nil {
		p.addr(addr)
		return
	}
	f(p, b)
}

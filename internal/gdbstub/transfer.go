package gdbstub

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// transferred is the object of a qXfer that GDB reads piece by piece.
type transferred struct{ name, data string }

func (x *transferred) forget() { *x = transferred{} }

// objects are what qXfer reads, by name. An annex says more.
var objects = map[string]func(s *server, annex string) (string, bool){
	"features":       func(s *server, annex string) (string, bool) { return s.description(), annex == "target.xml" },
	"auxv":           func(s *server, _ string) (string, bool) { return string(s.t.Auxv(s.general.PID)), true },
	"threads":        func(s *server, _ string) (string, bool) { return s.threadList(), true },
	"libraries-svr4": func(s *server, _ string) (string, bool) { return s.libraries(), true },
	"siginfo": func(s *server, _ string) (string, bool) {
		info := s.t.Siginfo(s.general)
		return string(info), info != nil
	},
	"exec-file": func(s *server, annex string) (string, bool) {
		pid := s.general.PID
		if n, valid := number(annex); valid {
			pid = int(n)
		}
		return s.t.Exe(pid), true
	},
}

// transfer is object:read:annex:offset,length or object:write:annex:offset:data.
func (s *server) transfer(rest string) string {
	part := strings.SplitN(rest, ":", 4)
	if len(part) != 4 || objects[part[0]] == nil {
		return unsupported
	}
	if part[1] == "write" {
		return s.transferBack(part[0], part[3])
	}
	a, valid := numbers(part[3], 2)
	if !valid || part[1] != "read" {
		return badRequest
	}
	if name := part[0] + ":" + part[2]; a[0] == 0 || s.xfer.name != name {
		data, there := objects[part[0]](s, part[2])
		if !there {
			return "E00"
		}
		s.xfer = transferred{name, data}
	}
	data := s.xfer.data[min(a[0], uint64(len(s.xfer.data))):]
	n := min(a[1], maxPacket/2, uint64(len(data)))
	if n == uint64(len(data)) {
		return "l" + escape([]byte(data))
	}
	return "m" + escape([]byte(data[:n]))
}

// transferBack writes a part of the siginfo_t of the current thread.
func (s *server) transferBack(object, rest string) string {
	where, text, _ := strings.Cut(rest, ":")
	at, valid := number(where)
	data, info := unescape(text), s.t.Siginfo(s.general)
	if object != "siginfo" || !valid || at > uint64(len(info)) || uint64(len(data)) > uint64(len(info))-at {
		return badRequest
	}
	copy(info[at:], data)
	if !s.t.SetSiginfo(s.general, info) {
		return failure
	}
	s.xfer.forget()
	return fmt.Sprintf("%x", len(data))
}

// description is target.xml.
func (s *server) description() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target><architecture>%s</architecture>`+
		`<osabi>GNU/Linux</osabi>`, s.t.Machine())
	n := 0
	for _, f := range s.t.Features() {
		fmt.Fprintf(&b, `<feature name="%s">%s`, f.Name, f.Types)
		for _, r := range f.Registers {
			fmt.Fprintf(&b, `<reg name="%s" bitsize="%d" type="%s" regnum="%d"/>`, r.Name, 8*r.Size, r.Type, n)
			n++
		}
		b.WriteString("</feature>")
	}
	b.WriteString("</target>")
	return b.String()
}

func (s *server) threadList() string {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\"?><threads>")
	for _, id := range s.t.Threads() {
		fmt.Fprintf(&b, `<thread id="%s" name="%s"></thread>`, s.text(id), quoted(s.t.Name(id)))
	}
	b.WriteString("</threads>")
	return b.String()
}

// quoted is text for XML.
func quoted(text string) string { return xmlQuotes.Replace(strings.ToValidUTF8(text, "?")) }

var xmlQuotes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")

// Of the auxiliary vector, and of dynamic sections (elf(5)).
const (
	atPhdr, atPhent, atPhnum = 3, 4, 5

	ptDynamic, ptPhdr = 2, 6
	dtDebug           = 21
)

// words reads n words of memory.
func (s *server) words(addr uint64, n int) []uint64 {
	b := make([]byte, 8*n)
	if s.t.ReadMem(s.general.PID, b, addr) < len(b) {
		return nil
	}
	list := make([]uint64, n)
	for i := range list {
		list[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return list
}

// auxv is an entry of the auxiliary vector.
func (s *server) auxv(tag uint64) uint64 {
	b := s.t.Auxv(s.general.PID)
	for ; len(b) >= 16; b = b[16:] {
		if binary.LittleEndian.Uint64(b) == tag {
			return binary.LittleEndian.Uint64(b[8:])
		}
	}
	return 0
}

// dynamic is the address of the program's dynamic section, or 0.
func (s *server) dynamic() uint64 {
	at, size, n := s.auxv(atPhdr), s.auxv(atPhent), s.auxv(atPhnum)
	if at == 0 || size < 56 || n > 1<<10 {
		return 0
	}
	var bias, addr uint64
	for i := range n {
		h := s.words(at+i*size, 3) // p_type and p_flags, p_offset, p_vaddr
		if h == nil {
			return 0
		}
		switch uint32(h[0]) {
		case ptPhdr:
			bias = at - h[2]
		case ptDynamic:
			addr = h[2]
		}
	}
	if addr == 0 {
		return 0
	}
	return addr + bias
}

// debug is the address of struct r_debug (link.h), by which dynamic linkers tell what they have
// loaded, or 0.
func (s *server) debug() uint64 {
	const most = 1 << 10
	at := s.dynamic()
	for i := uint64(0); at != 0 && i < most; i++ {
		d := s.words(at+16*i, 2)
		switch {
		case d == nil || d[0] == 0:
			return 0
		case d[0] == dtDebug:
			return d[1]
		}
	}
	return 0
}

// linkMap is the address of struct link_map of the executable, the first of the list, or 0.
func (s *server) linkMap() uint64 {
	if at := s.debug(); at != 0 {
		if r := s.words(at, 2); r != nil { // r_version, r_map
			return r[1]
		}
	}
	return 0
}

// libraries lists what the dynamic linker has loaded, from struct link_map: l_addr, l_name, l_ld, l_next.
func (s *server) libraries() string {
	const most = 1 << 12
	var b strings.Builder
	first := s.linkMap()
	head := first
	fmt.Fprintf(&b, `<library-list-svr4 version="1.0"`)
	if first != 0 {
		fmt.Fprintf(&b, ` main-lm="%#x"`, first)
	}
	b.WriteString(">")
	for n := 0; head != 0 && n < most; n++ {
		m := s.words(head, 4)
		if m == nil {
			break
		}
		if name := s.cstring(m[1]); head != first && name != "" {
			fmt.Fprintf(&b, `<library name="%s" lm="%#x" l_addr="%#x" l_ld="%#x" lmid="0x0"/>`, quoted(name), head, m[0], m[2])
		}
		head = m[3]
	}
	b.WriteString("</library-list-svr4>")
	return b.String()
}

// cstring reads text up to a zero.
func (s *server) cstring(addr uint64) string {
	b := make([]byte, 4096)
	text, _, _ := strings.Cut(string(b[:s.t.ReadMem(s.general.PID, b, addr)]), "\x00")
	return text
}
